-- +goose Up

-- The circuits that are not closed: hosts that a project calls and that fail. A
-- healthy host has no row.
CREATE TABLE circuits (
	id         uuid PRIMARY KEY,
	project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
	key        bytea NOT NULL, -- the first half of the host's SHA-256
	host       bytea NOT NULL, -- host:port, sealed: an expression may have made it of a payload
	failures   integer NOT NULL,
	calls      integer NOT NULL,
	reason     text NOT NULL,
	trips      integer NOT NULL, -- how often it opened in a row: each time for longer
	opened_at  timestamptz NOT NULL DEFAULT now(),
	retry_at   timestamptz NOT NULL, -- when the next probe may be sent; while one is under way, the end of its lease
	probe      uuid,
	CONSTRAINT circuits_key UNIQUE (project_id, key),
	CONSTRAINT circuits_failures_check CHECK (failures > 0 AND failures <= calls)
);
CALL isolate('circuits');
