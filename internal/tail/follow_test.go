package tail_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

func entry(detail string) meshhook.Entry {
	return meshhook.Entry{Kind: meshhook.EntryEventAccepted, Detail: detail}
}

func TestFollow_FromNowOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		j.begin().add(entry("old")).commit()
		w := follow(t.Context(), j, tail.Options{})
		synctest.Wait()
		j.begin().add(entry("a"), entry("b")).commit()
		synctest.Wait() // no fake time has passed: the bell brought it
		require.Equal(t, []string{"a", "b"}, w.details())
		require.Equal(t, []time.Duration{0, 0}, w.at)
		w.end()
		require.NoError(t, w.err)
		require.Equal(t, []string{"0s connected"}, w.said())
	})
}

func TestFollow_Since(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		j.begin().add(entry("too old")).commit()
		elapse(time.Minute)
		since := time.Now()
		j.begin().add(entry("backlog")).commit()
		w := follow(t.Context(), j, tail.Options{Filter: meshhook.EntryFilter{Since: since}})
		synctest.Wait()
		j.begin().add(entry("live")).commit()
		synctest.Wait()
		require.Equal(t, []string{"backlog", "live"}, w.details())
		require.Equal(t, []time.Time{since}, j.asked)
		w.end()
	})
}

// Who comes back with the place of the last entry goes on behind it.
func TestFollow_AfterAnEntry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		since := time.Now()
		j.begin().add(entry("a"), entry("b")).commit()
		seen, err := j.EntriesAfter(t.Context(), meshhook.Cursor{}, 1)
		require.NoError(t, err)
		w := follow(t.Context(), j, tail.Options{After: &seen[0].Cursor, Filter: meshhook.EntryFilter{Since: since}})
		synctest.Wait()
		j.begin().add(entry("c")).commit()
		synctest.Wait()
		require.Equal(t, []string{"b", "c"}, w.details())
		require.Empty(t, j.asked, "the beginning is known")
		w.end()
	})
}

// A backlog of more than one batch is read without resting, the filter does not
// hold the cursor up, and the filtered entries are left out.
func TestFollow_LongBacklogFiltered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, want := newJournal(), []string{}
		since := time.Now()
		for i := range 1200 {
			e := entry(fmt.Sprint(i))
			if i%3 == 0 {
				e.Webhook = "stripe"
				want = append(want, e.Detail)
			}
			j.begin().add(e).commit()
		}
		w := follow(t.Context(), j, tail.Options{Filter: meshhook.EntryFilter{Since: since, Webhook: "stripe"}})
		synctest.Wait()
		require.Equal(t, want, w.details())
		require.Zero(t, w.at[len(w.at)-1])
		w.end()
	})
}

// The bell rings when a transaction commits that is not yet below xmin. The
// follower comes back soon by itself, no later than the time it had to wait.
func TestFollow_BellRingsTooEarly(t *testing.T) {
	t.Parallel()
	for _, held := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 400 * time.Millisecond, 10 * time.Second} {
		t.Run(held.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				j := newJournal()
				w := follow(t.Context(), j, tail.Options{})
				elapse(time.Minute)
				older := j.begin() // ends without a bell: it writes no journal
				j.begin().add(entry("hidden")).commit()
				elapse(held)
				synctest.Wait()
				require.Empty(t, w.details())
				older.commit()
				elapse(min(max(held, 20*time.Millisecond), time.Second) + time.Millisecond)
				synctest.Wait()
				require.Equal(t, []string{"hidden"}, w.details())
				w.end()
			})
		})
	}
}

// What a commit let through is not all: another one hides behind the same bell.
func TestFollow_SecondEntryBehindOneBell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		w := follow(t.Context(), j, tail.Options{})
		elapse(time.Minute)
		first, older, second := j.begin(), j.begin(), j.begin()
		second.add(entry("second")).commit()
		first.add(entry("first")).commit()
		synctest.Wait()
		require.Equal(t, []string{"first"}, w.details())
		older.commit()
		elapse(21 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, []string{"first", "second"}, w.details())
		w.end()
	})
}

// An idle follower polls once a second, and a lost ring costs no more than that.
func TestFollow_PollIsTheGuarantee(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		j.change(func(j *journal) { j.mute = true })
		w := follow(t.Context(), j, tail.Options{})
		elapse(time.Minute)
		before := j.looks()
		elapse(10 * time.Second)
		synctest.Wait()
		require.Equal(t, 10, j.looks()-before)
		j.begin().add(entry("not rung")).commit()
		elapse(time.Second)
		synctest.Wait()
		require.Equal(t, []string{"not rung"}, w.details())
		w.end()
	})
}

func TestFollow_ShortPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		w := follow(t.Context(), j, tail.Options{Poll: time.Millisecond})
		elapse(10*time.Millisecond + time.Microsecond)
		synctest.Wait()
		w.end()
		require.Len(t, j.reads, 12) // at the start, for the first ring, then every millisecond
	})
}

// Writers that overlap at random, connections that fall, a server that fails to
// answer: every entry comes once, in order.
func TestFollow_NoGaps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				j := newJournal()
				w := follow(t.Context(), j, tail.Options{})
				synctest.Wait()
				var writers sync.WaitGroup
				for n := range 8 {
					luck := rand.New(rand.NewPCG(seed, uint64(n)))
					writers.Go(func() {
						for i := range 50 {
							tx := j.begin()
							elapse(time.Duration(luck.IntN(30)) * time.Millisecond)
							for k := range luck.IntN(3) {
								tx.add(entry(fmt.Sprint(n, i, k)))
							}
							tx.commit()
						}
					})
				}
				writers.Go(func() {
					luck := rand.New(rand.NewPCG(seed, 99))
					for range 5 {
						elapse(time.Duration(luck.IntN(200)) * time.Millisecond)
						j.drop()
						j.change(func(j *journal) { j.readErr = errGone })
						elapse(time.Duration(luck.IntN(200)) * time.Millisecond)
						j.change(func(j *journal) { j.readErr = nil })
					}
				})
				writers.Wait()
				elapse(10 * time.Second)
				w.end()
				all, err := j.EntriesAfter(t.Context(), meshhook.Cursor{}, 1e6)
				require.NoError(t, err)
				var want []string
				for _, e := range all {
					want = append(want, e.Detail)
				}
				require.Equal(t, want, w.got)
			})
		})
	}
}

// The order and the identity of what comes, entry by entry.
func TestFollow_InOrderOfTransactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		w := follow(t.Context(), j, tail.Options{})
		synctest.Wait()
		one, two, three := j.begin(), j.begin(), j.begin()
		three.add(entry("3a"), entry("3b"))
		two.add(entry("2"))
		one.add(entry("1"))
		for _, tx := range []*tx{three, one, two} {
			tx.commit()
		}
		elapse(time.Second)
		require.Equal(t, []string{"1", "2", "3a", "3b"}, w.details())
		w.end()
	})
}

func TestFollow_EndsForGood(t *testing.T) {
	t.Parallel()
	noProject := meshhook.Errorf(meshhook.CodeNotFound, "there is no project %q", "x")
	bad := meshhook.Errorf(meshhook.CodeInvalid, "bad")
	for name, tt := range map[string]struct {
		spoil func(*journal)
		want  error
	}{
		"listen": {func(j *journal) { j.listenErr = noProject }, noProject},
		"cursor": {func(j *journal) { j.cursorErr = bad }, bad},
		"read":   {func(j *journal) { j.readErr = fmt.Errorf("reading: %w", noProject) }, noProject},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, later := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					j := newJournal()
					if !later {
						tt.spoil(j)
					}
					w := follow(t.Context(), j, tail.Options{})
					if later {
						if name == "cursor" {
							return // it is asked for once
						}
						elapse(3 * time.Second)
						j.change(tt.spoil)
						j.drop()
					}
					<-w.done
					require.ErrorIs(t, w.err, tt.want)
				})
				if name == "cursor" {
					return
				}
			}
		})
	}
}

// Whoever has seen enough leaves no goroutine behind: the bubble would say so.
func TestFollow_Break(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		since := time.Now()
		j.begin().add(entry("a"), entry("b"), entry("c")).commit()
		var got []string
		for e, err := range tail.Follow(t.Context(), j, tail.Options{Filter: meshhook.EntryFilter{Since: since}}) {
			require.NoError(t, err)
			if got = append(got, e.Detail); len(got) == 2 {
				break
			}
		}
		require.Equal(t, []string{"a", "b"}, got)
	})
}

func TestFollow_ContextEnds(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*journal){
		"at rest":        func(*journal) {},
		"while retrying": func(j *journal) { j.readErr = errGone },
		"while lost":     func(j *journal) { j.listenErr, j.cursorErr = errGone, errGone },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				j := newJournal()
				spoil(j)
				w := follow(t.Context(), j, tail.Options{})
				elapse(time.Minute)
				w.end()
				require.NoError(t, w.err)
			})
		})
	}
}

// silent neither stands nor fails.
type silent struct{ *journal }

func (silent) Listen(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

// Nothing is read before the listener stands, or a bell could fall between.
func TestFollow_ListensFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := silent{newJournal()}
		w := follow(t.Context(), s, tail.Options{})
		elapse(time.Minute)
		w.end()
		require.NoError(t, w.err)
		require.Empty(t, s.asked)
		require.Empty(t, s.reads)
		require.Empty(t, w.said())
	})
}

func TestMatch(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := meshhook.Entry{At: at, Kind: meshhook.EntryStepFailed, Webhook: "stripe", Workflow: "pay", Status: "failed"}
	for name, tt := range map[string]struct {
		filter meshhook.EntryFilter
		want   bool
	}{
		"zero":            {meshhook.EntryFilter{}, true},
		"all":             {meshhook.EntryFilter{Webhook: "stripe", Workflow: "pay", Status: "failed", Kinds: []string{"alert", "run"}, Since: at}, true},
		"webhook":         {meshhook.EntryFilter{Webhook: "strip"}, false},
		"workflow":        {meshhook.EntryFilter{Workflow: "Pay"}, false},
		"status":          {meshhook.EntryFilter{Status: "succeeded"}, false},
		"step is no kind": {meshhook.EntryFilter{Kinds: []string{"step"}}, false},
		"kind":            {meshhook.EntryFilter{Kinds: []string{"event"}}, false},
		"too old":         {meshhook.EntryFilter{Since: at.Add(1)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tail.Match(tt.filter, e))
		})
	}
}
