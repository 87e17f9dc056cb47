package limit

import "github.com/profullstack/meshhook/internal/meshhook"

// Kept is how many keys the memory holds.
func (s *Store) Kept() int {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	return len(s.memory.keys)
}

// SmallSenders is NewSenders with two generations of so many addresses.
func SmallSenders(rate meshhook.RateLimit, size int) *Senders {
	s := NewSenders(rate)
	s.size = size
	return s
}

// Kept is how many addresses are held.
func (s *Senders) Kept() int { return len(s.young) + len(s.old) }
