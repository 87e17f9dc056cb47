package ingress

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"

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
	q, refusal, err := h.count(ctx, c)
	if refusal != nil {
		return refusal
	}
	if ctx.Err() != nil {
		return unavailable("the request was broken off") // nobody hears it, and nothing was counted
	}
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
	refusal = refuse(meshhook.CodeRateLimited, "this webhook takes %s; try again later", c.door.RateLimit)
	refusal.retryAfter(time.Until(resetTime(q)))
	return refusal
}

// count counts the request, and where it is not known yet by whom that is done
// waits for it aside.
func (h *Handler) count(ctx context.Context, c *call) (q quota, refusal *refusal, err error) {
	get := func(ctx context.Context) { q, err = h.counters.Get(ctx, c.door.limitKey(), c.door.rate()) }
	if get(atOnce(ctx)); !errors.Is(err, context.Canceled) || ctx.Err() != nil {
		return q, nil, err
	}
	refusal = h.aside(ctx, c, h.counting, func() { get(ctx) })
	return q, refusal, err
}

// resetTime is when Reset is certainly over: it is rounded down to a whole second.
func resetTime(q limiter.Context) time.Time { return time.Unix(q.Reset+1, 0) }

// retryAfter asks the sender to come back after the wait, in whole seconds that are
// never too few.
func (r *refusal) retryAfter(wait time.Duration) {
	seconds := int64((max(wait, 0) + time.Second - 1) / time.Second)
	r.header.Set("Retry-After", strconv.FormatInt(max(1, seconds), 10))
}

// verified checks the signature, and counts a request whose signature is wrong
// against its sender. Beyond the limit it is not stored and hears 429.
//
// The count comes after the check and not before it: forgeries must not shut out
// the genuine requests that come from the same address. Providers send for all their
// customers from a few addresses, so anybody could have a provider send forgeries
// for him. What a forgery costs is the reading of its body, which is bounded, and
// one look at a signature, which is cheaper; what it costs more, a row and a line in
// the log, ends with the limit.
func (h *Handler) verified(ctx context.Context, c *call) *refusal {
	return h.forged(c, h.verify(ctx, c))
}

// forged counts a refusal against its sender if it is for a wrong signature, and
// returns it, or what a sender of too many hears.
func (h *Handler) forged(c *call, refusal *refusal) *refusal {
	if refusal == nil || refusal.code != meshhook.CodeInvalidSignature {
		return refusal
	}
	wait, ok := h.forgers.Take(c.sender)
	if ok {
		return refusal
	}
	c.flooding, c.findings = true, nil
	flood := refuse(meshhook.CodeRateLimited, "too many requests from this address were not signed as they should be; mend the signature, or try again later")
	flood.retryAfter(wait)
	return flood
}

// unknown refuses a request to a path that no webhook has. It asks no database and
// is not stored, and is limited for its sender's sake only: one that tries paths
// is told to stop.
func (h *Handler) unknown(from netip.Addr) *refusal {
	wait, ok := h.strangers.Take(from)
	if ok {
		return refuse(meshhook.CodeNotFound, "there is no webhook at this path")
	}
	flood := refuse(meshhook.CodeRateLimited, "too many requests from this address to paths that no webhook has; try again later")
	flood.retryAfter(wait)
	return flood
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
	for name, value := range map[string]int64{
		"X-RateLimit-Limit": c.quota.Limit, "X-RateLimit-Remaining": max(0, c.quota.Remaining), "X-RateLimit-Reset": resetTime(*c.quota).Unix(),
	} {
		header.Del(name)                                      // of the endpoint's own response
		header[name] = []string{strconv.FormatInt(value, 10)} // Set would write X-Ratelimit-
	}
}

// limitKey names the counter; a changed rate begins a new one.
func (d *door) limitKey() string { return d.ID.String() + " " + d.RateLimit.String() }

func (d *door) rate() limiter.Rate {
	return limiter.Rate{Period: d.RateLimit.Period, Limit: d.RateLimit.Limit}
}
