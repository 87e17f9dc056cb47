package ingress

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// defaultMaxWaiting is how many requests may wait for their runs at once. One more gets
	// the standard answer, as one whose run takes too long does.
	defaultMaxWaiting = 1000
	// settleEvery is how often the database is asked at most whether runs have
	// ended: the journal's bell may ring with every step of every run.
	settleEvery = 10 * time.Millisecond
)

// Runs is what ingress asks of the database to answer with the output of a run.
type Runs interface {
	// EndedRuns returns those of the runs that are over.
	EndedRuns(ctx context.Context, ids []meshhook.ID) ([]meshhook.Run, error)
	// FirstRun returns the run that an event started when it came.
	FirstRun(ctx context.Context, event meshhook.ID) (meshhook.Run, error)
}

// waiter lets requests wait for the ends of their runs, on whichever daemon those
// are executed. However many wait, one query asks for all of them.
type waiter struct {
	runs   Runs
	places chan struct{}
	bell   chan struct{}
	// over is closed when nobody shall wait any longer.
	over    chan struct{}
	endOnce sync.Once
	// asked is when the database was last asked. Only Settle looks at it.
	asked time.Time

	mu      sync.Mutex
	waiting map[meshhook.ID]chan meshhook.Run
}

func newWaiter(runs Runs, most int) *waiter {
	if most == 0 {
		most = defaultMaxWaiting
	}
	return &waiter{
		runs: runs, places: make(chan struct{}, most), bell: make(chan struct{}, 1), over: make(chan struct{}),
		waiting: map[meshhook.ID]chan meshhook.Run{},
	}
}

// await returns a run once it is over; false when that takes too long, or when too
// many wait already.
func (w *waiter) await(ctx context.Context, id meshhook.ID, most time.Duration) (run meshhook.Run, ended bool) {
	select {
	case w.places <- struct{}{}:
	default:
		return run, false
	}
	defer func() { <-w.places }()
	over := make(chan meshhook.Run, 1)
	w.mu.Lock()
	w.waiting[id] = over
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.waiting, id)
		w.mu.Unlock()
	}()
	w.ring() // it may be over already
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case run = <-over:
		return run, true
	case <-timer.C:
	case <-ctx.Done():
	case <-w.over:
	}
	return run, false
}

func (w *waiter) ring() {
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

// RingJournal tells that the journal has new entries: runs may have ended. It is
// called with every event and step, and wakes nobody while nobody waits.
func (h *Handler) RingJournal() {
	if len(h.waiter.places) > 0 {
		h.waiter.ring()
	}
}

// JournalBell is the bell of the loop whose Work is Settle.
func (h *Handler) JournalBell() <-chan struct{} { return h.waiter.bell }

// Settle answers the requests whose runs have ended. It is the Work of a loop,
// rung by the journal's bell, with a poll behind it.
func (h *Handler) Settle(ctx context.Context) (more bool, err error) {
	w := h.waiter
	w.mu.Lock()
	ids := slices.Collect(maps.Keys(w.waiting))
	w.mu.Unlock()
	if len(ids) == 0 {
		return false, nil
	}
	if rest := settleEvery - time.Since(w.asked); rest > 0 {
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	w.asked = time.Now()
	ended, err := w.runs.EndedRuns(ctx, ids)
	if err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, run := range ended {
		if over := w.waiting[run.ID]; over != nil {
			over <- run // it has room for one, and gets no second
			delete(w.waiting, run.ID)
		}
	}
	return false, nil
}

// StopWaiting gives all requests that wait for a run the standard answer, now and
// from now on, so that a daemon can stop.
func (h *Handler) StopWaiting() { h.waiter.endOnce.Do(func() { close(h.waiter.over) }) }
