package tui

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// yielding returns a Follow that runs script and then waits for the end.
func yielding(script func(yield func(meshhook.Entry, error) bool)) func(context.Context, func(tail.State)) iter.Seq2[meshhook.Entry, error] {
	return func(ctx context.Context, _ func(tail.State)) iter.Seq2[meshhook.Entry, error] {
		return func(yield func(meshhook.Entry, error) bool) {
			script(yield)
			<-ctx.Done()
		}
	}
}

// elapse lets the fake time of a bubble pass.
func elapse(d time.Duration) { <-time.After(d) }

// collect takes batches until n entries have come.
func collect(t *testing.T, f *feed, n int) (sizes []int, at []time.Duration) {
	t.Helper()
	begin := time.Now()
	for got := 0; got < n; {
		batch, ok := f.next().(entriesMsg)
		require.True(t, ok)
		got += len(batch)
		sizes, at = append(sizes, len(batch)), append(at, time.Since(begin))
	}
	return sizes, at
}

// A burst of 5,000 entries is a handful of screens, not 5,000.
func TestFeed_BurstIsCoalesced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		ctx, cancel := context.WithCancel(t.Context())
		stopped := f.start(ctx, yielding(func(yield func(meshhook.Entry, error) bool) {
			for _, e := range numbered(1, 5000) {
				yield(e, nil)
			}
		}))
		sizes, _ := collect(t, f, 5000)
		require.LessOrEqual(t, len(sizes), 10)
		cancel()
		<-stopped
		require.Equal(t, endedMsg{}, f.next())
	})
}

// 3,000 entries a second come as 30 batches a second; a single entry comes at once.
func TestFeed_Frames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		ctx, cancel := context.WithCancel(t.Context())
		stopped := f.start(ctx, yielding(func(yield func(meshhook.Entry, error) bool) {
			elapse(time.Second)
			yield(numbered(1, 1)[0], nil)
			elapse(time.Second)
			for _, e := range numbered(1, 3000) {
				elapse(time.Second / 3000)
				yield(e, nil)
			}
		}))
		_, at := collect(t, f, 1)
		require.Equal(t, []time.Duration{time.Second}, at)
		sizes, _ := collect(t, f, 3000)
		require.InDelta(t, 31, len(sizes), 2)
		cancel()
		<-stopped
	})
}

// A batch is bounded; whoever writes faster than that waits.
func TestFeed_Bounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		f.last = time.Now() // a frame has just been shown
		ctx, cancel := context.WithCancel(t.Context())
		stopped := f.start(ctx, yielding(func(yield func(meshhook.Entry, error) bool) {
			for _, e := range numbered(1, batchSize+3000) {
				if !yield(e, nil) {
					return
				}
			}
		}))
		require.Len(t, f.next(), batchSize)
		synctest.Wait()
		cancel() // with the writer waiting
		<-stopped
	})
}

func TestFeed_Failure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		<-f.start(t.Context(), func(context.Context, func(tail.State)) iter.Seq2[meshhook.Entry, error] {
			return func(yield func(meshhook.Entry, error) bool) {
				_ = yield(numbered(1, 1)[0], nil) && yield(meshhook.Entry{}, errReset)
			}
		})
		f.last = time.Now()
		require.Equal(t, entriesMsg(numbered(1, 1)), f.next())
		require.Equal(t, endedMsg{errReset}, f.next())
	})
}

// Whoever was slow hears the newest state.
func TestFeed_NewestState(t *testing.T) {
	t.Parallel()
	f := newFeed()
	f.onState(tail.State{Since: noon})
	f.onState(stateLost())
	require.Equal(t, stateMsg(stateLost()), f.state(t.Context())())
}
