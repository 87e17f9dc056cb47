package ingress

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// recordTimeout bounds the recording of an event, for which its sender waits.
const recordTimeout = 10 * time.Second

// stored is the body of the answer to a request that was stored.
type stored struct {
	Status  meshhook.EventStatus `json:"status"`
	EventID meshhook.ID          `json:"event_id"`
	RunID   *meshhook.ID         `json:"run_id,omitempty"`
}

// record stores a request that passed every check, with its run unless it is
// filtered out, and answers once it is durable.
func (h *Handler) record(ctx context.Context, c *call) answer {
	event := c.asEvent()
	in := meshhook.Intake{}
	event.DedupKey = h.dedupKey(ctx, c)
	if event.DedupKey != "" {
		in.DedupUntil = c.now.Add(c.door.DedupWindow.Std())
	}
	if h.filtered(ctx, c) {
		event.Status = meshhook.EventFiltered
	} else {
		in.Run = &meshhook.Run{
			ID: meshhook.NewID(), ProjectID: c.door.ProjectID,
			WorkflowID: c.door.WorkflowID, Workflow: c.door.Workflow, Version: c.door.Version,
		}
	}
	event.Findings = h.findings(c)
	in.Event = *event
	recorded, err := h.keep(ctx, in)
	if err != nil {
		h.log.Error("an event could not be stored", "webhook", c.door.Path, "event_id", c.id, "error", err)
		return unavailable("the event could not be stored; send it again").answer()
	}
	h.log.Debug("event", "webhook", c.door.Path, "event_id", c.id, "status", event.Status, "duplicate_of", recorded.DuplicateOf,
		"sender", c.sender, "bytes", event.BodySize, "duration", time.Since(c.now))
	switch {
	case recorded.DuplicateOf != nil:
		return h.duplicate(ctx, c, *recorded.DuplicateOf)
	case in.Run == nil:
		return jsonAnswer(http.StatusOK, string(meshhook.EventFiltered), http.Header{}, stored{Status: meshhook.EventFiltered, EventID: c.id})
	}
	return h.accepted(ctx, c, in.Run.ID)
}

// keep stores an event to its end, although its sender may have left: what is
// broken off may be stored all the same, and nobody would know.
func (h *Handler) keep(ctx context.Context, in meshhook.Intake) (meshhook.Recorded, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return h.store.Record(ctx, in)
}

// accepted is the endpoint's own response, or the standard one.
func (h *Handler) accepted(ctx context.Context, c *call, run meshhook.ID) answer {
	standard := jsonAnswer(http.StatusAccepted, string(meshhook.EventAccepted), http.Header{}, stored{Status: meshhook.EventAccepted, EventID: c.id, RunID: &run})
	switch {
	case c.door.response == nil, c.door.response.fromRun() && h.waiter.runs == nil:
		return standard
	case c.door.response.fromRun():
		return h.fromRun(ctx, c, run, standard)
	}
	own, err := c.door.response.render(ctx, c.runScope(run))
	if err != nil {
		// The event is stored: its sender must not hear of a failure.
		h.log.Warn("the webhook's own response could not be made; the standard one was sent", "webhook", c.door.Path, "event_id", c.id)
		return standard
	}
	return own
}

// dedupKey is what makes two requests the same, or "".
func (h *Handler) dedupKey(ctx context.Context, c *call) string {
	key, err := c.door.dedup.key(ctx, c)
	if err != nil {
		h.log.Warn("the dedup key could not be found; the event is taken as new", "webhook", c.door.Path, "event_id", c.id)
		c.findings = map[string]string{"dedup": err.Error()}
	}
	return key
}

// filtered tells whether the endpoint's filter wants no run for the request. A
// filter that fails lets it through: an event too many is better than one lost.
func (h *Handler) filtered(ctx context.Context, c *call) bool {
	if c.door.filter == nil {
		return false
	}
	pass, err := c.door.filter.True(ctx, c.scope())
	if err != nil {
		h.log.Warn("the filter failed; the event is let through", "webhook", c.door.Path, "event_id", c.id)
		c.findings = map[string]string{"filter": err.Error()}
		return false
	}
	return !pass
}

func (h *Handler) findings(c *call) json.RawMessage {
	if c.findings == nil {
		return nil
	}
	text, err := json.Marshal(c.findings)
	if err != nil {
		h.log.Error("findings could not be encoded", "webhook", c.door.Path, "event_id", c.id, "error", err)
		return nil
	}
	return text
}
