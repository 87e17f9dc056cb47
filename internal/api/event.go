package api

import (
	"context"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/workflow"
)

// listEvents leaves the bodies out; they can be large, and showEvent has them. A page
// may hold fewer events than its limit and yet not be the last: what is sealed is looked
// for in one event after the other, for so long and no longer.
func listEvents(ctx context.Context, c *call) (p page[meshhook.Event], err error) {
	s, err := c.span()
	if err != nil {
		return p, err
	}
	f, err := c.eventFilter(s)
	if err != nil {
		return p, err
	}
	list, last, err := c.project.SearchEvents(ctx, f, c.query.Get("where"), s.most())
	if err != nil {
		return p, ofTheCondition(err)
	}
	p = newest(list, s.limit, func(e meshhook.Event) meshhook.ID { return e.ID })
	if p.next == "" && last != (meshhook.ID{}) {
		p.next = last.String()
	}
	return p, nil
}

// eventFilter is what the query says of the events, but for the condition.
func (c *call) eventFilter(s span) (f meshhook.EventFilter, err error) {
	f = meshhook.EventFilter{Webhook: c.query.Get("webhook"), DedupKey: c.query.Get("dedup_key"), Before: s.before, Since: s.since}
	if f.Until, err = c.moment("until"); err != nil {
		return f, err
	}
	status, err := c.word("status", words(meshhook.EventStatuses()))
	if err != nil {
		return f, err
	}
	code, err := c.word("code", words(meshhook.RejectionCodes()))
	if err != nil {
		return f, err
	}
	f.Status, f.Code = meshhook.EventStatus(status), meshhook.Code(code)
	if from := c.query.Get("from"); from != "" {
		if f.From, err = meshhook.ParseNetwork(from); err != nil {
			return f, malformed("from=%s cannot be; %s", clip(from), err.Error())
		}
	}
	return f, nil
}

// ofTheCondition says of a condition that cannot be read what of every parameter is
// said that cannot: it is malformed.
func ofTheCondition(err error) error {
	e, ours := errorAs(err)
	if !ours || e.Code != meshhook.CodeInvalid {
		return err
	}
	return &meshhook.Error{Code: meshhook.CodeMalformed, Message: "where: " + e.Message, Details: e.Details}
}

// EventView is an event with its body as expressions see it; one of the three at
// most is there.
type EventView struct {
	meshhook.Event
	Body       any `json:"body,omitempty" doc:"The body as data: JSON, or a form as an object."`
	BodyText   any `json:"body_text,omitempty" doc:"The body of anything else that is text."`
	BodyBase64 any `json:"body_base64,omitempty" doc:"The body of anything that is none."`
}

// ViewEvent returns an event as commands and the API show it.
func ViewEvent(e meshhook.Event) EventView {
	seen := workflow.EventContext(&e)
	return EventView{e, seen["body"], seen["body_text"], seen["body_base64"]}
}

// showEvent shows what came, what became of it and why.
func showEvent(ctx context.Context, c *call) (EventView, error) {
	id, err := c.id("event")
	if err != nil {
		return EventView{}, err
	}
	e, err := c.project.Event(ctx, id)
	if err != nil {
		return EventView{}, err
	}
	return ViewEvent(e), nil
}

// Explained says why an event was refused for its signature.
type Explained struct {
	EventID meshhook.ID `json:"event_id"`
	Webhook string      `json:"webhook"`
	Scheme  string      `json:"scheme"`
	Reason  string      `json:"reason" doc:"Why it was refused."`
	// Mistakes are never empty.
	Mistakes []signature.Suspicion `json:"mistakes" doc:"The likeliest first; one that is not proven when none of the usual ones fits."`
	// BodyTruncated tells that no signature over the body could be tried.
	BodyTruncated bool `json:"body_truncated,omitempty" doc:"Not all of the body was kept, so that no signature over it can be tried."`
}

// explainEvent shows no secret: what was tried with the webhook's, and what it came to.
func explainEvent(ctx context.Context, c *call) (Explained, error) {
	id, err := c.id("event")
	if err != nil {
		return Explained{}, err
	}
	return c.project.Explain(ctx, id)
}

// replayBody says how an event is run again.
type replayBody struct {
	Workflow string `json:"workflow,omitempty" doc:"Name or id of another workflow; the webhook's own when left out."`
	Version  int    `json:"version,omitempty" doc:"Another version than the newest."`
	Force    bool   `json:"force,omitempty" doc:"Run an event that was rejected all the same; audited."`
	DryRun   bool   `json:"dry_run,omitempty" doc:"Store and call nothing, and answer with 200: how it would go, and in what that differs from the event's earlier run."`
}

// replayEvent leaves it to the store whether the event may run, which is the same
// decision as that of the command.
func replayEvent(ctx context.Context, c *call, body *replayBody) (run meshhook.Run, _ *DryRun, err error) {
	id, err := c.id("event")
	if err != nil {
		return run, nil, err
	}
	if err := checkVersion(body.Version); err != nil {
		return run, nil, err
	}
	how := meshhook.Replay{Event: id, Workflow: body.Workflow, Version: body.Version, Force: body.Force}
	if body.DryRun {
		dry, err := c.project.RehearseReplay(ctx, how)
		return run, &dry, ofTheEvent(err)
	}
	run, err = c.project.Replay(ctx, how)
	return run, nil, ofTheEvent(err)
}

func checkVersion(number int) error {
	if number < 0 {
		return meshhook.Errorf(meshhook.CodeInvalid, "versions count from 1")
	}
	return nil
}

// ofTheEvent says what is wrong with an event in a code of the API: that of a
// rejection, 401 for one, would speak of the API's own caller.
func ofTheEvent(err error) error {
	e, ours := errorAs(err)
	if !ours {
		return err
	}
	switch e.Code {
	case meshhook.CodeNotFound, meshhook.CodeConflict, meshhook.CodeInvalid, meshhook.CodeUnavailable, meshhook.CodeInternal:
		return err
	}
	return &meshhook.Error{Code: meshhook.CodeConflict, Message: e.Message, Details: e.Details, Err: err}
}
