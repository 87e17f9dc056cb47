package delivery

import (
	"context"
	"sync/atomic"
	"time"
)

// overlap is how far before the last look the next one begins: the id of a run is made a
// moment before its row can be seen.
const overlap = time.Minute

// Watched is what a Watch asks of the database.
type Watched interface {
	// TellOfDelayed writes the deliveries about runs that take too long, of those that
	// became late since the moment given; zero is of all. It returns the server's time.
	TellOfDelayed(ctx context.Context, since time.Time) (now time.Time, count int, err error)
	// TellOfAbsent writes the deliveries about expected events that have not come.
	TellOfAbsent(ctx context.Context) (int, error)
}

// Watch looks for what is to be told because nothing happened. Its methods are the Work
// of loops; any number of daemons may watch, and each thing is told once.
type Watch struct {
	store Watched
	// looked is when runs were looked at last, by the server's clock; zero is never.
	looked time.Time
	forget atomic.Bool
}

// NewWatch returns a Watch that has not looked yet.
func NewWatch(store Watched) *Watch { return &Watch{store: store} }

// Forget has the next look see all runs that are not over: an alert was made or changed.
func (w *Watch) Forget() { w.forget.Store(true) }

// Delayed looks for runs that take too long. Those that were late before are passed over:
// thousands may sleep for months.
func (w *Watch) Delayed(ctx context.Context) (more bool, err error) {
	since := w.looked
	if w.forget.Swap(false) {
		since = time.Time{}
	}
	if !since.IsZero() {
		since = since.Add(-overlap)
	}
	now, _, err := w.store.TellOfDelayed(ctx, since)
	if err != nil {
		w.looked = time.Time{}
		return false, err
	}
	w.looked = now
	return false, nil
}

// Absent looks for expected events that have not come.
func (w *Watch) Absent(ctx context.Context) (more bool, err error) {
	_, err = w.store.TellOfAbsent(ctx)
	return false, err
}
