package limit

import (
	"context"
	"maps"
	"sync"
	"time"
)

// sweepFrom is how many keys the memory holds before it looks for those that are
// not ahead any more.
const sweepFrom = 1024

// memory is the book of one process.
type memory struct {
	mu sync.Mutex
	// due holds the moment at which a key's whole quota is there again.
	due   map[string]time.Time
	sweep int
}

func newMemory() *memory { return &memory{due: map[string]time.Time{}, sweep: sweepFrom} }

func (m *memory) take(_ context.Context, key string, cost, burst time.Duration) (ahead time.Duration, taken bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	ahead = max(0, m.due[key].Sub(now))
	if ahead+cost > burst {
		return ahead, false, nil
	}
	ahead += cost
	m.due[key] = now.Add(ahead)
	if len(m.due) >= m.sweep {
		maps.DeleteFunc(m.due, func(_ string, due time.Time) bool { return !due.After(now) })
		m.sweep = max(sweepFrom, 2*len(m.due))
	}
	return ahead, true, nil
}

func (m *memory) peek(_ context.Context, key string) (time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(0, time.Until(m.due[key])), nil
}

func (m *memory) reset(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.due, key)
	return nil
}

// all returns how far ahead every key is that is ahead.
func (m *memory) all() map[string]time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, all := time.Now(), map[string]time.Duration{}
	for key, due := range m.due {
		if ahead := due.Sub(now); ahead > 0 {
			all[key] = ahead
		}
	}
	return all
}

// merge takes over what another book says where that is further ahead.
func (m *memory) merge(all map[string]time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for key, ahead := range all {
		if due := now.Add(ahead); due.After(m.due[key]) {
			m.due[key] = due
		}
	}
}

func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.due)
	m.sweep = sweepFrom
}
