package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// stepRow is a Step with what is to be sealed sealed.
type stepRow struct {
	meshhook.Step
	runID, projectID meshhook.ID
	fence            int64
	output, failure  []byte
}

// stepPlace is the associated data's column: the step's id is part of it, so
// that one step's output cannot stand in another's place.
func stepPlace(column, step string) string { return "run_steps." + column + "/" + step }

func (db *DB) sealStep(m *meshhook.RunMove, s meshhook.Step) (row stepRow, err error) {
	row = stepRow{Step: s, runID: m.RunID, projectID: m.ProjectID, fence: m.Fence}
	if row.output, err = db.sealBody(stepPlace("output", s.ID), m.RunID, s.Output); err != nil {
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
		column(rows, func(r *stepRow) int64 { return r.fence }),
	}
}

// stepsOf reads the recorded steps of runs, in the order in which they were first
// recorded. What of a run cannot be opened is told apart from what fails for all.
func (db *DB) stepsOf(ctx context.Context, tx pgx.Tx, runs []meshhook.ID) (steps map[meshhook.ID][]meshhook.Step, unreadable map[meshhook.ID]error, err error) {
	rows, err := tx.Query(ctx, `
		SELECT run_id, step_id, kind, status, attempt, started_at, finished_at, next_at, output, failure_reason, failure
		  FROM run_steps WHERE run_id = ANY ($1) ORDER BY run_id, position`, runs)
	if err != nil {
		return nil, nil, err
	}
	steps, unreadable = map[meshhook.ID][]meshhook.Step{}, map[meshhook.ID]error{}
	var s meshhook.Step
	var output, failure []byte
	var reason meshhook.FailureReason
	_, err = pgx.ForEachRow(rows, []any{&s.RunID, &s.ID, &s.Kind, &s.Status, &s.Attempt, &s.StartedAt, &s.FinishedAt, &s.NextAt, &output, &reason, &failure}, func() error {
		step, err := db.openStep(s, output, reason, failure)
		if err != nil {
			unreadable[s.RunID] = err
		}
		steps[s.RunID] = append(steps[s.RunID], step)
		return nil
	})
	return steps, unreadable, err
}

// openStep completes a step with what is sealed of it.
func (db *DB) openStep(step meshhook.Step, output []byte, reason meshhook.FailureReason, failure []byte) (meshhook.Step, error) {
	inUTC(&step.StartedAt, step.FinishedAt, step.NextAt)
	plain, err := db.openBody(stepPlace("output", step.ID), step.RunID, output)
	if err != nil {
		return step, err
	}
	step.Output = plain
	if reason != "" {
		message, err := db.openText(stepPlace("failure", step.ID), step.RunID, failure)
		if err != nil {
			return step, err
		}
		step.Error = &meshhook.Failure{Reason: reason, Message: message, Step: step.ID}
	}
	return step, nil
}
