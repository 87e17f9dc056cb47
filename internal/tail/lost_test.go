package tail_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/tail"
)

func TestFollow_LostConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		w := follow(t.Context(), j, tail.Options{})
		elapse(10 * time.Second)
		j.change(func(j *journal) { j.listenErr, j.readErr = errGone, errGone })
		j.drop()
		synctest.Wait()
		j.begin().add(entry("meanwhile")).commit()
		elapse(20 * time.Second)
		require.Empty(t, w.details())
		j.change(func(j *journal) { j.listenErr, j.readErr = nil, nil })
		elapse(6 * time.Second) // the longest wait: 5 s + 20 %
		require.Equal(t, []string{"meanwhile"}, w.details())
		said := w.said()
		require.Len(t, said, 3)
		require.Equal(t, []string{"0s connected", "10s lost: connection reset by peer"}, said[:2])
		require.Contains(t, said[2], " connected")
		w.end()
	})
}

// Tries follow the schedule 100 ms, 200 ms, … 5 s, each within its 20 %.
func TestFollow_ReconnectSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		j.listenErr, j.cursorErr = errGone, errGone
		w := follow(t.Context(), j, tail.Options{})
		elapse(30 * time.Second)
		w.end()
		for i, d := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
			wait, d := j.listens[i+1].Sub(j.listens[i]), d*time.Millisecond
			require.InDelta(t, d, wait, float64(d)/5, "wait %d", i)
		}
		require.InDelta(t, len(j.listens), len(j.asked), 3)
		require.Equal(t, []string{"0s lost: connection reset by peer"}, w.said())
	})
}

// A connection that falls as soon as it stands is made anew ever more slowly; one
// that stood for long, at once.
func TestFollow_FlappingConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		j.hungUpErr = nil // ended without a reason: lost as well
		w := follow(t.Context(), j, tail.Options{})
		for begin := time.Now(); time.Since(begin) < 10*time.Second; {
			elapse(10 * time.Millisecond)
			j.drop()
		}
		synctest.Wait()
		require.Less(t, j.dials(), 12)
		require.Contains(t, w.said(), "10ms lost: the listening connection was closed")

		elapse(time.Minute)
		before := j.dials()
		j.drop()
		elapse(120 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, before+1, j.dials())
		w.end()
	})
}

// The listener's return wakes a reader that has a long wait before it.
func TestFollow_ReaderHearsTheReturn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		w := follow(t.Context(), j, tail.Options{})
		synctest.Wait()
		j.change(func(j *journal) { j.readErr = errGone })
		elapse(time.Minute)
		j.change(func(j *journal) { j.readErr = nil })
		j.begin().add(entry("waits")).commit()
		reads := j.looks()
		synctest.Wait()
		require.Equal(t, reads, j.looks(), "a bell is no return")
		j.drop()
		elapse(120 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, []string{"waits"}, w.details())
		w.end()
	})
}
