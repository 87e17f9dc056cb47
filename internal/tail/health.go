package tail

import (
	"sync"
	"time"
)

// part is one of the two ways in which a follower depends on its source.
type part int

const (
	listening part = iota
	reading
	parts
)

// health makes one State of both parts: connected is when both are well.
type health struct {
	mu       sync.Mutex
	errs     [parts]error
	known    [parts]bool
	onState  func(State)
	reported bool
	lost     bool
}

func newHealth(onState func(State)) *health {
	if onState == nil {
		onState = func(State) {}
	}
	return &health{onState: onState}
}

// report takes what became of a part and passes a change of the whole on.
func (h *health) report(p part, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs[p], h.known[p] = err, true

	why := h.errs[listening]
	if why == nil {
		why = h.errs[reading]
	}
	if why == nil && !(h.known[listening] && h.known[reading]) {
		return // half of it is not yet a connection
	}
	if h.reported && h.lost == (why != nil) {
		return
	}
	h.reported, h.lost = true, why != nil
	h.onState(State{Lost: why, Since: time.Now()})
}
