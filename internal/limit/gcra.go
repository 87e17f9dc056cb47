package limit

import (
	"context"
	"time"

	"github.com/ulule/limiter/v3"
)

// rhythm is a rate as the algorithm wants it.
type rhythm struct {
	limit int64
	// step is how far one request moves its key ahead, in whole microseconds: that
	// is what the database can keep.
	step time.Duration
	// burst is how far ahead a key may be: the whole quota. It is made of steps and
	// not of the period, so that rounding never adds a request to the quota.
	burst time.Duration
}

func rhythmOf(rate limiter.Rate) rhythm {
	if rate.Limit < 1 {
		return rhythm{step: time.Microsecond} // nothing is ever admitted
	}
	step := max((rate.Period / time.Duration(rate.Limit)).Truncate(time.Microsecond), time.Microsecond)
	return rhythm{limit: rate.Limit, step: step, burst: step * time.Duration(rate.Limit)}
}

// cost is how far count requests move a key ahead. It is cut to just over the
// burst, which is never admitted, before it can overflow.
func (r rhythm) cost(count int64) time.Duration {
	return r.step * time.Duration(min(max(count, 0), r.limit+1))
}

// standing tells where a key stands at the time now that is so far ahead.
func (r rhythm) standing(now time.Time, ahead time.Duration) limiter.Context {
	return limiter.Context{
		Limit: r.limit, Remaining: max(0, int64((r.burst-ahead)/r.step)),
		Reset: now.Add(ahead).Unix(),
	}
}

// refused is the standing of a key that would be too far ahead until the moment
// free. Remaining says what a smaller request could still have.
func (r rhythm) refused(free time.Time, remaining int64) limiter.Context {
	return limiter.Context{Limit: r.limit, Remaining: remaining, Reset: free.Unix(), Reached: true}
}

// book keeps how far ahead each key is of now; a key that is not ahead is not kept.
type book interface {
	// take moves the key ahead by cost, unless it would then be further ahead than
	// burst. It returns how far ahead the key is afterwards, moved or not.
	take(ctx context.Context, key string, cost, burst time.Duration) (ahead time.Duration, taken bool, err error)
	peek(ctx context.Context, key string) (ahead time.Duration, err error)
	reset(ctx context.Context, key string) error
}
