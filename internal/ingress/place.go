package ingress

import "context"

// enter takes a place among the requests in flight. It is taken once the body has
// arrived, so that slow senders cannot hold all the places.
func (h *Handler) enter(_ context.Context, c *call) *refusal {
	select {
	case h.inFlight <- struct{}{}:
		c.entered = true
		return nil
	default:
		return unavailable("too many requests are under way; try again soon")
	}
}

// leave gives the place back, if the call holds one.
func (h *Handler) leave(c *call) {
	if c.entered {
		<-h.inFlight
		c.entered = false
	}
}

// aside waits for something that another host or daemon has to do first. For so long
// the call gives its place back: what is slow for one endpoint must not shut out the
// others. Those that wait have places of their own.
func (h *Handler) aside(ctx context.Context, c *call, waiting chan struct{}, wait func()) *refusal {
	if !c.entered { // it is judged from the log
		wait()
		return nil
	}
	select {
	case waiting <- struct{}{}:
	default:
		return unavailable("too many requests wait for the same; try again soon")
	}
	defer func() { <-waiting }()
	h.leave(c)
	wait()
	return h.enter(ctx, c)
}

// atOnce returns a context for those who shall not wait.
func atOnce(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}
