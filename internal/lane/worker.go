package lane

import (
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// errCount is a mistake in Write. Since that write was acknowledged, its items
// must not be written again.
var errCount = errors.New("storing returned a wrong number of results")

// work writes batch after batch until nothing waits.
func (l *Lane[T, R]) work() {
	var batch []*call[T, R]
	for {
		l.gather(len(batch))
		if batch = l.take(); batch == nil {
			return
		}
		_ = l.settle(batch) // an error is its submitters', and they have it
	}
}

// take removes the next batch from the queue. When there is none it returns nil
// and the worker counts as gone, in the same moment, so that no item can fall
// between.
func (l *Lane[T, R]) take() []*call[T, R] {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queue), l.opts.MaxBatch)
	if n == 0 {
		l.running--
		if l.closed && l.running == 0 {
			close(l.drained)
		}
		return nil
	}
	batch := slices.Clone(l.queue[:n])
	l.queue = slices.Delete(l.queue, 0, n)
	return batch
}

// gather waits up to Options.Gather for a queue as long as the batch that was
// written last. One worker gathers at a time; the others take what there is.
func (l *Lane[T, R]) gather(last int) {
	if l.opts.Gather <= 0 || last < 2 {
		return
	}
	l.mu.Lock()
	if l.closed || l.waiting != nil || len(l.queue) >= last {
		l.mu.Unlock()
		return
	}
	g := &gathering{want: last, enough: make(chan struct{})}
	l.waiting = g
	l.mu.Unlock()

	timer := time.NewTimer(l.opts.Gather)
	defer timer.Stop()
	select {
	case <-g.enough:
	case <-timer.C:
		l.mu.Lock()
		if l.waiting == g {
			l.waiting = nil
		}
		l.mu.Unlock()
	}
}

// settle writes batch and answers each of its calls. A batch that fails is
// written again in halves, down to the single item, so that a poisoned item
// gets its error alone: in a batch of n that costs about 2·log2(n) writes, not
// n. Only a Fatal error is everybody's; it is returned, so that the rest of the
// batch is spared a try that cannot succeed.
func (l *Lane[T, R]) settle(batch []*call[T, R]) (fatal error) {
	if l.ctx.Err() != nil {
		err := meshhook.Errorf(meshhook.CodeUnavailable, "shut down before it was stored; try again in a moment")
		fail(batch, err)
		return err
	}
	results, err := l.attempt(batch)
	switch {
	case err == nil:
		for i, c := range batch {
			c.result = results[i]
			close(c.done)
		}
		return nil
	case l.ctx.Err() != nil:
		err := meshhook.Errorf(meshhook.CodeUnavailable, "shut down while it was being stored: %w", err)
		fail(batch, err)
		return err
	case l.opts.Fatal(err), errors.Is(err, errCount):
		fail(batch, err)
		return err
	case len(batch) == 1:
		fail(batch, err)
		return nil
	}
	half := len(batch) / 2
	if err := l.settle(batch[:half]); err != nil {
		fail(batch[half:], err)
		return err
	}
	return l.settle(batch[half:])
}

// fail answers every call of batch with err.
func fail[T, R any](batch []*call[T, R], err error) {
	for _, c := range batch {
		c.err = err
		close(c.done)
	}
}

// attempt is one call of write, with a panic and a wrong number of results
// turned into errors.
func (l *Lane[T, R]) attempt(batch []*call[T, R]) (results []R, err error) {
	defer func() {
		if v := recover(); v != nil {
			cause := &PanicError{Value: v, Stack: debug.Stack()}
			err = meshhook.Errorf(meshhook.CodeInternal, "storing failed: %w", cause)
		}
	}()
	items := make([]T, len(batch))
	for i, c := range batch {
		items[i] = c.item
	}
	results, err = l.write(l.ctx, items)
	if err == nil && len(results) != len(items) {
		return nil, meshhook.Errorf(meshhook.CodeInternal, "%w: %d for %d items", errCount, len(results), len(items))
	}
	return results, err
}
