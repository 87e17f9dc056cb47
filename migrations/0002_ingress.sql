-- +goose Up

-- How long a dedup key is remembered, in milliseconds.
ALTER TABLE webhook_endpoints ADD COLUMN dedup_window_ms bigint NOT NULL DEFAULT 86400000
	CONSTRAINT webhook_endpoints_dedup_window_check CHECK (dedup_window_ms > 0);

-- Lists of what was not accepted, which is what one looks for. Accepted events, the
-- hot path, are not in it and pay nothing for it.
CREATE INDEX events_not_accepted_idx ON events (project_id, id) WHERE status <> 'accepted';

-- When a request was last verified by the secret, to the minute or better: what
-- tells that an old one can go.
ALTER TABLE endpoint_secrets ADD COLUMN last_used_at timestamptz;

-- Where rate limits stand while several daemons share them: tat, the moment at which
-- a key's whole quota is there again (GCRA: the theoretical arrival time), and the end
-- of the period that its first request began, with the count in it. Unlogged: a crash
-- of the server empties it, which forgives one period and costs no write-ahead log on
-- the hot path.
CREATE UNLOGGED TABLE rate_limits (
	key   text PRIMARY KEY,
	tat   timestamptz NOT NULL,
	ends  timestamptz NOT NULL,
	count bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Until when a daemon may count in its own memory, because no other takes requests.
ALTER TABLE daemons ADD COLUMN alone_until timestamptz;

-- Tokens of the REST API. The token itself is not kept, only its SHA-256: it holds
-- 256 random bits, so there is nothing to guess and no salt is needed.
CREATE TABLE api_tokens (
	id           uuid PRIMARY KEY,
	project_id   uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
	name         text NOT NULL,
	role         text NOT NULL CONSTRAINT api_tokens_role_check CHECK (role IN ('read', 'write', 'admin')),
	digest       bytea NOT NULL CONSTRAINT api_tokens_digest_key UNIQUE,
	created_at   timestamptz NOT NULL DEFAULT now(),
	expires_at   timestamptz,
	last_used_at timestamptz,
	CONSTRAINT api_tokens_name_key UNIQUE (project_id, name)
);
CALL isolate('api_tokens');

-- Who changed what. It has no foreign keys: what is told of a thing outlives it.
CREATE TABLE audit_log (
	id          uuid PRIMARY KEY,
	project_id  uuid, -- NULL for what concerns no project
	at          timestamptz NOT NULL DEFAULT now(),
	actor       text NOT NULL,
	action      text NOT NULL, -- noun.past-participle
	target      text NOT NULL,
	detail      jsonb NOT NULL DEFAULT '{}' -- which fields changed; never a secret
);
CREATE INDEX audit_log_project_id_idx ON audit_log (project_id, id);
CALL isolate('audit_log');
