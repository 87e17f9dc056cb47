package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// A hundred thousand runs that sleep cost a claim nothing: those that are due come
// in the order of their time, by the index, and the next one is found as fast.
func TestManySleepingRuns(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.start(t, "{}")
	h.system(t, `
		INSERT INTO runs (id, project_id, workflow_id, workflow, version, status, waiting_for, wake_at)
		SELECT meshhook_id(), project_id, workflow_id, workflow, version, 'waiting', 'delay', now() + make_interval(secs => 60 + (n * 7919) % 100000)
		  FROM runs, generate_series(1, 100000) AS n`)
	h.system(t, `UPDATE runs SET status = 'succeeded', wake_at = NULL, finished_at = now() WHERE status = 'queued'`)
	h.system(t, `ANALYZE runs`)

	claims, err := h.db.ClaimRuns(ctx, meshhook.NewID(), 64, lease)
	require.NoError(t, err)
	require.Empty(t, claims)
	wait, soon, err := h.db.NextWake(ctx, 2*time.Minute)
	require.NoError(t, err)
	require.True(t, soon)
	require.InDelta(t, time.Minute, wait, float64(10*time.Second))
	_, soon, err = h.db.NextWake(ctx, time.Second)
	require.NoError(t, err)
	require.False(t, soon)

	// A day later they are all due, and the first to be due are the first to come.
	h.system(t, `UPDATE runs SET wake_at = wake_at - interval '2 days' WHERE status = 'waiting'`)
	first := rows[string](t, h, `SELECT id::text FROM runs WHERE status = 'waiting' ORDER BY wake_at, id LIMIT 64`)
	plan, err := h.db.ExplainClaim(ctx)
	require.NoError(t, err)
	require.Contains(t, plan, "Merge Append")
	require.NotContains(t, plan, "Seq Scan")
	require.NotContains(t, plan, "Sort  ")
	claims, err = h.db.ClaimRuns(ctx, meshhook.NewID(), 64, lease)
	require.NoError(t, err)
	var got []string
	for _, c := range claims {
		got = append(got, c.Run.ID.String())
	}
	slices.Sort(first) // a claim answers in the order of ids
	require.Equal(t, first, got)
}
