package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// ears count the rings of each channel.
type ears map[postgres.Channel]chan time.Time

func listenTo(db *postgres.DB) ears {
	e := ears{}
	for _, c := range []postgres.Channel{postgres.BellConfig, postgres.BellRuns, postgres.BellJournal} {
		heard := make(chan time.Time, 1000)
		e[c] = heard
		db.OnRing(c, func() { heard <- time.Now() })
	}
	return e
}

func (e ears) hear(t *testing.T, c postgres.Channel) time.Time {
	t.Helper()
	select {
	case at := <-e[c]:
		return at
	case <-time.After(patience):
		require.Fail(t, "the bell did not ring", c)
		return time.Time{}
	}
}

func (e ears) drain() {
	for _, heard := range e {
		for len(heard) > 0 {
			<-heard
		}
	}
}

func TestRingIsHeardAtHomeAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	e := listenTo(db)
	db.Ring(postgres.BellRuns, postgres.BellJournal)
	require.Len(t, e[postgres.BellRuns], 1, "before Ring returned")
	require.Len(t, e[postgres.BellJournal], 1)
	require.Empty(t, e[postgres.BellConfig])
}

func TestRingIsHeardByOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := pgtest.Open(t, h.url)
	e := listenTo(other)
	ctx, stop := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		other.Hear(ctx)
		close(gone)
	}()
	// All channels ring once the other listens: what was missed is looked for.
	for c := range e {
		e.hear(t, c)
	}

	rung := time.Now()
	h.db.Ring(postgres.BellRuns)
	require.WithinDuration(t, rung, e.hear(t, postgres.BellRuns), time.Second)

	// Writes ring by themselves.
	h.record(t, h.intake("", "{}"))
	e.hear(t, postgres.BellRuns)
	e.hear(t, postgres.BellJournal)
	require.NoError(t, h.project.DeleteEndpoint(t.Context(), h.endpoint.Path))
	e.hear(t, postgres.BellConfig)

	// A storm of rings is one ring, or a few.
	e.drain()
	for range 900 {
		h.db.Ring(postgres.BellConfig)
	}
	h.db.Ring(postgres.BellJournal)
	e.hear(t, postgres.BellJournal)
	require.Less(t, len(e[postgres.BellConfig]), 900)

	// A lost connection is made anew, and rings once more.
	e.drain()
	require.NotEmpty(t, rows[bool](t, h, `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'`))
	for c := range e {
		e.hear(t, c)
	}
	e.drain()
	h.db.Ring(postgres.BellRuns)
	e.hear(t, postgres.BellRuns)

	stop()
	<-gone
}

// A bell whose own connection was cut rings again with the next ring.
func TestTheBellMendsItsConnection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := pgtest.Open(t, h.url)
	e := listenTo(other)
	go other.Hear(t.Context())
	for c := range e {
		e.hear(t, c)
	}
	h.db.Ring(postgres.BellRuns)
	e.hear(t, postgres.BellRuns)
	require.NotEmpty(t, rows[bool](t, h, `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%pg_notify%'`))
	e.drain()
	// The first ring may be lost with its connection: that is what polls are for.
	require.Eventually(t, func() bool {
		h.db.Ring(postgres.BellRuns)
		return len(e[postgres.BellRuns]) > 0
	}, patience, 20*time.Millisecond)
}

func TestTheLastRingIsNotLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := listenTo(h.db)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go h.db.Hear(ctx)
	for c := range e {
		e.hear(t, c)
	}
	leaving := open(t, h.url)
	leaving.Ring(postgres.BellRuns)
	leaving.Close()
	e.hear(t, postgres.BellRuns)
}

func TestHearEndsWithItsContext(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	db.Hear(over)
}
