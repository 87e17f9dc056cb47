package workflow

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// EventContext returns what expressions see as `event`. Every key is always
// there, null where it has nothing to say:
//
//	id, method, path, content_type, received_at (RFC 3339, UTC)
//	headers      name in lower case → value; repeated ones are joined by ", " (RFC 9110, section 5.3)
//	query        name → value, or a list of values where the name is repeated
//	body         JSON parsed, numbers exact; a form as an object like query
//	body_text    any other body that is text in its charset, in Unicode
//	body_base64  any other body
//
// What a body is, content.Read says, by which the request was accepted, too.
//
// Each call parses the body anew; keep the result. Expressions do not change it.
func EventContext(e *meshhook.Event) map[string]any {
	// The error was for the request's sender: what cannot be read is shown as text.
	body, _ := content.Read(e.ContentType, e.Body)
	return EventContextOf(e, body)
}

// EventContextOf is EventContext for who has read the body already.
func EventContextOf(e *meshhook.Event, body content.Body) map[string]any {
	event := map[string]any{
		"id":           e.ID.String(),
		"method":       e.Method,
		"path":         e.Path,
		"content_type": e.ContentType,
		"received_at":  meshhook.FormatTime(e.ReceivedAt),
		"headers":      headerContext(e.Header),
		"query":        content.Query(e.Query),
	}
	addBody(event, body, e.Body)
	return event
}

// inputContext returns `event` for a run that was started by hand: its input
// is the body, JSON where it parses as such.
func inputContext(input []byte, at time.Time) map[string]any {
	event := map[string]any{
		"id": nil, "method": nil, "path": nil, "content_type": nil,
		"received_at": meshhook.FormatTime(at),
		"headers":     map[string]any{},
		"query":       map[string]any{},
	}
	body, _ := content.Read("application/json", input) // else it is text
	addBody(event, body, input)
	return event
}

// addBody sets body, body_text and body_base64; exactly one of them is not
// null, none for an empty body.
func addBody(into map[string]any, body content.Body, raw []byte) {
	into["body"], into["body_text"], into["body_base64"] = nil, nil, nil
	switch body.Kind {
	case content.Empty:
	case content.Data:
		into["body"] = body.Data
	case content.Text:
		into["body_text"] = body.Text
	case content.Binary:
		into["body_base64"] = base64.StdEncoding.EncodeToString(raw)
	}
}

// headerContext returns headers as expressions see them.
func headerContext(h http.Header) map[string]any {
	headers := make(map[string]any, len(h))
	for name, values := range h {
		headers[strings.ToLower(name)] = content.Legible(strings.Join(values, ", "))
	}
	return headers
}

// RunContext returns what the expressions of a run see, from its record: `event`,
// `run`, and `steps` of those that have ended. The event is what started the run;
// nil for one started by hand. It has no `secrets`: their values are in no
// record.
//
// Each call parses it all anew; keep the result. Expressions do not change it.
func RunContext(r *meshhook.Run, event *meshhook.Event) map[string]any {
	steps := make(map[string]any, len(r.Steps))
	for _, record := range r.Steps {
		if record.Status.Ended() && record.Scope() == "" {
			steps[record.ID] = stepContext(record)
		}
	}
	seen := map[string]any{"run": runContext(r), "steps": steps}
	if event != nil {
		seen["event"] = EventContext(event)
	} else {
		seen["event"] = inputContext(r.Input, r.CreatedAt)
	}
	return seen
}

// runContext returns what expressions see as `run`.
func runContext(r *meshhook.Run) map[string]any {
	run := map[string]any{
		"id":         r.ID.String(),
		"workflow":   r.Workflow,
		"version":    r.Version,
		"attempt":    r.Attempt,
		"started_at": nil,
	}
	if r.StartedAt != nil {
		run["started_at"] = meshhook.FormatTime(*r.StartedAt)
	}
	return run
}

// stepContext returns what expressions see as `steps.ID` of a step that has
// ended: its output; null when it was skipped; and for one that failed and let
// the run go on, {"error": {"reason", "message"}} beside the status, headers
// and body of the answer, where there was one.
func stepContext(record meshhook.Step) any {
	var output any
	if len(record.Output) > 0 {
		output, _ = content.DecodeOwn(record.Output) // the engine wrote it
	}
	if record.Error == nil {
		return output
	}
	failed, ok := output.(map[string]any)
	if !ok {
		failed = map[string]any{}
	}
	failed["error"] = map[string]any{
		"reason":  string(record.Error.Reason),
		"message": record.Error.Message,
	}
	return failed
}
