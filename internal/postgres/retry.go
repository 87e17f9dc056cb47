package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The statements of a retry. A branch keeps the arm that it took, and a foreach its
// items: what was decided is not decided anew, and what is done inside belongs to it.
// $2 is the position from which on everything is done again; NULL for none.
const (
	requeueRun = `
		UPDATE runs SET status = 'queued', wake_at = now(), finished_at = NULL, failure_reason = '', failure = NULL, failed_step = '',
		       output = NULL, attempt = attempt + 1, retried_at = now(), started_at = NULL, waiting_for = '', place = NULL, placed = false
		 WHERE id = $1`

	// firstInside finds the position of a step, or of the first one inside an item, which
	// has a record of its own only when it has ended.
	firstInside = `SELECT min(position) FROM run_steps WHERE run_id = $1 AND (step_id = $2 OR starts_with(step_id, $2 || '.') OR starts_with(step_id, $2 || '['))`

	// reopen lets something go on that holds other steps. Its time begins anew, too.
	reopen = `
		UPDATE run_steps
		   SET status = 'running', started_at = now(), finished_at = NULL, output = NULL, failure_reason = '', failure = NULL, failed_step = ''
		 WHERE run_id = $1 AND ` + holdsSteps

	holdsSteps = `kind IN ('branch', 'foreach') AND input IS NOT NULL`

	// reopenAround reopens what holds a step that is to be done again: where several are
	// under way at once, what began before that position may hold what began after it.
	reopenAround = `
		WITH RECURSIVE around AS (
			SELECT parent FROM run_steps WHERE run_id = $1 AND position >= $2
			UNION
			SELECT s.parent FROM around a JOIN run_steps s ON s.run_id = $1 AND s.step_id = a.parent
		)` + reopen + ` AND step_id IN (SELECT parent FROM around)`

	// forgetSteps drops what is to be done again, and reopens what holds it. What failed
	// inside something that succeeded in spite of it is history.
	forgetSteps = `
		WITH RECURSIVE failed AS (
			SELECT step_id, parent FROM run_steps WHERE run_id = $1 AND status NOT IN ('succeeded', 'skipped')
			UNION
			SELECT f.step_id, p.parent FROM failed f JOIN run_steps p ON p.run_id = $1 AND p.step_id = f.parent
		), again AS (
			SELECT f.step_id FROM failed f LEFT JOIN run_steps p ON p.run_id = $1 AND p.step_id = f.parent
			 GROUP BY f.step_id HAVING NOT coalesce(bool_or(p.status = 'succeeded' AND (p.position >= $2) IS NOT TRUE), false)
		), reopened AS (` + reopen + ` AND step_id IN (SELECT step_id FROM again) AND (position >= $2) IS NOT TRUE
		)
		DELETE FROM run_steps
		 WHERE run_id = $1 AND (position >= $2 OR step_id IN (SELECT step_id FROM again) AND NOT (` + holdsSteps + `))`
)

// RetryRun puts a failed or canceled run back into the queue, as its next
// attempt. Steps that are done stay done; with from, that step, what is inside it and
// the ones that began after it are done again. Errors: CodeNotFound, CodeConflict when
// the run is not over or succeeded, CodeInvalid for a step that the run never began.
func (t *Tenant) RetryRun(ctx context.Context, id meshhook.ID, from string) (meshhook.Run, error) {
	return t.changeRun(ctx, id, meshhook.RunQueued, requeueRun, func(tx pgx.Tx) error {
		detail := map[string]any{}
		if from != "" {
			detail["from_step"] = from
		}
		return t.audit(ctx, tx, meshhook.AuditRunRetried, id.String(), detail)
	}, func(tx pgx.Tx) error {
		var position *int64
		if from != "" {
			if err := tx.QueryRow(ctx, firstInside, id, from).Scan(&position); err != nil {
				return err
			}
			if position == nil {
				return meshhook.Errorf(meshhook.CodeInvalid, "run %s has not begun a step %q; 'meshhook run show %s' lists its steps", id, from, id)
			}
		}
		if _, err := tx.Exec(ctx, reopenAround, id, position); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, forgetSteps, id, position)
		return err
	})
}
