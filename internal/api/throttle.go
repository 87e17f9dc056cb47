package api

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxFailures is how many requests without a valid token one address may send
	// in failureWindow before it is told to wait.
	maxFailures   = 20
	failureWindow = time.Minute
	// maxSenders bounds the memory: beyond, all new addresses are counted as one.
	maxSenders = 10_000
)

// throttle counts failed authentications by sender. It keeps those who guess
// from the database; a token of 256 bits needs no protection from guessing.
type throttle struct {
	mu    sync.Mutex
	until map[netip.Prefix]*failures
}

// failures are those of one sender in one window.
type failures struct {
	count int
	until time.Time
}

func newThrottle() *throttle { return &throttle{until: map[netip.Prefix]*failures{}} }

// network is what counts as one sender: an IPv4 address, or the /64 that an IPv6
// subscriber can choose addresses from.
func network(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.Prefix(bits) // the zero address gives the zero prefix
	return prefix
}

// key is under what the sender's failures are counted.
func (t *throttle) key(addr netip.Addr) netip.Prefix {
	own := network(addr)
	if t.until[own] == nil && len(t.until) >= maxSenders {
		return netip.Prefix{}
	}
	return own
}

// wait returns for how long the sender has to wait; 0 when it need not.
func (t *throttle) wait(addr netip.Addr, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.until[t.key(addr)]
	if f == nil || f.count < maxFailures {
		return 0
	}
	return max(0, f.until.Sub(now))
}

// failed counts a failure of the sender.
func (t *throttle) failed(addr netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.until) >= maxSenders {
		maps.DeleteFunc(t.until, func(_ netip.Prefix, f *failures) bool { return !now.Before(f.until) })
	}
	key := t.key(addr)
	f := t.until[key]
	if f == nil || !now.Before(f.until) {
		f = &failures{until: now.Add(failureWindow)}
		t.until[key] = f
	}
	f.count++
}
