package ingress

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// The headers of an answer to a sender who waited for a run.
const (
	headerEventID = "X-Meshhook-Event-Id"
	headerRunID   = "X-Meshhook-Run-Id"
)

// writeGrace is how long the answer may take to be written once it is there.
const writeGrace = 10 * time.Second

// response is an endpoint's own answer, compiled.
type response struct {
	*meshhook.Response
	headers map[string]*expr.Text
	body    *expr.Template
}

func newResponse(own *meshhook.Response) (*response, error) {
	if own == nil {
		return nil, nil
	}
	r := &response{Response: own, headers: map[string]*expr.Text{}}
	for name, value := range own.Headers {
		text, err := expr.ParseHeader(value)
		if err != nil {
			return nil, err
		}
		r.headers[name] = text
	}
	var err error
	r.body, err = expr.ParseTemplate(own.Body)
	return r, err
}

// fromRun tells whether the sender waits for the output of the run.
func (r *response) fromRun() bool { return r != nil && r.From == meshhook.FromRun }

func (r *response) render(ctx context.Context, scope map[string]any) (answer, error) {
	own := answer{status: r.Status, result: string(meshhook.EventAccepted)}
	var err error
	if own.header, err = r.renderHeaders(ctx, scope); err != nil || r.Body == nil || r.Bodiless() {
		return own, err
	}
	body, err := r.body.Render(ctx, scope)
	if err != nil {
		return own, err
	}
	if text, is := body.(string); is {
		own.fill("text/plain; charset=utf-8", []byte(text))
		return own, nil
	}
	text, err := json.Marshal(body)
	own.fill("application/json", append(text, '\n'))
	return own, err
}

func (r *response) renderHeaders(ctx context.Context, scope map[string]any) (http.Header, error) {
	header := http.Header{}
	for name, text := range r.headers {
		value, err := text.Render(ctx, scope)
		if err != nil {
			return nil, err
		}
		header.Set(name, value)
	}
	if r.ContentType != "" {
		header.Set("Content-Type", r.ContentType)
	}
	return header, nil
}

// fill gives an answer its body, and that its type unless it has one.
func (a *answer) fill(contentType string, body []byte) {
	if a.header.Get("Content-Type") == "" {
		a.header.Set("Content-Type", contentType)
	}
	a.body = body
}

// fromRun waits for the run that the request started, and answers with its output.
// While it waits, it holds no place among the requests in flight.
func (h *Handler) fromRun(ctx context.Context, c *call, id meshhook.ID, standard answer) answer {
	h.leave(c)
	limit := c.door.response.Timeout.Std()
	// The server's own deadline has begun with the request, whose body may have come slowly.
	// Where there is none to set, there is none to pass.
	_ = http.NewResponseController(c.writer).SetWriteDeadline(time.Now().Add(limit + writeGrace))
	begin := time.Now()
	run, ended := h.waiter.await(ctx, id, limit)
	own := standard
	if ended {
		own = h.runAnswer(ctx, c, run)
	}
	own.waited = time.Since(begin)
	own.header.Set(headerEventID, c.id.String())
	own.header.Set(headerRunID, id.String())
	return own
}

// runAnswer is the answer that a run's end makes. Its failure is told: the sender has
// asked for an answer, and would take the standard one for success.
func (h *Handler) runAnswer(ctx context.Context, c *call, run meshhook.Run) answer {
	if run.Status != meshhook.RunSucceeded {
		reason := string(run.Status) // canceled
		if run.Error != nil {
			reason = string(run.Error.Reason)
		}
		return refuse(meshhook.CodeRunFailed, "the event is stored and need not be sent again, but its run failed (%s)", reason).answer()
	}
	r := c.door.response
	own := answer{status: r.Status, result: string(meshhook.EventAccepted)}
	var err error
	if own.header, err = r.renderHeaders(ctx, c.runScope(run.ID)); err != nil {
		h.log.Warn("the headers of the webhook's own response could not be made; it was sent without them", "webhook", c.door.Path, "event_id", c.id)
		own.header = http.Header{}
	}
	if r.Bodiless() {
		return own
	}
	var text string
	if len(run.Output) > 0 && run.Output[0] == '"' && json.Unmarshal(run.Output, &text) == nil {
		own.fill("text/plain; charset=utf-8", []byte(text))
		return own
	}
	output := run.Output
	if len(output) == 0 {
		output = json.RawMessage("null")
	}
	own.fill("application/json", append(output[:len(output):len(output)], '\n'))
	return own
}

// duplicate is the answer to a request whose first event is stored: the output of
// that one's run, where it succeeded and the sender asks for it, or the standard one.
func (h *Handler) duplicate(ctx context.Context, c *call, first meshhook.ID) answer {
	standard := jsonAnswer(http.StatusOK, string(meshhook.EventDuplicate), http.Header{}, stored{Status: meshhook.EventDuplicate, EventID: first})
	if !c.door.response.fromRun() || h.waiter.runs == nil {
		return standard
	}
	run, err := h.waiter.runs.FirstRun(ctx, first)
	if err != nil || run.Status != meshhook.RunSucceeded {
		return standard
	}
	own := h.runAnswer(ctx, c, run)
	own.result = standard.result
	own.header.Set(headerEventID, first.String())
	own.header.Set(headerRunID, run.ID.String())
	return own
}

// runScope is what the expressions of a response see: {event, run}.
func (c *call) runScope(run meshhook.ID) map[string]any {
	scope := c.scope()
	scope["run"] = map[string]any{"id": run.String()}
	return scope
}
