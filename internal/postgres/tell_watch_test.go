package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// late counts what is told of runs that take too long, in a look at all of them.
func (h house) late(t *testing.T) int {
	t.Helper()
	_, count, err := h.db.TellOfDelayed(t.Context(), time.Time{})
	require.NoError(t, err)
	return count
}

// absent counts what is told of expected events.
func (h house) absent(t *testing.T) int {
	t.Helper()
	count, err := h.db.TellOfAbsent(t.Context())
	require.NoError(t, err)
	return count
}

// An attempt counts from when it was asked for, though it has not begun, or has only
// just: it may wait for a place of its workflow's concurrency.
func TestARetriedRunIsDelayedFromItsRetry(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	a := h.plainAlert()
	a.On, a.DelayThreshold = []meshhook.Condition{meshhook.OnDelayed}, meshhook.Duration(time.Hour)
	h.createAlert(t, a, "first")
	run := h.start(t, `{}`)
	h.finish(t, meshhook.RunFailed)
	_, err := h.project.RetryRun(ctx, run.ID, "")
	require.NoError(t, err)
	require.Zero(t, h.late(t))
	h.system(t, `UPDATE runs SET wake_at = 'infinity', retried_at = retried_at - interval '59 minutes'`) // it is blocked
	require.Zero(t, h.late(t))
	h.system(t, `UPDATE runs SET retried_at = retried_at - interval '1 minute'`)
	require.Equal(t, 1, h.late(t))
	require.Zero(t, h.late(t))

	h.system(t, `UPDATE runs SET wake_at = now()`)
	h.finish(t, meshhook.RunFailed)
	_, err = h.project.RetryRun(ctx, run.ID, "")
	require.NoError(t, err)
	h.system(t, `UPDATE runs SET retried_at = retried_at - interval '1 hour'`)
	h.claim(t, meshhook.NewID())
	require.Equal(t, 1, h.late(t), "it is another attempt")
}

// What was told of a run that sleeps for months is not forgotten before its end.
func TestALongRunIsToldOfOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	a := h.plainAlert()
	a.On, a.DelayThreshold = []meshhook.Condition{meshhook.OnDelayed}, meshhook.Duration(time.Millisecond)
	h.createAlert(t, a, "first")
	h.start(t, `{}`)
	require.Eventually(t, func() bool { return h.late(t) == 1 }, patience, 5*time.Millisecond)
	h.system(t, `UPDATE alert_states SET at = now() - interval '400 days'`)
	_, err := h.db.Expire(ctx, time.Now(), retention)
	require.NoError(t, err)
	require.Zero(t, h.late(t))
	h.finish(t, meshhook.RunSucceeded)
	_, err = h.db.Expire(ctx, time.Now(), retention)
	require.NoError(t, err)
	require.Empty(t, rows[string](t, h, `SELECT kind FROM alert_states`))
}

// Each gap is told of once: though the event before it has expired, though the webhook's
// path has become another, and another one when the alert expects another's events.
func TestAGapIsToldOfOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	other := h.endpoint
	other.ID, other.Path = meshhook.NewID(), "other"
	_, err := h.project.CreateEndpoint(ctx, other, meshhook.Secret{})
	require.NoError(t, err)
	a := h.plainAlert()
	a.On, a.Expect = []meshhook.Condition{meshhook.OnAbsent}, &meshhook.Expect{Webhook: h.endpoint.Path, Within: meshhook.Duration(6 * time.Hour)}
	a = h.createAlert(t, a, "first")
	age := func(table, column, by string) {
		h.system(t, `UPDATE `+table+` SET `+column+` = `+column+` - interval '`+by+`'`)
	}
	old := func() { // of the configuration nothing has changed for long
		age("alert_configs", "created_at", "1000 h")
		age("alert_configs", "updated_at", "1000 h")
	}
	old()
	require.Equal(t, 1, h.absent(t), "none has ever come")
	require.Zero(t, h.absent(t))

	h.record(t, h.intake("", "{}"))
	age("events", "received_at", "5 h")
	require.Zero(t, h.absent(t))
	// Nobody is alarmed by another name, nor by what expires.
	h.endpoint.Path = "renamed"
	h.endpoint, err = pgtest.Update(ctx, h.project, h.endpoint)
	require.NoError(t, err)
	require.Zero(t, h.absent(t))
	h.system(t, `DELETE FROM events`)
	require.Zero(t, h.absent(t))
	age("alert_configs", "expect_seen_at", "2 h")
	require.Equal(t, 1, h.absent(t))
	require.Zero(t, h.absent(t))

	h.record(t, h.intake("", "{}"))
	age("events", "received_at", "7 h")
	require.Equal(t, 1, h.absent(t), "it is another gap")
	h.system(t, `DELETE FROM events`)
	require.Zero(t, h.absent(t))
	_, err = h.db.Expire(ctx, time.Now().Add(400*24*time.Hour), retention)
	require.NoError(t, err)
	require.Zero(t, h.absent(t))
	require.Equal(t, []string{"absent"}, rows[string](t, h, `SELECT kind FROM alert_states`))

	_, err = h.project.ChangeAlert(ctx, a.ID, put(func(a *meshhook.Alert) { a.Expect.Webhook = "other" }))
	require.NoError(t, err)
	require.Zero(t, h.absent(t), "its time begins with the change")
	old()
	require.Equal(t, 1, h.absent(t))
	require.NoError(t, h.project.DeleteEndpoint(ctx, "other"))
	require.Zero(t, h.absent(t))
}

// Daemons that look at the same time tell once, and none waits for another.
func TestDaemonsLookAtTheSameTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.plainAlert()
	a.On, a.DelayThreshold = []meshhook.Condition{meshhook.OnDelayed}, meshhook.Duration(time.Millisecond)
	h.createAlert(t, a, "first")
	a.ID, a.Name = meshhook.NewID(), "second"
	h.createAlert(t, a, "second")
	h.recordMany(t, 50)
	other := pgtest.Open(t, h.url)
	looked := make(chan int, 8)
	for i := range cap(looked) {
		db := h.db
		if i%2 == 0 {
			db = other
		}
		go func() {
			_, count, err := db.TellOfDelayed(t.Context(), time.Time{})
			if err != nil {
				t.Errorf("%v", err)
			}
			looked <- count
		}()
	}
	for range cap(looked) {
		<-looked
	}
	h.late(t)
	require.Equal(t, []int64{100}, rows[int64](t, h, `SELECT count(*) FROM deliveries`))
}
