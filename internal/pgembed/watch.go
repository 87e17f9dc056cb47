//go:build unix

package pgembed

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/profullstack/meshhook/internal/backoff"
)

const (
	// adoptedPoll is how often a watch looks whether a server that is not its
	// child still runs.
	adoptedPoll = 200 * time.Millisecond
	// stableAfter is how long a server must have run for its end not to count as
	// one more failure in a row.
	stableAfter = 10 * time.Second
)

// watch brings the server up again whenever it is gone, until ctx is done: a
// daemon must outlive a crash of the server and the end of the process that
// started it.
func (s *Server) watch(ctx context.Context) {
	defer close(s.watched)
	for failures := 0; ; failures++ {
		p := s.server()
		since := time.Now()
		if err := s.cluster.awaitExit(ctx, p, adoptedPoll); err != nil {
			return // ctx is done
		}
		if time.Since(since) > stableAfter {
			failures = 0
		}
		s.cluster.log.WarnContext(ctx, "postgres is gone, starting it again", "pid", p.pid, "ended", p.ending())
		if failures = s.restart(ctx, failures); ctx.Err() != nil {
			return
		}
	}
}

// restart tries to bring the server up until it works or ctx is done, and
// returns the failures so far, of which it is given the number.
func (s *Server) restart(ctx context.Context, failures int) int {
	waits := backoff.Policy{Initial: 100 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2, Jitter: 0.2}
	for ; ; failures++ {
		// The first try is made at once: most likely the old owner just went away.
		if failures > 0 && !pause(ctx, waits.Delay(failures, rand.Float64())) {
			return failures
		}
		err := s.cluster.exclusively(ctx, func() error {
			p, err := s.cluster.up(ctx)
			if err != nil {
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.current = p
			return nil
		})
		if err == nil || ctx.Err() != nil {
			return failures
		}
		s.cluster.log.ErrorContext(ctx, "postgres does not start, trying again", "error", err)
	}
}

// pause waits for d and reports whether ctx lasted that long.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
