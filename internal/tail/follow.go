package tail

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/backoff"
	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	batch       = 500 // entries per look
	defaultPoll = time.Second
	// quickest is the first rest after a bell. The transaction whose bell rang
	// may not be below xmin yet, because an older one is still open; that one
	// may end without a bell, so the follower looks again soon, then half as
	// often each time. It is late by at most the time that was waited already.
	quickest = 20 * time.Millisecond
)

// reconnect is the schedule of a source that fails.
var reconnect = backoff.Policy{Initial: 100 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2, Jitter: 0.2}

// errHungUp stands for a Listen that ended without saying why.
var errHungUp = errors.New("the listening connection was closed")

// follower is one iteration of Follow: a goroutine that listens, and the
// caller's, which reads.
type follower struct {
	src    Source
	filter meshhook.EntryFilter
	after  *meshhook.Cursor
	poll   time.Duration
	health *health
	// bell has one place: rings that come before the reader has looked are one.
	bell chan struct{}
	// stands rings when the listener is (re)connected. A reader that backs off
	// hears only this: bells do not help a source in trouble, a return does.
	stands chan struct{}
	// tried is closed when the first Listen stands or has failed. The backlog is
	// read after that, so that no bell falls between the two.
	tried chan struct{}
	// fatal holds the listener's error that no patience cures.
	fatal chan error
}

func newFollower(src Source, o Options) *follower {
	poll := o.Poll
	if poll <= 0 {
		poll = defaultPoll
	}
	return &follower{
		src: src, filter: o.Filter, after: o.After, poll: poll, health: newHealth(o.OnState),
		bell: make(chan struct{}, 1), stands: make(chan struct{}, 1),
		tried: make(chan struct{}), fatal: make(chan error, 1),
	}
}

// run follows until ctx ends, yield has had enough, or an error is final.
func (f *follower) run(ctx context.Context, yield func(meshhook.Entry, error) bool) {
	ctx, stop := context.WithCancel(ctx)
	var listener sync.WaitGroup
	listener.Go(func() { f.listen(ctx) })
	defer listener.Wait()
	defer stop()

	if err := f.read(ctx, yield); err != nil && ctx.Err() == nil {
		yield(meshhook.Entry{}, err)
	}
}

// listen keeps a listener up.
func (f *follower) listen(ctx context.Context) {
	tried := sync.OnceFunc(func() { close(f.tried) })
	for failures := 1; ; failures++ {
		var stood time.Time
		err := f.src.Listen(ctx, func() {
			if stood.IsZero() {
				stood = time.Now()
				f.health.report(listening, nil)
				knock(f.stands)
				tried()
			}
			knock(f.bell)
		})
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errHungUp
		}
		if final(err) {
			f.fatal <- err
			tried()
			return
		}
		f.health.report(listening, err)
		tried()
		// A connection that falls as soon as it stands must not be made anew at
		// the quickest pace for ever.
		if !stood.IsZero() && time.Since(stood) > reconnect.Max {
			failures = 1
		}
		if _, err := f.rest(ctx, reconnect.Delay(failures, rand.Float64()), nil); err != nil {
			return
		}
	}
}

// read hands entries to yield. It returns nil when yield has had enough.
func (f *follower) read(ctx context.Context, yield func(meshhook.Entry, error) bool) error {
	select {
	case <-f.tried:
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := f.begin(ctx)
	if err != nil {
		return err
	}
	soonest := min(quickest, f.poll)
	for wait := soonest; ; {
		var entries []meshhook.Entry
		err := f.retry(ctx, func() (err error) {
			entries, err = f.src.EntriesAfter(ctx, after, batch)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range entries {
			after = e.Cursor
			if Match(f.filter, e) && !yield(e, nil) {
				return nil
			}
		}
		if len(entries) >= batch {
			continue // there may be more, and whoever is behind does not rest
		}
		if len(entries) > 0 {
			wait = soonest
		}
		rung, err := f.rest(ctx, wait, f.bell)
		if err != nil {
			return err
		}
		if wait = min(2*wait, f.poll); rung {
			wait = soonest
		}
	}
}

// begin returns the cursor that the first look goes by.
func (f *follower) begin(ctx context.Context) (after meshhook.Cursor, err error) {
	if f.after != nil {
		return *f.after, nil
	}
	err = f.retry(ctx, func() (err error) {
		after, err = f.src.CursorAt(ctx, f.filter.Since)
		return err
	})
	return after, err
}

// retry calls look until it succeeds. It returns the error that is final, or
// that of ctx.
func (f *follower) retry(ctx context.Context, look func() error) error {
	for failures := 1; ; failures++ {
		err := look()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			f.health.report(reading, nil)
			return nil
		case final(err):
			return err
		}
		f.health.report(reading, err)
		if _, err := f.rest(ctx, reconnect.Delay(failures, rand.Float64()), f.stands); err != nil {
			return err
		}
	}
}

// rest waits for d or for wake, and returns an error when there is nothing to
// wait for any more.
func (f *follower) rest(ctx context.Context, d time.Duration, wake <-chan struct{}) (woken bool, err error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case err := <-f.fatal:
		return false, err
	case <-wake:
		return true, nil
	case <-timer.C:
		return false, nil
	}
}

// final tells whether an error stays, however often one tries.
func final(err error) bool {
	code := meshhook.ErrorCode(err)
	return code == meshhook.CodeInvalid || code == meshhook.CodeNotFound
}

// knock rings a channel with one place. It never blocks.
func knock(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
