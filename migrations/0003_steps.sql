-- +goose Up

-- Steps that stand in others. scope is the item of a foreach that a record belongs
-- to, which decides whether it is still needed; parent is what it is nested in, the
-- branches included, which is what people are shown. input is what a step began
-- with, decision what a person answered to an approval, failed_step the step inside
-- that made this one fail.
ALTER TABLE run_steps
	ADD COLUMN scope text NOT NULL DEFAULT '',
	ADD COLUMN parent text NOT NULL DEFAULT '',
	ADD COLUMN input bytea, -- sealed
	ADD COLUMN decision bytea, -- sealed
	ADD COLUMN failed_step text NOT NULL DEFAULT '',
	DROP CONSTRAINT run_steps_next_check,
	ADD CONSTRAINT run_steps_next_check CHECK (CASE status WHEN 'waiting' THEN next_at IS NOT NULL OR kind = 'approval' ELSE next_at IS NULL END);
ALTER TABLE run_steps ALTER COLUMN input SET STORAGE EXTERNAL;
