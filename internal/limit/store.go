package limit

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/ulule/limiter/v3"
	"golang.org/x/sync/singleflight"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Where the counters are: the setting limits.store.
const (
	// Auto counts in memory while the daemon is the only one that takes requests,
	// and in the database otherwise.
	Auto = "auto"
	// Postgres always counts in the database.
	Postgres = "postgres"
	// Memory counts what this daemon takes, whatever others do.
	Memory = "memory"
)

// Options set a Store up.
type Options struct {
	// Where is Auto, Postgres or Memory; "" is Auto.
	Where string
	// Table is the database; unused for Memory.
	Table Table
	// Daemon is the id under which this daemon is in the database's list.
	Daemon meshhook.ID
	// Patience is how long a request waits at most to know where it is counted; 0
	// takes 300 ms.
	Patience time.Duration
	// OnError hears of each count that the database could not keep, and of nothing
	// else: the request was counted in memory. It may be nil.
	OnError func(error)
}

// Store counts against rates, for ulule/limiter. In a limiter.Context of it,
// Reset is the second in which the whole quota is there again, or, where the
// limit is reached, in which the next request is admitted; both rounded down.
//
// It is safe for concurrent use. One loop calls Step.
type Store struct {
	where    string
	table    Table
	daemon   meshhook.ID
	patience time.Duration
	onError  func(error)
	memory   *memory
	known    *known
	// peeks are the questions of Peek under way, by key.
	peeks singleflight.Group

	// mu is held for reading while a request is counted, so that a change from
	// one book to the other waits for those under way.
	mu    sync.RWMutex
	state state
	// tired tells that a request has waited in vain to know the state. Until that is
	// known again, no other one waits.
	tired bool
	// until is when the state is over, by this machine's clock, if no Step has
	// confirmed it.
	until time.Time
	// stepped is closed, and renewed, by each Step.
	stepped chan struct{}
}

// state says which book counts.
type state int

const (
	joining  state = iota // it is not known yet: another daemon may count in its memory
	alone                 // memory: no other daemon takes requests
	together              // the table: all do
	cutOff                // memory: the database does not answer
)

// New returns a Store. Until its first Step it counts nothing, except for Memory.
func New(o Options) *Store {
	s := &Store{
		where: o.Where, table: o.Table, daemon: o.Daemon, patience: o.Patience, onError: o.OnError,
		memory: newMemory(), known: newKnown(), stepped: make(chan struct{}),
	}
	if s.patience == 0 {
		s.patience = defaultPatience
	}
	if s.onError == nil {
		s.onError = func(error) {}
	}
	if o.Where == Memory {
		s.state, s.until = alone, time.Unix(math.MaxInt32, 0)
	}
	return s
}

// NewMemory returns a Store that counts for this process alone.
func NewMemory() *Store { return New(Options{Where: Memory}) }

// Get counts one request. It waits only where it is not known yet where requests
// are counted. A ctx that has ended keeps it from that: then it returns the error of
// ctx, and nothing is counted.
func (s *Store) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.Increment(ctx, key, 1, rate)
}

// Increment counts as many requests, all or none.
func (s *Store) Increment(ctx context.Context, key string, count int64, rate limiter.Rate) (limiter.Context, error) {
	r := rhythmOf(rate)
	if free, full := s.known.fullUntil(key, time.Now()); full {
		return r.refused(free, 0), nil
	}
	ask := r.take(count)
	var stands meshhook.RateStanding
	var taken bool
	err := s.counting(ctx, func(b book) (err error) {
		stands, taken, err = b.take(ctx, key, ask)
		return err
	})
	if err != nil {
		return limiter.Context{}, err
	}
	now := time.Now()
	s.known.see(key, now, stands)
	standing := r.standing(now, stands)
	if taken {
		return standing, nil
	}
	free := now.Add(r.wait(stands, ask))
	if standing.Remaining == 0 {
		s.known.fill(key, now, free)
	}
	return r.refused(free, standing.Remaining), nil
}

// Peek returns where the key stands, up to a second ago if others count it too.
func (s *Store) Peek(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	r, now := rhythmOf(rate), time.Now()
	if free, full := s.known.fullUntil(key, now); full {
		return r.refused(free, 0), nil
	}
	if stands, is := s.known.recent(key, now); is {
		return r.standing(now, stands), nil
	}
	// A flood is one question in a second, and not one of each that finds the last
	// answer too old.
	told, _, _ := s.peeks.Do(key, func() (any, error) { // it returns no error
		stands, err := s.peeking().peek(ctx, key)
		if err != nil {
			s.onError(err)
			stands, _ = s.memory.peek(ctx, key) // it cannot fail
		}
		s.known.see(key, time.Now(), stands)
		return stands, nil
	})
	stands, _ := told.(meshhook.RateStanding)
	return r.standing(time.Now(), stands), nil
}

// Reset forgets what was counted.
func (s *Store) Reset(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	err := s.counting(ctx, func(b book) error { return b.reset(ctx, key) })
	s.known.forget(key)
	return rhythmOf(rate).standing(time.Now(), meshhook.RateStanding{}), err
}

// Close hands over to the table what was counted in memory, for the daemons to
// come. It is called once nothing is counted any more.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.memory.all()
	if s.where == Memory || len(own) == 0 {
		return nil
	}
	return s.table.JoinRates(ctx, s.daemon, own)
}

// counting calls fn with the book that counts now, and with the memory when that
// is the table and fails: then each daemon counts for itself.
func (s *Store) counting(ctx context.Context, fn func(book) error) error {
	b, done, err := s.book(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err = fn(b); err == nil {
		return nil
	}
	s.onError(err)
	return fn(s.memory)
}

// book returns the book that counts now, and holds it open until done is called.
// While that is not known it waits for a Step that knows, but not for long: senders
// are owed an answer.
func (s *Store) book(ctx context.Context) (b book, done func(), err error) {
	var patience <-chan time.Time
	for {
		s.mu.RLock()
		switch {
		case s.knows():
			return s.current(), s.mu.RUnlock, nil
		case s.tired:
			return wary{s.memory, shared{s.table}}, s.mu.RUnlock, nil
		}
		stepped := s.stepped
		s.mu.RUnlock()
		if patience == nil {
			timer := time.NewTimer(s.patience)
			defer timer.Stop()
			patience = timer.C
		}
		select {
		case <-stepped:
		case <-patience:
			s.tire()
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// knows tells whether it is known where requests are counted. The caller holds mu.
func (s *Store) knows() bool {
	return s.state == cutOff || s.state != joining && time.Now().Before(s.until)
}

// current is the book of the state. The caller holds mu.
func (s *Store) current() book {
	if s.state == alone || s.state == cutOff {
		return s.memory
	}
	return shared{s.table}
}

// tire has nobody wait for a Step any more, unless there has been one just now.
func (s *Store) tire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tired = !s.knows()
}

// peeking is the book to look into; nothing hangs on its being the one that counts.
func (s *Store) peeking() book {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current()
}
