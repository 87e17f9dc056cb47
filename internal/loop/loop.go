// Package loop is the one shape of a background worker: woken by bell or tick,
// it works until there is nothing left to do, rests, and stops cleanly.
package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/profullstack/meshhook/internal/backoff"
)

// defaultBackoff keeps a loop without a policy of its own from spinning on a
// failure.
var defaultBackoff = backoff.Policy{Initial: 100 * time.Millisecond, Max: 30 * time.Second, Multiplier: 2, Jitter: 0.2}

// Loop is a background worker. The bell makes it fast, the tick makes it sure:
// a ring that was lost costs at most Every.
type Loop struct {
	// Name stands in every log line.
	Name string
	// Bell wakes the loop before its tick. It may be nil, and must never be
	// closed: a closed channel would ring for ever.
	Bell <-chan struct{}
	// Every is the longest rest between two rounds of work.
	Every time.Duration
	// Work does one batch. It returns true when there may be more to do now. Its
	// context is Run's; whatever it must finish all the same, it shields itself
	// with context.WithoutCancel.
	Work func(ctx context.Context) (more bool, err error)
	// Backoff says how long to wait after failures in a row. While it waits the
	// loop does not hear its bell: a database in trouble is not helped by more
	// questions. The zero policy grows from 100 ms to 30 s.
	Backoff backoff.Policy
	// Log takes one line when Work begins to fail or fails otherwise than
	// before, and one when it has recovered. It may be nil.
	Log *slog.Logger
	// OnError hears of every failure, for metrics. It may be nil.
	OnError func(error)
}

// PanicError is a panic in Work, caught. Its text is one line; the stack stands
// in a log attribute of its own.
type PanicError struct {
	Value any
	Stack []byte
}

// Error names the value that was thrown.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Run works until ctx ends and returns nil then, after the Work under way has
// returned. The only error is that of a Loop which cannot run.
func (l *Loop) Run(ctx context.Context) error {
	if l.Work == nil || l.Every <= 0 {
		return fmt.Errorf("loop %q needs Work and an Every above zero", l.Name)
	}
	r := runner{Loop: l, log: l.Log, policy: l.Backoff}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.policy == (backoff.Policy{}) {
		r.policy = defaultBackoff
	}
	for ctx.Err() == nil {
		more, err := l.once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil // what fails because it was told to stop is no failure
		case err != nil:
			pause(ctx, nil, r.failed(ctx, err))
		default:
			r.recovered(ctx)
			if !more {
				pause(ctx, l.Bell, l.Every)
			}
		}
	}
	return nil
}

// once does one batch and turns a panic into an error.
func (l *Loop) once(ctx context.Context) (more bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			more, err = false, &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return l.Work(ctx)
}

// runner is a Loop on the move: it remembers the failures in a row.
type runner struct {
	*Loop
	log      *slog.Logger
	policy   backoff.Policy
	failures int
	lastText string
}

// failed records a failure and returns how long to wait.
func (r *runner) failed(ctx context.Context, err error) time.Duration {
	r.failures++
	wait := r.policy.Delay(r.failures, rand.Float64())
	if r.OnError != nil {
		r.OnError(err)
	}
	if text := err.Error(); text != r.lastText || r.failures == 1 {
		r.lastText = text
		attrs := []any{"loop", r.Name, "error", text, "retry_in", wait}
		if p, ok := errors.AsType[*PanicError](err); ok {
			attrs = append(attrs, "stack", string(p.Stack))
		}
		r.log.ErrorContext(ctx, "background work fails", attrs...)
	}
	return wait
}

// recovered records a success.
func (r *runner) recovered(ctx context.Context) {
	if r.failures == 0 {
		return
	}
	r.log.InfoContext(ctx, "background work has recovered", "loop", r.Name, "failures", r.failures)
	r.failures, r.lastText = 0, ""
}

// pause waits for the bell, for d, or for the end of ctx.
func pause(ctx context.Context, bell <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-bell:
	case <-timer.C:
	}
}
