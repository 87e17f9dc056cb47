package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/tail"
)

var _ tail.Source = (*postgres.Tenant)(nil)

func TestAnEntryIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	run := h.start(t, "{}")
	claim := h.claim(t, meshhook.NewID())
	m := move(claim, meshhook.RunSucceeded)
	event := meshhook.NewID()
	want := meshhook.Entry{
		ID: meshhook.NewID(), ProjectID: h.project.ID(), At: time.Now().UTC().Truncate(time.Microsecond), Kind: meshhook.EntryStepFailed,
		EventID: &event, Webhook: "shop/orders", RunID: &run.ID, Workflow: "orders", Step: "send", Status: "failed",
		Code: string(meshhook.FailedHTTPStatus), Detail: "answered 500", Attempt: 3, DurationMS: 1234, HTTPStatus: 500, Count: 7,
	}
	m.Entries = []meshhook.Entry{want}
	require.NoError(t, h.db.Move(ctx, m))
	got := h.journal(t, meshhook.Cursor{}, 3)[2]
	require.Equal(t, want.ID, got.Cursor.ID)
	require.NotZero(t, got.Cursor.XID)
	want.Cursor = got.Cursor
	require.Equal(t, want, got)
}

func TestRecordSuppressed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	require.NoError(t, h.db.RecordSuppressed(t.Context(), []meshhook.Suppressed{
		{ProjectID: h.project.ID(), EndpointID: h.endpoint.ID, Webhook: "one", Count: 3},
		{ProjectID: h.project.ID(), EndpointID: meshhook.NewID(), Webhook: "two", Count: 4},
	}))
	entries := h.journal(t, meshhook.Cursor{}, 2)
	counts := map[string]int64{}
	for _, e := range entries {
		require.Equal(t, meshhook.EntryEventSuppressed, e.Kind)
		require.Equal(t, string(meshhook.EventRejected), e.Status)
		counts[e.Webhook] = e.Count
	}
	require.Equal(t, map[string]int64{"one": 3, "two": 4}, counts)
	require.Equal(t, entries[0].Cursor.XID, entries[1].Cursor.XID)
	require.Equal(t, entries[1:], h.journal(t, entries[0].Cursor, 1), "the cursor stands between two entries of one transaction")
}

// While a transaction with an older id is open, nothing behind it is shown: its
// entry, committed late, would appear behind a cursor that was handed out.
func TestTheJournalHasNoGaps(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.start(t, "before")
	before := h.journal(t, meshhook.Cursor{}, 1)
	cursor := before[0].Cursor

	slow := h.systemTx(t)
	late := meshhook.NewID()
	var xid uint64
	require.NoError(t, slow.QueryRow(ctx, `SELECT pg_current_xact_id()::text::bigint`).Scan(&xid))
	for range 3 {
		h.start(t, "meanwhile")
	}
	entries, err := h.project.EntriesAfter(ctx, cursor, 100)
	require.NoError(t, err)
	require.Empty(t, entries, "they are committed, and wait for the slow one")
	_, err = slow.Exec(ctx, `INSERT INTO journal (id, project_id, at, kind, webhook) VALUES ($1, $2, now(), 'event.accepted', 'late')`, late, h.project.ID())
	require.NoError(t, err)
	present, err := h.project.CursorAt(ctx, time.Time{})
	require.NoError(t, err)
	require.Less(t, present.XID, xid, "the present lies before what is not committed yet")
	require.NoError(t, slow.Commit(ctx))

	entries = h.journal(t, cursor, 4)
	require.Equal(t, late, entries[0].ID, "in the order of transactions")
	require.Equal(t, xid, entries[0].Cursor.XID)
	require.Equal(t, []meshhook.EntryKind{"event.accepted", "run.queued", "run.queued", "run.queued"}, kinds(entries))
	require.Equal(t, entries, h.journal(t, present, 4))

	// Page by page, the same.
	var paged []meshhook.Entry
	for cursor := (meshhook.Cursor{}); ; {
		page, err := h.project.EntriesAfter(ctx, cursor, 2)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		require.LessOrEqual(t, len(page), 2)
		paged = append(paged, page...)
		cursor = page[len(page)-1].Cursor
	}
	require.Equal(t, append(before, entries...), paged)
}

// systemTx opens a transaction for the whole system on a connection of its own.
func (h house) systemTx(t *testing.T) pgx.Tx {
	t.Helper()
	tx, err := h.raw(t).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SET LOCAL meshhook.system = 'on'`)
	require.NoError(t, err)
	return tx
}

func TestCursorAt(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	now := time.Now()
	for i := range 3 {
		h.system(t, `INSERT INTO journal (id, project_id, at, kind) VALUES ($1, $2, now(), 'run.queued')`,
			idAt(now.Add(time.Duration(i-3)*time.Hour)), h.project.ID())
	}
	all := h.journal(t, meshhook.Cursor{}, 3)
	tests := []struct {
		name string
		at   time.Time
		want int // how many entries lie after it
	}{
		{"the beginning", time.Unix(0, 0), 3},
		{"before the first", now.Add(-4 * time.Hour), 3},
		{"at the second", now.Add(-2 * time.Hour), 2},
		{"a moment after the second", now.Add(-2*time.Hour + time.Millisecond), 1},
		{"the present", time.Now(), 0},
		{"the future", now.Add(time.Hour), 0},
		{"the zero time, which is the present", time.Time{}, 0},
	}
	for _, test := range tests {
		cursor, err := h.project.CursorAt(ctx, test.at)
		require.NoError(t, err, test.name)
		entries, err := h.project.EntriesAfter(ctx, cursor, 10)
		require.NoError(t, err, test.name)
		require.Len(t, entries, test.want, test.name)
		require.Equal(t, all[3-test.want:], append([]meshhook.Entry{}, entries...), test.name)
	}
}

// From a daemon's write to a follower in another process, through bell and
// journal; the listening connection is cut while entries come, again and again.
func TestFollowEndToEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.start(t, "before the follower") // which it does not show
	h.journal(t, meshhook.Cursor{}, 1)
	watcher := pgtest.Project(t, pgtest.Open(t, h.url))

	ctx, stop := context.WithTimeout(t.Context(), 3*patience)
	defer stop()
	states := make(chan tail.State, 100)
	shown := make(chan meshhook.Entry, 1000)
	done := make(chan error, 1)
	go func() {
		var last error
		for e, err := range tail.Follow(ctx, watcher, tail.Options{OnState: func(s tail.State) { states <- s }}) {
			if last = err; err == nil {
				shown <- e
			}
		}
		done <- last
	}()
	until := func(lost bool) {
		t.Helper()
		for {
			select {
			case s := <-states:
				if (s.Lost != nil) == lost {
					return
				}
			case <-ctx.Done():
				require.Fail(t, "the follower did not say how it is")
			}
		}
	}
	until(false)

	const rounds, each = 3, 20
	var want []meshhook.ID
	for range rounds {
		for range each {
			want = append(want, h.start(t, "{}").ID)
		}
		require.NotEmpty(t, rows[bool](t, h, `
			SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			 WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'`))
		for range each {
			want = append(want, h.start(t, "{}").ID)
		}
		until(true)
		until(false)
	}
	var got []meshhook.ID
	for range want {
		select {
		case e := <-shown:
			got = append(got, *e.RunID)
		case <-ctx.Done():
			require.Fail(t, "an entry is missing", "%d of %d came", len(got), len(want))
		}
	}
	require.Equal(t, want, got, "each once, in order")
	stop()
	require.NoError(t, <-done)
	require.Empty(t, shown)
}
