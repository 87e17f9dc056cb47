package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// asking is the record of an approval that waits.
func asking(id string) meshhook.Step {
	s := step(id, meshhook.StepWaiting, "", time.Now())
	s.Kind, s.NextAt, s.Input = "approval", nil, []byte(`{"message":"Refund?"}`)
	return s
}

// ask starts a run and lets it wait for the approvals.
func (h house) ask(t *testing.T, ids ...string) meshhook.Run {
	t.Helper()
	run := h.start(t, "")
	var steps []meshhook.Step
	for _, id := range ids {
		steps = append(steps, asking(id))
	}
	m := move(h.claim(t, meshhook.NewID()), meshhook.RunWaiting, steps...)
	m.WaitingFor, m.WakeIn = meshhook.WaitingForApproval, -1
	require.NoError(t, h.db.Move(t.Context(), m))
	return run
}

func TestDecide(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	one, two := h.ask(t, "signoff"), h.ask(t, "first", "second")

	list, err := h.project.Awaited(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, []meshhook.Awaited{
		{RunID: two.ID, Workflow: "orders", Step: "first"},
		{RunID: two.ID, Workflow: "orders", Step: "second"},
		{RunID: one.ID, Workflow: "orders", Step: "signoff"},
	}, list)
	waiting, err := h.project.Runs(ctx, meshhook.RunFilter{WaitingFor: meshhook.WaitingForApproval})
	require.NoError(t, err)
	require.Len(t, waiting, 2)
	delayed, err := h.project.Runs(ctx, meshhook.RunFilter{WaitingFor: meshhook.WaitingForDelay})
	require.NoError(t, err)
	require.Empty(t, delayed)

	run, err := h.project.Decide(ctx, one.ID, "", true, "fine")
	require.NoError(t, err)
	require.Len(t, run.Steps, 1, "the run comes with its steps")
	require.True(t, run.Steps[0].Decision.Approved)
	require.Equal(t, "fine", run.Steps[0].Decision.Note)
	_, err = h.project.Decide(ctx, one.ID, "", false, "")
	requireCode(t, meshhook.CodeConflict, err)

	_, err = h.project.Decide(ctx, two.ID, "", true, "")
	requireCode(t, meshhook.CodeInvalid, err)
	require.ErrorContains(t, err, "2 steps of run "+two.ID.String()+" wait for an approval; name one of them as the step: first, second")
	_, err = h.project.Decide(ctx, two.ID, "third", true, "")
	requireCode(t, meshhook.CodeConflict, err)
	run, err = h.project.Decide(ctx, two.ID, "second", false, "")
	require.NoError(t, err)
	require.False(t, run.Steps[1].Decision.Approved)
	_, err = h.project.Decide(ctx, meshhook.NewID(), "", true, "")
	requireCode(t, meshhook.CodeNotFound, err)
}

func TestNotesHaveALimit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	run := h.ask(t, "signoff")
	for _, note := range []string{strings.Repeat("ä", meshhook.MaxNote+1), "\xff"} {
		_, err := h.project.Decide(t.Context(), run.ID, "", true, note)
		requireCode(t, meshhook.CodeInvalid, err)
	}
	note := strings.Repeat("ä", meshhook.MaxNote)
	decided, err := h.project.Decide(t.Context(), run.ID, "", true, note)
	require.NoError(t, err)
	require.Equal(t, note, decided.Steps[0].Decision.Note)
}
