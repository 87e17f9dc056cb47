package limit

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// sweepFrom is how many keys the memory holds before it looks for those whose whole
// quota is there again.
const sweepFrom = 1024

// memory is the book of one process.
type memory struct {
	mu    sync.Mutex
	keys  map[string]sighting
	sweep int
}

func newMemory() *memory { return &memory{keys: map[string]sighting{}, sweep: sweepFrom} }

// at is where the key stands now; the lock is held.
func (m *memory) at(key string, now time.Time) meshhook.RateStanding {
	s := m.keys[key]
	return s.standing.After(now.Sub(s.at))
}

func (m *memory) take(_ context.Context, key string, t meshhook.RateTake) (s meshhook.RateStanding, taken bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if s, taken = m.at(key, now).Take(t); !taken {
		return s, false, nil
	}
	m.keys[key] = sighting{now, s}
	if len(m.keys) >= m.sweep {
		maps.DeleteFunc(m.keys, func(_ string, s sighting) bool { return s.standing.After(now.Sub(s.at)) == meshhook.RateStanding{} })
		m.sweep = max(sweepFrom, 2*len(m.keys))
	}
	return s, true, nil
}

func (m *memory) peek(_ context.Context, key string) (meshhook.RateStanding, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at(key, time.Now()), nil
}

func (m *memory) reset(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.keys, key)
	return nil
}

// all returns where every key stands whose quota is not whole.
func (m *memory) all() map[string]meshhook.RateStanding {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, all := time.Now(), map[string]meshhook.RateStanding{}
	for key := range m.keys {
		if s := m.at(key, now); s != (meshhook.RateStanding{}) {
			all[key] = s
		}
	}
	return all
}

// merge takes over what another book says where that is stricter.
func (m *memory) merge(all map[string]meshhook.RateStanding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for key, s := range all {
		m.keys[key] = sighting{now, m.at(key, now).Merge(s)}
	}
}

func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.keys)
	m.sweep = sweepFrom
}
