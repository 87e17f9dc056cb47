package ingress

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// maxRejectedBody is how much of a rejected request's body is stored, in bytes.
	maxRejectedBody = 64 << 10
	// maxRejectedPerSecond is how many rejected requests of one endpoint are
	// stored each second; the rest are counted. It bounds what forgeries can do to the
	// disk, together with the retention of rejected events.
	maxRejectedPerSecond = 10
	// rejectTimeout bounds the recording of a rejection, for which its sender waits,
	// and before it the reading of what is left of the body.
	rejectTimeout = 2 * time.Second
)

// recordRefusal stores a rejected request, for the person who sets the provider
// up. The refusal stands whether or not that succeeds.
func (h *Handler) recordRefusal(ctx context.Context, c *call, refusal *refusal) {
	if c.door.broken != nil {
		h.log.Error("a request came to a webhook whose configuration cannot be used", "webhook", c.door.Path, "error", c.door.broken)
		return
	}
	if !h.rejected.admit(c) {
		return
	}
	if !c.body.begun {
		c.readLeftover()
	}
	// A sender that is cut off or gone is logged all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rejectTimeout)
	defer cancel()
	event := c.asEvent()
	event.Status, event.Code, event.Reason = meshhook.EventRejected, refusal.code, refusal.message
	if len(event.Body) > maxRejectedBody {
		event.Body = event.Body[:maxRejectedBody]
	}
	event.BodySize = max(event.BodySize, c.request.ContentLength)
	event.BodyTruncated = event.BodySize > int64(len(event.Body)) || c.body.more || refusal.code == meshhook.CodePayloadTooLarge
	event.Findings = h.findings(c)
	level := h.log.Info
	if _, err := h.store.Record(ctx, meshhook.Intake{Event: *event}); err != nil {
		level = h.log.With("error", err).Warn
	}
	level("event rejected", "webhook", c.door.Path, "event_id", c.id, "code", refusal.code, "sender", c.sender)
}

// readLeftover reads what is kept of the body of a request that was refused before
// its body was looked at: what comes in a short time. Nobody waits for the rest.
func (c *call) readLeftover() {
	b := &c.body
	b.begun = true
	if strings.EqualFold(c.request.Header.Get("Expect"), "100-continue") {
		return // it has not been sent, and need not be
	}
	control := http.NewResponseController(c.writer)
	if control.SetReadDeadline(time.Now().Add(rejectTimeout)) != nil {
		return
	}
	text, err := io.ReadAll(io.LimitReader(c.request.Body, maxRejectedBody+1))
	b.more = err != nil || len(text) > maxRejectedBody
	b.raw, b.decoded = text, text
}

// rejections bounds, for each endpoint, what is stored of rejected requests.
type rejections struct {
	mu     sync.Mutex
	second map[meshhook.ID]*rejectionCount
}

// rejectionCount is one endpoint's rejections in one second.
type rejectionCount struct {
	second     int64
	stored     int
	suppressed meshhook.Suppressed
}

func newRejections() *rejections {
	return &rejections{second: map[meshhook.ID]*rejectionCount{}}
}

// admit tells whether the rejection may be stored, and counts it if not.
func (r *rejections) admit(c *call) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := r.second[c.door.ID]
	if count == nil {
		count = &rejectionCount{suppressed: meshhook.Suppressed{ProjectID: c.door.ProjectID, EndpointID: c.door.ID}}
		r.second[c.door.ID] = count
	}
	if second := c.now.Unix(); second != count.second {
		count.second, count.stored = second, 0
	}
	if count.stored < maxRejectedPerSecond {
		count.stored++
		return true
	}
	count.suppressed.Webhook = c.door.Path
	count.suppressed.Count++
	return false
}

// take returns what was counted since the last time, and forgets the endpoints
// that are quiet.
func (r *rejections) take(now time.Time) []meshhook.Suppressed {
	r.mu.Lock()
	defer r.mu.Unlock()
	var counts []meshhook.Suppressed
	for id, count := range r.second {
		if count.suppressed.Count > 0 {
			counts = append(counts, count.suppressed)
			count.suppressed.Count = 0
		}
		if count.second < now.Unix() {
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
