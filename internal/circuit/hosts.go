package circuit

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxHosts bounds the hosts with a closed circuit that are counted: URLs that are
// made of payloads can name any number of them.
const maxHosts = 10_000

// Refresh renews the leases of the probes under way here and learns what other
// daemons turned. It is the Work of a loop that the store's bell wakes.
func (b *Breaker) Refresh(ctx context.Context) (more bool, err error) {
	b.mu.Lock()
	turn, probes := b.turn, slices.Collect(maps.Keys(b.probes))
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := b.store.Circuits(ctx, probes, b.lease)
	if err != nil {
		return false, err
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	stands := make(map[*host]bool, len(list))
	for i := range list {
		c := &list[i]
		h := b.host(key{c.ProjectID, c.Host}, now)
		stands[h] = true
		if h.knowable(turn) {
			b.set(h, c)
		}
	}
	for _, h := range b.hosts {
		if h.circuit != nil && !stands[h] && h.knowable(turn) {
			b.set(h, nil)
		}
	}
	b.sweep(now)
	return false, nil
}

// knowable tells whether what was read since the turn is newer than what is known.
func (h *host) knowable(turn uint64) bool { return !h.busy && h.turned <= turn }

// set takes in how the host's circuit stands; nil is closed.
func (b *Breaker) set(h *host, c *meshhook.Circuit) {
	if h.circuit != nil {
		b.open--
	}
	if c != nil {
		b.open++
	}
	h.circuit, h.tally = c, tally{}
	b.turn++
	h.turned = b.turn
}

// host returns what is known of a host, from now on. Where too many are known,
// others are forgotten: of them it takes longer to see that they fail, no more.
func (b *Breaker) host(k key, now time.Time) *host {
	h := b.hosts[k]
	if h != nil {
		return h
	}
	if len(b.hosts)-b.open >= maxHosts {
		b.sweep(now)
		b.forget(func(h *host) bool { return h.tally.row == 0 })
		b.forget(func(*host) bool { return true })
	}
	h = &host{}
	b.hosts[k] = h
	return h
}

// sweep forgets the hosts of which nothing is worth knowing.
func (b *Breaker) sweep(now time.Time) {
	maps.DeleteFunc(b.hosts, func(_ key, h *host) bool { return h.circuit == nil && !h.busy && h.tally.idle(now) })
}

// forget forgets hosts with a closed circuit, any that may go, until there is room
// for a while.
func (b *Breaker) forget(may func(*host) bool) {
	for k, h := range b.hosts {
		if len(b.hosts)-b.open <= maxHosts/10*9 {
			return
		}
		if h.circuit == nil && !h.busy && may(h) {
			delete(b.hosts, k)
		}
	}
}
