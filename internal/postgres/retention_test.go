package postgres_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

var retention = meshhook.Retention{Events: 30 * 24 * time.Hour, Rejected: week, Journal: week}

// at records a request whose ids were made at the time at.
func (h house) at(t *testing.T, at time.Time) meshhook.Intake {
	t.Helper()
	in := h.intake("", "{}")
	in.Event.ID, in.Run.ID = idAt(at), idAt(at)
	h.record(t, in)
	return in
}

// weeks are the partitions by weeks: all but the journal's.
func weeks(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.HasPrefix(name, "journal_") })
}

func TestExpireDropsWhatIsOver(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	// Three weeks long past: one whose runs are over, one of which an event still
	// has a run, and one with a run that is not over.
	first := time.Date(2020, 1, 6, 0, 0, 0, 0, time.UTC)
	second, third := first.Add(week), first.Add(2*week)
	for _, at := range []time.Time{first, second, third} {
		require.NoError(t, h.db.EnsurePartitions(ctx, at))
	}
	over := h.at(t, first.Add(time.Hour))
	h.finish(t, meshhook.RunFailed, step("one", meshhook.StepFailed, "", time.Now()))
	replayed := h.at(t, second.Add(time.Hour))
	h.finish(t, meshhook.RunSucceeded, step("one", meshhook.StepSucceeded, "1", time.Now()))
	live := h.at(t, third.Add(time.Hour))
	h.claim(t, meshhook.NewID())
	replay := meshhook.Run{ID: meshhook.NewID(), WorkflowID: h.workflow.ID, Workflow: "orders", Version: 1, EventID: &replayed.Event.ID}
	require.NoError(t, h.project.StartRun(ctx, replay))
	young := h.at(t, time.Now())

	dropped, err := h.db.Expire(ctx, time.Now(), retention)
	require.NoError(t, err)
	require.Equal(t, []string{
		"alert_logs_20200106", "alert_logs_20200113", "alert_logs_20200120", "deliveries_20200106", "deliveries_20200113", "deliveries_20200120",
		"run_steps_20200106", "run_steps_20200113", "runs_20200106", "runs_20200113", "events_20200106",
	}, weeks(dropped))
	require.Contains(t, dropped, "journal_20200106")

	_, err = h.project.Event(ctx, over.Event.ID)
	requireCode(t, meshhook.CodeNotFound, err)
	_, err = h.project.Run(ctx, over.Run.ID)
	requireCode(t, meshhook.CodeNotFound, err)
	for _, in := range []meshhook.Intake{replayed, live, young} {
		_, err = h.project.Event(ctx, in.Event.ID)
		require.NoError(t, err)
	}
	run, err := h.project.Run(ctx, live.Run.ID)
	require.NoError(t, err)
	require.Equal(t, meshhook.RunRunning, run.Status)

	again, err := h.db.Expire(ctx, time.Now(), retention)
	require.NoError(t, err)
	require.Empty(t, again)

	// Once nothing needs them, they go.
	_, err = h.project.CancelRun(ctx, live.Run.ID)
	require.NoError(t, err)
	_, err = h.project.CancelRun(ctx, replay.ID)
	require.NoError(t, err)
	last, err := h.db.Expire(ctx, time.Now(), retention)
	require.NoError(t, err)
	require.Equal(t, []string{"run_steps_20200120", "runs_20200120", "events_20200113", "events_20200120"}, last)
	_, err = h.project.Event(ctx, young.Event.ID)
	require.NoError(t, err)
}

// A slice goes when all of it is older than the retention, not before.
func TestExpireKeepsASliceToItsEnd(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	monday := time.Date(2020, 1, 6, 0, 0, 0, 0, time.UTC)
	require.NoError(t, h.db.EnsurePartitions(ctx, monday))
	end := monday.Add(week).Add(retention.Events)
	dropped, err := h.db.Expire(ctx, end, retention)
	require.NoError(t, err)
	require.Empty(t, weeks(dropped))
	require.Len(t, dropped, 7, "the journal is kept for a shorter time, and cut by days")
	dropped, err = h.db.Expire(ctx, end.Add(time.Millisecond), retention)
	require.NoError(t, err)
	require.Equal(t, []string{"alert_logs_20200106", "deliveries_20200106", "run_steps_20200106", "runs_20200106", "events_20200106"}, dropped)
}

func TestExpireRejectedEventsAndDedupKeys(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	now := time.Now()
	rejected := func(age time.Duration) meshhook.ID {
		in := h.rejected()
		in.Event.ID = idAt(now.Add(-age))
		h.record(t, in)
		return in.Event.ID
	}
	old, young, rotten := rejected(week+time.Minute), rejected(week-time.Minute), rejected(week+7*time.Hour)
	accepted := h.at(t, now.Add(-week-time.Minute)).Event.ID

	gone, kept := h.intake("gone", "{}"), h.intake("kept", "{}")
	gone.DedupUntil, kept.DedupUntil = now.Add(-time.Second), now.Add(time.Hour)
	h.record(t, gone)
	h.record(t, kept)

	_, err := h.db.Expire(ctx, now, retention)
	require.NoError(t, err)
	_, err = h.project.Event(ctx, old)
	requireCode(t, meshhook.CodeNotFound, err)
	// What nobody came for in time goes with its partition.
	for _, id := range []meshhook.ID{young, rotten, accepted} {
		_, err = h.project.Event(ctx, id)
		require.NoError(t, err)
	}
	require.Equal(t, []meshhook.ID{kept.Event.ID}, rows[meshhook.ID](t, h, `SELECT event_id FROM dedup_keys`))
}

// A partition that is in use is dropped another time; nobody waits for long.
func TestExpireDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	require.NoError(t, h.db.EnsurePartitions(ctx, time.Date(2020, 1, 6, 0, 0, 0, 0, time.UTC)))
	reader := h.systemTx(t)
	_, err := reader.Exec(ctx, `SELECT FROM journal_20200106`)
	require.NoError(t, err)
	dropped, err := h.db.Expire(ctx, time.Now(), retention)
	require.ErrorContains(t, err, "dropping journal_20200106: canceling statement due to lock timeout")
	require.NotContains(t, dropped, "journal_20200106")
	require.Contains(t, dropped, "journal_20200107", "the others do not wait for it")
	require.NoError(t, reader.Rollback(ctx))
	dropped, err = h.db.Expire(ctx, time.Now(), retention)
	require.NoError(t, err)
	require.Contains(t, dropped, "journal_20200106")
}

// What is used while it expires is passed over: neither does the janitor wait for
// it, nor does anybody wait for the janitor.
func TestExpirePassesOverWhatIsInUse(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	h := newHouse(t)
	now := time.Now()
	// More of each than is deleted at once.
	h.system(t, `INSERT INTO rate_limits (key, tat, ends, count) SELECT 'key-' || n, now() - interval '1 hour', now() - interval '1 hour', 1 FROM generate_series(1, 20000) n`)
	held := h.rejected()
	held.Event.ID = idAt(now.Add(-week - time.Minute))
	h.record(t, held)
	h.system(t, `
		INSERT INTO events SELECT (jsonb_populate_record(e, jsonb_build_object('id',
			overlay(e.id::text placing lpad(to_hex(n), 4, '0') from 20 for 4)))).* FROM events e, generate_series(1, 1200) n WHERE e.id = $1`, held.Event.ID)
	intake := func() meshhook.Intake {
		in := h.intake("again", "{}")
		in.DedupUntil = now.Add(-time.Second)
		return in
	}
	h.record(t, intake())

	user := h.systemTx(t)
	for _, sql := range []string{
		`SELECT FROM events WHERE id = $1 FOR UPDATE`,
		`SELECT FROM rate_limits WHERE key = 'key-20000' AND $1::uuid IS NOT NULL FOR UPDATE`,
	} {
		_, err := user.Exec(ctx, sql, held.Event.ID)
		require.NoError(t, err)
	}
	done := make(chan struct{})
	var refused error
	var users sync.WaitGroup
	users.Go(func() {
		for ended := false; !ended; {
			select {
			case <-done:
				ended = true
			default:
			}
			within, stop := context.WithTimeout(ctx, 5*time.Second)
			_, _, notTaken := h.db.TakeRate(within, "key-19999", of100(1))
			_, notRecorded := h.db.Record(within, intake())
			refused = errors.Join(refused, notTaken, notRecorded)
			stop()
		}
	})
	_, err := h.db.Expire(ctx, now, retention)
	close(done)
	users.Wait()
	require.NoError(t, err)
	require.NoError(t, refused)
	require.Subset(t, []string{"key-19999", "key-20000"}, rows[string](t, h, `SELECT key FROM rate_limits`))
	require.Equal(t, []meshhook.ID{held.Event.ID}, rows[meshhook.ID](t, h, `SELECT id FROM events WHERE status = 'rejected'`))

	require.NoError(t, user.Rollback(ctx))
	_, err = h.db.Expire(ctx, now, retention)
	require.NoError(t, err)
	require.Empty(t, rows[meshhook.ID](t, h, `SELECT id FROM events WHERE status = 'rejected'`))
}

// What an alert that waits for its time is still to tell of is kept for so long.
func TestExpireKeepsWhatIsToBeTold(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.tell(t, meshhook.OnFailed)
	first := time.Date(2020, 1, 6, 0, 0, 0, 0, time.UTC)
	require.NoError(t, h.db.EnsurePartitions(ctx, first))
	h.at(t, first.Add(time.Hour))
	h.finish(t, meshhook.RunFailed, step("one", meshhook.StepFailed, "", time.Now()))
	dropped, err := h.db.Expire(ctx, time.Now(), retention)
	require.NoError(t, err)
	require.Equal(t, []string{"alert_logs_20200106", "deliveries_20200106"}, weeks(dropped))
	h.system(t, `UPDATE deliveries SET request = 'rendered'`)
	dropped, err = h.db.Expire(ctx, time.Now(), retention)
	require.NoError(t, err)
	require.Equal(t, []string{"run_steps_20200106", "runs_20200106", "events_20200106"}, weeks(dropped))
}
