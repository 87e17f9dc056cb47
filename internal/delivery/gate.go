package delivery

import (
	"context"
	"time"
)

// gate is the places that calls to one host have.
type gate struct {
	places chan struct{} // holds one thing for each call under way
	// users are the calls under way, and those that wait for a place. Stage.mu is theirs.
	users int
}

// share is how many calls one host may have while so many are under way to all. The more
// there are the fewer, so that sixteen hosts that hang do not take what a seventeenth needs: there
// is room for a call to each of five hundred hosts beside those that hang.
func share(calls int) int {
	switch {
	case calls < maxCalls/4:
		return perHost
	case calls < maxCalls/2:
		return perHost / 4
	}
	return 1
}

// enter takes a place for a call to the host, for which it waits a moment; false when
// it gets none.
func (s *Stage) enter(ctx context.Context, host []byte) bool {
	s.mu.Lock()
	g := s.hosts[string(host)]
	if g == nil {
		g = &gate{places: make(chan struct{}, perHost)}
		s.hosts[string(host)] = g
	}
	if share := share(s.calls); share < perHost && g.users >= share {
		s.mu.Unlock()
		return false
	}
	g.users++
	s.mu.Unlock()
	select {
	case g.places <- struct{}{}:
		s.begun()
		return true
	default:
	}
	timer := time.NewTimer(placePatience)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		s.begun()
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	s.quit(host)
	return false
}

// begun counts a call, which makes room for another delivery to be made ready.
func (s *Stage) begun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := s.free() <= 0
	s.calls++
	if full && s.free() > 0 {
		s.wake.Ring()
	}
}

// leave gives the place back.
func (s *Stage) leave(host []byte) {
	s.mu.Lock()
	g := s.hosts[string(host)]
	s.calls--
	s.mu.Unlock()
	<-g.places
	s.quit(host)
}

// quit counts one user of the host less, and has others taken where some wait.
func (s *Stage) quit(host []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.hosts[string(host)]
	g.users--
	if g.users == 0 {
		delete(s.hosts, string(host))
	}
	if s.crowded {
		s.wake.Ring()
	}
}

// wakeFor has a delivery taken that was given back for the host: now, if it has a free
// place, or when a call there ends.
func (s *Stage) wakeFor(host []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crowded = true
	if g := s.hosts[string(host)]; g == nil || g.users < share(s.calls) {
		s.wake.Ring()
	}
}
