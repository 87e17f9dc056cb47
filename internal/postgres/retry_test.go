package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// A run with as many steps as there may be is retried at once, on a server that knows
// nothing yet of how many there are.
func TestRetryRun_ManySteps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	run := h.start(t, "{}")
	at := time.Now()
	each := step("each", meshhook.StepFailed, "", at)
	each.Kind, each.Input = "foreach", []byte("[]")
	require.NoError(t, h.db.Move(t.Context(), move(h.claim(t, meshhook.NewID()), meshhook.RunFailed, each)))
	h.system(t, `
		INSERT INTO run_steps (run_id, step_id, scope, parent, project_id, kind, status, attempt, started_at, finished_at, failure_reason)
		SELECT r.id, s.step_id, s.parent, s.parent, project_id, kind, s.status, 1, now(), now(), CASE s.status WHEN 'failed' THEN 'timeout' ELSE '' END
		  FROM runs r, generate_series(0, 9999) AS item, LATERAL (VALUES
		       ('each[' || item || '].a', 'each[' || item || ']', 'http', 'succeeded'),
		       ('each[' || item || '].b', 'each[' || item || ']', 'http', 'failed'),
		       ('each[' || item || ']', 'each', 'item', CASE item % 2 WHEN 0 THEN 'failed' ELSE 'succeeded' END)) AS s (step_id, parent, kind, status)`)
	_, err := h.project.RetryRun(t.Context(), run.ID, "")
	require.NoError(t, err)
	require.Equal(t, []int64{1 + 5000 + 5000*3}, rows[int64](t, h, `SELECT count(*) FROM run_steps`))

	h.system(t, `UPDATE runs SET status = 'failed', failure_reason = 'timeout', finished_at = now(), wake_at = NULL`)
	_, err = h.project.RetryRun(t.Context(), run.ID, "each[5000]")
	require.NoError(t, err)
	require.Equal(t, []int64{1 + 2500 + 2500*3}, rows[int64](t, h, `SELECT count(*) FROM run_steps`))
}
