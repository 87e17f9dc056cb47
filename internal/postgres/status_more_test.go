package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestStatusMore(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	empty, err := h.project.StatusMore(ctx)
	require.NoError(t, err)
	require.Equal(t, meshhook.Rates{}, empty.Rates)
	require.Empty(t, empty.Places)
	require.Nil(t, empty.Ledger.All.Delivered)

	h.recordMany(t, 5)
	h.start(t, "{}")
	h.system(t, `UPDATE runs SET place = '\x01', placed = true WHERE id = (SELECT min(id::text)::uuid FROM runs)`)
	h.system(t, `UPDATE runs SET place = '\x01' WHERE id = (SELECT max(id::text)::uuid FROM runs)`)
	h.system(t, `UPDATE workflows SET run_limit = 1`)
	m, err := h.project.StatusMore(ctx)
	require.NoError(t, err)
	require.Equal(t, meshhook.Lately{Minute: 5, Hour: 5}, m.Rates.Events)
	require.Equal(t, meshhook.Lately{Minute: 6, Hour: 6}, m.Rates.Runs)
	require.Equal(t, []meshhook.Places{{Workflow: "orders", Limit: 1, Taken: 1, Waiting: 1}}, m.Places)
	require.Positive(t, m.Storage.Events)
	require.Greater(t, m.Storage.Total, m.Storage.Events+m.Storage.Runs)

	other, err := h.neighbour(t).project.StatusMore(ctx)
	require.NoError(t, err)
	require.Equal(t, meshhook.Rates{}, other.Rates, "another project's work is none of it")
}
