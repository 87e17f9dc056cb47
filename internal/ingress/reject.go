package ingress

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// maxRejectedBody is how much of a body over the limit is stored, in bytes.
	maxRejectedBody = 64 << 10
	// maxRejectedPerSecond is how many rejected requests of one endpoint are
	// stored each second; the rest are counted. It bounds what forgeries can do to the
	// disk, together with the budget below and the retention of rejected events.
	maxRejectedPerSecond = 10
	// defaultRejectedBudget is how many bytes of one endpoint's rejected requests are
	// stored whole in each hour: enough that a wrong secret on the first day loses
	// nothing.
	defaultRejectedBudget = 64 << 20
	// maxPastBudget is how much is stored of a rejected request's body, and of its
	// headers, when the hour's budget is spent, in bytes.
	maxPastBudget = 4 << 10
	// maxHandshakesPerHour is how many answered questions of one endpoint are stored
	// each hour. They are kept as long as accepted events.
	maxHandshakesPerHour = 60
	// rejectTimeout bounds the recording of a rejection, for which its sender waits,
	// and before it the reading of what is left of the body.
	rejectTimeout = 2 * time.Second
)

// recordRefusal stores a rejected request, for the person who sets the provider
// up, and whole, so that it can be judged again. The refusal stands whether or not
// that succeeds.
func (h *Handler) recordRefusal(ctx context.Context, c *call, refusal *refusal) {
	if !h.rejected.admit(c) {
		return
	}
	if c.door.broken != nil {
		h.log.Error("a request came to a webhook whose configuration cannot be used", "webhook", c.door.Path, "error", c.door.broken)
		return
	}
	if !c.body.begun {
		c.readLeftover(h.rejected.room(c))
	}
	// A sender that is cut off or gone is logged all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rejectTimeout)
	defer cancel()
	event := c.asEvent()
	event.Status, event.Code, event.Reason = meshhook.EventRejected, refusal.code, refusal.forOwner()
	event.BodyEncoded = c.body.refusal != nil
	event.Credential = c.door.verifier.Digest(h.signed(c, nil), c.id[:])
	if c.body.more {
		event.BodySize = max(event.BodySize, c.request.ContentLength)
		event.BodyTruncated = true
		event.Body = event.Body[:min(len(event.Body), maxRejectedBody)]
	}
	if !h.rejected.spend(c, event) {
		shorten(event)
	}
	event.Findings = h.findings(c)
	level := h.log.Info
	if _, err := h.store.Record(ctx, meshhook.Intake{Event: *event}); err != nil {
		level = h.log.With("error", err).Warn
	}
	level("event rejected", "webhook", c.door.Path, "event_id", c.id, "code", refusal.code, "reason", event.Reason, "sender", c.sender)
}

// readLeftover reads the body of a request that was refused before its body was
// looked at: what comes of it in a short time. Nobody waits for the rest.
func (c *call) readLeftover(limit int64) {
	b := &c.body
	b.begun, b.more = true, c.request.ContentLength != 0
	if c.asks() {
		return // it has not been sent, and need not be
	}
	control := http.NewResponseController(c.writer)
	if control.SetReadDeadline(time.Now().Add(rejectTimeout)) != nil {
		return
	}
	b.more = b.read(c.request, limit) != nil
}

// asks tells that the sender waits for a word before it sends the body.
func (c *call) asks() bool {
	return strings.EqualFold(c.request.Header.Get("Expect"), "100-continue")
}

// rejections bounds, for each endpoint, what is stored of rejected requests.
type rejections struct {
	// budget is how many bytes are stored whole in an hour.
	budget int64
	mu     sync.Mutex
	second map[meshhook.ID]*rejectionCount
}

// rejectionCount is one endpoint's rejections in one second.
type rejectionCount struct {
	second     int64
	stored     int
	suppressed meshhook.Suppressed
	// hour is the one of which spent bytes were stored.
	hour int64
	// handshakes is how many questions were answered in that hour.
	handshakes int
	spent      int64
}

func newRejections(budget int64) *rejections {
	if budget == 0 {
		budget = defaultRejectedBudget
	}
	return &rejections{budget: budget, second: map[meshhook.ID]*rejectionCount{}}
}

// admit tells whether the rejection may be stored, and counts it if not.
func (r *rejections) admit(c *call) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := r.of(c)
	if second := c.now.Unix(); second != count.second {
		count.second, count.stored = second, 0
	}
	if count.stored < maxRejectedPerSecond && !c.flooding {
		count.stored++
		return true
	}
	count.suppressed.Webhook = c.door.Path
	count.suppressed.Count++
	return false
}

// admitHandshake tells whether an answered question may be stored.
func (r *rejections) admitHandshake(c *call) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := r.of(c)
	count.handshakes++
	return count.handshakes <= maxHandshakesPerHour
}

// of returns the count of a call's endpoint. The caller holds mu.
func (r *rejections) of(c *call) *rejectionCount {
	count := r.second[c.door.ID]
	if count == nil {
		count = &rejectionCount{suppressed: meshhook.Suppressed{ProjectID: c.door.ProjectID, EndpointID: c.door.ID}}
		r.second[c.door.ID] = count
	}
	if hour := c.now.Unix() / 3600; hour != count.hour {
		count.hour, count.spent, count.handshakes = hour, 0, 0
	}
	return count
}

// room is how much of a body it is worth to read, in bytes.
func (r *rejections) room(c *call) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return min(c.door.MaxBody, max(r.budget-r.of(c).spent, maxPastBudget))
}

// spend tells whether an event fits into the hour's budget, and takes it from there.
func (r *rejections) spend(c *call, e *meshhook.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := int64(len(e.Body) + len(e.Query))
	for name, values := range e.Header {
		size += headerSize(name, values)
	}
	count := r.of(c)
	if count.spent+size > r.budget {
		return false
	}
	count.spent += size
	return true
}

func headerSize(name string, values []string) (size int64) {
	for _, value := range values {
		size += int64(len(name) + len(value))
	}
	return size
}

// shorten leaves of an event what tells its owner that it came.
func shorten(e *meshhook.Event) {
	if len(e.Body) > maxPastBudget {
		e.Body, e.BodyTruncated = e.Body[:maxPastBudget], true
	}
	room := int64(maxPastBudget)
	if int64(len(e.Query)) > room/2 {
		e.Query, e.HeaderTruncated = e.Query[:room/2], true
	}
	room -= int64(len(e.Query))
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		if room -= headerSize(name, e.Header[name]); room < 0 {
			delete(e.Header, name)
			e.HeaderTruncated = true
		}
	}
}

// take returns what was counted since the last time, and forgets the endpoints
// that are quiet and have their whole budget.
func (r *rejections) take(now time.Time) []meshhook.Suppressed {
	r.mu.Lock()
	defer r.mu.Unlock()
	var counts []meshhook.Suppressed
	for id, count := range r.second {
		if count.suppressed.Count > 0 {
			counts = append(counts, count.suppressed)
			count.suppressed.Count = 0
		}
		if count.second < now.Unix() && count.hour < now.Unix()/3600 {
			delete(r.second, id)
		}
	}
	return counts
}

// giveBack adds counts that could not be recorded to those of the next time.
func (r *rejections) giveBack(counts []meshhook.Suppressed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range counts {
		count := r.second[c.EndpointID]
		if count == nil {
			count = &rejectionCount{suppressed: meshhook.Suppressed{ProjectID: c.ProjectID, EndpointID: c.EndpointID, Webhook: c.Webhook}}
			r.second[c.EndpointID] = count
		}
		count.suppressed.Count += c.Count
	}
}

// FlushSuppressed notes in the journal what was counted and not stored. It is
// the Work of a loop.
func (h *Handler) FlushSuppressed(ctx context.Context) (more bool, err error) {
	counts := h.rejected.take(time.Now())
	if len(counts) == 0 {
		return false, nil
	}
	if err := h.store.RecordSuppressed(ctx, counts); err != nil {
		h.rejected.giveBack(counts)
		return false, err
	}
	return false, nil
}
