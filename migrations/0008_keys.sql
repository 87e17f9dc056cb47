-- +goose Up

-- version counts the changes after which daemons must read the data keys again: one
-- was added, or another seals. That another master key wraps them is no such change.
-- reencrypting is since when what older keys sealed is being sealed anew, so that an
-- interrupted rotation goes on instead of beginning again.
ALTER TABLE keysets
	ADD COLUMN version bigint NOT NULL DEFAULT 1,
	ADD COLUMN reencrypting timestamptz;

-- What a daemon has: the version of the data keys that it uses, the master key that it
-- could open them with when it starts again (none fits: ''), and by how much its clock
-- is ahead of the server's. An older daemon, which does not say, has version 0.
ALTER TABLE daemons
	ADD COLUMN keys_version bigint NOT NULL DEFAULT 0,
	ADD COLUMN master_key_id text NOT NULL DEFAULT '',
	ADD COLUMN clock_ahead_ms bigint NOT NULL DEFAULT 0;
