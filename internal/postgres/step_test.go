package postgres_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// nested is the record of a step inside another.
func nested(id, parent, kind string, status meshhook.StepStatus) meshhook.Step {
	s := step(id, status, "", time.Now())
	s.Parent, s.Kind = parent, kind
	return s
}

// foreachSteps are a foreach of which one item succeeded, one failed at its second
// step and one is under way.
func foreachSteps(status meshhook.StepStatus) []meshhook.Step {
	return []meshhook.Step{
		nested("each", "", "foreach", status),
		nested("each[0].send", "each[0]", "http", meshhook.StepSucceeded),
		nested("each[1].send", "each[1]", "http", meshhook.StepSucceeded),
		nested("each[2].send", "each[2]", "http", meshhook.StepRunning),
		nested("each[0]", "each", meshhook.StepItem, meshhook.StepSucceeded),
		nested("each[1].note", "each[1]", "http", meshhook.StepFailed),
		nested("each[1]", "each", meshhook.StepItem, meshhook.StepFailed),
	}
}

func TestItemsAreCounted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	run := h.start(t, "")
	claim := h.claim(t, meshhook.NewID())
	require.NoError(t, h.db.Move(t.Context(), move(claim, meshhook.RunRunning, foreachSteps(meshhook.StepRunning)...)))
	want := map[meshhook.StepStatus]int64{meshhook.StepSucceeded: 1, meshhook.StepFailed: 1, meshhook.StepRunning: 1}

	some, err := h.project.Run(t.Context(), run.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"each", "each[1].send", "each[2].send", "each[1].note", "each[1]"}, stepIDs(some.Steps))
	require.Equal(t, want, some.Steps[0].Items)
	require.Nil(t, some.Steps[1].Items)
	all, err := h.project.FullRun(t.Context(), run.ID)
	require.NoError(t, err)
	require.Len(t, all.Steps, 7)
	require.Equal(t, want, all.Steps[0].Items)
}

func TestRetryOfAForeach(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	run := h.start(t, "")
	retry := func(from string, want ...string) {
		t.Helper()
		_, err := h.project.RetryRun(t.Context(), run.ID, from)
		require.NoError(t, err, from)
		full, err := h.project.FullRun(t.Context(), run.ID)
		require.NoError(t, err)
		left := stepIDs(full.Steps)
		slices.Sort(left)
		require.Equal(t, want, left, from)
	}
	before := step("before", meshhook.StepSucceeded, "", time.Now())
	h.finish(t, meshhook.RunFailed, append([]meshhook.Step{before}, foreachSteps(meshhook.StepFailed)...)...)

	// What succeeded stays, the item that failed goes on where it failed.
	retry("", "before", "each[0]", "each[0].send", "each[1].send")

	// The record of the foreach is younger now than those of its items.
	again := []meshhook.Step{nested("each", "", "foreach", meshhook.StepFailed), nested("each[1].note", "each[1]", "http", meshhook.StepFailed)}
	h.finish(t, meshhook.RunFailed, again...)
	retry("each[1].note", "before", "each[0]", "each[0].send", "each[1].send")
	h.finish(t, meshhook.RunFailed, again...)
	retry("each[1]", "before", "each[0].send")
	h.finish(t, meshhook.RunFailed, append(again, foreachSteps(meshhook.StepFailed)[4])...)
	retry("each", "before")
}

func TestRunEntries(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	run, other := h.start(t, ""), h.start(t, "")
	_, err := h.project.CancelRun(t.Context(), other.ID)
	require.NoError(t, err)
	h.finish(t, meshhook.RunSucceeded)
	ended, err := h.project.Run(t.Context(), run.ID)
	require.NoError(t, err)
	entries, err := h.project.RunEntries(t.Context(), ended)
	require.NoError(t, err)
	require.Equal(t, []meshhook.EntryKind{meshhook.EntryRunQueued, meshhook.EntryRunStarted, meshhook.EntryRunSucceeded}, kinds(entries))

	// The days of the run's life are all that is looked at.
	noon := time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)
	require.NoError(t, h.db.EnsurePartitions(t.Context(), noon))
	plan := strings.Join(rows[string](t, h, `EXPLAIN SELECT * FROM journal WHERE project_id = $1 AND run_id = $2 AND id >= $3 AND id < $4`,
		h.project.ID(), run.ID, meshhook.FirstIDAt(noon), meshhook.FirstIDAt(noon.Add(time.Hour))), "\n")
	require.Contains(t, plan, "journal_20310506")
	require.NotContains(t, plan, "Append", plan)
}
