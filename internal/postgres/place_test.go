package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// limit applies a version of the house's workflow whose runs have this limit.
func (h house) limit(t *testing.T, limit int) {
	t.Helper()
	_, err := h.project.Apply(t.Context(), h.workflow.Name, "", meshhook.Version{Digest: meshhook.NewID().String(), Source: "#", RunLimit: limit})
	require.NoError(t, err)
}

// begin starts runs by hand and claims them, oldest first.
func (h house) begin(t *testing.T, count int) []meshhook.RunClaim {
	t.Helper()
	for range count {
		h.start(t, "{}")
	}
	return h.claims(t, count)
}

// claims claims all that is ready, which must be so many.
func (h house) claims(t *testing.T, count int) []meshhook.RunClaim {
	t.Helper()
	claims, err := h.db.ClaimRuns(t.Context(), meshhook.NewID(), 1000, lease)
	require.NoError(t, err)
	require.Len(t, claims, count)
	return claims
}

// ask asks for the place of the key in the name of the claim.
func ask(ctx context.Context, db *postgres.DB, c *meshhook.RunClaim, key string) (taken bool, err error) {
	if c.Place == (meshhook.PlaceID{}) {
		c.Place = meshhook.PlaceOf(c.Run.WorkflowID, key)
	}
	return db.TakePlace(ctx, c, key)
}

func (h house) requireAsk(t *testing.T, want bool, c *meshhook.RunClaim, key string) {
	t.Helper()
	taken, err := ask(t.Context(), h.db, c, key)
	require.NoError(t, err)
	require.Equal(t, want, taken)
}

// end records the end of a run that has or waits for a place.
func (h house) end(t *testing.T, c meshhook.RunClaim, to meshhook.RunStatus) {
	t.Helper()
	m := move(c, to)
	m.Place = c.Place
	require.NoError(t, h.db.Move(t.Context(), m))
}

// As many runs get a place as the limit says; the others are out of hand, and asleep
// until one has ended. Then the oldest goes on.
func TestTakePlace(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.limit(t, 2)
	c := h.begin(t, 4)
	for i, want := range []bool{true, true, false, false} {
		h.requireAsk(t, want, &c[i], "acme")
	}
	h.requireAsk(t, true, &c[0], "acme") // its first answer got lost
	_, err := ask(ctx, h.db, &c[2], "acme")
	requireCode(t, meshhook.CodeLeaseLost, err)
	requireCode(t, meshhook.CodeLeaseLost, h.db.Move(ctx, move(c[2], meshhook.RunSucceeded)))
	h.claims(t, 0)
	_, soon, err := h.db.NextWake(ctx, time.Hour)
	require.NoError(t, err)
	require.False(t, soon)

	run, err := h.project.Run(ctx, c[2].Run.ID)
	require.NoError(t, err)
	want := meshhook.Run{
		ID: run.ID, ProjectID: h.project.ID(), WorkflowID: h.workflow.ID, Workflow: "orders", Version: 1, Status: meshhook.RunQueued, Blocked: true,
		Attempt: 1, CreatedAt: run.CreatedAt, Input: []byte("{}"),
	}
	require.Equal(t, want, run)
	status, err := h.project.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, []any{int64(0), int64(2), (*time.Time)(nil)}, []any{status.Ready, status.Blocked, status.OldestQueued})
	entries := h.journal(t, meshhook.Cursor{}, 10)
	require.Equal(t, []any{meshhook.EntryRunQueued, "queued", "concurrency", `waits for a place: 2 of 2 runs with the key "acme" are under way`, 1},
		[]any{entries[9].Kind, entries[9].Status, entries[9].Code, entries[9].Detail, entries[9].Attempt})

	h.end(t, c[0], meshhook.RunFailed)
	third := h.claims(t, 1)
	require.Equal(t, c[2].Run.ID, third[0].Run.ID)
	require.Equal(t, c[2].Place, third[0].Place)
	require.False(t, third[0].Placed)
	h.requireAsk(t, true, &third[0], "acme")

	_, err = h.project.CancelRun(ctx, c[1].Run.ID)
	require.NoError(t, err)
	fourth := h.claims(t, 1)
	require.Equal(t, c[3].Run.ID, fourth[0].Run.ID)
	h.requireAsk(t, true, &fourth[0], "acme")
}

// Each key has the limit for itself, as has each workflow.
func TestTakePlaceOfKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.limit(t, 1)
	c := h.begin(t, 4)
	h.requireAsk(t, true, &c[0], "a")
	h.requireAsk(t, true, &c[1], "b")
	h.requireAsk(t, false, &c[2], "a")
	h.requireAsk(t, false, &c[3], "b")
	h.end(t, c[1], meshhook.RunSucceeded)
	b := h.claim(t, meshhook.NewID())
	require.Equal(t, c[3].Run.ID, b.Run.ID)
	require.NotEqual(t, meshhook.PlaceOf(h.workflow.ID, "a"), meshhook.PlaceOf(h.project.ID(), "a"))
}

// A run that comes later does not overtake one that was woken, whether that one has
// been claimed already or not.
func TestTakePlaceInOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.limit(t, 1)
	c := h.begin(t, 2)
	h.requireAsk(t, true, &c[0], "")
	h.requireAsk(t, false, &c[1], "")
	h.end(t, c[0], meshhook.RunSucceeded)
	h.start(t, "{}")
	late := h.claims(t, 2)
	require.Equal(t, c[1].Run.ID, late[0].Run.ID, "it was woken")
	h.requireAsk(t, false, &late[1], "")
	entries := h.journal(t, meshhook.Cursor{}, 10)
	require.Equal(t, "waits for a place: 0 of 1 runs are under way, and older ones wait", entries[9].Detail)

	h.system(t, `UPDATE runs SET lease_until = now() - interval '1s' WHERE status = 'running'`)
	_, err := h.db.RecoverRuns(t.Context(), 10)
	require.NoError(t, err)
	later := h.start(t, "{}")
	last := h.claims(t, 2)
	require.Equal(t, later.ID, last[1].Run.ID)
	h.requireAsk(t, false, &last[1], "")
	h.requireAsk(t, true, &last[0], "")
}

// Whoever is woken and ends before it asks hands its turn on.
func TestAWokenRunHandsItsTurnOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.limit(t, 1)
	c := h.begin(t, 4)
	for i := range c {
		h.requireAsk(t, i == 0, &c[i], "")
	}
	h.end(t, c[0], meshhook.RunSucceeded)
	_, err := h.project.CancelRun(t.Context(), c[1].Run.ID)
	require.NoError(t, err)
	woken := h.claims(t, 1)
	require.Equal(t, c[2].Run.ID, woken[0].Run.ID)
	h.end(t, woken[0], meshhook.RunFailed)
	woken = h.claims(t, 1)
	require.Equal(t, c[3].Run.ID, woken[0].Run.ID)
}

// A run keeps its place while it sleeps and when its daemon dies; a retry needs one again.
func TestAPlaceIsKept(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.limit(t, 1)
	c := h.begin(t, 2)
	h.requireAsk(t, true, &c[0], "")
	h.requireAsk(t, false, &c[1], "")
	require.NoError(t, h.db.Move(ctx, move(c[0], meshhook.RunWaiting)))
	again := h.claims(t, 1)[0]
	require.True(t, again.Placed)
	require.Equal(t, c[0].Place, again.Place)
	h.system(t, `UPDATE runs SET lease_until = now() - interval '1s' WHERE status = 'running'`)
	_, err := h.db.RecoverRuns(ctx, 10)
	require.NoError(t, err)
	again = h.claims(t, 1)[0]
	require.True(t, again.Placed)
	h.end(t, again, meshhook.RunFailed)

	second := h.claims(t, 1)[0]
	h.requireAsk(t, true, &second, "")
	_, err = h.project.RetryRun(ctx, c[0].Run.ID, "")
	require.NoError(t, err)
	retried := h.claims(t, 1)[0]
	require.False(t, retried.Placed)
	require.Equal(t, meshhook.PlaceID{}, retried.Place)
	h.requireAsk(t, false, &retried, "")
	run, err := h.project.CancelRun(ctx, retried.Run.ID)
	require.NoError(t, err)
	require.False(t, run.Blocked)
}

// The newest version's limit holds for the runs of all: a higher one lets in those that
// wait at the next asking or ending, and without either when the backstop looks.
func TestTheLimitChanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.limit(t, 1)
	c := h.begin(t, 9)
	for i := range c {
		h.requireAsk(t, i == 0, &c[i], "")
	}
	wake := func(want int) []meshhook.RunClaim {
		woken, err := h.db.WakeBlocked(t.Context(), 10)
		require.NoError(t, err)
		require.Equal(t, want, woken)
		return h.claims(t, want)
	}
	wake(0)
	h.limit(t, 3)
	for _, claim := range wake(2) {
		h.requireAsk(t, true, &claim, "")
	}
	wake(0)

	h.limit(t, 4)
	h.end(t, c[0], meshhook.RunSucceeded)
	two := h.claims(t, 2)
	h.requireAsk(t, true, &two[0], "")
	h.limit(t, 5)
	h.requireAsk(t, true, &two[1], "")
	one := h.claims(t, 1)
	require.Equal(t, c[5].Run.ID, one[0].Run.ID, "an asking lets the next in")

	h.limit(t, 1)
	h.requireAsk(t, false, &one[0], "")
	h.limit(t, 0)
	for _, claim := range wake(4) {
		h.requireAsk(t, true, &claim, "")
	}
}

// The backstop looks at every place, a bounded number at once, and makes good what a
// daemon that knows no places has done.
func TestWakeBlocked(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.limit(t, 1)
	c := h.begin(t, 8)
	for i := range c {
		h.requireAsk(t, i < 4, &c[i], fmt.Sprint(i%4))
	}
	h.system(t, `UPDATE runs SET status = 'succeeded', finished_at = now(), lease_owner = NULL, lease_until = NULL WHERE placed AND id <> $1`, c[0].Run.ID)
	for _, want := range []int{2, 1, 0} {
		woken, err := h.db.WakeBlocked(ctx, 2)
		require.NoError(t, err)
		require.Equal(t, want, woken)
	}
	for _, claim := range h.claims(t, 3) {
		h.requireAsk(t, true, &claim, "")
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, err := h.db.WakeBlocked(over, 2)
	requireCode(t, meshhook.CodeUnavailable, err)
}

// A run that gets its place at the moment at which it is canceled frees it like any
// other: under the place's lock.
func TestCancelWhileAPlaceIsTaken(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.limit(t, 1)
	c := h.begin(t, 1)
	place := meshhook.PlaceOf(h.workflow.ID, "")
	door := h.side.door(t)
	tx, err := door.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, `UPDATE runs SET place = $2, placed = true WHERE id = $1`, c[0].Run.ID, place[:])
	require.NoError(t, err)
	look := h.raw(t)
	_, err = look.Exec(ctx, `SELECT pg_advisory_lock(('x' || encode(substr($1::bytea, 1, 8), 'hex'))::bit(64)::bigint)`, place[:])
	require.NoError(t, err)
	waits := func(kind string) {
		require.Eventually(t, func() (waits bool) {
			err := look.QueryRow(ctx, `
				SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1`, kind).Scan(&waits)
			return err == nil && waits
		}, patience, 2*time.Millisecond)
	}
	canceled := make(chan error, 1)
	go func() {
		_, err := h.project.CancelRun(ctx, c[0].Run.ID)
		canceled <- err
	}()
	waits("transactionid")
	require.NoError(t, tx.Commit(ctx))
	waits("advisory")
	_, err = look.Exec(ctx, `SELECT pg_advisory_unlock_all()`)
	require.NoError(t, err)
	require.NoError(t, <-canceled)
	next := h.begin(t, 1)
	h.requireAsk(t, true, &next[0], "")
}

// Many daemons take and free places of several keys at random, and nobody looks after
// them: never are more under way than may be, and no wake-up gets lost.
func TestPlacesUnderStress(t *testing.T) {
	t.Parallel()
	const runs, keys, limit, daemons = 300, 3, 2, 6
	h := newHouse(t)
	h.limit(t, limit)
	for range runs {
		h.start(t, "{}")
	}
	dbs := []*postgres.DB{h.db, pgtest.Open(t, h.url)}
	var underway [keys]atomic.Int64
	var over atomic.Int64
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	drive := func(db *postgres.DB, c meshhook.RunClaim) error {
		key := int(c.Run.ID[15]) % keys
		if rand.IntN(10) == 0 {
			if _, err := h.project.CancelRun(ctx, c.Run.ID); err != nil {
				return err
			}
			over.Add(1)
			return nil
		}
		taken, err := ask(ctx, db, &c, fmt.Sprint(key))
		if !taken || err != nil {
			return err
		}
		if now := underway[key].Add(1); now > limit {
			return fmt.Errorf("%d runs of key %d under way", now, key)
		}
		_, err = h.project.Run(ctx, c.Run.ID) // is its work
		underway[key].Add(-1)
		if err != nil {
			return err
		}
		if rand.IntN(10) == 0 {
			_, err = h.project.CancelRun(ctx, c.Run.ID)
		} else {
			m := move(c, meshhook.RunSucceeded)
			m.Place = c.Place
			err = db.Move(ctx, m)
		}
		over.Add(1)
		return err
	}
	errs := make(chan error, 10*runs)
	var working sync.WaitGroup
	for i := range daemons {
		working.Go(func() {
			for db := dbs[i%2]; over.Load() < runs; {
				claims, err := db.ClaimRuns(ctx, meshhook.NewID(), 1+rand.IntN(5), lease)
				var driving sync.WaitGroup
				for _, c := range claims {
					driving.Go(func() {
						if err := drive(db, c); err != nil {
							errs <- err
							stop()
						}
					})
				}
				driving.Wait()
				if err != nil {
					errs <- fmt.Errorf("%d of %d are over: %w", over.Load(), runs, err)
					return
				}
			}
		})
	}
	working.Wait()
	select {
	case err := <-errs:
		require.NoError(t, err)
	default:
	}
	require.Empty(t, rows[meshhook.ID](t, h, `SELECT id FROM runs WHERE finished_at IS NULL`))
}
