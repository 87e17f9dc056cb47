package janitor_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/janitor"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

var _ janitor.Store = (*postgres.DB)(nil)

// lease is one that has run out when it is given.
const lease = -time.Second

var retention = meshhook.Retention{Events: 30 * 24 * time.Hour, Rejected: 7 * 24 * time.Hour, Journal: 7 * 24 * time.Hour}

// house is a janitor in a fresh database with one workflow.
type house struct {
	db       *postgres.DB
	project  *postgres.Tenant
	workflow meshhook.Workflow
	janitor  *janitor.Janitor
	log      *bytes.Buffer
}

func newHouse(t *testing.T) house {
	t.Helper()
	h := house{db: pgtest.New(t), log: &bytes.Buffer{}}
	h.project = pgtest.Project(t, h.db)
	applied, err := h.project.Apply(t.Context(), "orders", "", meshhook.Version{Digest: "d", Source: "#"})
	require.NoError(t, err)
	h.workflow = applied.Workflow
	h.janitor = janitor.New(h.db, retention, slog.New(slog.NewTextHandler(h.log, nil)))
	return h
}

// record stores a request with a run, both made at the time at.
func (h house) record(t *testing.T, at time.Time) meshhook.Intake {
	t.Helper()
	id := func() meshhook.ID {
		id, bound := meshhook.NewID(), meshhook.FirstIDAt(at)
		copy(id[:6], bound[:6])
		return id
	}
	in := meshhook.Intake{Event: meshhook.Event{ID: id(), ProjectID: h.project.ID(), Status: meshhook.EventAccepted, ReceivedAt: at}}
	in.Run = &meshhook.Run{ID: id(), ProjectID: h.project.ID(), WorkflowID: h.workflow.ID, Workflow: "orders", Version: 1}
	_, err := h.db.Record(t.Context(), in)
	require.NoError(t, err)
	return in
}

// A dead daemon's runs go back into the queue, where another finds them.
func TestRecover(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	more, err := h.janitor.Recover(ctx)
	require.NoError(t, err)
	require.False(t, more)
	require.Empty(t, h.log.String(), "nothing to tell")

	for range 3 {
		h.record(t, time.Now())
	}
	dead, err := h.db.ClaimRuns(ctx, meshhook.NewID(), 2, lease)
	require.NoError(t, err)
	require.Len(t, dead, 2)
	more, err = h.janitor.Recover(ctx)
	require.NoError(t, err)
	require.False(t, more)
	require.Contains(t, h.log.String(), `level=WARN msg="took over what a daemon held that has been silent for longer than its lease" runs=2 alerts=0`)
	claims, err := h.db.ClaimRuns(ctx, meshhook.NewID(), 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, claims, 3)
}

// One call takes a bounded number, and says when there may be more.
func TestRecoverSaysThatThereIsMore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	store := &full{Store: h.db, count: 500}
	j := janitor.New(store, retention, slog.New(slog.DiscardHandler))
	for count, want := range map[int]bool{500: true, 499: false} {
		store.count = count
		more, err := j.Recover(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, more)
		require.Equal(t, 500, store.limit)
	}
}

// full is a store in which more daemons died than a test can wait for.
type full struct {
	janitor.Store
	count, limit int
}

func (f *full) RecoverRuns(_ context.Context, limit int) (int, error) {
	f.limit = limit
	return f.count, nil
}

func TestTidy(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	long := time.Date(2020, 1, 6, 12, 0, 0, 0, time.UTC)
	require.NoError(t, h.db.EnsurePartitions(ctx, long))
	old, young := h.record(t, long), h.record(t, time.Now())
	_, err := h.project.CancelRun(ctx, old.Run.ID)
	require.NoError(t, err)

	more, err := h.janitor.Tidy(ctx)
	require.NoError(t, err)
	require.False(t, more)
	for _, table := range []string{"events", "runs", "run_steps", "journal"} {
		require.Contains(t, h.log.String(), fmt.Sprintf("%s_20200106", table))
	}
	_, err = h.project.Event(ctx, old.Event.ID)
	require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))
	_, err = h.project.Event(ctx, young.Event.ID)
	require.NoError(t, err)

	h.log.Reset()
	_, err = h.janitor.Tidy(ctx)
	require.NoError(t, err)
	require.Empty(t, h.log.String(), "nothing to tell")
}

func TestChoresReportALostDatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, chore := range []func(context.Context) (bool, error){h.janitor.Recover, h.janitor.LetIn, h.janitor.Tidy} {
		more, err := chore(over)
		require.False(t, more)
		require.Equal(t, meshhook.CodeUnavailable, meshhook.ErrorCode(err))
	}
}

// A run that waits for a place although there is room is let in.
func TestLetIn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	limit := func(n int) {
		_, err := h.project.Apply(ctx, "orders", "", meshhook.Version{Digest: fmt.Sprint(n), Source: "#", RunLimit: n})
		require.NoError(t, err)
	}
	limit(1)
	for range 2 {
		h.record(t, time.Now())
	}
	claims, err := h.db.ClaimRuns(ctx, meshhook.NewID(), 10, time.Minute)
	require.NoError(t, err)
	for i := range claims {
		claims[i].Place = meshhook.PlaceOf(h.workflow.ID, "")
		taken, err := h.db.TakePlace(ctx, &claims[i], "")
		require.NoError(t, err)
		require.Equal(t, i == 0, taken)
	}
	_, err = h.janitor.LetIn(ctx)
	require.NoError(t, err)
	require.Empty(t, h.log.String(), "there is no room")

	limit(2)
	more, err := h.janitor.LetIn(ctx)
	require.NoError(t, err)
	require.False(t, more)
	require.Contains(t, h.log.String(), `level=INFO msg="woke runs that waited for a place although there is room" runs=1`)
	woken, err := h.db.ClaimRuns(ctx, meshhook.NewID(), 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, woken, 1)
}
