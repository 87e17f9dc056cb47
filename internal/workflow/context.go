package workflow

import (
	"bytes"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// EventContext returns what expressions see as `event`. Every key is always
// there, null where it has nothing to say:
//
//	id, method, path, content_type, received_at (RFC 3339, UTC)
//	headers      name in lower case → value; repeated ones are joined by ", " (RFC 9110, section 5.3)
//	query        name → value, or a list of values where the name is repeated
//	body         JSON parsed, numbers exact; a form as an object like query
//	body_text    any other body that is UTF-8
//	body_base64  any other body
//
// JSON is what its content type calls so (application/json, text/json, +json)
// and parses; and of the types that say nothing (none, text/plain, as AWS SNS
// sends it, application/octet-stream) what parses as an object or a list.
//
// Each call parses the body anew; keep the result. Expressions do not change it.
func EventContext(e *meshhook.Event) map[string]any {
	event := map[string]any{
		"id":           e.ID.String(),
		"method":       e.Method,
		"path":         e.Path,
		"content_type": e.ContentType,
		"received_at":  meshhook.FormatTime(e.ReceivedAt),
		"headers":      headerContext(e.Header),
		"query":        valuesContext(e.Query),
	}
	addBody(event, e.ContentType, e.Body)
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
	addBody(event, "application/json", input)
	return event
}

// addBody sets body, body_text and body_base64; exactly one of them is not
// null, none for an empty body.
func addBody(into map[string]any, contentType string, body []byte) {
	into["body"], into["body_text"], into["body_base64"] = nil, nil, nil
	if len(body) == 0 {
		return
	}
	if value, ok := parseBody(contentType, body); ok {
		into["body"] = value
	} else if utf8.Valid(body) {
		into["body_text"] = string(body)
	} else {
		into["body_base64"] = base64.StdEncoding.EncodeToString(body)
	}
}

// parseBody returns a body as data, where its content type and bytes allow.
func parseBody(contentType string, body []byte) (any, bool) {
	media := mediaType(contentType)
	switch {
	case isJSON(media):
		return parseJSON(body)
	case media == "application/x-www-form-urlencoded":
		return valuesContext(string(body)), utf8.Valid(body)
	case media == "" || media == "text/plain" || media == "application/octet-stream":
		value, ok := parseJSON(body)
		switch value.(type) {
		case map[string]any, []any:
			return value, ok
		}
	}
	return nil, false
}

func parseJSON(body []byte) (any, bool) {
	value, err := decodeJSON(bytes.TrimPrefix(body, []byte("\ufeff")))
	return value, err == nil
}

// mediaType returns a content type without its parameters, in lower case; ""
// for none. Wrong parameters do not matter.
func mediaType(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media, _, _ = strings.Cut(contentType, ";")
		media = strings.ToLower(strings.TrimSpace(media))
	}
	return media
}

func isJSON(media string) bool {
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

// headerContext returns headers as expressions see them.
func headerContext(h http.Header) map[string]any {
	headers := make(map[string]any, len(h))
	for name, values := range h {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return headers
}

// valuesContext returns a query string or form as expressions see it. Pairs
// that are not well-formed are left out.
func valuesContext(encoded string) map[string]any {
	values, _ := url.ParseQuery(encoded) // the error is about what is left out
	object := make(map[string]any, len(values))
	for name, all := range values {
		if len(all) == 1 {
			object[name] = all[0]
			continue
		}
		items := make([]any, len(all))
		for i, v := range all {
			items[i] = v
		}
		object[name] = items
	}
	return object
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
		output, _ = parseJSON(record.Output)
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
