package workflow_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

const calls = `
name: x
steps:
  - { id: plain, http: { url: "http://h" } }
  - { id: strict, http: { url: "http://h", expect: [204, 404] } }
  - { id: once, http: { url: "http://h", retry: { attempts: 1 } } }
  - { id: slow, http: { url: "http://h", retry: { initial: 10m, multiplier: 3, jitter: 0 } } }
  - { id: short, timeout: 62s, http: { url: "http://h", retry: { jitter: 0 } } }
  - { id: pure, transform: .secrets.token }
`

// try is the task of a step's attempt; the step began a minute ago.
func try(id string, attempt int) workflow.Task {
	step := started(id)
	step.Attempt = attempt
	return workflow.Task{Step: step}
}

func TestSettle(t *testing.T) {
	t.Parallel()
	lost := func(temporary bool) workflow.Result {
		return workflow.Result{Err: &workflow.ResultError{
			Reason: meshhook.FailedConnection, Message: "no answer from s3cret/+ value, s3cret%2F%2B+value or s3cret%2F+%20value", Temporary: temporary,
		}}
	}
	const lostMessage = "no answer from ••••••, •••••• or ••••••"
	answered := func(status int) workflow.Result { return workflow.Result{Status: status} }
	type outcome struct {
		Status meshhook.StepStatus
		Reason meshhook.FailureReason
		Words  string
		Wait   time.Duration
	}
	const bad, conn = meshhook.FailedHTTPStatus, meshhook.FailedConnection
	for name, tt := range map[string]struct {
		task   workflow.Task
		result workflow.Result
		random float64 // 0 is State.Random nil
		want   outcome
	}{
		"200":                {try("plain", 1), answered(200), 0, outcome{Status: meshhook.StepSucceeded}},
		"299":                {try("plain", 1), answered(299), 0, outcome{Status: meshhook.StepSucceeded}},
		"300":                {try("plain", 1), answered(300), 0, outcome{meshhook.StepFailed, bad, "the answer was 300 Multiple Choices", 0}},
		"expected":           {try("strict", 1), answered(404), 0, outcome{Status: meshhook.StepSucceeded}},
		"unexpected success": {try("strict", 1), answered(200), 0, outcome{meshhook.StepFailed, bad, "the answer was 200 OK", 0}},
		"400":                {try("plain", 1), answered(400), 0, outcome{meshhook.StepFailed, bad, "the answer was 400 Bad Request", 0}},
		"410":                {try("plain", 1), answered(410), 0, outcome{meshhook.StepFailed, bad, "the answer was 410 Gone", 0}},
		"408":                {try("plain", 1), answered(408), 0, outcome{meshhook.StepWaiting, bad, "the answer was 408 Request Timeout", time.Second}},
		"409":                {try("plain", 1), answered(409), 0, outcome{meshhook.StepWaiting, bad, "the answer was 409 Conflict", time.Second}},
		"425":                {try("plain", 1), answered(425), 0, outcome{meshhook.StepWaiting, bad, "the answer was 425 Too Early", time.Second}},
		"429":                {try("plain", 1), answered(429), 0, outcome{meshhook.StepWaiting, bad, "the answer was 429 Too Many Requests", time.Second}},
		"500":                {try("plain", 1), answered(500), 0, outcome{meshhook.StepWaiting, bad, "the answer was 500 Internal Server Error", time.Second}},
		"599":                {try("plain", 1), answered(599), 0, outcome{meshhook.StepWaiting, bad, "the answer was 599", time.Second}},
		"third try":          {try("plain", 3), answered(503), 0, outcome{meshhook.StepWaiting, bad, "the answer was 503 Service Unavailable", 4 * time.Second}},
		"with luck":          {try("plain", 1), answered(503), 1e-9, outcome{meshhook.StepWaiting, bad, "the answer was 503 Service Unavailable", 800 * time.Millisecond}},
		"last try":           {try("plain", 5), answered(503), 0, outcome{meshhook.StepFailed, bad, "the answer was 503 Service Unavailable (attempt 5, the last)", 0}},
		"only try":           {try("once", 1), answered(503), 0, outcome{meshhook.StepFailed, bad, "the answer was 503 Service Unavailable", 0}},
		"beyond the last":    {try("once", 2), answered(503), 0, outcome{meshhook.StepFailed, bad, "the answer was 503 Service Unavailable (attempt 2, the last)", 0}},
		"first of long ones": {try("slow", 1), answered(503), 0, outcome{meshhook.StepWaiting, bad, "the answer was 503 Service Unavailable", 10 * time.Minute}},
		"long ones stay":     {try("slow", 2), answered(503), 0, outcome{meshhook.StepWaiting, bad, "the answer was 503 Service Unavailable", 10 * time.Minute}},
		"asked to wait":      {try("plain", 1), workflow.Result{Status: 429, RetryAfter: time.Minute}, 0, outcome{meshhook.StepWaiting, bad, "the answer was 429 Too Many Requests", time.Minute}},
		"asked to hurry":     {try("slow", 1), workflow.Result{Status: 429, RetryAfter: time.Minute}, 0, outcome{meshhook.StepWaiting, bad, "the answer was 429 Too Many Requests", 10 * time.Minute}},
		"one hour":           {try("plain", 1), workflow.Result{Status: 429, RetryAfter: time.Hour}, 0, outcome{meshhook.StepWaiting, bad, "the answer was 429 Too Many Requests", time.Hour}},
		"more than an hour":  {try("plain", 1), workflow.Result{Status: 429, RetryAfter: time.Hour + 1}, 0, outcome{meshhook.StepWaiting, bad, "the answer was 429 Too Many Requests", time.Hour}},
		"time is left":       {try("short", 1), answered(503), 0, outcome{meshhook.StepWaiting, bad, "the answer was 503 Service Unavailable", time.Second}},
		"no time is left":    {try("short", 2), answered(503), 0, outcome{meshhook.StepFailed, meshhook.FailedTimeout, "the step's time of 1m2s leaves none for attempt 3; the last: the answer was 503 Service Unavailable", 0}},
		"network":            {try("plain", 1), lost(true), 0, outcome{meshhook.StepWaiting, conn, lostMessage, time.Second}},
		"network, last":      {try("plain", 5), lost(true), 0, outcome{meshhook.StepFailed, conn, lostMessage + " (attempt 5, the last)", 0}},
		"network, for good":  {try("plain", 2), lost(false), 0, outcome{meshhook.StepFailed, conn, lostMessage, 0}},
		"no such step":       {try("gone", 1), answered(200), 0, outcome{meshhook.StepFailed, meshhook.FailedDefinition, "the workflow has no step gone", 0}},
		"no call":            {try("pure", 1), answered(200), 0, outcome{meshhook.StepFailed, meshhook.FailedDefinition, "the step pure makes no calls", 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := state()
			if tt.random > 0 {
				s.Random = func() float64 { return tt.random }
			}
			got := compile(t, calls).Settle(tt.task, s, tt.result)
			want := tt.task.Step
			want.Status = tt.want.Status
			want.Output = got.Output // TestSettle_Output
			if tt.want.Words != "" {
				want.Error = &meshhook.Failure{Reason: tt.want.Reason, Message: tt.want.Words, Step: want.ID}
			}
			if tt.want.Wait > 0 {
				next := now.Add(tt.want.Wait)
				want.NextAt = &next
			} else {
				want.FinishedAt = &now
			}
			require.Equal(t, want, got)
			require.Equal(t, tt.result.Err == nil && tt.want.Reason != meshhook.FailedDefinition, got.Output != nil)
		})
	}
}

func TestSettle_Output(t *testing.T) {
	t.Parallel()
	const full = 256 << 10
	text := strings.Repeat("x", full)
	quoted := func(s string) string {
		b, err := json.Marshal(s)
		require.NoError(t, err)
		return string(b)
	}
	typed := func(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }
	for name, tt := range map[string]struct {
		result workflow.Result
		want   string
	}{
		"empty":          {workflow.Result{Status: 204, Duration: 1999 * time.Microsecond}, `{"body":null,"duration_ms":1,"headers":{},"status":204}`},
		"JSON":           {workflow.Result{Status: 200, Header: typed("application/json; charset=utf-8"), Body: []byte(` {"n": 9007199254740993, "f": 1.50}` + "\n")}, `{"body":{"f":1.50,"n":9007199254740993},"duration_ms":0,"headers":{"content-type":"application/json; charset=utf-8"},"status":200}`},
		"problem JSON":   {workflow.Result{Status: 200, Header: typed("application/problem+json"), Body: []byte(`[]`)}, `{"body":[],"duration_ms":0,"headers":{"content-type":"application/problem+json"},"status":200}`},
		"broken JSON":    {workflow.Result{Status: 200, Header: typed("application/json"), Body: []byte(`{"a":`)}, `{"body":"{\"a\":","duration_ms":0,"headers":{"content-type":"application/json"},"status":200}`},
		"two JSONs":      {workflow.Result{Status: 200, Header: typed("application/json"), Body: []byte(`1 2`)}, `{"body":"1 2","duration_ms":0,"headers":{"content-type":"application/json"},"status":200}`},
		"text like JSON": {workflow.Result{Status: 200, Header: typed("text/html"), Body: []byte(`{"a":"<b>"}`)}, `{"body":"{\"a\":\"<b>\"}","duration_ms":0,"headers":{"content-type":"text/html"},"status":200}`},
		"binary":         {workflow.Result{Status: 200, Body: []byte{0xff, 0}}, `{"body":null,"body_base64":"/wA=","duration_ms":0,"headers":{},"status":200}`},
		"headers":        {workflow.Result{Status: 200, Header: http.Header{"X-A": {"1", "2"}, "ETag": {"x"}}}, `{"body":null,"duration_ms":0,"headers":{"etag":"x","x-a":"1, 2"},"status":200}`},
		"full":           {workflow.Result{Status: 200, Body: []byte(text)}, `{"body":"` + text + `","duration_ms":0,"headers":{},"status":200}`},
		"too long":       {workflow.Result{Status: 200, Body: []byte(text + "y")}, `{"body":"` + text + `","body_truncated":true,"duration_ms":0,"headers":{},"status":200}`},
		"cut before":     {workflow.Result{Status: 200, Header: typed("text/json"), Body: []byte("[1]"), Truncated: true}, `{"body":"[1]","body_truncated":true,"duration_ms":0,"headers":{"content-type":"text/json"},"status":200}`},
		"cut character":  {workflow.Result{Status: 200, Body: []byte(text[2:] + "€")}, `{"body":"` + text[2:] + `","body_truncated":true,"duration_ms":0,"headers":{},"status":200}`},
		"whole one":      {workflow.Result{Status: 200, Body: []byte(text[3:] + "€x")}, `{"body":` + quoted(text[3:]+"€") + `,"body_truncated":true,"duration_ms":0,"headers":{},"status":200}`},
		"cut binary":     {workflow.Result{Status: 200, Body: []byte{0x80, 0x80, 0x80, 0x80}, Truncated: true}, `{"body":null,"body_base64":"gICAgA==","body_truncated":true,"duration_ms":0,"headers":{},"status":200}`},
		"cut to nothing": {workflow.Result{Status: 200, Body: []byte{0xe2}, Truncated: true}, `{"body":null,"body_truncated":true,"duration_ms":0,"headers":{},"status":200}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := compile(t, calls)
			got := p.Settle(try("plain", 1), state(), tt.result)
			require.Equal(t, meshhook.StepSucceeded, got.Status)
			require.Equal(t, tt.want, string(got.Output))

			// A failed step keeps the last answer as well.
			tt.result.Status = 500
			got = p.Settle(try("once", 1), state(), tt.result)
			require.Equal(t, meshhook.StepFailed, got.Status)
			require.JSONEq(t, strings.NewReplacer(`"status":200}`, `"status":500}`, `"status":204}`, `"status":500}`).Replace(tt.want), string(got.Output))
		})
	}
}

// Secrets are hidden in every message, whole even where one is part of another;
// short ones would hide too much.
func TestSettle_Masks(t *testing.T) {
	t.Parallel()
	s := state()
	s.Secrets = map[string]meshhook.Secret{
		"short": meshhook.NewSecret("the"), "four": meshhook.NewSecret("four"), "long": meshhook.NewSecret("fourteen"),
		"lines": meshhook.NewSecret("one\n\"two\""), "none": meshhook.NewSecret(""),
	}
	got := compile(t, calls).Settle(try("plain", 1), s, workflow.Result{Err: &workflow.ResultError{
		Reason: meshhook.FailedRefused, Message: `the four, fourteen, one\n\"two\" and one` + "\n" + `"two"`,
	}})
	require.Equal(t, "the ••••••, ••••••, •••••• and ••••••", got.Error.Message)
}
