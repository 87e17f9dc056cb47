package limit_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/tests"
	"golang.org/x/sync/errgroup"

	"github.com/profullstack/meshhook/internal/limit"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

func rate(limit int64, period time.Duration) limiter.Rate {
	return limiter.Rate{Limit: limit, Period: period}
}

// pass lets time go by: at once, in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }

// admitted gets a key until it is refused, and returns how often it was not.
func admitted(t *testing.T, s *limit.Store, key string, r limiter.Rate) (n int64) {
	t.Helper()
	for range r.Limit + 1 {
		q, err := s.Get(t.Context(), key, r)
		require.NoError(t, err)
		if q.Reached {
			return n
		}
		n++
		require.Equal(t, r.Limit-n, q.Remaining)
	}
	t.Fatalf("%d of %s were admitted", n, r.Formatted)
	return n
}

// A quota may be used up at once, and in the period that its first request begins
// there is no more of it, however the requests are spread.
func TestAPeriodHasItsQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, r := limit.NewMemory(), rate(10, time.Second)
		require.Equal(t, int64(10), admitted(t, s, "k", r))
		for range 9 {
			pass(100 * time.Millisecond)
			require.Equal(t, int64(0), admitted(t, s, "k", r))
		}
		pass(100*time.Millisecond - time.Nanosecond)
		require.Equal(t, int64(0), admitted(t, s, "k", r))
		pass(time.Nanosecond)
		require.Equal(t, int64(10), admitted(t, s, "k", r))
		require.Equal(t, int64(10), admitted(t, s, "another", r), "each key has its own quota")
	})
}

// Whoever uses the quota up at the end of a period does not get it again in the next.
func TestNoDoubleBurstAtTheEdge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, r := limit.NewMemory(), rate(10, time.Second)
		q, err := s.Get(t.Context(), "k", r)
		require.NoError(t, err)
		require.False(t, q.Reached)
		pass(990 * time.Millisecond)
		for range 9 {
			q, err = s.Get(t.Context(), "k", r)
			require.NoError(t, err)
			require.False(t, q.Reached)
		}
		pass(10 * time.Millisecond) // the next period
		n := 0
		for range 20 {
			if q, err = s.Get(t.Context(), "k", r); !q.Reached {
				n++
			}
			require.NoError(t, err)
		}
		require.LessOrEqual(t, n, 1)
		pass(100 * time.Millisecond)
		q, err = s.Get(t.Context(), "k", r)
		require.NoError(t, err)
		require.False(t, q.Reached, "it comes back one by one")
	})
}

// Over a long time a flood gets exactly its rate.
func TestAFloodGetsItsRate(t *testing.T) {
	t.Parallel()
	for _, r := range []limiter.Rate{rate(100, time.Minute), rate(7, time.Second), rate(1, time.Hour), rate(3, time.Minute)} {
		synctest.Test(t, func(t *testing.T) {
			s, n := limit.NewMemory(), int64(0)
			periods := int64(5)
			for end := time.Now().Add(time.Duration(periods)*r.Period - time.Millisecond); time.Now().Before(end); pass(r.Period / time.Duration(10*r.Limit)) {
				q, err := s.Get(t.Context(), "k", r)
				require.NoError(t, err)
				if !q.Reached {
					n++
				}
			}
			require.InDelta(t, periods*r.Limit, n, 1.01)
		})
	}
}

// Whoever waits as long as Reset says, rounded up to the next second, is admitted.
func TestResetIsNeverTooEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, r := limit.NewMemory(), rate(3, 10*time.Second)
		pass(123 * time.Millisecond)
		for range 5 {
			for reached := false; !reached; {
				q, err := s.Get(t.Context(), "k", r)
				require.NoError(t, err)
				reached = q.Reached
			}
			q, err := s.Peek(t.Context(), "k", r)
			require.NoError(t, err)
			require.True(t, q.Reached)
			require.Zero(t, q.Remaining)
			require.LessOrEqual(t, q.Reset-time.Now().Unix(), int64(10))
			pass(time.Until(time.Unix(q.Reset+1, 0)))
			q, err = s.Get(t.Context(), "k", r)
			require.NoError(t, err)
			require.False(t, q.Reached)
		}
	})
}

func TestRatesAtTheEdgeOfWhatCanBe(t *testing.T) {
	t.Parallel()
	s := limit.NewMemory()
	q, err := s.Get(t.Context(), "none", rate(0, time.Second))
	require.NoError(t, err)
	require.True(t, q.Reached, "a limit of 0 admits nothing")
	q, err = s.Get(t.Context(), "huge", rate(999_999_999_999, time.Second))
	require.NoError(t, err)
	require.False(t, q.Reached)
	q, err = s.Get(t.Context(), "long", rate(1, 290*365*24*time.Hour))
	require.NoError(t, err)
	require.False(t, q.Reached)
	q, err = s.Increment(t.Context(), "many", 1<<62, rate(5, time.Second))
	require.NoError(t, err)
	require.True(t, q.Reached)
	require.Equal(t, int64(5), q.Remaining, "what is refused costs nothing")
	q, err = s.Increment(t.Context(), "many", 5, rate(5, time.Second))
	require.NoError(t, err)
	require.False(t, q.Reached)
	require.Zero(t, q.Remaining)
}

func TestMemoryForgetsWhatIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, r := limit.NewMemory(), rate(10, time.Second)
		for i := range 100_000 {
			_, err := s.Get(t.Context(), fmt.Sprint(i), r)
			require.NoError(t, err)
			if i%100 == 0 {
				pass(time.Second)
			}
		}
		require.LessOrEqual(t, s.Kept(), 1200)
	})
}

// both runs a test on the memory and on the table.
func both(t *testing.T, test func(t *testing.T, s *limit.Store)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, limit.NewMemory())
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, fleet{t, pgtest.URL(t)}.member(limit.Postgres).Store)
	})
}

// The suite of ulule/limiter for its own stores. Its test of concurrency looks for
// errors only, in a quarter of a million requests, which is too much for the table:
// the test below looks at the count.
func TestTheSuiteOfTheLibrary(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *limit.Store) { tests.TestStoreSequentialAccess(t, s) })
	tests.TestStoreConcurrentAccess(t, limit.NewMemory())
}

func TestManyAtOnceGetExactlyTheQuota(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *limit.Store) {
		var n atomic.Int64
		var group errgroup.Group
		for range 16 {
			group.Go(func() error {
				for range 50 {
					q, err := s.Get(context.Background(), "k", rate(100, 24*time.Hour))
					if err != nil {
						return err
					}
					if !q.Reached {
						n.Add(1)
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		require.Equal(t, int64(100), n.Load())
	})
}

func TestTheTableRefillsLikeTheMemory(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *limit.Store) {
		r := rate(20, 500*time.Millisecond)
		begin := time.Now()
		n := int64(0)
		for ; time.Since(begin) < 2*time.Second; n++ {
			for {
				q, err := s.Get(t.Context(), "k", r)
				require.NoError(t, err)
				if !q.Reached {
					break
				}
			}
		}
		require.LessOrEqual(t, n, 20*(1+int64(time.Since(begin)/r.Period)))
		require.GreaterOrEqual(t, n, int64(40), "on a machine that is busy, too")
	})
}

// slow is a table that answers Rate only when it is let.
type slow struct {
	limit.Table
	asked atomic.Int64
	let   chan struct{}
}

func (s *slow) Rate(ctx context.Context, key string) (meshhook.RateStanding, error) {
	s.asked.Add(1)
	<-s.let
	return s.Table.Rate(ctx, key)
}

// Those who find the last answer too old ask for a new one together.
func TestPeeksAtOnceAreOneQuestion(t *testing.T) {
	t.Parallel()
	m := fleet{t, pgtest.URL(t)}.member(limit.Postgres)
	table := &slow{Table: m.db, let: make(chan struct{})}
	s := limit.New(limit.Options{Where: limit.Postgres, Table: table, Daemon: m.id})
	_, err := s.Step(t.Context())
	require.NoError(t, err)
	const peeks = 50
	var begun atomic.Int64
	var group errgroup.Group
	for range peeks {
		group.Go(func() error {
			begun.Add(1)
			q, err := s.Peek(context.Background(), "k", rate(5, time.Hour))
			if err == nil && q.Remaining != 5 {
				err = fmt.Errorf("%d remain", q.Remaining)
			}
			return err
		})
	}
	require.Eventually(t, func() bool { return begun.Load() == peeks && table.asked.Load() > 0 }, 10*time.Second, time.Millisecond)
	close(table.let)
	require.NoError(t, group.Wait())
	require.Equal(t, int64(1), table.asked.Load())
}

// A flood over the limit costs no query, in whatever book it is counted.
func TestAFloodCostsNoQuery(t *testing.T) {
	t.Parallel()
	f, r := fleet{t, pgtest.URL(t)}, rate(5, time.Hour)
	m := f.member(limit.Postgres)
	require.Equal(t, int64(5), admitted(t, m.Store, "k", r))
	m.db.Close()
	for range 1000 {
		q, err := m.Get(t.Context(), "k", r)
		require.NoError(t, err)
		require.True(t, q.Reached)
		require.Positive(t, q.Reset)
		q, err = m.Peek(t.Context(), "k", r)
		require.NoError(t, err)
		require.True(t, q.Reached)
	}
}

// While the database does not answer each daemon counts for itself, and says so.
func TestWithoutADatabaseEachCountsForItself(t *testing.T) {
	t.Parallel()
	f, r := fleet{t, pgtest.URL(t)}, rate(5, time.Hour)
	failures := 0
	db, id := pgtest.Open(t, f.dsn), meshhook.NewID()
	s := limit.New(limit.Options{Where: limit.Postgres, Table: db, Daemon: id, OnError: func(error) { failures++ }})
	_, err := s.Step(t.Context())
	require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err), "a daemon that is not in the list")
	require.NoError(t, db.Beat(t.Context(), meshhook.Daemon{ID: id, Roles: []string{"ingress"}}))
	_, err = s.Step(t.Context())
	require.NoError(t, err)
	db.Close()
	require.Equal(t, int64(5), admitted(t, s, "k", r))
	require.Equal(t, 6, failures, "one for each question; the rest are answered without")
	q, err := s.Peek(t.Context(), "another", r)
	require.NoError(t, err)
	require.Equal(t, int64(5), q.Remaining)
	require.Equal(t, 7, failures)
	require.Error(t, s.Close(t.Context()))

	cut := limit.New(limit.Options{Table: db, Daemon: id})
	_, err = cut.Step(t.Context())
	require.Error(t, err)
	require.Equal(t, int64(5), admitted(t, cut, "k", r))
}

func TestResetBeginsAnew(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *limit.Store) {
		r := rate(2, time.Hour)
		require.Equal(t, int64(2), admitted(t, s, "k", r))
		q, err := s.Reset(t.Context(), "k", r)
		require.NoError(t, err)
		require.Equal(t, int64(2), q.Remaining)
		require.Equal(t, int64(2), admitted(t, s, "k", r))
		require.Equal(t, int64(2), admitted(t, s, "k at another rate", r))
	})
}
