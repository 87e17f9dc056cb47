-- +goose Up

-- How many runs of the workflow may be under way at once, for each result of its
-- key: what its newest version says. 0 is any number.
ALTER TABLE workflows ADD COLUMN run_limit integer NOT NULL DEFAULT 0
	CONSTRAINT workflows_run_limit_check CHECK (run_limit >= 0);

-- place is what a run of such a workflow needs before its first step: the first half
-- of a SHA-256 over the workflow and the key. NULL is none, or one that is not known
-- yet. placed says that the run has it, from its start to its end.
ALTER TABLE runs
	ADD COLUMN place bytea,
	ADD COLUMN placed boolean NOT NULL DEFAULT false,
	ADD CONSTRAINT runs_place_check CHECK (NOT placed OR place IS NOT NULL);

-- Who has a place, and who waits for one, oldest first. A run that is over has no
-- place, whatever its row says. Runs that need none are in neither index and pay
-- nothing for them.
CREATE INDEX runs_placed_idx ON runs (place) WHERE placed AND finished_at IS NULL;
CREATE INDEX runs_unplaced_idx ON runs (place, id) WHERE place IS NOT NULL AND NOT placed AND finished_at IS NULL;
