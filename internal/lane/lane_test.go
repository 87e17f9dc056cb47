package lane_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/lane"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// elapse lets d go by on the fake clock of a synctest bubble.
func elapse(d time.Duration) { <-time.After(d) }

// book is a Write that remembers. Each write takes a second on the fake clock.
type book struct {
	mu       sync.Mutex
	writes   [][]string       // every call, in order
	poison   map[string]error // items that make their write fail
	longest  int              // most calls under way at once
	underway int
}

func (b *book) write(_ context.Context, items []string) ([]string, error) {
	b.mu.Lock()
	b.writes = append(b.writes, items)
	b.underway++
	b.longest = max(b.longest, b.underway)
	b.mu.Unlock()
	elapse(time.Second)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.underway--
	results := make([]string, len(items))
	for i, item := range items {
		if err := b.poison[item]; err != nil {
			return nil, err
		}
		results[i] = "stored " + item
	}
	return results, nil
}

// answer is what Do returned.
type answer struct {
	Result string
	Err    string
}

// submission is a call of Do on its way.
type submission struct {
	answer chan answer
}

// submit calls Do in a goroutine and returns once the item is queued or taken.
func submit(ctx context.Context, l *lane.Lane[string, string], item string) submission {
	s := submission{make(chan answer, 1)}
	go func() {
		result, err := l.Do(ctx, item)
		a := answer{Result: result}
		if err != nil {
			a.Err = err.Error()
		}
		s.answer <- a
	}()
	synctest.Wait()
	return s
}

func submitAll(ctx context.Context, l *lane.Lane[string, string], items string) []submission {
	var all []submission
	for _, item := range strings.Fields(items) {
		all = append(all, submit(ctx, l, item))
	}
	return all
}

func answers(all []submission) []answer {
	got := make([]answer, len(all))
	for i, s := range all {
		got[i] = <-s.answer
	}
	return got
}

func TestLane_GroupsWhatWaits(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		opts lane.Options
		want [][]string
	}{
		"one worker": {lane.Options{}, [][]string{{"a"}, {"b", "c", "d", "e", "f"}}},
		"two workers": {
			lane.Options{Workers: 2},
			[][]string{{"a"}, {"b"}, {"c", "d", "e", "f"}},
		},
		"full batches": {lane.Options{MaxBatch: 2}, [][]string{{"a"}, {"b", "c"}, {"d", "e"}, {"f"}}},
		"exactly full": {lane.Options{MaxBatch: 5}, [][]string{{"a"}, {"b", "c", "d", "e", "f"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var b book
				l := lane.New(tt.opts, b.write)
				all := submitAll(t.Context(), l, "a b c d e f")
				require.Equal(t, []answer{
					{Result: "stored a"},
					{Result: "stored b"},
					{Result: "stored c"},
					{Result: "stored d"},
					{Result: "stored e"},
					{Result: "stored f"},
				}, answers(all))
				require.Equal(t, tt.want, b.writes)
				require.Equal(t, max(tt.opts.Workers, 1), b.longest)
			})
		})
	}
}

func TestLane_IdleNeverWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b book
		l := lane.New(lane.Options{Gather: time.Hour}, b.write)
		begin := time.Now()
		for range 3 {
			_, err := l.Do(t.Context(), "a")
			require.NoError(t, err)
		}
		require.Equal(t, 3*time.Second, time.Since(begin), "the writes and nothing else")
	})
}

func TestLane_Gathers(t *testing.T) {
	t.Parallel()
	const gather = time.Minute
	load := func(t *testing.T, b *book, o lane.Options) *lane.Lane[string, string] {
		t.Helper()
		l := lane.New(o, b.write)
		answers(submitAll(t.Context(), l, "a b c d"))
		require.Equal(t, [][]string{{"a"}, {"b", "c", "d"}}, b.writes)
		b.writes = nil
		synctest.Wait() // the worker gathers now, in hope of three
		return l
	}
	for name, tt := range map[string]struct {
		items string
		want  [][]string
		took  time.Duration
	}{
		"until as many have come": {"e f g", [][]string{{"e", "f", "g"}}, time.Second},
		"until its time is up":    {"e f", [][]string{{"e", "f"}}, gather + time.Second},
		"for nobody":              {"", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var b book
				l := load(t, &b, lane.Options{Gather: gather})
				begin := time.Now()
				answers(submitAll(t.Context(), l, tt.items))
				require.Equal(t, tt.want, b.writes)
				require.Equal(t, tt.took, time.Since(begin))
				require.NoError(t, l.Close(t.Context()))
			})
		})
	}
	t.Run("not when the queue is as long already", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var b book
			l := lane.New(lane.Options{Gather: gather, MaxBatch: 2}, b.write)
			begin := time.Now()
			answers(submitAll(t.Context(), l, "a b c d e"))
			require.Equal(t, [][]string{{"a"}, {"b", "c"}, {"d", "e"}}, b.writes)
			require.Equal(t, 3*time.Second, time.Since(begin))
			require.NoError(t, l.Close(t.Context()))
		})
	})
	t.Run("not when closing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var b book
			l := load(t, &b, lane.Options{Gather: gather})
			begin := time.Now()
			s := submit(t.Context(), l, "e")
			require.NoError(t, l.Close(t.Context()))
			require.Equal(t, time.Second, time.Since(begin))
			require.Equal(t, answer{Result: "stored e"}, <-s.answer)
		})
	})
}

func TestLane_PoisonedItemFailsAlone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		poison string
		want   string // answers in order: + stored, - its own error
		writes int    // with those of the first, single item
	}{
		"none":        {"", "++++++++", 2},
		"first":       {"b", "-+++++++", 2 + 6},
		"last":        {"i", "+++++++-", 2 + 6},
		"two":         {"c h", "+-++++-+", 2 + 10},
		"all of them": {"b c d e f g h i", "--------", 2 + 14},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := book{poison: map[string]error{}}
				for _, item := range strings.Fields(tt.poison) {
					b.poison[item] = errors.New(item + " has a NUL")
				}
				l := lane.New(lane.Options{}, b.write)
				all := submitAll(t.Context(), l, "a b c d e f g h i")
				require.Equal(t, answer{Result: "stored a"}, <-all[0].answer)
				var want []answer
				for i, item := range strings.Fields("b c d e f g h i") {
					if tt.want[i] == '+' {
						want = append(want, answer{Result: "stored " + item})
					} else {
						want = append(want, answer{Err: item + " has a NUL"})
					}
				}
				require.Equal(t, want, answers(all[1:]))
				require.Len(t, b.writes, tt.writes)
			})
		})
	}
}

func TestLane_FatalErrorIsEverybodys(t *testing.T) {
	t.Parallel()
	gone := errors.New("connection reset")
	fatal := func(err error) bool { return errors.Is(err, gone) }

	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := book{poison: map[string]error{"c": fmt.Errorf("storing: %w", gone)}}
			l := lane.New(lane.Options{Fatal: fatal}, b.write)
			all := submitAll(t.Context(), l, "a b c d")
			require.Equal(t, []answer{
				{Result: "stored a"},
				{Err: "storing: connection reset"},
				{Err: "storing: connection reset"},
				{Err: "storing: connection reset"},
			}, answers(all))
			require.Equal(t, [][]string{{"a"}, {"b", "c", "d"}}, b.writes)
			// The lane itself goes on.
			require.Equal(t, answer{Result: "stored e"}, <-submit(t.Context(), l, "e").answer)
		})
	})
	t.Run("while a poisoned item is looked for", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			// The writes of b…e fail for b, those of b alone, too; then c's is fatal.
			b := book{poison: map[string]error{"b": errors.New("bad"), "c": gone}}
			l := lane.New(lane.Options{Fatal: fatal}, b.write)
			all := submitAll(t.Context(), l, "a b c d e")
			require.Equal(t, []answer{
				{Result: "stored a"},
				{Err: "bad"},
				{Err: "connection reset"},
				{Err: "connection reset"},
				{Err: "connection reset"},
			}, answers(all))
			require.Equal(t, [][]string{{"a"}, {"b", "c", "d", "e"}, {"b", "c"}, {"b"}, {"c"}}, b.writes)
		})
	})
}

func TestLane_PanicIsAnErrorOfItsItem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b book
		l := lane.New(lane.Options{}, func(ctx context.Context, items []string) ([]string, error) {
			results, err := b.write(ctx, items)
			for _, item := range items {
				if item == "c" {
					panic("boom")
				}
			}
			return results, err
		})
		all := submitAll(t.Context(), l, "a b c d")
		require.Equal(t, []answer{
			{Result: "stored a"}, {Result: "stored b"}, {Err: "storing failed: panic: boom"}, {Result: "stored d"},
		}, answers(all))

		_, err := l.Do(t.Context(), "c")
		require.Equal(t, meshhook.CodeInternal, meshhook.ErrorCode(err))
		panicked, ok := errors.AsType[*lane.PanicError](err)
		require.True(t, ok)
		require.Equal(t, "boom", panicked.Value)
		require.Contains(t, string(panicked.Stack), "lane_test.go")
	})
}

// A write that was acknowledged must not be repeated, whatever it returned.
func TestLane_WrongNumberOfResults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b book
		l := lane.New(lane.Options{}, func(ctx context.Context, items []string) ([]string, error) {
			results, err := b.write(ctx, items)
			if len(items) > 1 {
				return results[1:], err
			}
			return results, err
		})
		const wrong = "storing returned a wrong number of results: 1 for 2 items"
		require.Equal(t, []answer{{Result: "stored a"}, {Err: wrong}, {Err: wrong}}, answers(submitAll(t.Context(), l, "a b c")))
		require.Len(t, b.writes, 2)
	})
}

func TestLane_FullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b book
		l := lane.New(lane.Options{MaxQueue: 2}, b.write)
		leaving, leave := context.WithCancel(t.Context())
		first := submit(t.Context(), l, "a") // taken, not waiting
		second := submit(leaving, l, "b")
		third := submit(t.Context(), l, "c")

		begin := time.Now()
		_, err := l.Do(t.Context(), "d")
		require.Equal(t, meshhook.CodeUnavailable, meshhook.ErrorCode(err))
		require.EqualError(t, err, "too many requests wait to be stored; try again in a moment")
		require.Zero(t, time.Since(begin))

		leave() // makes room
		require.Equal(t, answer{Err: "context canceled"}, <-second.answer)
		fifth := submit(t.Context(), l, "e")
		require.Equal(t, []answer{{Result: "stored a"}, {Result: "stored c"}, {Result: "stored e"}}, answers([]submission{first, third, fifth}))
		require.Equal(t, [][]string{{"a"}, {"c", "e"}}, b.writes)
	})
}

func TestLane_SubmitterLeaves(t *testing.T) {
	t.Parallel()
	reason := errors.New("the sender hung up")

	t.Run("before it came", func(t *testing.T) {
		t.Parallel()
		ctx, leave := context.WithCancelCause(t.Context())
		leave(reason)
		l := lane.New(lane.Options{}, func(context.Context, []string) ([]string, error) { panic("must not be called") })
		_, err := l.Do(ctx, "a")
		require.ErrorIs(t, err, reason)
	})
	t.Run("while the item waits: withdrawn", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var b book
			l := lane.New(lane.Options{}, b.write)
			ctx, leave := context.WithCancelCause(t.Context())
			first, second := submit(t.Context(), l, "a"), submit(ctx, l, "b")
			begin := time.Now()
			leave(reason)
			require.Equal(t, answer{Err: "the sender hung up"}, <-second.answer)
			require.Zero(t, time.Since(begin))
			require.Equal(t, answer{Result: "stored a"}, <-first.answer)
			require.NoError(t, l.Close(t.Context()))
			require.Equal(t, [][]string{{"a"}}, b.writes)
		})
	})
	t.Run("when the item is taken: the outcome counts", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var b book
			l := lane.New(lane.Options{}, b.write)
			ctx, leave := context.WithCancelCause(t.Context())
			first := submit(ctx, l, "a")
			leave(reason)
			require.Equal(t, answer{Result: "stored a"}, <-first.answer)
		})
	})
}

// The context of a write knows nothing of a submitter's: one who leaves must not
// cut off the others.
func TestLane_WriteHasItsOwnContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	ctx, leave := context.WithTimeout(context.WithValue(t.Context(), key{}, "mine"), time.Hour)
	l := lane.New(lane.Options{}, func(ctx context.Context, items []string) ([]string, error) {
		leave()
		_, limited := ctx.Deadline()
		return []string{fmt.Sprintf("%v %v %v", limited, ctx.Value(key{}), ctx.Err())}, nil
	})
	got, err := l.Do(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, "false <nil> <nil>", got)
}

func TestLane_Close(t *testing.T) {
	t.Parallel()
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		var b book
		l := lane.New(lane.Options{}, b.write)
		require.NoError(t, l.Close(t.Context()))
		require.NoError(t, l.Close(t.Context()), "a second time")
		_, err := l.Do(t.Context(), "a")
		require.Equal(t, meshhook.CodeUnavailable, meshhook.ErrorCode(err))
		require.EqualError(t, err, "shutting down; try again in a moment")
	})
	t.Run("writes what waits", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var b book
			l := lane.New(lane.Options{Workers: 2}, b.write)
			all := submitAll(t.Context(), l, "a b c d")
			require.NoError(t, l.Close(t.Context()))
			require.Equal(t, [][]string{{"a"}, {"b"}, {"c", "d"}}, b.writes)
			require.Equal(t, []answer{{Result: "stored a"}, {Result: "stored b"}, {Result: "stored c"}, {Result: "stored d"}}, answers(all))
		})
	})
	t.Run("out of time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			l := lane.New(lane.Options{}, func(ctx context.Context, _ []string) ([]string, error) {
				<-ctx.Done() // a database that does not answer
				return nil, ctx.Err()
			})
			all := submitAll(t.Context(), l, "a b c")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			begin := time.Now()
			require.ErrorIs(t, l.Close(ctx), context.DeadlineExceeded)
			require.Equal(t, time.Minute, time.Since(begin))
			require.Equal(t, []answer{
				{Err: "shut down while it was being stored: context canceled"},
				{Err: "shut down before it was stored; try again in a moment"},
				{Err: "shut down before it was stored; try again in a moment"},
			}, answers(all))
		})
	})
}
