-- +goose Up

-- Row-level security: a transaction works for one project, named by the setting
-- meshhook.project, or, in the daemon's stages only, for the whole system
-- (meshhook.system). The policies ask through sub-selects, so that Postgres
-- evaluates each setting once per statement and not once per row.

-- +goose StatementBegin
CREATE FUNCTION current_project() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('meshhook.project', true), '')::uuid $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION is_system() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(current_setting('meshhook.system', true), '') = 'on' $$;
-- +goose StatementEnd

-- A UUIDv7 (RFC 9562, section 5.7) for rows that a statement makes by itself.
-- +goose StatementBegin
CREATE FUNCTION meshhook_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS
$$ SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(r, 14))::uuid
     FROM replace(gen_random_uuid()::text, '-', '') AS r $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE PROCEDURE isolate(tab regclass) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tab);
	EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tab);
	EXECUTE format('CREATE POLICY tenant ON %s USING (project_id = (SELECT current_project()) OR (SELECT is_system()))', tab);
END $$;
-- +goose StatementEnd

CREATE TABLE projects (
	id             uuid PRIMARY KEY,
	name           text NOT NULL UNIQUE,
	-- Counts the changes of the project's endpoints, secrets and workflows: what
	-- daemons poll to know that their cached configuration is old.
	config_version bigint NOT NULL DEFAULT 1,
	created_at     timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE projects FORCE ROW LEVEL SECURITY;
-- A project's name is no secret: a command finds its project by it before it
-- can work for it. Only the system adds and removes projects.
CREATE POLICY reading ON projects FOR SELECT USING (true);
CREATE POLICY tenant ON projects USING (id = (SELECT current_project()) OR (SELECT is_system()));

-- The data keys, wrapped by the master key (internal/seal). One row.
CREATE TABLE keysets (
	id            smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
	wrapped       bytea NOT NULL,
	master_key_id text NOT NULL,
	updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE daemons (
	id         uuid PRIMARY KEY,
	host       text NOT NULL,
	pid        integer NOT NULL,
	version    text NOT NULL,
	roles      text[] NOT NULL,
	started_at timestamptz NOT NULL DEFAULT now(),
	seen_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workflows (
	id          uuid PRIMARY KEY,
	project_id  uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
	name        text NOT NULL,
	description text NOT NULL DEFAULT '',
	version     integer NOT NULL DEFAULT 0,
	created_at  timestamptz NOT NULL DEFAULT now(),
	updated_at  timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT workflows_name_key UNIQUE (project_id, name)
);
CALL isolate('workflows');

CREATE TABLE workflow_versions (
	workflow_id uuid NOT NULL REFERENCES workflows ON DELETE CASCADE,
	project_id  uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
	version     integer NOT NULL CHECK (version > 0),
	digest      text NOT NULL,
	source      text NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (workflow_id, version)
);
CALL isolate('workflow_versions');

CREATE TABLE webhook_endpoints (
	id                uuid PRIMARY KEY,
	project_id        uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
	url_path          text NOT NULL CONSTRAINT webhook_endpoints_url_path_key UNIQUE,
	workflow_id       uuid NOT NULL CONSTRAINT webhook_endpoints_workflow_id_fkey REFERENCES workflows,
	description       text NOT NULL DEFAULT '',
	enabled           boolean NOT NULL DEFAULT true,
	verification      jsonb NOT NULL,
	rate_limit        text,
	validation_schema text, -- as it was given: jsonb would reorder and merge keys
	dedup             text NOT NULL DEFAULT '',
	filter            text NOT NULL DEFAULT '',
	methods           text[] NOT NULL,
	allowed_ips       text[] NOT NULL DEFAULT '{}',
	max_body_bytes    bigint NOT NULL CHECK (max_body_bytes > 0),
	response          jsonb,
	created_at        timestamptz NOT NULL DEFAULT now(),
	updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_endpoints_workflow_id_idx ON webhook_endpoints (workflow_id);
CALL isolate('webhook_endpoints');

CREATE TABLE endpoint_secrets (
	id          uuid PRIMARY KEY,
	endpoint_id uuid NOT NULL REFERENCES webhook_endpoints ON DELETE CASCADE,
	project_id  uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
	value       bytea NOT NULL, -- sealed
	created_at  timestamptz NOT NULL DEFAULT now(),
	expires_at  timestamptz
);
CREATE INDEX endpoint_secrets_endpoint_id_idx ON endpoint_secrets (endpoint_id);
CALL isolate('endpoint_secrets');

CREATE TABLE secrets (
	id         uuid PRIMARY KEY,
	project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
	name       text NOT NULL,
	value      bytea NOT NULL, -- sealed
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT secrets_name_key UNIQUE (project_id, name)
);
CALL isolate('secrets');

-- What follows grows with the traffic. These tables are partitioned by their
-- UUIDv7 ids, that is by time, and have no foreign keys: a lookup by id prunes
-- to one partition, retention drops whole partitions, and an insert locks no
-- row of another table.

CREATE TABLE events (
	id             uuid NOT NULL,
	project_id     uuid NOT NULL,
	endpoint_id    uuid NOT NULL,
	webhook        text NOT NULL,
	status         text NOT NULL CONSTRAINT events_status_check CHECK (status IN ('accepted', 'rejected', 'duplicate', 'filtered')),
	code           text NOT NULL DEFAULT '',
	received_at    timestamptz NOT NULL,
	remote_addr    text NOT NULL,
	method         text NOT NULL,
	path           text NOT NULL,
	content_type   text NOT NULL,
	head           bytea NOT NULL, -- headers, query, dedup key, reason and findings, sealed
	body           bytea NOT NULL, -- sealed
	body_size      bigint NOT NULL,
	body_truncated boolean NOT NULL DEFAULT false,
	duplicate_of   uuid,
	secret_id      uuid,
	PRIMARY KEY (id),
	CONSTRAINT events_code_check CHECK ((status = 'rejected') = (code <> '')),
	CONSTRAINT events_duplicate_check CHECK ((status = 'duplicate') = (duplicate_of IS NOT NULL))
) PARTITION BY RANGE (id);
-- Sealed bytes do not compress: Postgres must not try.
ALTER TABLE events ALTER COLUMN head SET STORAGE EXTERNAL, ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX events_webhook_idx ON events (webhook, id);
CALL isolate('events');

CREATE TABLE dedup_keys (
	endpoint_id uuid NOT NULL,
	key         bytea NOT NULL, -- the first half of the dedup key's SHA-256
	project_id  uuid NOT NULL,
	event_id    uuid NOT NULL,
	expires_at  timestamptz NOT NULL,
	PRIMARY KEY (endpoint_id, key)
);
CALL isolate('dedup_keys');

CREATE TABLE runs (
	id             uuid NOT NULL,
	project_id     uuid NOT NULL,
	workflow_id    uuid NOT NULL,
	workflow       text NOT NULL,
	version        integer NOT NULL,
	event_id       uuid,
	webhook        text NOT NULL DEFAULT '',
	status         text NOT NULL CONSTRAINT runs_status_check CHECK (status IN ('queued', 'running', 'waiting', 'succeeded', 'failed', 'canceled')),
	waiting_for    text NOT NULL DEFAULT '' CONSTRAINT runs_waiting_for_check CHECK (waiting_for IN ('', 'delay', 'retry', 'approval')),
	wake_at        timestamptz,
	attempt        integer NOT NULL DEFAULT 1,
	fence          bigint NOT NULL DEFAULT 0,
	lease_owner    uuid,
	lease_until    timestamptz,
	input          bytea, -- sealed
	output         bytea, -- sealed
	failure_reason text NOT NULL DEFAULT '',
	failure        bytea, -- sealed: an expression's error may quote the payload
	failed_step    text NOT NULL DEFAULT '',
	started_at     timestamptz,
	finished_at    timestamptz,
	PRIMARY KEY (id),
	CONSTRAINT runs_waiting_check CHECK ((status = 'waiting') = (waiting_for <> '')),
	CONSTRAINT runs_lease_check CHECK ((status = 'running') = (lease_owner IS NOT NULL) AND (status = 'running') = (lease_until IS NOT NULL)),
	CONSTRAINT runs_wake_check CHECK (status <> 'queued' OR wake_at IS NOT NULL),
	CONSTRAINT runs_finished_check CHECK ((status IN ('succeeded', 'failed', 'canceled')) = (finished_at IS NOT NULL)),
	CONSTRAINT runs_failure_check CHECK ((status = 'failed') = (failure_reason <> ''))
) PARTITION BY RANGE (id);
ALTER TABLE runs ALTER COLUMN input SET STORAGE EXTERNAL, ALTER COLUMN output SET STORAGE EXTERNAL;
CREATE INDEX runs_ready_idx ON runs (wake_at, id) WHERE status IN ('queued', 'waiting');
CREATE INDEX runs_lease_idx ON runs (lease_until) WHERE status = 'running';
CREATE INDEX runs_failed_idx ON runs (project_id, id) WHERE status = 'failed';
CREATE INDEX runs_event_id_idx ON runs (event_id) WHERE event_id IS NOT NULL;
CALL isolate('runs');

-- The order in which steps were first recorded: several may begin at one moment.
CREATE SEQUENCE run_steps_position;

CREATE TABLE run_steps (
	run_id         uuid NOT NULL,
	step_id        text NOT NULL,
	position       bigint NOT NULL DEFAULT nextval('run_steps_position'),
	project_id     uuid NOT NULL,
	kind           text NOT NULL,
	status         text NOT NULL CONSTRAINT run_steps_status_check CHECK (status IN ('running', 'waiting', 'succeeded', 'failed', 'skipped')),
	attempt        integer NOT NULL,
	started_at     timestamptz NOT NULL,
	finished_at    timestamptz,
	next_at        timestamptz,
	output         bytea, -- sealed
	failure_reason text NOT NULL DEFAULT '',
	failure        bytea, -- sealed: an expression's error may quote the payload
	PRIMARY KEY (run_id, step_id),
	CONSTRAINT run_steps_finished_check CHECK ((status IN ('succeeded', 'failed', 'skipped')) = (finished_at IS NOT NULL)),
	CONSTRAINT run_steps_next_check CHECK ((status = 'waiting') = (next_at IS NOT NULL))
) PARTITION BY RANGE (run_id);
ALTER TABLE run_steps ALTER COLUMN output SET STORAGE EXTERNAL;
CALL isolate('run_steps');

-- The history that tail follows. xact orders entries by transaction: a follower
-- reads below the snapshot's xmin, where no transaction can commit any more.
CREATE TABLE journal (
	xact        xid8 NOT NULL DEFAULT pg_current_xact_id(),
	id          uuid NOT NULL,
	project_id  uuid NOT NULL,
	at          timestamptz NOT NULL,
	kind        text NOT NULL,
	event_id    uuid,
	webhook     text NOT NULL DEFAULT '',
	run_id      uuid,
	workflow    text NOT NULL DEFAULT '',
	step        text NOT NULL DEFAULT '',
	status      text NOT NULL DEFAULT '',
	code        text NOT NULL DEFAULT '',
	detail      bytea, -- sealed
	attempt     integer NOT NULL DEFAULT 0,
	duration_ms bigint NOT NULL DEFAULT 0,
	http_status integer NOT NULL DEFAULT 0,
	count       bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (project_id, xact, id)
) PARTITION BY RANGE (id);
CALL isolate('journal');

CREATE TABLE events_default PARTITION OF events DEFAULT;
CREATE TABLE runs_default PARTITION OF runs DEFAULT;
CREATE TABLE run_steps_default PARTITION OF run_steps DEFAULT;
CREATE TABLE journal_default PARTITION OF journal DEFAULT;
ALTER TABLE events_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE runs_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_steps_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE journal_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE events_default FORCE ROW LEVEL SECURITY;
ALTER TABLE runs_default FORCE ROW LEVEL SECURITY;
ALTER TABLE run_steps_default FORCE ROW LEVEL SECURITY;
ALTER TABLE journal_default FORCE ROW LEVEL SECURITY;

-- The project of an installation that never speaks of projects.
SELECT set_config('meshhook.system', 'on', true);
INSERT INTO projects (id, name) VALUES ('01890a5d-ac96-774b-bcce-b302099a8057', 'default');
