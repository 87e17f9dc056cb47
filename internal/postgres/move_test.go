package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestADoneStepIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	run := h.start(t, "{}")
	held := h.claim(t, meshhook.NewID())
	at := time.Now()
	first := []meshhook.Step{
		step("a-done", meshhook.StepSucceeded, `"first"`, at), step("b-failed", meshhook.StepFailed, "", at), step("c-skipped", meshhook.StepSkipped, "", at),
		step("d-running", meshhook.StepRunning, "", at), step("e-waiting", meshhook.StepWaiting, "", at),
	}
	require.NoError(t, h.db.Move(ctx, move(held, meshhook.RunRunning, first...)))
	var second []meshhook.Step
	for _, s := range first {
		again := step(s.ID, meshhook.StepSucceeded, `"second"`, at.Add(time.Second))
		again.Attempt = 2
		second = append(second, again)
	}
	require.NoError(t, h.db.Move(ctx, move(held, meshhook.RunRunning, second...)))

	got, err := h.project.Run(ctx, run.ID)
	require.NoError(t, err)
	want := append(first[:3:3], second[3:]...)
	for i := range want {
		want[i].RunID = run.ID
	}
	require.Equal(t, want, got.Steps)
}

// In one transaction with the moves of others, a run that was lost records
// nothing and takes nobody with it.
func TestALostRunFailsAlone(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	const runs = 40
	h.recordMany(t, runs)
	claims, err := h.db.ClaimRuns(ctx, meshhook.NewID(), runs, lease)
	require.NoError(t, err)
	require.Len(t, claims, runs)
	lost := claims[7]
	_, err = h.project.CancelRun(ctx, lost.Run.ID)
	require.NoError(t, err)

	type outcome struct {
		id  meshhook.ID
		err error
	}
	outcomes := make(chan outcome, runs)
	for _, c := range claims {
		go func() {
			err := h.db.Move(context.Background(), move(c, meshhook.RunSucceeded, step("only", meshhook.StepSucceeded, "1", time.Now())))
			outcomes <- outcome{c.Run.ID, err}
		}()
	}
	for range runs {
		if o := <-outcomes; o.id == lost.Run.ID {
			requireCode(t, meshhook.CodeLeaseLost, o.err)
		} else {
			require.NoError(t, o.err)
		}
	}
	succeeded, err := h.project.Runs(ctx, meshhook.RunFilter{Status: meshhook.RunSucceeded})
	require.NoError(t, err)
	require.Len(t, succeeded, runs-1)
	require.Len(t, rows[string](t, h, `SELECT run_id::text FROM run_steps`), runs-1)
	require.Empty(t, rows[string](t, h, `SELECT step_id FROM run_steps WHERE run_id = $1`, lost.Run.ID))
}

// The old and the new hands may be of one daemon, and their moves of one
// transaction: each hears the truth about its own.
func TestTwoHandsOfOneRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for range 20 {
		run := h.start(t, "{}")
		old := h.claim(t, meshhook.NewID())
		h.system(t, `UPDATE runs SET lease_until = now() - interval '1 second' WHERE id = $1`, run.ID)
		_, err := h.db.RecoverRuns(t.Context(), 10)
		require.NoError(t, err)
		current := h.claim(t, meshhook.NewID())

		lost, kept := make(chan error, 1), make(chan error, 1)
		go func() { lost <- h.db.Move(context.Background(), move(old, meshhook.RunFailed)) }()
		go func() { kept <- h.db.Move(context.Background(), move(current, meshhook.RunSucceeded)) }()
		require.NoError(t, <-kept)
		requireCode(t, meshhook.CodeLeaseLost, <-lost)
	}
}

func TestAMoveThatTheStateMachineForbidsIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.start(t, "{}")
	held := h.claim(t, meshhook.NewID())
	wrong := move(held, meshhook.RunWaiting)
	wrong.WaitingFor = "" // a waiting run says on what
	requireCode(t, meshhook.CodeInternal, h.db.Move(t.Context(), wrong))
	require.NoError(t, h.db.Move(t.Context(), move(held, meshhook.RunSucceeded)))
}

func TestWritesNeedTimeAndADatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.start(t, "{}")
	held := h.claim(t, meshhook.NewID())
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.db.Record(over, h.intake("", "{}"))
	requireCode(t, meshhook.CodeUnavailable, err)
	require.ErrorIs(t, err, context.Canceled)
	requireCode(t, meshhook.CodeUnavailable, h.db.Move(over, move(held, meshhook.RunSucceeded)))

	h.db.Close()
	_, err = h.db.Record(t.Context(), h.intake("", "{}"))
	requireCode(t, meshhook.CodeUnavailable, err)
	requireCode(t, meshhook.CodeUnavailable, h.db.Move(t.Context(), move(held, meshhook.RunSucceeded)))
	_, err = h.project.Workflows(t.Context())
	requireCode(t, meshhook.CodeUnavailable, err)
	requireCode(t, meshhook.CodeUnavailable, h.db.Ping(t.Context()))
}
