// Package engine drives runs: it claims those that are ready, asks the pure
// workflow.Next what is to be done, performs it, and records step, run and
// history together before it goes on.
//
// A run belongs to one daemon at a time, by lease. Whatever the engine holds in
// memory it may lose at any moment: the next daemon goes on from what is
// recorded.
package engine

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/loop"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// Lease is how long a claim lasts without a heartbeat: a dead daemon's runs go
// on in another one after this time.
const Lease = 15 * time.Second

// maxClaim is the number of runs taken in one claim.
const maxClaim = 64

// ahead is how far the engine looks for runs that wake: a little further than its
// next poll.
const ahead = 2 * time.Second

// Store is what the engine asks of the database.
type Store interface {
	// ClaimRuns gives up to limit ready runs to owner for the time of the lease.
	ClaimRuns(ctx context.Context, owner meshhook.ID, limit int, lease time.Duration) ([]meshhook.RunClaim, error)
	// NextWake tells how long it is until the next sleeping run is due, if that is soon.
	NextWake(ctx context.Context, within time.Duration) (wait time.Duration, soon bool, err error)
	// ExtendLeases renews the leases of runs and returns those still held, and of each
	// whether somebody answered an approval of it.
	ExtendLeases(ctx context.Context, owner meshhook.ID, runs []meshhook.ID, lease time.Duration) (map[meshhook.ID]bool, error)
	// Decisions returns the answers to approvals of a run, by step.
	Decisions(ctx context.Context, run meshhook.ID) (map[string]meshhook.Decision, error)
	// Move records what was done with a run; CodeLeaseLost when it is in other hands.
	Move(ctx context.Context, move meshhook.RunMove) error
	// TakePlace gives a run that is held its place, claim.Place, of its workflow's
	// concurrency; where taken is false, the run is back in the queue until its turn.
	TakePlace(ctx context.Context, claim *meshhook.RunClaim, key string) (taken bool, err error)
	// ReleaseRuns gives back what owner still holds.
	ReleaseRuns(ctx context.Context, owner meshhook.ID) (int, error)
	// VersionOf returns one version of a workflow.
	VersionOf(ctx context.Context, workflow meshhook.ID, number int) (meshhook.Version, error)
	// SecretValues returns a project's vault.
	SecretValues(ctx context.Context, project meshhook.ID) (map[string]meshhook.Secret, error)
}

// Outcome is the end of a run, or of a try of a step, for metrics.
type Outcome struct {
	// Step is the step's kind; "" for a run.
	Step string
	// Status is the run's or step's status after it.
	Status string
	// Duration is that of the try, or of the run from its start to its end.
	Duration time.Duration
}

// Options set an Engine up.
type Options struct {
	Store Store
	// Owner is the daemon's id.
	Owner  meshhook.ID
	Egress *egress.Client
	Log    *slog.Logger
	// Circuits are asked before each call; nil allows all of them.
	Circuits Circuits
	// Concurrency bounds the runs that are driven at once; 0 takes 256.
	Concurrency int
	// Observe is told every outcome; nil for nobody.
	Observe func(Outcome)
}

// Engine drives runs. Its loops are Claim and Heartbeat.
type Engine struct {
	store       Store
	owner       meshhook.ID
	egress      *egress.Client
	circuits    Circuits
	log         *slog.Logger
	concurrency int
	observe     func(Outcome)
	programs    *programs
	vaults      *vaults
	// wake rings the loop of Claim: a place became free, or a sleep is over.
	wake *loop.Bell

	// look tells that the next claim also looks for the run that wakes next.
	look atomic.Bool

	mu   sync.Mutex
	held map[meshhook.ID]*hold
	// claiming cancels the claim under way.
	claiming context.CancelCauseFunc
	closing  bool
	// driving counts the runs under way, and the claim.
	driving sync.WaitGroup
}

// hold is one claim of a run. A run that slept for a moment may be claimed again
// while its former claim is still being dropped: only their holds tell the two
// apart.
type hold struct {
	cancel context.CancelCauseFunc
	// answered is rung when somebody answered an approval of the run.
	answered chan struct{}
}

// New returns an Engine that drives nothing until its loops run.
func New(o Options) *Engine {
	if o.Concurrency == 0 {
		o.Concurrency = 256
	}
	if o.Observe == nil {
		o.Observe = func(Outcome) {}
	}
	if o.Circuits == nil {
		o.Circuits = noCircuits{}
	}
	return &Engine{
		store: o.Store, owner: o.Owner, egress: o.Egress, circuits: o.Circuits, log: o.Log, concurrency: o.Concurrency, observe: o.Observe,
		programs: newPrograms(o.Store), vaults: newVaults(o.Store), wake: loop.NewBell(),
		held: map[meshhook.ID]*hold{},
	}
}

// Bell wakes the loop of Claim.
func (e *Engine) Bell() *loop.Bell { return e.wake }

// Forget drops what was cached of the configuration: a secret or workflow changed.
func (e *Engine) Forget() { e.vaults.forget() }

// Claim takes ready runs, as many as there are free places, and drives each in a
// goroutine of its own. It is the Work of a loop.
func (e *Engine) Claim(ctx context.Context) (more bool, err error) {
	asking, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := e.enter(cancel)
	if limit == 0 {
		return false, nil // the end of a run rings
	}
	defer e.driving.Done()
	claims, err := e.store.ClaimRuns(asking, e.owner, limit, Lease)
	if err != nil {
		return false, err
	}
	for _, claim := range claims {
		e.take(ctx, claim)
	}
	if len(claims) == limit {
		return true, nil
	}
	return false, e.lookAhead(asking)
}

// lookAhead sets the alarm for the run that wakes next, so that runs are not late by
// the time between two polls. It looks once for each poll, and each time that the
// alarm went off.
func (e *Engine) lookAhead(ctx context.Context) error {
	if !e.look.Swap(false) {
		return nil
	}
	wait, soon, err := e.store.NextWake(ctx, ahead)
	if soon {
		time.AfterFunc(wait, func() {
			e.look.Store(true)
			e.wake.Ring()
		})
	}
	return err
}

// Poll is what a loop does every second beside Claim: it lets the next claim look
// ahead, too.
func (e *Engine) Poll(context.Context) (more bool, err error) {
	e.look.Store(true)
	e.wake.Ring()
	return false, nil
}

// enter lets a claim begin and returns how many runs it may take; at 0 it does
// not begin. Stop waits for a claim that has begun, so that no run is taken
// behind its back.
func (e *Engine) enter(cancel context.CancelCauseFunc) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	limit := min(e.concurrency-len(e.held), maxClaim)
	if e.closing || limit <= 0 {
		return 0
	}
	e.claiming = cancel
	e.driving.Add(1)
	return limit
}

// take begins to drive a claimed run. Its context outlives the loop's: a
// graceful stop lets runs come to their next record.
func (e *Engine) take(ctx context.Context, claim meshhook.RunClaim) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	h := &hold{cancel, make(chan struct{}, 1)}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		cancel(errStopping) // Stop gives the run back
		return
	}
	e.held[claim.Run.ID] = h
	e.driving.Go(func() {
		defer e.drop(claim.Run.ID, h)
		e.drive(ctx, claim, h.answered)
	})
}

func (e *Engine) drop(run meshhook.ID, h *hold) {
	h.cancel(nil)
	e.mu.Lock()
	full := len(e.held) == e.concurrency
	if e.held[run] == h {
		delete(e.held, run)
	}
	e.mu.Unlock()
	if full {
		e.wake.Ring()
	}
}

var (
	errLost     = errors.New("the run is in other hands")
	errStopping = errors.New("the daemon stops")
)

// Heartbeat renews the leases of all runs under way, stops those that were lost or
// canceled, and tells those in which an approval was answered. It is the Work of a
// loop that runs every second, and when its bell rings.
func (e *Engine) Heartbeat(ctx context.Context) (more bool, err error) {
	holds := e.holding()
	if len(holds) == 0 {
		return false, nil
	}
	runs := slices.Collect(maps.Keys(holds))
	// A server that has silently gone must not hold up the next try.
	ctx, cancel := context.WithTimeout(ctx, Lease/3)
	defer cancel()
	held, err := e.store.ExtendLeases(ctx, e.owner, runs, Lease)
	if err != nil {
		return false, err
	}
	for id, hold := range holds {
		answered, still := held[id]
		switch {
		case !still:
			hold.cancel(errLost)
		case answered:
			select {
			case hold.answered <- struct{}{}:
			default: // it has not looked since the last time
			}
		}
	}
	return false, nil
}

func (e *Engine) holding() map[meshhook.ID]*hold {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.held)
}

// Active is the number of runs under way, for metrics.
func (e *Engine) Active() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.held)
}

// Stop claims no more, waits until the runs under way have ended or ctx has, and
// gives back what is left in the daemon's name, so that another one goes on with
// it at once.
func (e *Engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		e.driving.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
		e.abort()
		<-idle
	}
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), Lease)
	defer cancel()
	released, err := e.store.ReleaseRuns(release, e.owner)
	if released > 0 {
		e.log.Info("gave runs back for others to go on with", "runs", released)
	}
	return err
}

// abort cancels the runs and the claim under way.
func (e *Engine) abort() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.held {
		h.cancel(errStopping)
	}
	if e.claiming != nil {
		e.claiming(errStopping)
	}
}

// wakeAfter rings the claim when a sleep is over, where that is before a poll would
// look ahead for it.
func (e *Engine) wakeAfter(wait time.Duration) {
	if wait >= 0 && wait < ahead {
		time.AfterFunc(wait, e.wake.Ring)
	}
}

// jitter spreads retries; it is no secret.
func jitter() float64 { return rand.Float64() } //nolint:gosec // not for security
