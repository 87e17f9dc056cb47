package daemon

import (
	"context"
	"sync"

	"github.com/profullstack/meshhook/internal/loop"
)

// followers are those who follow the journal through this daemon. They share the one
// connection on which the daemon listens: one for each would use up the server's.
type followers struct {
	mu    sync.Mutex
	bells map[*loop.Bell]bool
}

func newFollowers() *followers { return &followers{bells: map[*loop.Bell]bool{}} }

// ring wakes everybody, and so does the daemon's own connection when it comes back.
func (f *followers) ring() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for bell := range f.bells {
		bell.Ring()
	}
}

// Listen is half of a tail.Source: it rings once at the beginning, and then with the
// journal until ctx ends. Rings that are missed while the daemon's connection is lost
// are made good by the follower's poll.
func (f *followers) Listen(ctx context.Context, ring func()) error {
	bell := loop.NewBell()
	f.mu.Lock()
	f.bells[bell] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.bells, bell)
	}()
	for {
		ring()
		select {
		case <-bell.C():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
