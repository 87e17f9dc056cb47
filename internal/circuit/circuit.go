// Package circuit keeps callers from a host that fails. Between a project and each
// host that it calls lies a circuit: it opens when the host fails, after a while
// lets one call through, over all daemons, to find out how the host is, and closes
// when that one succeeds.
//
// What a healthy host costs is a count in this daemon's memory. Only the turns of a
// circuit are written, and what others turned is heard of by Refresh.
package circuit

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/backoff"
	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// Lease is how long a probe whose daemon does not renew it keeps others from
	// sending one.
	Lease = 15 * time.Second
	// patience bounds a question to the store: a call waits for it.
	patience = 5 * time.Second
	// spread is the share of an open period over which those that were refused come
	// back after it, in percent.
	spread = 20
)

// Waits is for how long a circuit opens: 30 s, twice as long with each probe that
// fails, up to 10 minutes, ±20 %.
func Waits() backoff.Policy {
	return backoff.Policy{Initial: 30 * time.Second, Max: 10 * time.Minute, Multiplier: 2, Jitter: 0.2}
}

// Store is what a Breaker asks of the database. All daemons share it.
type Store interface {
	// Circuits renews the leases of probes and returns every circuit that is not
	// closed, of all projects.
	Circuits(ctx context.Context, probes []meshhook.ID, lease time.Duration) ([]meshhook.Circuit, error)
	// OpenCircuit records c as open for the time of wait, and returns what stands: that
	// of another daemon, if it was first. CodeConflict when the project has too many.
	OpenCircuit(ctx context.Context, c meshhook.Circuit, wait time.Duration) (meshhook.Circuit, error)
	// ProbeCircuit gives the next probe of an open circuit, if it is due, to probe for
	// the time of the lease, and returns the circuit as it stands: probe has it if it is
	// the circuit's Probe. CodeNotFound when the circuit is closed.
	ProbeCircuit(ctx context.Context, project meshhook.ID, host string, probe meshhook.ID, lease time.Duration) (meshhook.Circuit, error)
	// SettleCircuit ends the probe c.Probe: the circuit is closed, or open as c says for
	// the time of wait. It returns what stands; CodeLeaseLost when the probe is over.
	SettleCircuit(ctx context.Context, c meshhook.Circuit, wait time.Duration) (meshhook.Circuit, error)
}

// Options set a Breaker up.
type Options struct {
	Store Store
	// Waits is for how long circuits open; the zero policy is Waits().
	Waits backoff.Policy
	// Lease is that of a probe; 0 takes Lease.
	Lease time.Duration
	// Observe is told every turn of a circuit that this daemon makes; nil for nobody.
	Observe func(to meshhook.CircuitState)
	// OnError hears of each turn that could not be written; nil for nobody.
	OnError func(error)
}

// Breaker tells callers whether a host may be called. It is safe for concurrent
// use; one loop calls Refresh.
type Breaker struct {
	store   Store
	waits   backoff.Policy
	lease   time.Duration
	observe func(meshhook.CircuitState)
	onError func(error)

	mu    sync.Mutex
	hosts map[key]*host
	// open is how many of the hosts have a circuit that is not closed.
	open int
	// turn counts the turns of circuits that became known.
	turn uint64
	// probes are those under way here, whose leases Refresh renews.
	probes map[meshhook.ID]bool
}

// key is whose circuit it is, and to where.
type key struct {
	project meshhook.ID
	host    string
}

// host is what is known of one.
type host struct {
	tally tally
	// circuit is the one that is not closed; nil is closed.
	circuit *meshhook.Circuit
	// busy tells that a turn is on its way to the store; nobody else makes one.
	busy bool
	// turned is the Breaker's turn when the circuit last turned.
	turned uint64
}

// New returns a Breaker that knows of no failure.
func New(o Options) *Breaker {
	b := &Breaker{
		store: o.Store, waits: o.Waits, lease: o.Lease, observe: o.Observe, onError: o.OnError,
		hosts: map[key]*host{}, probes: map[meshhook.ID]bool{},
	}
	if b.waits == (backoff.Policy{}) {
		b.waits = Waits()
	}
	if b.lease == 0 {
		b.lease = Lease
	}
	if b.observe == nil {
		b.observe = func(meshhook.CircuitState) {}
	}
	if b.onError == nil {
		b.onError = func(error) {}
	}
	return b
}

// Allow tells whether the project may call the URL now. If so, the caller calls
// report with what came of it, once and in any case: a probe that is never reported
// keeps its circuit open for as long as this daemon lives. Otherwise refused says
// why not, and report is nil.
//
// It asks the store only when a probe is due; where that cannot answer, the call is
// refused.
func (b *Breaker) Allow(ctx context.Context, project meshhook.ID, url string) (report func(meshhook.CallOutcome), refused *meshhook.CircuitRefusal) {
	to, ok := Host(url)
	if !ok {
		return func(meshhook.CallOutcome) {}, nil
	}
	k := key{project, to}
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.hosts[k]
	switch {
	case h == nil || h.circuit == nil:
		return b.counted(ctx, k), nil
	case h.busy || time.Now().Before(h.circuit.RetryAt):
		return nil, b.refuse(h)
	}
	h.busy = true
	probe := meshhook.NewID()
	c, err := b.ask(ctx, func(ctx context.Context) (meshhook.Circuit, error) {
		return b.store.ProbeCircuit(ctx, project, to, probe, b.lease)
	})
	h.busy = false
	switch {
	case meshhook.ErrorCode(err) == meshhook.CodeNotFound: // another daemon has closed it
		b.set(h, nil)
		return b.counted(ctx, k), nil
	case err != nil:
		b.onError(err)
		return nil, b.refuse(h)
	}
	b.set(h, &c)
	if c.Probe != probe {
		return nil, b.refuse(h)
	}
	b.probes[probe] = true
	b.observe(meshhook.CircuitHalfOpen)
	return func(o meshhook.CallOutcome) { b.settle(ctx, k, c, o) }, nil
}

// ask asks the store while the Breaker, which the caller has locked, is free for
// others. A turn is finished though its caller gives up.
func (b *Breaker) ask(ctx context.Context, fn func(context.Context) (meshhook.Circuit, error)) (meshhook.Circuit, error) {
	b.mu.Unlock()
	defer b.mu.Lock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return fn(ctx)
}

// refuse says that the host must not be called, and when to ask again.
func (b *Breaker) refuse(h *host) *meshhook.CircuitRefusal {
	c := *h.circuit
	over := b.waits.Delay(c.Trips, 0.5) * spread / 100
	wait := time.Until(c.RetryAt)
	if c.State == meshhook.CircuitHalfOpen {
		wait = over // the probe's answer comes before its lease ends
	}
	return &meshhook.CircuitRefusal{Circuit: c, Wait: max(wait, 0) + time.Duration(random()*float64(over))}
}

// counted returns the report of a call over a closed circuit. What was sent before
// the circuit turned tells nothing of how the host is since.
func (b *Breaker) counted(ctx context.Context, k key) func(meshhook.CallOutcome) {
	turn := b.turn
	return func(o meshhook.CallOutcome) {
		if o.Verdict == meshhook.CallUnjudged {
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		now := time.Now()
		h := b.host(k, now)
		if h.circuit != nil || h.busy || turn < h.turned {
			return
		}
		if failures, calls := h.tally.add(now, o.Verdict == meshhook.CallFailed); calls > 0 {
			b.trip(ctx, k, h, meshhook.Circuit{Failures: failures, Calls: calls, Reason: o.Reason})
		}
	}
}

// trip opens the host's circuit, for this daemon at once: no call goes out while it
// is written. One that cannot be written is closed again, and what was counted is
// forgotten: not every call that fails shall ask the store.
func (b *Breaker) trip(ctx context.Context, k key, h *host, c meshhook.Circuit) {
	c.ID, c.ProjectID, c.Host, c.State, c.Trips = meshhook.NewID(), k.project, k.host, meshhook.CircuitOpen, 1
	wait := b.waits.Delay(c.Trips, random())
	c.OpenedAt = time.Now().UTC()
	c.RetryAt = c.OpenedAt.Add(wait)
	h.busy = true
	b.set(h, &c)
	stands, err := b.ask(ctx, func(ctx context.Context) (meshhook.Circuit, error) { return b.store.OpenCircuit(ctx, c, wait) })
	h.busy = false
	if err != nil {
		b.set(h, nil)
		b.onError(err)
		return
	}
	b.set(h, &stands)
	if stands.ID == c.ID {
		b.observe(meshhook.CircuitOpen)
	}
}

// settle turns the circuit c as its probe came out. A probe that tells nothing is
// given back, and the next call is one.
func (b *Breaker) settle(ctx context.Context, k key, c meshhook.Circuit, o meshhook.CallOutcome) {
	var wait time.Duration
	c.State = meshhook.CircuitOpen
	switch o.Verdict {
	case meshhook.CallSucceeded:
		c.State = meshhook.CircuitClosed
	case meshhook.CallFailed:
		c.Failures, c.Calls, c.Trips, c.Reason = c.Failures+1, c.Calls+1, c.Trips+1, o.Reason
		wait = b.waits.Delay(c.Trips, random())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	stands, err := b.ask(ctx, func(ctx context.Context) (meshhook.Circuit, error) {
		return b.store.SettleCircuit(ctx, c, wait)
	})
	delete(b.probes, c.Probe)
	h := b.host(k, time.Now())
	switch {
	case meshhook.ErrorCode(err) == meshhook.CodeLeaseLost:
		return // whoever has the circuit now turns it
	case err != nil:
		b.onError(err) // the lease ends, and somebody takes the next probe
		return
	case c.State == meshhook.CircuitClosed:
		b.set(h, nil)
	default:
		b.set(h, &stands)
	}
	b.observe(c.State)
}

// Open is how many circuits this daemon knows not to be closed, for metrics.
func (b *Breaker) Open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

// random spreads waits; it is no secret.
func random() float64 { return rand.Float64() } //nolint:gosec // not for security
