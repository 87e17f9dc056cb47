package ingress

import (
	"context"
	"net/http"
	"strconv"

	"github.com/ulule/limiter/v3"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// quota is where an endpoint stands in its rate limit.
type quota = limiter.Context

// limit counts the request against the endpoint's rate.
func (h *Handler) limit(ctx context.Context, c *call) *refusal {
	if c.door.RateLimit == nil {
		return nil
	}
	q, err := h.counters.Get(ctx, c.door.limitKey(), c.door.rate())
	if err != nil {
		// The limit protects the owner's workflow, not the daemon: an event is
		// worth more than the exactness of its count.
		h.log.Error("counting against the rate limit", "webhook", c.door.Path, "error", err)
		return nil
	}
	c.quota = &q
	if !q.Reached {
		return nil
	}
	refusal := refuse(meshhook.CodeRateLimited, "this webhook takes %s; try again later", c.door.RateLimit)
	// Reset is rounded down to a whole second; one more is never too early.
	refusal.header.Set("Retry-After", strconv.FormatInt(max(1, q.Reset+1-c.now.Unix()), 10))
	return refusal
}

// limitHeaders puts the three headers on every answer of a limited endpoint.
func (c *call) limitHeaders(ctx context.Context, header http.Header, counters limiter.Store) {
	if c.door.RateLimit == nil {
		return
	}
	if c.quota == nil {
		q, err := counters.Peek(ctx, c.door.limitKey(), c.door.rate())
		if err != nil {
			return
		}
		c.quota = &q
	}
	header.Set("X-RateLimit-Limit", strconv.FormatInt(c.quota.Limit, 10))
	header.Set("X-RateLimit-Remaining", strconv.FormatInt(max(0, c.quota.Remaining), 10))
	header.Set("X-RateLimit-Reset", strconv.FormatInt(c.quota.Reset, 10))
}

// limitKey names the counter; a changed rate begins a new one.
func (d *door) limitKey() string { return d.ID.String() + " " + d.RateLimit.String() }

func (d *door) rate() limiter.Rate {
	return limiter.Rate{Period: d.RateLimit.Period, Limit: d.RateLimit.Limit}
}
