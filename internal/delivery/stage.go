// Package delivery sends alerts: it claims the deliveries that are due, renders and
// signs each, sends it, and records the attempt, before and after.
//
// A delivery belongs to one daemon at a time, by lease. One whose daemon died during an
// attempt is sent again, with the same webhook-id: every alert arrives at least once.
package delivery

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/loop"
	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// Lease is how long a claim lasts without a heartbeat.
	Lease = 15 * time.Second
	// concurrency is how many deliveries a daemon makes ready at once, and maxCalls how
	// many more it has on their way, which cost little while they wait for an answer.
	concurrency = 256
	maxCalls    = 1024
	// perHost is how many calls go to one host at most (share says when it is fewer): one
	// slow receiver never delays another.
	perHost = 16
	// maxClaim is how many are taken at once.
	maxClaim = 64
	// placePatience is how long one waits for a place at its host before it is given
	// back: where calls are answered soon, that is cheaper than to take it anew.
	placePatience = 50 * time.Millisecond
)

// Store is what the stage asks of the database.
type Store interface {
	// ClaimDeliveries gives due deliveries, as many as there is room for, to owner, and
	// says of how many it took them.
	ClaimDeliveries(ctx context.Context, owner meshhook.ID, room meshhook.DeliveryRoom, lease time.Duration) (claims []meshhook.DeliveryClaim, seen int, err error)
	// DeliverySubject returns what is needed to send it.
	DeliverySubject(ctx context.Context, c *meshhook.DeliveryClaim) (meshhook.DeliverySubject, error)
	// ThrottleDelivery decides, once and for all, whether a message with the key may go
	// out in this window, and ends it as refused says if not.
	ThrottleDelivery(ctx context.Context, c *meshhook.DeliveryClaim, key string, window time.Duration, refused meshhook.DeliveryMove) (ok bool, err error)
	// SecretValues returns the project's vault.
	SecretValues(ctx context.Context, project meshhook.ID) (map[string]meshhook.Secret, error)
	// BeginAttempt records that an attempt is about to be made, and what is sent.
	BeginAttempt(ctx context.Context, c *meshhook.DeliveryClaim, a meshhook.AlertAttempt) error
	// SettleDelivery records what became of it.
	SettleDelivery(ctx context.Context, c *meshhook.DeliveryClaim, m meshhook.DeliveryMove) error
	// ReleaseDelivery gives it back for later, without an attempt, and keeps what is to be sent.
	ReleaseDelivery(ctx context.Context, c *meshhook.DeliveryClaim, wait time.Duration) error
	// WithholdDelivery is ReleaseDelivery for one whose host must not be called now.
	WithholdDelivery(ctx context.Context, c *meshhook.DeliveryClaim, refused *meshhook.CircuitRefusal) error
	// HoldDelivery gives it back because its time has not come.
	HoldDelivery(ctx context.Context, c *meshhook.DeliveryClaim, wait time.Duration) error
	// ExtendDeliveries renews the leases of those in hand.
	ExtendDeliveries(ctx context.Context, owner meshhook.ID, ids []meshhook.ID, lease time.Duration) error
	// ReleaseDeliveries gives back what owner still holds.
	ReleaseDeliveries(ctx context.Context, owner meshhook.ID) (int, error)
}

// Circuits are asked before each call.
type Circuits interface {
	Allow(ctx context.Context, project meshhook.ID, url string) (report func(meshhook.CallOutcome), refused *meshhook.CircuitRefusal)
}

// Outcome is the end of an attempt, or that of a delivery, for metrics. An attempt that
// ends its delivery makes two.
type Outcome struct {
	// Attempt tells that it is that of an attempt; what follows Reason is set then.
	Attempt bool
	// Status is the delivery's after it, Reason why it failed; "" when it did not.
	Status meshhook.DeliveryStatus
	Reason meshhook.DeliveryReason
	// First tells that it was the first attempt, and Dispatch how long after the commit
	// of what it tells of, or the end of what held it back, it left.
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
	// Observe is told every outcome; nil for nobody.
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

	mu    sync.Mutex
	held  map[hold]context.CancelFunc
	hosts map[string]*gate // hosts that are called, by host key
	calls int              // calls under way, to all hosts
	// crowded tells that deliveries may wait for a place at a host: the end of any call
	// has them looked for.
	crowded bool
	closing bool
	sending sync.WaitGroup
}

// hold is one claim of a delivery. One that was lost, to an outage of the database, may be
// this daemon's again before the first hands are done with it.
type hold struct {
	id    meshhook.ID
	fence int64
}

// New returns a Stage that sends nothing until its loops run.
func New(o Options) *Stage {
	if o.Observe == nil {
		o.Observe = func(Outcome) {}
	}
	return &Stage{
		store: o.Store, owner: o.Owner, egress: o.Egress, circuits: o.Circuits, log: o.Log, observe: o.Observe,
		wake: loop.NewBell(), held: map[hold]context.CancelFunc{}, hosts: map[string]*gate{},
	}
}

// Bell wakes the loop of Claim.
func (s *Stage) Bell() *loop.Bell { return s.wake }

// Claim takes due deliveries, as many as there are free places, and sends each in a
// goroutine of its own. It is the Work of a loop.
func (s *Stage) Claim(ctx context.Context) (more bool, err error) {
	room := s.room()
	if room.Limit == 0 {
		return false, nil // the end of one rings
	}
	defer s.sending.Done()
	claims, seen, err := s.store.ClaimDeliveries(ctx, s.owner, room, Lease)
	if err != nil {
		return false, err
	}
	if seen > len(claims) {
		s.mu.Lock()
		s.crowded = true // and the calls that were just taken have not ended
		s.mu.Unlock()
	}
	for i := range claims {
		s.take(ctx, &claims[i])
	}
	return seen == room.Limit, nil
}

// room returns how many deliveries may be taken. With a Limit of 0 nothing is; else the
// caller calls sending.Done.
func (s *Stage) room() meshhook.DeliveryRoom {
	s.mu.Lock()
	defer s.mu.Unlock()
	share := share(s.calls)
	room := meshhook.DeliveryRoom{Limit: min(s.free(), maxClaim), PerHost: share}
	if s.closing || room.Limit <= 0 {
		return meshhook.DeliveryRoom{}
	}
	s.sending.Add(1)
	s.crowded = false
	for host, g := range s.hosts {
		s.crowded = s.crowded || g.users >= share
		room.Hosts, room.Free = append(room.Hosts, []byte(host)), append(room.Free, max(share-g.users, 0))
	}
	return room
}

// free is how many more may be taken in hand. The caller holds mu.
func (s *Stage) free() int {
	return min(concurrency-(len(s.held)-s.calls), maxCalls-len(s.held))
}

func (s *Stage) take(ctx context.Context, c *meshhook.DeliveryClaim) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		cancel() // Stop gives it back
		return
	}
	h := hold{c.Delivery.ID, c.Fence}
	s.held[h] = cancel
	s.sending.Go(func() {
		defer s.drop(h, cancel)
		s.deliver(ctx, c)
	})
}

func (s *Stage) drop(h hold, cancel context.CancelFunc) {
	cancel()
	s.mu.Lock()
	full := s.free() <= 0
	delete(s.held, h)
	s.mu.Unlock()
	if full {
		s.wake.Ring()
	}
}

// Heartbeat renews the leases of the deliveries in hand. It is the Work of a loop that
// runs several times a Lease.
func (s *Stage) Heartbeat(ctx context.Context) (more bool, err error) {
	s.mu.Lock()
	ids := make([]meshhook.ID, 0, len(s.held))
	for h := range s.held {
		ids = append(ids, h.id)
	}
	s.mu.Unlock()
	if len(ids) == 0 {
		return false, nil
	}
	return false, s.store.ExtendDeliveries(ctx, s.owner, ids, Lease)
}

// lookIn has deliveries taken after a short wait. The loop looks once a second anyway, which is
// late for a wait of a few seconds, and nothing for a long one. Waits that end in the same tenth
// of a second have one look.
func (s *Stage) lookIn(wait time.Duration) {
	const short, together = time.Minute, 100 * time.Millisecond
	if wait > short {
		return
	}
	now := time.Now()
	time.AfterFunc(now.Add(wait).Truncate(together).Add(together).Sub(now), s.wake.Ring)
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
