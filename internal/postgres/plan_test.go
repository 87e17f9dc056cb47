package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// What other runs have recorded costs a claim nothing: neither a run of thirty
// thousand steps nor many small ones make the planner read all steps that there are.
func TestStepsAreFoundByTheirRuns(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.start(t, "{}")
	h.system(t, `
		INSERT INTO runs (id, project_id, workflow_id, workflow, version, status, waiting_for, wake_at)
		SELECT meshhook_id(), project_id, workflow_id, workflow, version, 'waiting', 'delay', now()
		  FROM runs, generate_series(1, 2000) AS n`)
	// Two steps in each item, and the item; all of them are done.
	h.system(t, `
		INSERT INTO run_steps (run_id, step_id, scope, project_id, kind, status, attempt, started_at, finished_at)
		SELECT id, step_id, scope, project_id, kind, 'succeeded', 1, now(), now()
		  FROM (SELECT *, row_number() OVER (ORDER BY id DESC) AS nth FROM runs) r,
		       LATERAL generate_series(0, CASE nth WHEN 1 THEN 9999 ELSE 9 END) AS item,
		       LATERAL (VALUES ('each[' || item || ']', 'each', 'item'), ('each[' || item || '].a', 'each[' || item || ']', 'http'),
		                       ('each[' || item || '].b', 'each[' || item || ']', 'transform')) AS steps (step_id, scope, kind)`)
	h.system(t, `ANALYZE run_steps`)
	ids := rows[meshhook.ID](t, h, `SELECT id FROM runs ORDER BY id DESC LIMIT 64`)
	for _, list := range [][]meshhook.ID{ids, ids[:1], ids[1:2]} {
		plan, err := h.db.ExplainSteps(ctx, list)
		require.NoError(t, err)
		require.NotContains(t, plan, "Seq Scan on run_steps_2", "%d runs\n%s", len(list), plan)
	}
}
