package limit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/ulule/limiter/v3"
	"golang.org/x/sync/errgroup"

	"github.com/profullstack/meshhook/internal/limit"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// fleet is a database and the daemons that count in it.
type fleet struct {
	t   *testing.T
	dsn string
}

// member is one daemon's store, with the steps that its loop would take.
type member struct {
	*limit.Store
	id meshhook.ID
	db *postgres.DB
}

// member is a daemon whose requests wait until it is known where they are counted.
func (f fleet) member(where string) member {
	f.t.Helper()
	return f.join(where, time.Minute)
}

// patient is a daemon whose requests wait for so long.
func (f fleet) patient(most time.Duration) member {
	f.t.Helper()
	return f.join(limit.Auto, most)
}

func (f fleet) join(where string, patience time.Duration) member {
	f.t.Helper()
	m := member{id: meshhook.NewID(), db: pgtest.Open(f.t, f.dsn)}
	m.Store = limit.New(limit.Options{Where: where, Table: m.db, Daemon: m.id, Patience: patience})
	require.NoError(f.t, m.db.Beat(f.t.Context(), meshhook.Daemon{ID: m.id, Host: "h", PID: 1, Version: "test", Roles: []string{"ingress"}}))
	m.step(f.t)
	return m
}

func (m member) step(t *testing.T) {
	t.Helper()
	_, err := m.Step(t.Context())
	require.NoError(t, err)
}

// The first of two daemons counts in memory; what it admitted there, the second
// knows, and together they admit the quota.
func TestASecondDaemonDoublesNothing(t *testing.T) {
	t.Parallel()
	f, r := fleet{t, pgtest.URL(t)}, rate(100, 24*time.Hour)
	one := f.member(limit.Auto)
	for range 40 {
		q, err := one.Get(t.Context(), "k", r)
		require.NoError(t, err)
		require.False(t, q.Reached)
	}
	rates, err := one.db.Rates(t.Context())
	require.NoError(t, err)
	require.Empty(t, rates, "one daemon counts in memory")

	// The second admits nothing until the first has handed its counters over.
	two := f.member(limit.Auto)
	waiting, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = two.Get(waiting, "k", r)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	answered := make(chan limiter.Context, 1)
	go func() {
		q, err := two.Get(context.Background(), "k", r)
		if err == nil {
			answered <- q
		}
	}()
	one.step(t)
	two.step(t)
	require.Equal(t, int64(59), (<-answered).Remaining)
	q, err := one.Get(t.Context(), "k", r)
	require.NoError(t, err)
	require.Equal(t, int64(58), q.Remaining)
	require.Equal(t, int64(58), admittedTogether(t, r, one, two))

	// One leaves: the other goes on in memory, from where the table stands.
	require.NoError(t, two.db.Leave(t.Context(), two.id))
	one.step(t)
	q, err = one.Get(t.Context(), "k", r)
	require.NoError(t, err)
	require.True(t, q.Reached)
	require.Equal(t, int64(1), countLeft(t, one, "fresh"))
	rates, err = one.db.Rates(t.Context())
	require.NoError(t, err)
	require.NotContains(t, rates, "fresh")
}

// admittedTogether gets the key from the daemons in turn until all refuse.
func admittedTogether(t *testing.T, r limiter.Rate, daemons ...member) (n int64) {
	t.Helper()
	for refused := 0; refused < len(daemons); {
		refused = 0
		for _, d := range daemons {
			q, err := d.Get(t.Context(), "k", r)
			require.NoError(t, err)
			if q.Reached {
				refused++
			} else {
				n++
			}
		}
	}
	return n
}

func countLeft(t *testing.T, m member, key string) int64 {
	t.Helper()
	q, err := m.Get(t.Context(), key, rate(2, time.Hour))
	require.NoError(t, err)
	return q.Remaining
}

// Of daemons that start at the same moment, at most one counts in memory, whatever
// the order in which they ask.
func TestDaemonsThatStartTogetherShareOneQuota(t *testing.T) {
	t.Parallel()
	for range 10 {
		f, r := fleet{t, pgtest.URL(t)}, rate(50, 24*time.Hour)
		members := make([]member, 3)
		var group errgroup.Group
		for i := range members {
			m := &members[i]
			m.id, m.db = meshhook.NewID(), pgtest.Open(t, f.dsn)
			m.Store = limit.New(limit.Options{Where: limit.Auto, Table: m.db, Daemon: m.id})
			group.Go(func() error {
				err := m.db.Beat(t.Context(), meshhook.Daemon{ID: m.id, Roles: []string{"ingress"}})
				_, step := m.Step(t.Context())
				return errors.Join(err, step)
			})
		}
		require.NoError(t, group.Wait())
		for range 2 { // each loop's next round
			for _, m := range members {
				m.step(t)
			}
		}
		require.Equal(t, int64(50), admittedTogether(t, r, members...))
	}
}

// A daemon that is killed while it is alone leaves a lease behind. The next one
// answers all the same, after its patience at first and then at once, and forgives
// nothing of what it counts meanwhile.
func TestADeadDaemonsLeaseEnds(t *testing.T) {
	t.Parallel()
	f, r := fleet{t, pgtest.URL(t)}, rate(10, time.Hour)
	f.member(limit.Auto)
	two := f.patient(100 * time.Millisecond)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := two.Get(gone, "k", r)
	require.ErrorIs(t, err, context.Canceled, "who cannot wait is not counted")
	begin := time.Now()
	require.Equal(t, int64(2), countLeft(t, two, "waits")+1)
	require.GreaterOrEqual(t, time.Since(begin), 100*time.Millisecond)
	for range 6 {
		_, err = two.Get(gone, "k", r)
		require.NoError(t, err, "nobody waits any more")
	}
	require.NoError(t, two.db.ResetRate(t.Context(), "k"))
	q, err := two.Get(gone, "k", r)
	require.NoError(t, err)
	require.Equal(t, int64(9), q.Remaining, "the table counts")
	for range 3 {
		_, err = two.Get(gone, "k", r)
		require.NoError(t, err)
	}
	q, err = two.Get(gone, "k", r)
	require.NoError(t, err)
	require.True(t, q.Reached, "but what was counted here before is not forgiven")
	_, err = two.Reset(t.Context(), "k", r)
	require.NoError(t, err)
	require.Equal(t, int64(10), admitted(t, two.Store, "k", r))

	require.Eventually(t, func() bool {
		two.step(t)
		m, err := two.db.Muster(t.Context(), two.id, 0)
		return err == nil && m.OtherAlone == 0
	}, 20*time.Second, 50*time.Millisecond)
	two.step(t)
	require.Equal(t, int64(0), admitted(t, two.Store, "k", r))
	rates, err := two.db.Rates(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1), rates["waits"].Count, "merging it counts nothing twice")
}

// A daemon that is alone and slow to hand over counts beside the other's table, each
// up to the limit; after it nobody gets more.
func TestASlowDaemonAdmitsItsOwnLimitAtMost(t *testing.T) {
	t.Parallel()
	f, r := fleet{t, pgtest.URL(t)}, rate(10, 24*time.Hour)
	one := f.member(limit.Auto)
	two := f.patient(time.Millisecond)
	require.Equal(t, int64(10), admitted(t, two.Store, "k", r))
	for range 7 {
		q, err := one.Get(t.Context(), "k", r)
		require.NoError(t, err)
		require.False(t, q.Reached)
	}
	one.step(t)
	two.step(t)
	require.Zero(t, admittedTogether(t, r, one, two))
}

// A daemon that starts waits for the counters of the one that is there, and not
// for ever for one that is dead.
func TestJoinWaitsForTheHandover(t *testing.T) {
	t.Parallel()
	f, r := fleet{t, pgtest.URL(t)}, rate(10, 24*time.Hour)
	one := f.member(limit.Auto)
	require.Equal(t, int64(10), admitted(t, one.Store, "k", r))
	two := f.patient(time.Millisecond)
	require.NoError(t, two.Join(t.Context(), time.Millisecond), "it is not known yet")
	joined := make(chan error, 1)
	go func() { joined <- two.Join(context.Background(), time.Minute) }()
	one.step(t)
	require.NoError(t, <-joined)
	require.Equal(t, int64(0), admitted(t, two.Store, "k", r))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, two.Join(over, time.Minute))
}
