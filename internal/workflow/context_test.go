package workflow_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

func TestEventContext(t *testing.T) {
	t.Parallel()
	e := &meshhook.Event{
		ID: runID, Method: "POST", Path: "/hooks/github", Query: "a=1&b=2&b=3&c=%zz&d", ReceivedAt: began,
		Header:      http.Header{"X-GitHub-Event": {"push"}, "Accept": {"a/b", "c/d"}},
		ContentType: "application/json",
		Body:        []byte(`{"id": 9007199254740993}`),
	}
	require.Equal(t, map[string]any{
		"id": "01890a5d-ac96-774b-bcce-b302099a8057", "method": "POST", "path": "/hooks/github",
		"query":        map[string]any{"a": "1", "b": []any{"2", "3"}, "d": ""},
		"headers":      map[string]any{"x-github-event": "push", "accept": "a/b, c/d"},
		"received_at":  "2026-01-02T03:04:05.000Z",
		"content_type": "application/json",
		"body":         map[string]any{"id": json.Number("9007199254740993")},
		"body_text":    nil,
		"body_base64":  nil,
	}, workflow.EventContext(e))
}

func TestEventContext_Body(t *testing.T) {
	t.Parallel()
	type body struct{ Body, Text, Base64 any }
	const form = "application/x-www-form-urlencoded"
	object := body{Body: map[string]any{"a": json.Number("1")}}
	for name, tt := range map[string]struct {
		contentType, body string
		want              body
	}{
		"nothing":              {"application/json", "", body{}},
		"JSON":                 {"Application/JSON ; charset=utf-8", `{"a":1}`, object},
		"JSON with a BOM":      {"text/json", "\ufeff{\"a\":1}", object},
		"JSON of a kind":       {"application/vnd.github+json", `{"a":1}`, object},
		"JSON, odd parameters": {"application/json; charset", `{"a":1}`, object},
		"JSON null":            {"application/json", ` null `, body{}},
		"JSON number":          {"application/json", `1e999`, body{Body: json.Number("1e999")}},
		"broken JSON":          {"application/json", `{"a":1}}`, body{Text: `{"a":1}}`}},
		"no type, an object":   {"", `{"a":1}`, object},
		"no type, a list":      {"application/octet-stream", `[]`, body{Body: []any{}}},
		"no type, a number":    {"", `1`, body{Text: "1"}},
		"text, an object":      {"text/plain; charset=UTF-8", `{"a":1}`, object},
		"text":                 {"text/plain", "hello", body{Text: "hello"}},
		"XML":                  {"application/xml", "<a/>", body{Text: "<a/>"}},
		"HTML like JSON":       {"text/html", `{"a":1}`, body{Text: `{"a":1}`}},
		"form":                 {form, "a=1&b=%7B%7D&b=", body{Body: map[string]any{"a": "1", "b": []any{"{}", ""}}}},
		"form, not UTF-8":      {form, "a=\xff", body{Base64: "YT3/"}},
		"form, escaped bytes":  {form, "a=%ff", body{Text: "a=%ff"}},
		"Latin-1":              {"text/plain; charset=ISO-8859-1", "caf\xe9", body{Text: "café"}},
		"binary":               {"image/png", "\x89PNG\r\n", body{Base64: "iVBORw0K"}},
		"not a type":           {";;", "x", body{Text: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := workflow.EventContext(&meshhook.Event{ContentType: tt.contentType, Body: []byte(tt.body)})
			require.Equal(t, tt.want, body{c["body"], c["body_text"], c["body_base64"]})
		})
	}
}

func TestNext_Context(t *testing.T) {
	t.Parallel()
	for of, tt := range map[string]struct {
		change func(*workflow.State)
		want   string
	}{
		".": {func(*workflow.State) {}, `{"event":{"body":{"id":9007199254740993,"name":"Octo Cat"},"body_base64":null,"body_text":null,` +
			`"content_type":null,"headers":{},"id":null,"method":null,"path":null,"query":{},"received_at":"2026-01-02T03:04:04.000Z"},` +
			`"run":{"attempt":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","started_at":"2026-01-02T03:04:05.000Z","version":3,"workflow":"x"},` +
			`"secrets":{"token":"••••••"},"steps":{}}`},
		".run.started_at":                 {func(s *workflow.State) { s.Run.StartedAt = nil }, "null"},
		"[.event.body, .event.body_text]": {func(s *workflow.State) { s.Run.Input = []byte("hello") }, `[null,"hello"]`},
		"[.event.method, .event.body_text]": {func(s *workflow.State) {
			s.Event = &meshhook.Event{Method: "PUT", ContentType: "text/plain", Body: []byte("hi")}
		}, `["PUT","hi"]`},
	} {
		t.Run(of, func(t *testing.T) {
			t.Parallel()
			s := state()
			tt.change(s)
			d := next(t, compile(t, "name: x\nsteps:\n- {id: s, if: .secrets.token, transform: '"+of+"'}"), s)
			require.Len(t, d.Steps, 1)
			require.Equal(t, tt.want, string(d.Steps[0].Output))
		})
	}
}

// What is tried on a run by hand sees what its steps saw.
func TestRunContext(t *testing.T) {
	t.Parallel()
	event := &meshhook.Event{ID: runID, Method: "POST", ContentType: "application/json", Body: []byte(`{"a":1}`), ReceivedAt: began}
	records := []meshhook.Step{
		{ID: "done", Status: meshhook.StepSucceeded, Output: json.RawMessage(`{"n":12345678901234567890}`)},
		{ID: "skipped", Status: meshhook.StepSkipped},
		{ID: "wrong", Status: meshhook.StepFailed, Error: &meshhook.Failure{Reason: meshhook.FailedTimeout, Message: "late"}},
	}
	p := compile(t, `
name: x
steps:
- {id: done, transform: .}
- {id: skipped, transform: .}
- {id: wrong, continue_on_error: true, transform: .}
- {id: last, transform: "{event, run, steps}"}
`)
	for _, event := range []*meshhook.Event{event, nil} {
		s := state()
		s.Event, s.Steps = event, map[string]meshhook.Step{}
		for _, r := range records {
			s.Steps[r.ID] = r
		}
		d := next(t, p, s)
		require.Len(t, d.Steps, 1)
		s.Run.Steps = append(records[:3:3], meshhook.Step{ID: "last", Status: meshhook.StepRunning})
		seen, err := json.Marshal(workflow.RunContext(&s.Run, event))
		require.NoError(t, err)
		require.JSONEq(t, string(d.Steps[0].Output), string(seen))
	}
}

// A field that is not there is null, and null is false. What cannot be asked of a
// value fails the step, and says why.
func TestNext_MissingField(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]meshhook.Step{
		".event.body.nope":           {Status: meshhook.StepSkipped},
		".event.body.nope.deep[0]":   {Status: meshhook.StepSkipped},
		".event.nope.nope":           {Status: meshhook.StepSkipped},
		".steps.nope.status == 200":  {Status: meshhook.StepSkipped},
		".event.body.nope == null":   {Status: meshhook.StepSucceeded, Output: json.RawMessage("1")},
		".event.body.nope // true":   {Status: meshhook.StepSucceeded, Output: json.RawMessage("1")},
		".event.body.nope | not":     {Status: meshhook.StepSucceeded, Output: json.RawMessage("1")},
		".event.body.nope > 1":       {Status: meshhook.StepSkipped},
		"(.event.body.name.x)? == 1": {Status: meshhook.StepSkipped},
		".event.body.name.x": {Status: meshhook.StepFailed, Error: &meshhook.Failure{
			Reason: meshhook.FailedExpression, Step: "s",
			Message: `if: expression ".event.body.name.x": expected an object but got: string ("Octo Cat")`,
		}},
		".event.body.nope | startswith(\"x\")": {Status: meshhook.StepFailed, Error: &meshhook.Failure{
			Reason: meshhook.FailedExpression, Step: "s",
			Message: `if: expression ".event.body.nope | startswith(\"x\")": startswith("x") cannot be applied to: null`,
		}},
	} {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			d := next(t, compile(t, "name: x\nsteps:\n- {id: s, if: '"+condition+"', transform: '1'}"), state())
			require.Len(t, d.Steps, 1)
			got := d.Steps[0]
			require.Equal(t, want, meshhook.Step{Status: got.Status, Output: got.Output, Error: got.Error})
		})
	}
}
