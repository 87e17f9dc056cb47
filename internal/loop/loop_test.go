package loop_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/backoff"
	"github.com/profullstack/meshhook/internal/loop"
)

// elapse lets d go by on the fake clock of a synctest bubble.
func elapse(d time.Duration) { <-time.After(d) }

// start runs l inside a synctest bubble and returns what stops it and waits for
// its end.
func start(t *testing.T, l *loop.Loop) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(t, <-done)
	}
}

func TestLoop_TicksAndHearsItsBell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		bell := loop.NewBell()
		stop := start(t, &loop.Loop{
			Name: "worker", Bell: bell.C(), Every: time.Second,
			Work: func(context.Context) (bool, error) {
				at = append(at, time.Since(begin))
				return false, nil
			},
		})
		elapse(2500 * time.Millisecond) // rounds at 0 s, 1 s, 2 s
		bell.Ring()
		elapse(1100 * time.Millisecond)
		stop()
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second, 2500 * time.Millisecond, 3500 * time.Millisecond}, at)
	})
}

func TestLoop_WorksUntilDry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		left, rounds := 5, 0
		stop := start(t, &loop.Loop{Every: time.Hour, Work: func(context.Context) (bool, error) {
			rounds++
			left--
			return left > 0, nil
		}})
		synctest.Wait()
		stop()
		require.Equal(t, 5, rounds)
	})
}

func TestLoop_RingDuringWorkIsNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bell, rounds := loop.NewBell(), 0
		stop := start(t, &loop.Loop{Bell: bell.C(), Every: time.Hour, Work: func(context.Context) (bool, error) {
			if rounds++; rounds == 1 {
				bell.Ring()
			}
			return false, nil
		}})
		synctest.Wait()
		stop()
		require.Equal(t, 2, rounds)
	})
}

func TestLoop_BacksOffAndSaysSoOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var heard []string
		begin := time.Now()
		var at []time.Duration
		answers := []error{errors.New("down"), errors.New("down"), errors.New("refused"), errors.New("refused"), nil, errors.New("refused"), nil}
		bell := loop.NewBell()
		stop := start(t, &loop.Loop{
			Name: "engine", Bell: bell.C(), Every: time.Minute,
			Backoff: backoff.Policy{Initial: time.Second, Max: 4 * time.Second, Multiplier: 2},
			Log:     slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
			OnError: func(err error) { heard = append(heard, err.Error()) },
			Work: func(context.Context) (bool, error) {
				at = append(at, time.Since(begin)/time.Second)
				if len(at) > len(answers) {
					return false, nil
				}
				return true, answers[len(at)-1]
			},
		})
		synctest.Wait()
		bell.Ring() // must not shorten the wait; it is heard after the work has run dry
		elapse(30 * time.Second)
		stop()
		require.Equal(t, []time.Duration{0, 1, 3, 7, 11, 11, 12, 12, 12}, at)
		require.Equal(t, []string{"down", "down", "refused", "refused", "refused"}, heard)
		require.Equal(t, `level=ERROR msg="background work fails" loop=engine error=down retry_in=1s
level=ERROR msg="background work fails" loop=engine error=refused retry_in=4s
level=INFO msg="background work has recovered" loop=engine failures=4
level=ERROR msg="background work fails" loop=engine error=refused retry_in=1s
level=INFO msg="background work has recovered" loop=engine failures=1
`, log.String())
	})
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func TestLoop_SurvivesPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var heard error
		rounds := 0
		stop := start(t, &loop.Loop{
			Name: "tail", Every: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil)),
			OnError: func(err error) { heard = err },
			Work: func(context.Context) (bool, error) {
				if rounds++; rounds == 1 {
					explode()
				}
				return false, nil
			},
		})
		elapse(time.Second) // the default policy tries again after some 100 ms
		stop()
		require.Equal(t, 2, rounds)
		require.EqualError(t, heard, "panic: boom")
		panicked, ok := errors.AsType[*loop.PanicError](heard)
		require.True(t, ok)
		require.Equal(t, "boom", panicked.Value)
		require.Contains(t, string(panicked.Stack), "explode")
		require.Equal(t, 1, strings.Count(log.String(), "stack="))
	})
}

func explode() { panic("boom") }

func TestLoop_StopsCleanly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var finished atomic.Bool
		var heard []error
		done := make(chan error, 1)
		l := &loop.Loop{
			Every:   time.Second,
			OnError: func(err error) { heard = append(heard, err) },
			Work: func(ctx context.Context) (bool, error) {
				<-ctx.Done()
				elapse(5 * time.Second) // what it finishes all the same
				finished.Store(true)
				return true, ctx.Err()
			},
		}
		go func() { done <- l.Run(ctx) }()
		synctest.Wait()
		cancel()
		require.NoError(t, <-done)
		require.True(t, finished.Load(), "Run returned before Work did")
		require.Empty(t, heard, "an end that was asked for is no failure")
	})
}

func TestLoop_EndedBeforeItBegan(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := &loop.Loop{Every: time.Second, Work: func(context.Context) (bool, error) {
		panic("must not be called")
	}}
	require.NoError(t, l.Run(ctx))
}

func TestLoop_StopsWhileBackingOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		stop := start(t, &loop.Loop{
			Every: time.Second, Backoff: backoff.Policy{Initial: time.Hour, Max: time.Hour, Multiplier: 1},
			Work: func(context.Context) (bool, error) { return false, errors.New("down") },
		})
		synctest.Wait()
		stop()
		require.Zero(t, time.Since(begin))
	})
}

func TestLoop_RefusesToRunUnfinished(t *testing.T) {
	t.Parallel()
	work := func(context.Context) (bool, error) { return false, nil }
	for name, l := range map[string]*loop.Loop{
		"no work":        {Name: "x", Every: time.Second},
		"no tick":        {Name: "x", Work: work},
		"a tick of less": {Name: "x", Work: work, Every: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.EqualError(t, l.Run(t.Context()), `loop "x" needs Work and an Every above zero`)
		})
	}
}

func TestBell(t *testing.T) {
	t.Parallel()
	bell := loop.NewBell()
	select {
	case <-bell.C():
		t.Fatal("a new bell rings")
	default:
	}
	for range 100 {
		bell.Ring()
	}
	<-bell.C()
	select {
	case <-bell.C():
		t.Fatal("rings before the look are one ring")
	default:
	}
}
