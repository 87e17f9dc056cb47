// Package lane is group commit: requests that arrive while a write is under way
// go together in the next. Nobody waits while the lane is idle, and the busier
// it is, the less each item costs.
//
// # What a submitter may rely on
//
// Do returns a nil error only for an item that its write has acknowledged, so
// nothing acknowledged is lost. The reverse is weaker, as it is with every
// commit: an item reported as failed is not stored when the write says so, but
// may be stored when the connection broke while the answer was on its way, or
// when the write panicked or was cut off by Close. Whoever submits such an item
// again needs a key that makes the second time harmless.
//
// The write must be all or nothing: when it returns an error that is not Fatal,
// none of its items may be stored, because they will be written again.
package lane

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Options set a lane up. A zero field takes the default.
type Options struct {
	// Workers is how many batches may be under way at once; default 1. Two keep
	// the database busy while a client prepares; more make the batches smaller
	// and gain nothing.
	Workers int
	// MaxBatch is the largest number of items in one write; default 256.
	MaxBatch int
	// MaxQueue is how many items may wait; default 4096. One more is refused at
	// once, so that a slow database shows as an error instead of as memory.
	MaxQueue int
	// Gather is how long a worker that has just written several items waits for
	// as many again before it writes fewer; default 0, do not wait. It pays
	// because submitters who got their answer come back a moment later. An idle
	// lane never waits.
	Gather time.Duration
	// Fatal tells that an error concerns the connection and not an item: the
	// whole batch fails with it, and nothing is tried again. Default: never.
	Fatal func(error) bool
}

// Write stores items together and returns one result for each, in order. Its
// context belongs to the lane, not to a submitter, and ends only when Close runs
// out of time; a limit on the single write is Write's own business.
type Write[T, R any] func(ctx context.Context, items []T) ([]R, error)

// Lane collects items into batches. It has no goroutines while it is idle.
type Lane[T, R any] struct {
	opts   Options
	write  Write[T, R]
	ctx    context.Context // of the writes
	cancel context.CancelFunc

	mu      sync.Mutex
	queue   []*call[T, R] // waiting, in order of arrival
	running int           // workers under way
	waiting *gathering    // what one of them waits for; nil when none does
	closed  bool
	drained chan struct{} // closed when closed and running is 0
}

// call is one item on its way. item is the submitter's until the call is taken
// from the queue, then the worker's; result and err are the submitter's again
// once done is closed.
type call[T, R any] struct {
	item   T
	result R
	err    error
	done   chan struct{}
}

// gathering is a worker's wish for a queue of a certain length.
type gathering struct {
	want   int
	enough chan struct{}
}

// PanicError is a panic in Write, caught.
type PanicError struct {
	Value any
	Stack []byte
}

// Error names the value that was thrown.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// New returns an open lane to write.
func New[T, R any](o Options, write Write[T, R]) *Lane[T, R] {
	o.Workers = orDefault(o.Workers, 1)
	o.MaxBatch = orDefault(o.MaxBatch, 256)
	o.MaxQueue = orDefault(o.MaxQueue, 4096)
	if o.Fatal == nil {
		o.Fatal = func(error) bool { return false }
	}
	l := &Lane[T, R]{opts: o, write: write, drained: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func orDefault(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Do submits item and waits for its result. When ctx ends while the item still
// waits, the item is withdrawn and the cause of ctx is returned: it is not
// stored. Once a worker has taken the item, Do waits for the outcome whatever
// ctx says, because only the outcome is the truth.
//
// A full queue and a closed lane are errors with CodeUnavailable, at once.
func (l *Lane[T, R]) Do(ctx context.Context, item T) (R, error) {
	c := &call[T, R]{item: item, done: make(chan struct{})}
	if ctx.Err() != nil {
		return c.result, context.Cause(ctx)
	}
	if err := l.submit(c); err != nil {
		return c.result, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if l.withdraw(c) {
			return c.result, context.Cause(ctx)
		}
		<-c.done
	}
	return c.result, c.err
}

// submit queues c and sees to it that somebody works.
func (l *Lane[T, R]) submit(c *call[T, R]) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return meshhook.Errorf(meshhook.CodeUnavailable, "shutting down; try again in a moment")
	case len(l.queue) >= l.opts.MaxQueue:
		return meshhook.Errorf(meshhook.CodeUnavailable, "too many requests wait to be stored; try again in a moment")
	}
	l.queue = append(l.queue, c)
	switch {
	case l.waiting != nil:
		if len(l.queue) >= l.waiting.want {
			close(l.waiting.enough)
			l.waiting = nil
		}
	case l.running < l.opts.Workers:
		l.running++
		go l.work()
	}
	return nil
}

// withdraw takes c out of the queue; false means that it is no longer there.
func (l *Lane[T, R]) withdraw(c *call[T, R]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.queue, c)
	if i < 0 {
		return false
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	return true
}

// Close refuses new items and waits until all that were taken in are written.
// If ctx ends first, the write under way is cut off, what waits fails with
// CodeUnavailable, and the cause of ctx is returned once the write has returned.
func (l *Lane[T, R]) Close(ctx context.Context) error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		l.hurry()
		if l.running == 0 {
			close(l.drained)
		}
	}
	l.mu.Unlock()
	defer l.cancel()
	select {
	case <-l.drained:
		return nil
	case <-ctx.Done():
	}
	l.cancel()
	<-l.drained
	return context.Cause(ctx)
}

// hurry ends a gathering. The caller holds mu.
func (l *Lane[T, R]) hurry() {
	if l.waiting != nil {
		close(l.waiting.enough)
		l.waiting = nil
	}
}
