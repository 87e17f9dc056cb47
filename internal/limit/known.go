package limit

import (
	"maps"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxKnown is how many keys are remembered before those are looked for that need
// not be any more.
const maxKnown = 4096

// peekFresh is how long the standing of a key may be told from memory to requests
// that cost nothing: a flood of them is one question a second.
const peekFresh = time.Second

// known is what this process remembers of the keys, so that it need not ask.
type known struct {
	mu sync.Mutex
	// full holds until when a key admits nothing. Other daemons can only put that
	// moment off, so a flood over the limit is refused without a question.
	full map[string]time.Time
	seen map[string]sighting
}

// sighting is where a key stood at some moment.
type sighting struct {
	at       time.Time
	standing meshhook.RateStanding
}

func newKnown() *known {
	return &known{full: map[string]time.Time{}, seen: map[string]sighting{}}
}

// fullUntil returns until when the key admits nothing, and whether that is so.
func (k *known) fullUntil(key string, now time.Time) (time.Time, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	free, is := k.full[key]
	return free, is && now.Before(free)
}

// fill notes that the key admits nothing until the moment free.
func (k *known) fill(key string, now, free time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.full) >= maxKnown {
		maps.DeleteFunc(k.full, func(_ string, free time.Time) bool { return !now.Before(free) })
	}
	k.full[key] = free
}

// see notes where the key stands.
func (k *known) see(key string, now time.Time, standing meshhook.RateStanding) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.seen) >= maxKnown {
		maps.DeleteFunc(k.seen, func(_ string, s sighting) bool { return now.Sub(s.at) >= peekFresh })
	}
	k.seen[key] = sighting{now, standing}
}

// recent returns where the key stands by what was seen a moment ago.
func (k *known) recent(key string, now time.Time) (meshhook.RateStanding, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, is := k.seen[key]
	if !is || now.Sub(s.at) >= peekFresh {
		return meshhook.RateStanding{}, false
	}
	return s.standing.After(now.Sub(s.at)), true
}

func (k *known) forget(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.full, key)
	delete(k.seen, key)
}
