// Package backoff says how long to wait before the next try. It keeps no state
// and owns no clock and no randomness: both come in as values.
package backoff

import (
	"math"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Policy is a schedule of growing waits. Its zero value never waits.
type Policy struct {
	// Initial is the wait after the first failure.
	Initial time.Duration
	// Max bounds the growth of the waits, before jitter is added.
	Max time.Duration
	// Multiplier is the ratio of one wait to the one before it, 1 or more.
	Multiplier float64
	// Jitter is the share, 0 to 1, by which a wait may be shorter or longer.
	Jitter float64
}

// Delay returns the wait after the failure of the given attempt, the first
// being 1; a smaller number counts as 1. rnd, in [0, 1), places the wait within
// its jitter: 0 is the shortest, 0.5 the wait without jitter.
//
// Jitter spreads the waits at Max as well, so a wait may exceed Max by that
// share. Cutting it at Max would send half of the callers back in one instant,
// which is what jitter is there to prevent.
func (p Policy) Delay(attempt int, rnd float64) time.Duration {
	if p.Initial <= 0 {
		return 0
	}
	wait := float64(p.Initial) * math.Pow(p.Multiplier, float64(max(attempt, 1)-1))
	if !(wait < float64(p.Max)) { // written so that infinity and NaN end at Max, too
		wait = float64(p.Max)
	}
	wait *= 1 + p.Jitter*(2*rnd-1)
	if wait >= math.MaxInt64 {
		return math.MaxInt64
	}
	return max(time.Duration(wait), 0)
}

// Validate returns an error with CodeInvalid that names the first field which
// makes no sense.
func (p Policy) Validate() error {
	switch {
	case p.Initial <= 0:
		return meshhook.Errorf(meshhook.CodeInvalid, "initial must be longer than 0s, but is %s", p.Initial)
	case p.Max < p.Initial:
		return meshhook.Errorf(meshhook.CodeInvalid, "max must not be shorter than initial (%s), but is %s", p.Initial, p.Max)
	case !(p.Multiplier >= 1) || math.IsInf(p.Multiplier, 0):
		return meshhook.Errorf(meshhook.CodeInvalid, "multiplier must be 1 or more, but is %v", p.Multiplier)
	case !(p.Jitter >= 0 && p.Jitter <= 1):
		return meshhook.Errorf(meshhook.CodeInvalid, "jitter must lie between 0 and 1, but is %v", p.Jitter)
	}
	return nil
}
