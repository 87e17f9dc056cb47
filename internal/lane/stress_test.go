package lane_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/lane"
	"github.com/profullstack/meshhook/internal/meshhook"
)

var errPoison = errors.New("poisoned")

// shelf stores numbers all or nothing, and refuses a batch with a poisoned one.
type shelf struct {
	mu     sync.Mutex
	stored map[int]int // number → how often
}

func (s *shelf) write(_ context.Context, items []int) ([]int, error) {
	results := make([]int, len(items))
	for i, n := range items {
		if poisoned(n) {
			return nil, errPoison
		}
		results[i] = -n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range items {
		s.stored[n]++
	}
	return results, nil
}

func poisoned(n int) bool { return n%97 == 13 }

// What was acknowledged is stored, once; what was not is not stored: with
// poisoned items, submitters who leave, a short queue, and a Close in the midst.
func TestLane_Stress(t *testing.T) {
	t.Parallel()
	const submitters, each = 32, 400
	s := shelf{stored: map[int]int{}}
	l := lane.New(lane.Options{Workers: 2, MaxBatch: 16, MaxQueue: 24, Gather: 50 * time.Microsecond}, s.write)

	want := map[int]int{}
	kinds := map[string]int{}
	var mu sync.Mutex
	var submitted atomic.Int32
	late := make(chan struct{})
	var wg sync.WaitGroup
	for w := range submitters {
		wg.Go(func() {
			for i := range each {
				if submitted.Add(1) == submitters*each*3/4 {
					close(late)
				}
				n := 1 + w*each + i
				kind, ok := submitNumber(t, l, n)
				mu.Lock()
				kinds[kind]++
				if ok {
					want[n] = 1
				}
				mu.Unlock()
			}
		})
	}
	<-late
	require.NoError(t, l.Close(t.Context()))
	wg.Wait()
	require.Equal(t, want, s.stored)
	for _, kind := range []string{"stored", "poisoned", "refused"} {
		require.NotZero(t, kinds[kind], "%s: %v", kind, kinds)
	}
}

// submitNumber submits n, one time in eight with a context that ends soon.
func submitNumber(t *testing.T, l *lane.Lane[int, int], n int) (kind string, ok bool) {
	ctx := t.Context()
	if rand.IntN(8) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(100))*time.Microsecond)
		defer cancel()
	}
	got, err := l.Do(ctx, n)
	switch {
	case err == nil:
		if got != -n {
			t.Errorf("%d got the result of %d", n, -got)
		}
		return "stored", true
	case errors.Is(err, errPoison):
		if !poisoned(n) {
			t.Errorf("%d got the error of its neighbour", n)
		}
		return "poisoned", false
	case errors.Is(err, context.DeadlineExceeded):
		return "left", false
	case meshhook.ErrorCode(err) == meshhook.CodeUnavailable:
		return "refused", false
	default:
		t.Errorf("%d: %v", n, err)
		return "", false
	}
}

// BenchmarkDo_Idle is the price of the lane for a lonely item.
func BenchmarkDo_Idle(b *testing.B) {
	l := lane.New(lane.Options{}, echo)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Do(b.Context(), 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDo_Busy is the price under load: 64 submitters, and a write that
// costs next to nothing.
func BenchmarkDo_Busy(b *testing.B) {
	for name, o := range map[string]lane.Options{
		"workers=1":            {},
		"workers=2":            {Workers: 2},
		"workers=1 gather=1ms": {Gather: time.Millisecond},
	} {
		b.Run(name, func(b *testing.B) {
			var writes atomic.Int64
			l := lane.New(o, func(ctx context.Context, items []int) ([]int, error) {
				writes.Add(1)
				return echo(ctx, items)
			})
			b.ReportAllocs()
			b.SetParallelism(64)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := l.Do(b.Context(), 1); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/float64(writes.Load()), "items/write")
		})
	}
}

func echo(_ context.Context, items []int) ([]int, error) { return items, nil }
