package limit

import (
	"net/netip"
	"sync"
	"time"

	"github.com/ulule/limiter/v3"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxSenders is how many addresses are kept of each generation; so the memory for
// all of them is bounded at some ten megabytes.
const maxSenders = 32 << 10

// Senders limits what each sender address may do, in the memory of this process.
// It keeps the 64 Ki addresses that were last seen; a sender of more addresses than
// that begins anew with each. A nil *Senders limits nothing.
type Senders struct {
	rhythm rhythm
	size   int

	mu sync.Mutex
	// Addresses are put into young. When that is full it becomes old, and what was
	// old is forgotten: half a list of the least recently used, at no cost.
	young, old map[netip.Addr]time.Time
}

// NewSenders returns a limit of so many for each address.
func NewSenders(rate meshhook.RateLimit) *Senders {
	return &Senders{
		rhythm: rhythmOf(limiter.Rate{Limit: rate.Limit, Period: rate.Period}), size: maxSenders,
		young: map[netip.Addr]time.Time{},
	}
}

// Take counts one against the address. Where that is too much it returns false and
// how long it will be so.
func (s *Senders) Take(address netip.Addr) (wait time.Duration, ok bool) {
	if s == nil {
		return 0, true
	}
	key := network(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	due, is := s.due(key)
	ahead := max(0, due.Sub(now)) + s.rhythm.step
	if ok = ahead <= s.rhythm.burst; ok {
		due = now.Add(ahead)
	} else {
		wait = ahead - s.rhythm.burst
	}
	if !is && len(s.young) >= s.size {
		s.old, s.young = s.young, make(map[netip.Addr]time.Time, s.size)
	}
	s.young[key] = due // refused or not: whoever is busy is remembered
	return wait, ok
}

// Peek tells what Take would answer, and counts nothing.
func (s *Senders) Peek(address netip.Addr) (wait time.Duration, ok bool) {
	if s == nil {
		return 0, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	due, _ := s.due(network(address))
	wait = max(0, max(0, time.Until(due))+s.rhythm.step-s.rhythm.burst)
	return wait, wait == 0
}

// due is when the whole quota of a sender is there again, and whether it is among the
// young; the lock is held.
func (s *Senders) due(key netip.Addr) (due time.Time, young bool) {
	if due, young = s.young[key]; !young {
		due = s.old[key]
	}
	return due, young
}

// network is what one sender has at least: an IPv4 address, or the /64 of an IPv6
// one, in which every host picks its addresses freely.
func network(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if !address.Is6() {
		return address
	}
	prefix, err := address.Prefix(64)
	if err != nil {
		return address // not reached: a 64-bit prefix of an IPv6 address is one
	}
	return prefix.Addr()
}
