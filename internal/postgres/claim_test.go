package postgres_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// Two daemons that take what they can get share the work: each run is taken once.
func TestClaimRunsRace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	want := h.recordMany(t, 200)
	other := pgtest.Open(t, h.url)

	type outcome struct {
		claims []meshhook.RunClaim
		err    error
	}
	outcomes := make(chan outcome, 2)
	for _, db := range []*postgres.DB{h.db, other} {
		go func() {
			var all []meshhook.RunClaim
			for {
				claims, err := db.ClaimRuns(context.Background(), meshhook.NewID(), 7, lease)
				all = append(all, claims...)
				if err != nil || len(claims) == 0 {
					outcomes <- outcome{all, err}
					return
				}
			}
		}()
	}
	var got []meshhook.ID
	for range 2 {
		o := <-outcomes
		require.NoError(t, o.err)
		for _, c := range o.claims {
			require.Equal(t, int64(1), c.Fence)
			require.NotNil(t, c.Event)
			got = append(got, c.Run.ID)
		}
	}
	byText := func(a, b meshhook.ID) int { return slices.Compare(a[:], b[:]) }
	slices.SortFunc(want, byText)
	slices.SortFunc(got, byText)
	require.Equal(t, want, got)
}

func TestClaimsTakeTheOldestFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, second, third := h.start(t, "1"), h.start(t, "2"), h.start(t, "3")
	h.system(t, `UPDATE runs SET wake_at = now() + interval '1 hour' WHERE id = $1`, second.ID)
	var got []meshhook.ID
	for range 3 {
		claims, err := h.db.ClaimRuns(t.Context(), meshhook.NewID(), 1, lease)
		require.NoError(t, err)
		for _, c := range claims {
			got = append(got, c.Run.ID)
		}
	}
	require.Equal(t, []meshhook.ID{first.ID, third.ID}, got, "a run is not claimed before its time")
}

// requireLost tries to record with a claim that is no longer held, and sees that
// nothing of it is left.
func requireLost(t *testing.T, h house, c meshhook.RunClaim) {
	t.Helper()
	recorded := func() []string {
		return rows[string](t, h, `
			SELECT r::text FROM runs r UNION ALL SELECT s::text FROM run_steps s UNION ALL SELECT j::text FROM journal j ORDER BY 1`)
	}
	before := recorded()
	for _, to := range []meshhook.RunStatus{meshhook.RunRunning, meshhook.RunQueued, meshhook.RunWaiting, meshhook.RunFailed, meshhook.RunSucceeded} {
		err := h.db.Move(t.Context(), move(c, to, step("late", meshhook.StepSucceeded, "1", time.Now())))
		requireCode(t, meshhook.CodeLeaseLost, err)
		require.EqualError(t, err, "run "+c.Run.ID.String()+" is in other hands now")
	}
	require.Equal(t, before, recorded())
}

func TestALeaseThatRanOutIsRecovered(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.start(t, "{}")
	dead := h.claim(t, meshhook.NewID())
	require.NoError(t, h.db.Move(ctx, move(dead, meshhook.RunRunning, step("one", meshhook.StepRunning, "", time.Now()))))

	count, err := h.db.RecoverRuns(ctx, 10)
	require.NoError(t, err)
	require.Zero(t, count, "its lease still runs")
	h.system(t, `UPDATE runs SET lease_until = now() - interval '1 second'`)
	count, err = h.db.RecoverRuns(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, 1, count)
	requireLost(t, h, dead)

	heir := h.claim(t, meshhook.NewID())
	require.Equal(t, dead.Fence+2, heir.Fence)
	require.Equal(t, []string{"one"}, stepIDs(heir.Run.Steps), "the heir sees what was begun")
	requireLost(t, h, dead)
	require.NoError(t, h.db.Move(ctx, move(heir, meshhook.RunSucceeded, step("one", meshhook.StepSucceeded, "1", time.Now()))))
	requireLost(t, h, heir)
	require.Equal(t, []meshhook.EntryKind{
		meshhook.EntryRunQueued, meshhook.EntryRunStarted, "run.running", meshhook.EntryRunRecovered, meshhook.EntryRunSucceeded,
	}, kinds(h.journal(t, meshhook.Cursor{}, 5)))
}

func TestRecoverRunsTakesAFewAtATime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.recordMany(t, 5)
	_, err := h.db.ClaimRuns(t.Context(), meshhook.NewID(), 5, lease)
	require.NoError(t, err)
	h.system(t, `UPDATE runs SET lease_until = now() - interval '1 second'`)
	for _, want := range []int{3, 2, 0} {
		count, err := h.db.RecoverRuns(t.Context(), 3)
		require.NoError(t, err)
		require.Equal(t, want, count)
	}
}

func TestACanceledRunIsLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	run := h.start(t, "{}")
	held := h.claim(t, meshhook.NewID())
	_, err := h.project.CancelRun(t.Context(), run.ID)
	require.NoError(t, err)
	requireLost(t, h, held)
	again, err := h.project.RetryRun(t.Context(), run.ID, "")
	require.NoError(t, err)
	require.Equal(t, 2, again.Attempt)
	requireLost(t, h, held)
}

// A daemon that let go of a run has lost it, even while nobody else has taken
// it: an answer that was lost on its way is no reason to record twice.
func TestAMoveIsRecordedOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	run := h.start(t, "{}")
	for _, to := range []meshhook.RunStatus{meshhook.RunQueued, meshhook.RunWaiting, meshhook.RunFailed} {
		held := h.claim(t, meshhook.NewID())
		require.NoError(t, h.db.Move(ctx, move(held, to, step("wait", meshhook.StepWaiting, "", time.Now()))))
		requireLost(t, h, held)
		if to == meshhook.RunFailed {
			_, err := h.project.RetryRun(ctx, run.ID, "")
			require.NoError(t, err)
			requireLost(t, h, held)
		}
	}
}

func TestExtendLeases(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	owner, other := meshhook.NewID(), meshhook.NewID()
	h.recordMany(t, 4)
	claims, err := h.db.ClaimRuns(ctx, owner, 3, lease)
	require.NoError(t, err)
	require.Len(t, claims, 3)
	theirs, err := h.db.ClaimRuns(ctx, other, 1, lease)
	require.NoError(t, err)
	require.Len(t, theirs, 1)
	kept, canceled, ended := claims[0], claims[1], claims[2]
	_, err = h.project.CancelRun(ctx, canceled.Run.ID)
	require.NoError(t, err)
	require.NoError(t, h.db.Move(ctx, move(ended, meshhook.RunSucceeded)))

	asked := []meshhook.ID{kept.Run.ID, canceled.Run.ID, ended.Run.ID, theirs[0].Run.ID, meshhook.NewID()}
	held, err := h.db.ExtendLeases(ctx, owner, asked, time.Hour)
	require.NoError(t, err)
	require.Equal(t, map[meshhook.ID]bool{kept.Run.ID: false}, held)
	until := rows[time.Time](t, h, `SELECT lease_until FROM runs WHERE id = $1`, kept.Run.ID)
	require.WithinDuration(t, time.Now().Add(time.Hour), until[0], time.Minute)

	held, err = h.db.ExtendLeases(ctx, owner, nil, time.Hour)
	require.NoError(t, err)
	require.Empty(t, held)
}

func TestReleaseRuns(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	owner := meshhook.NewID()
	h.recordMany(t, 3)
	claims, err := h.db.ClaimRuns(ctx, owner, 2, lease)
	require.NoError(t, err)
	require.Len(t, claims, 2)
	require.NoError(t, h.db.Move(ctx, move(claims[0], meshhook.RunSucceeded)))
	theirs, err := h.db.ClaimRuns(ctx, meshhook.NewID(), 1, lease)
	require.NoError(t, err)

	count, err := h.db.ReleaseRuns(ctx, owner)
	require.NoError(t, err)
	require.Equal(t, 1, count)
	again, err := h.db.ReleaseRuns(ctx, owner)
	require.NoError(t, err)
	require.Zero(t, again)

	next := h.claim(t, meshhook.NewID())
	require.Equal(t, claims[1].Run.ID, next.Run.ID, "others go on at once")
	requireLost(t, h, claims[1])
	require.NoError(t, h.db.Move(ctx, move(theirs[0], meshhook.RunSucceeded)), "nobody else's run is released")
}
