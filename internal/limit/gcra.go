package limit

import (
	"context"
	"time"

	"github.com/ulule/limiter/v3"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// rhythm is a rate as the algorithm wants it.
type rhythm struct {
	limit  int64
	period time.Duration
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
	burst := step * time.Duration(rate.Limit)
	return rhythm{limit: rate.Limit, period: max(rate.Period, burst), step: step, burst: burst}
}

// take asks for count requests. Their number is cut to just over the limit, which is
// never admitted, before anything can overflow.
func (r rhythm) take(count int64) meshhook.RateTake {
	count = min(max(count, 0), r.limit+1)
	return meshhook.RateTake{Count: count, Limit: r.limit, Period: r.period, Cost: r.step * time.Duration(count), Burst: r.burst}
}

// standing tells of a key at the time now.
func (r rhythm) standing(now time.Time, s meshhook.RateStanding) limiter.Context {
	return limiter.Context{
		Limit: r.limit, Remaining: max(0, min(int64((r.burst-s.Ahead)/r.step), r.limit-s.Count)),
		Reset: now.Add(max(s.Ahead, s.Left)).Unix(),
	}
}

// wait is how long it takes until a key that refused the requests takes them, if
// nobody else comes.
func (r rhythm) wait(s meshhook.RateStanding, t meshhook.RateTake) time.Duration {
	wait := max(0, s.Ahead+t.Cost-r.burst)
	if s.Count+t.Count > r.limit {
		wait = max(wait, s.Left)
	}
	return wait
}

// refused is the standing of a key that admits nothing until the moment free.
// Remaining says what a smaller request could still have.
func (r rhythm) refused(free time.Time, remaining int64) limiter.Context {
	return limiter.Context{Limit: r.limit, Remaining: remaining, Reset: free.Unix(), Reached: true}
}

// book keeps where each key stands; a key whose whole quota is there is not kept.
type book interface {
	// take counts the requests against the key, if they are admitted. It returns where
	// the key stands afterwards, either way.
	take(ctx context.Context, key string, t meshhook.RateTake) (s meshhook.RateStanding, taken bool, err error)
	peek(ctx context.Context, key string) (meshhook.RateStanding, error)
	reset(ctx context.Context, key string) error
}
