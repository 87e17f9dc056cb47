-- +goose Up

-- The first UUIDv7 of a moment: what is older has a smaller id.
-- +goose StatementBegin
CREATE FUNCTION first_id_at(at timestamptz) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid $$;
-- +goose StatementEnd

-- Who is told of what. What may hold a secret (url, headers, payload) is sealed.
CREATE TABLE alert_configs (
	id              uuid PRIMARY KEY,
	project_id      uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
	workflow_id     uuid CONSTRAINT alert_configs_workflow_id_fkey REFERENCES workflows ON DELETE CASCADE, -- NULL: all workflows
	conditions      text[] NOT NULL CHECK (conditions <> '{}'),
	condition       text NOT NULL DEFAULT '', -- `when`
	delay_threshold_ms bigint CHECK (delay_threshold_ms > 0),
	throttle_ms     bigint NOT NULL DEFAULT 0 CHECK (throttle_ms >= 0),
	throttle_key    text NOT NULL DEFAULT '',
	quiet           jsonb,
	expect_endpoint_id uuid REFERENCES webhook_endpoints ON DELETE CASCADE,
	expect_within_ms bigint CHECK (expect_within_ms > 0),
	expect_seen_at timestamptz, -- when the last event came, once a gap is long: the event itself expires
	preset          text NOT NULL,
	url             bytea NOT NULL,
	headers         bytea,
	payload         bytea,
	signing         text NOT NULL CHECK (signing IN ('v1', 'v1a', 'hmac', 'none')),
	schedule_ms     bigint[], -- NULL: the default schedule
	timeout_ms      bigint NOT NULL CHECK (timeout_ms > 0),
	description     text NOT NULL DEFAULT '',
	enabled         boolean NOT NULL DEFAULT true,
	disabled_reason text NOT NULL DEFAULT '',
	created_at      timestamptz NOT NULL DEFAULT now(),
	updated_at      timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT alert_configs_delay_check CHECK (('delayed' = ANY (conditions)) = (delay_threshold_ms IS NOT NULL)),
	CONSTRAINT alert_configs_expect_check CHECK (('absent' = ANY (conditions)) = (expect_endpoint_id IS NOT NULL AND expect_within_ms IS NOT NULL))
);
CREATE INDEX alert_configs_project_id_idx ON alert_configs (project_id);
CALL isolate('alert_configs');

CREATE TABLE alert_secrets (
	id         uuid PRIMARY KEY,
	alert_id   uuid NOT NULL REFERENCES alert_configs ON DELETE CASCADE,
	project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
	value      bytea NOT NULL, -- sealed
	created_at timestamptz NOT NULL DEFAULT now(),
	expires_at timestamptz
);
CREATE INDEX alert_secrets_alert_id_idx ON alert_secrets (alert_id);
CALL isolate('alert_secrets');

-- What an alert remembers. failing: that the last run of a workflow failed, for
-- `recovered`. throttle: when the last message of a key went out, and how many were held
-- back since. absent, delayed: which gap, and which attempt of which run, was told of.
CREATE TABLE alert_states (
	alert_id   uuid NOT NULL REFERENCES alert_configs ON DELETE CASCADE,
	kind       text NOT NULL CHECK (kind IN ('failing', 'throttle', 'absent', 'delayed')),
	key        bytea NOT NULL,
	project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
	at         timestamptz NOT NULL,
	held       bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (alert_id, kind, key)
);
CALL isolate('alert_states');

-- One alert to be sent to one URL. The row is the queue. It is written in the
-- transaction of the move that it tells of; what is sent is rendered before the first
-- attempt, and then stays.
CREATE TABLE deliveries (
	id          uuid NOT NULL,
	project_id  uuid NOT NULL,
	alert_id    uuid NOT NULL,
	type        text NOT NULL,
	status      text NOT NULL CONSTRAINT deliveries_status_check CHECK (status IN ('pending', 'delivered', 'exhausted', 'discarded')),
	reason      text NOT NULL DEFAULT '',
	run_id      uuid,
	run_attempt integer NOT NULL DEFAULT 0,
	workflow_id uuid,
	workflow    text NOT NULL DEFAULT '',
	step        text NOT NULL DEFAULT '', -- the approval that a run waits for
	subject     uuid, -- the delivery that an alert about alerts is about
	sample      boolean NOT NULL DEFAULT false,
	held        bigint NOT NULL DEFAULT 0,
	passed      boolean NOT NULL DEFAULT false, -- its throttle has let it go, or a person: neither is asked again
	attempt     integer NOT NULL DEFAULT 0,
	next_at     timestamptz,
	-- From when on it was to be sent: from its making, from the end of what held it back,
	-- or from when a person asked for it again.
	due_at      timestamptz NOT NULL DEFAULT now(),
	fence       bigint NOT NULL DEFAULT 0,
	lease_owner uuid,
	lease_until timestamptz,
	-- Half of the SHA-256 of the host that it goes to: a slow one must not keep the
	-- others waiting. NULL until it is rendered.
	host        bytea,
	snapshot    bytea, -- sealed: the run as it was, where it has gone on since
	circuit     bytea, -- sealed: the circuit that it tells of
	error       bytea, -- sealed: why it was given up, where no attempt says so
	request     bytea, -- sealed: {url, headers, body}; NULL until it is rendered
	created_at  timestamptz NOT NULL DEFAULT now(),
	sent_at     timestamptz, -- the first byte of the first attempt
	finished_at timestamptz,
	PRIMARY KEY (id),
	CONSTRAINT deliveries_next_check CHECK ((status = 'pending' AND lease_owner IS NULL) = (next_at IS NOT NULL)),
	CONSTRAINT deliveries_finished_check CHECK ((status = 'pending') = (finished_at IS NULL)),
	CONSTRAINT deliveries_lease_check CHECK ((lease_owner IS NULL) = (lease_until IS NULL))
) PARTITION BY RANGE (id);
ALTER TABLE deliveries ALTER COLUMN snapshot SET STORAGE EXTERNAL, ALTER COLUMN request SET STORAGE EXTERNAL;
CREATE INDEX deliveries_ready_idx ON deliveries (next_at, id) WHERE status = 'pending' AND lease_owner IS NULL;
-- Those of each host, where thousands wait for one, and those that are not rendered yet.
CREATE INDEX deliveries_host_ready_idx ON deliveries (host, next_at, id) WHERE status = 'pending' AND lease_owner IS NULL AND host IS NOT NULL;
CREATE INDEX deliveries_new_idx ON deliveries (next_at, id) WHERE status = 'pending' AND lease_owner IS NULL AND host IS NULL;
CREATE INDEX deliveries_lease_idx ON deliveries (lease_until) WHERE lease_owner IS NOT NULL;
CREATE INDEX deliveries_alert_id_idx ON deliveries (alert_id, id);
CREATE INDEX deliveries_run_id_idx ON deliveries (run_id) WHERE status = 'pending' AND run_id IS NOT NULL;
-- Whether a host whose circuit opens is one that alerts go to.
CREATE INDEX deliveries_host_idx ON deliveries (project_id, host) WHERE status = 'pending' AND host IS NOT NULL;
CREATE INDEX deliveries_exhausted_idx ON deliveries (project_id, id) WHERE status = 'exhausted';
CALL isolate('deliveries');

-- Every attempt of every delivery. The row is written before the attempt, with
-- finished_at NULL, so that one whose daemon died is told, too.
CREATE TABLE alert_logs (
	id          uuid NOT NULL,
	project_id  uuid NOT NULL,
	delivery_id uuid NOT NULL,
	alert_id    uuid NOT NULL,
	attempt     integer NOT NULL,
	started_at  timestamptz NOT NULL DEFAULT now(),
	finished_at timestamptz,
	request     bytea, -- sealed: {url, headers, body} as they were sent
	http_status integer NOT NULL DEFAULT 0,
	latency_ms  bigint NOT NULL DEFAULT 0,
	answer      bytea, -- sealed: its first 4 KiB
	reason      text NOT NULL DEFAULT '',
	error       bytea, -- sealed
	PRIMARY KEY (id)
) PARTITION BY RANGE (id);
ALTER TABLE alert_logs ALTER COLUMN request SET STORAGE EXTERNAL, ALTER COLUMN answer SET STORAGE EXTERNAL;
CREATE INDEX alert_logs_delivery_id_idx ON alert_logs (delivery_id, id);
CREATE INDEX alert_logs_alert_id_idx ON alert_logs (alert_id, id);
CALL isolate('alert_logs');

CREATE TABLE deliveries_default PARTITION OF deliveries DEFAULT;
CREATE TABLE alert_logs_default PARTITION OF alert_logs DEFAULT;
ALTER TABLE deliveries_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE alert_logs_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE deliveries_default FORCE ROW LEVEL SECURITY;
ALTER TABLE alert_logs_default FORCE ROW LEVEL SECURITY;

-- Whether alerts about alerts were told that it is open.
ALTER TABLE circuits ADD COLUMN told boolean NOT NULL DEFAULT false;

ALTER TABLE journal ADD COLUMN alert_id uuid, ADD COLUMN delivery_id uuid;

-- When the latest attempt was asked for; NULL for the first, of which the id tells.
ALTER TABLE runs ADD COLUMN retried_at timestamptz;

-- Runs that are not over, for alerts about those that take too long.
CREATE INDEX runs_live_idx ON runs (workflow_id, id) WHERE finished_at IS NULL;
CREATE INDEX runs_retried_idx ON runs (workflow_id) WHERE finished_at IS NULL AND attempt > 1;
