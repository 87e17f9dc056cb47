// Package delivery sends alerts: it claims the deliveries that are due, renders and
// signs each, sends it, and records the attempt, before and after.
//
// A delivery belongs to one daemon at a time, by lease. One whose daemon died during an
// attempt is sent again, with the same webhook-id: every alert arrives at least once.
package delivery

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/loop"
	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// Lease is how long a claim lasts without a heartbeat.
	Lease = 15 * time.Second
	// concurrency is how many deliveries a daemon has in hand at once, and perHost how
	// many of them go to one host: one slow receiver never delays another.
	concurrency = 256
	perHost     = 16
)

// Store is what the stage asks of the database.
type Store interface {
	// ClaimDeliveries gives up to limit due deliveries to owner, none of them to a busy host.
	ClaimDeliveries(ctx context.Context, owner meshhook.ID, limit int, busy [][]byte, lease time.Duration) ([]meshhook.DeliveryClaim, error)
	// DeliverySubject returns what is needed to send it.
	DeliverySubject(ctx context.Context, c *meshhook.DeliveryClaim) (meshhook.DeliverySubject, error)
	// Throttle tells whether a message with the key may go out in this window.
	Throttle(ctx context.Context, alert, project meshhook.ID, key string, window time.Duration) (held int64, ok bool, err error)
	// RenderedDelivery keeps what is to be sent.
	RenderedDelivery(ctx context.Context, c *meshhook.DeliveryClaim) error
	// BeginAttempt records that an attempt is about to be made.
	BeginAttempt(ctx context.Context, c *meshhook.DeliveryClaim, a meshhook.AlertAttempt) error
	// SettleDelivery records what became of it.
	SettleDelivery(ctx context.Context, c *meshhook.DeliveryClaim, m meshhook.DeliveryMove) error
	// ReleaseDelivery gives it back for later, without an attempt.
	ReleaseDelivery(ctx context.Context, c *meshhook.DeliveryClaim, wait time.Duration) error
	// ExtendDeliveries renews the leases of those in hand.
	ExtendDeliveries(ctx context.Context, owner meshhook.ID, ids []meshhook.ID, lease time.Duration) error
	// ReleaseDeliveries gives back what owner still holds.
	ReleaseDeliveries(ctx context.Context, owner meshhook.ID) (int, error)
}

// Circuits are asked before each call.
type Circuits interface {
	Allow(ctx context.Context, project meshhook.ID, url string) (report func(meshhook.CallOutcome), refused *meshhook.CircuitRefusal)
}

// Outcome is the end of an attempt, for metrics.
type Outcome struct {
	// Status is the delivery's after it, Reason why it failed; "" when it did not.
	Status meshhook.DeliveryStatus
	Reason meshhook.DeliveryReason
	// First tells that it was the first attempt, and Dispatch how long after the commit
	// of what it tells of it left.
	First    bool
	Dispatch time.Duration
	// Took is how long the attempt took.
	Took time.Duration
}

// Options set a Stage up.
type Options struct {
	Store Store
	// Owner is the daemon's id.
	Owner    meshhook.ID
	Egress   *egress.Client
	Circuits Circuits // nil allows all calls
	Log      *slog.Logger
	// Observe is told every attempt; nil for nobody.
	Observe func(Outcome)
}

// Stage sends deliveries. Its loops are Claim and Heartbeat.
type Stage struct {
	store    Store
	owner    meshhook.ID
	egress   *egress.Client
	circuits Circuits
	log      *slog.Logger
	observe  func(Outcome)
	programs programs
	wake     *loop.Bell

	mu      sync.Mutex
	held    map[meshhook.ID]context.CancelFunc
	hosts   map[string]int // calls under way, by host key
	closing bool
	sending sync.WaitGroup
}

// New returns a Stage that sends nothing until its loops run.
func New(o Options) *Stage {
	if o.Observe == nil {
		o.Observe = func(Outcome) {}
	}
	return &Stage{
		store: o.Store, owner: o.Owner, egress: o.Egress, circuits: o.Circuits, log: o.Log, observe: o.Observe,
		wake: loop.NewBell(), held: map[meshhook.ID]context.CancelFunc{}, hosts: map[string]int{},
	}
}

// Bell wakes the loop of Claim.
func (s *Stage) Bell() *loop.Bell { return s.wake }

// Claim takes due deliveries, as many as there are free places, and sends each in a
// goroutine of its own. It is the Work of a loop.
func (s *Stage) Claim(ctx context.Context) (more bool, err error) {
	limit, busy := s.room()
	if limit == 0 {
		return false, nil // the end of one rings
	}
	defer s.sending.Done()
	claims, err := s.store.ClaimDeliveries(ctx, s.owner, limit, busy, Lease)
	if err != nil {
		return false, err
	}
	for i := range claims {
		s.take(ctx, &claims[i])
	}
	return len(claims) == limit, nil
}

// room returns how many deliveries may be taken, and the hosts that may get none. At 0
// nothing is; else the caller calls sending.Done.
func (s *Stage) room() (limit int, busy [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit = min(concurrency-len(s.held), 64)
	if s.closing || limit <= 0 {
		return 0, nil
	}
	s.sending.Add(1)
	for host, calls := range s.hosts {
		if calls >= perHost {
			busy = append(busy, []byte(host))
		}
	}
	return limit, busy
}

func (s *Stage) take(ctx context.Context, c *meshhook.DeliveryClaim) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		cancel() // Stop gives it back
		return
	}
	s.held[c.Delivery.ID] = cancel
	s.sending.Go(func() {
		defer s.drop(c.Delivery.ID, cancel)
		s.deliver(ctx, c)
	})
}

func (s *Stage) drop(id meshhook.ID, cancel context.CancelFunc) {
	cancel()
	s.mu.Lock()
	full := len(s.held) == concurrency
	delete(s.held, id)
	s.mu.Unlock()
	if full {
		s.wake.Ring()
	}
}

// enter takes a place for a call to the host; false when it has as many as it may.
func (s *Stage) enter(host []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hosts[string(host)] >= perHost {
		return false
	}
	s.hosts[string(host)]++
	return true
}

// leave gives the place back, and lets those in that waited for it.
func (s *Stage) leave(host []byte) {
	s.mu.Lock()
	s.hosts[string(host)]--
	was := s.hosts[string(host)]
	if was == 0 {
		delete(s.hosts, string(host))
	}
	s.mu.Unlock()
	if was == perHost-1 {
		s.wake.Ring()
	}
}

// Heartbeat renews the leases of the deliveries in hand. It is the Work of a loop that
// runs several times a Lease.
func (s *Stage) Heartbeat(ctx context.Context) (more bool, err error) {
	s.mu.Lock()
	ids := slices.Collect(maps.Keys(s.held))
	s.mu.Unlock()
	if len(ids) == 0 {
		return false, nil
	}
	return false, s.store.ExtendDeliveries(ctx, s.owner, ids, Lease)
}

// Active is the number of deliveries in hand, for metrics.
func (s *Stage) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// Stop claims no more, waits until the attempts under way have ended or ctx has, and
// gives back what is left in the daemon's name.
func (s *Stage) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		s.sending.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
		s.mu.Lock()
		for _, cancel := range s.held {
			cancel()
		}
		s.mu.Unlock()
		<-idle
	}
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), Lease)
	defer cancel()
	_, err := s.store.ReleaseDeliveries(release, s.owner)
	return err
}

// jitter spreads attempts; it is no secret.
func jitter() float64 { return rand.Float64() } //nolint:gosec // not for security
