package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestEndedRuns(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	first := h.intake("", "{}")
	h.record(t, first)
	h.finish(t, meshhook.RunSucceeded, step("one", meshhook.StepSucceeded, "1", time.Now()))
	again := h.replay(first)
	require.NoError(t, h.project.StartRun(ctx, again))
	h.finish(t, meshhook.RunFailed)
	live := h.start(t, "{}")
	all := []meshhook.ID{first.Run.ID, again.ID, live.ID, meshhook.NewID()}
	statuses := func(ids []meshhook.ID) map[meshhook.ID]meshhook.RunStatus {
		runs, err := h.db.EndedRuns(ctx, ids)
		require.NoError(t, err)
		found := map[meshhook.ID]meshhook.RunStatus{}
		for _, run := range runs {
			found[run.ID] = run.Status
		}
		return found
	}
	want := map[meshhook.ID]meshhook.RunStatus{first.Run.ID: meshhook.RunSucceeded, again.ID: meshhook.RunFailed}
	require.Equal(t, want, statuses(all))
	require.Empty(t, statuses(nil))
	require.Empty(t, statuses([]meshhook.ID{live.ID}))

	run, err := h.db.FirstRun(ctx, first.Event.ID)
	require.NoError(t, err)
	require.Equal(t, first.Run.ID, run.ID, "not that of a replay")
	_, err = h.db.FirstRun(ctx, meshhook.NewID())
	requireCode(t, meshhook.CodeNotFound, err)

	// One that cannot be opened counts as failed, beside the others.
	h.system(t, `UPDATE runs SET output = 'broken' WHERE id = $1`, first.Run.ID)
	want[first.Run.ID] = meshhook.RunFailed
	require.Equal(t, want, statuses(all))
	run, err = h.db.FirstRun(ctx, first.Event.ID)
	require.NoError(t, err)
	require.Equal(t, meshhook.FailedInternal, run.Error.Reason)
}
