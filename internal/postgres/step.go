package postgres

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// stepRow is a Step with what is to be sealed sealed.
type stepRow struct {
	meshhook.Step
	runID, projectID meshhook.ID
	fence            int64

	input, output, failure []byte
}

// stepPlace is the associated data's column: the step's id is part of it, so
// that one step's output cannot stand in another's place.
func stepPlace(column, step string) string { return "run_steps." + column + "/" + step }

func (db *DB) sealStep(m *meshhook.RunMove, s meshhook.Step) (row stepRow, err error) {
	row = stepRow{Step: s, runID: m.RunID, projectID: m.ProjectID, fence: m.Fence}
	if row.output, err = db.sealBody(stepPlace("output", s.ID), m.RunID, s.Output); err != nil {
		return row, err
	}
	if row.input, err = db.sealBody(stepPlace("input", s.ID), m.RunID, s.Input); err != nil {
		return row, err
	}
	row.failure, err = db.sealText(stepPlace("failure", s.ID), m.RunID, failureOf(s.Error).Message)
	return row, err
}

func stepColumns(rows []stepRow) []any {
	return []any{
		ids(rows, func(r *stepRow) meshhook.ID { return r.runID }),
		column(rows, func(r *stepRow) string { return r.ID }),
		ids(rows, func(r *stepRow) meshhook.ID { return r.projectID }),
		column(rows, func(r *stepRow) string { return r.Kind }),
		column(rows, func(r *stepRow) string { return string(r.Status) }),
		column(rows, func(r *stepRow) int { return r.Attempt }),
		column(rows, func(r *stepRow) time.Time { return r.StartedAt }),
		column(rows, func(r *stepRow) *time.Time { return r.FinishedAt }),
		column(rows, func(r *stepRow) *time.Time { return r.NextAt }),
		column(rows, func(r *stepRow) []byte { return r.output }),
		column(rows, func(r *stepRow) string { return string(failureOf(r.Error).Reason) }),
		column(rows, func(r *stepRow) []byte { return r.failure }),
		column(rows, func(r *stepRow) string { return failureOf(r.Error).Step }),
		column(rows, func(r *stepRow) string { return r.Scope() }),
		column(rows, func(r *stepRow) string { return r.Parent }),
		column(rows, func(r *stepRow) []byte { return r.input }),
		column(rows, func(r *stepRow) int64 { return r.fence }),
	}
}

// foreachKind and approvalKind are those of the package workflow, which the database
// does not import.
const (
	foreachKind  = "foreach"
	approvalKind = "approval"
)

// How much of the recorded steps is read.
const (
	// stepsForEngine is what a run needs to go on: nothing of what is inside items
	// that have ended, nor the items of a foreach that has, nor the requests of http
	// steps.
	stepsForEngine = `
		SELECT run_id, step_id, parent, kind, status, attempt, started_at, finished_at, next_at,
		       CASE WHEN kind <> 'http' THEN input END, output, decision, failure_reason, failure, failed_step
		  FROM run_steps s WHERE run_id = ANY ($1) AND (scope = '' OR NOT EXISTS (
		       SELECT FROM run_steps o WHERE o.run_id = ANY ($1) AND o.run_id = s.run_id AND o.step_id = s.scope AND o.status IN ('succeeded', 'failed', 'skipped')))
		 ORDER BY run_id, position`

	// stepsForPeople leaves out what is inside items that succeeded, and these items:
	// there may be ten thousand of them, and all that they gave out is the output of
	// their foreach.
	stepsForPeople = `
		SELECT run_id, step_id, parent, kind, status, attempt, started_at, finished_at, next_at,
		       input, output, decision, failure_reason, failure, failed_step
		  FROM run_steps s WHERE run_id = ANY ($1) AND NOT (kind = 'item' AND status = 'succeeded') AND (scope = '' OR NOT EXISTS (
		       SELECT FROM run_steps o WHERE o.run_id = ANY ($1) AND o.run_id = s.run_id AND o.step_id = s.scope AND o.kind = 'item' AND o.status = 'succeeded'))
		 ORDER BY run_id, position`

	allSteps = `
		SELECT run_id, step_id, parent, kind, status, attempt, started_at, finished_at, next_at,
		       input, output, decision, failure_reason, failure, failed_step
		  FROM run_steps s WHERE run_id = ANY ($1) ORDER BY run_id, position`
)

// stepsOf reads recorded steps of runs, in the order in which they were first
// recorded. What of a run cannot be opened is told apart from what fails for all.
func (db *DB) stepsOf(ctx context.Context, tx pgx.Tx, which string, runs []meshhook.ID) (steps map[meshhook.ID][]meshhook.Step, unreadable map[meshhook.ID]error, err error) {
	rows, err := tx.Query(ctx, which, runs)
	if err != nil {
		return nil, nil, err
	}
	steps, unreadable = map[meshhook.ID][]meshhook.Step{}, map[meshhook.ID]error{}
	var s meshhook.Step
	var sealed sealedStep
	_, err = pgx.ForEachRow(rows, []any{
		&s.RunID, &s.ID, &s.Parent, &s.Kind, &s.Status, &s.Attempt, &s.StartedAt, &s.FinishedAt, &s.NextAt,
		&sealed.input, &sealed.output, &sealed.decision, &sealed.reason, &sealed.failure, &sealed.failedStep,
	}, func() error {
		step, err := db.openStep(s, sealed)
		if err != nil {
			unreadable[s.RunID] = err
		}
		steps[s.RunID] = append(steps[s.RunID], step)
		return nil
	})
	return steps, unreadable, err
}

// sealedStep is what is sealed of a step, and the failure that goes with it.
type sealedStep struct {
	input, output, decision, failure []byte
	reason                           meshhook.FailureReason
	failedStep                       string
}

// openStep completes a step with what is sealed of it.
func (db *DB) openStep(step meshhook.Step, sealed sealedStep) (meshhook.Step, error) {
	inUTC(&step.StartedAt, step.FinishedAt, step.NextAt)
	input, noInput := db.openBody(stepPlace("input", step.ID), step.RunID, sealed.input)
	output, noOutput := db.openBody(stepPlace("output", step.ID), step.RunID, sealed.output)
	step.Input, step.Output = input, output
	decision, noDecision := db.openDecision(step.RunID, step.ID, sealed.decision)
	step.Decision = decision
	var noFailure error
	if sealed.reason != "" {
		var message string
		message, noFailure = db.openText(stepPlace("failure", step.ID), step.RunID, sealed.failure)
		step.Error = &meshhook.Failure{Reason: sealed.reason, Message: message, Step: cmp.Or(sealed.failedStep, step.ID)}
	}
	return step, errors.Join(noInput, noOutput, noDecision, noFailure)
}

// countItems fills Items of the foreaches of a run. An item that has not ended has
// no record of its own: it is known by what is recorded inside it.
func countItems(ctx context.Context, tx pgx.Tx, run *meshhook.Run) error {
	at := map[string]*meshhook.Step{}
	for i := range run.Steps {
		if step := &run.Steps[i]; step.Kind == foreachKind {
			at[step.ID], step.Items = step, map[meshhook.StepStatus]int64{}
		}
	}
	if len(at) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT scope, status, count(*) FROM run_steps WHERE run_id = $1 AND kind = 'item' GROUP BY scope, status`, run.ID)
	if err != nil {
		return err
	}
	var foreach string
	var status meshhook.StepStatus
	var count int64
	if _, err := pgx.ForEachRow(rows, []any{&foreach, &status, &count}, func() error {
		if step := at[foreach]; step != nil {
			step.Items[status] = count
		}
		return nil
	}); err != nil {
		return err
	}
	for id := range meshhook.OpenItems(run.Steps) {
		if step := at[meshhook.ScopeOf(id)]; step != nil {
			step.Items[meshhook.StepRunning]++
		}
	}
	return nil
}
