package engine_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// What a run does from its claim to its end.
func TestRuns(t *testing.T) {
	t.Parallel()
	inOneHouse(t, []story{
		{"a run goes from its claim to its end", tellARunGoesFromItsClaimToItsEnd},
		{"a run sees its event", tellARunSeesItsEvent},
		{"a condition skips", tellAConditionSkips},
		{"ready steps run side by side", tellReadyStepsRunSideBySide},
		{"a failed step fails the run", tellAFailedStepFailsTheRun},
		{"a failure may be continued", tellAFailureMayBeContinued},
		{"a retried run goes on from what failed", tellARetriedRunGoesOnFromWhatFailed},
		{"an answer is cut at 256KiB", tellAnAnswerIsCutAt256KiB},
	})
}

func tellARunGoesFromItsClaimToItsEnd(t *testing.T, h *house) {
	s := newSink(t, nil)
	id := h.start(t, h.apply(t, "orders", `
name: orders
steps:
  - id: order
    transform: "{id: .event.body.id, total: .event.body.total}"
  - id: crm
    http:
      method: PUT
      url: "`+s.URL+`/orders/{{ .steps.order.id }}"
      body: { order: "{{ .steps.order }}" }
  - id: end
    terminate: { output: "{{ .steps.crm.body }}" }
  - id: never
    needs: [end]
    transform: "1"
`), `{"id":"a/b","total":12345678901234567891}`)
	d := h.daemon(t)
	end := d.finish(t)
	require.Positive(t, end.Duration)
	require.Equal(t, engine.Outcome{Status: "succeeded", Duration: end.Duration}, end)
	step := wait(t, d.steps, "the step's outcome")
	require.Positive(t, step.Duration)
	require.Equal(t, engine.Outcome{Step: "http", Status: "succeeded", Duration: step.Duration}, step)

	const order = `{"id":"a/b","total":12345678901234567891}` // no number is rounded
	run := h.run(t, id)
	require.Equal(t, meshhook.RunSucceeded, run.Status)
	require.Equal(t, `{"order":`+order+`}`, string(run.Output)) //nolint:testifylint // JSONEq rounds
	require.Nil(t, run.Error)
	require.NotNil(t, run.FinishedAt)
	require.Equal(t, map[string]outcome{
		"order": {Status: meshhook.StepSucceeded, Attempt: 1, Output: order},
		"crm":   {Status: meshhook.StepSucceeded, Attempt: 1, Output: `200 {"order":` + order + `}`},
		"end":   {Status: meshhook.StepSucceeded, Attempt: 1, Output: `{"order":` + order + `}`},
	}, outcomes(t, run))
	require.Equal(t, []string{
		"run.queued", "run.started",
		"step.succeeded order 1", "step.started crm 1", "step.succeeded crm 1 200", "step.succeeded end 1",
		"run.succeeded",
	}, h.story(t, id))

	got := wait(t, s.came, "the request")
	require.Equal(t, hit{"PUT", "/orders/a%2Fb", id.String() + "/crm", `{"order":` + order + `}`, got.Header}, got)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.Equal(t, map[string]int{got.Key: 1}, s.keys())
}

// A run that an event started sees the event, and names it in its history.
func tellARunSeesItsEvent(t *testing.T, h *house) {
	w := h.apply(t, "echo", `
name: echo
steps:
  - id: end
    terminate: { output: "{{ [.event.body.n, .event.headers.\"x-one\", .event.query.a, .run.workflow, .run.version] }}" }
`)
	endpoint := meshhook.Endpoint{ID: meshhook.NewID(), Path: "in", WorkflowID: w.ID, Enabled: true, Verification: meshhook.Verification{Scheme: "none"}}
	require.NoError(t, endpoint.Validate())
	endpoint, err := h.project.CreateEndpoint(t.Context(), endpoint, meshhook.Secret{})
	require.NoError(t, err)
	run := meshhook.Run{ID: meshhook.NewID(), ProjectID: h.project.ID(), WorkflowID: w.ID, Workflow: w.Name, Version: w.Version}
	event := meshhook.Event{
		ID: meshhook.NewID(), ProjectID: h.project.ID(), EndpointID: endpoint.ID, Webhook: endpoint.Path, Status: meshhook.EventAccepted,
		ReceivedAt: time.Now(), RemoteAddr: "192.0.2.1", Method: http.MethodPost, Path: "/hooks/in", Query: "a=1",
		Header: http.Header{"X-One": {"uno"}}, ContentType: "application/json", Body: []byte(`{"n":9007199254740993}`), BodySize: 22,
	}
	_, err = h.db.Record(t.Context(), meshhook.Intake{Event: event, Run: &run})
	require.NoError(t, err)

	require.Equal(t, "succeeded", h.daemon(t).finish(t).Status)
	require.Equal(t, `[9007199254740993,"uno","1","echo",1]`, string(h.run(t, run.ID).Output))
	var named int
	require.NoError(t, h.raw.QueryRow(t.Context(), `SELECT count(*) FROM journal WHERE run_id = $1 AND event_id = $2 AND webhook = 'in' AND workflow = 'echo'`,
		run.ID, event.ID).Scan(&named))
	require.Equal(t, 4, named, "run.queued, run.started, step.succeeded, run.succeeded")
}

func tellAConditionSkips(t *testing.T, h *house) {
	s := newSink(t, nil)
	id := h.startOf(t, `
steps:
  - id: big
    if: ".event.body.total > 100"
    http: { url: "`+s.URL+`" }
  - id: after
    transform: "[.steps.big]"
`)
	require.Equal(t, "succeeded", h.daemon(t).finish(t).Status)
	require.Equal(t, map[string]outcome{
		"big":   {Status: meshhook.StepSkipped},
		"after": {Status: meshhook.StepSucceeded, Attempt: 1, Output: "[null]"},
	}, outcomes(t, h.run(t, id)))
	require.Equal(t, []string{"run.queued", "run.started", "step.skipped big", "step.succeeded after 1", "run.succeeded"}, h.story(t, id))
	require.Empty(t, s.keys())
}

// Two steps that need nothing of each other are under way at the same time, and
// what ends first is recorded while the other still waits for its answer.
func tellReadyStepsRunSideBySide(t *testing.T, h *house) {
	both, first := make(chan struct{}), make(chan struct{})
	var s *sink
	s = newSink(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		if len(s.keys()) == 2 {
			close(both)
		}
		gates := []chan struct{}{both}
		if r.URL.Path == "/b" {
			gates = append(gates, first)
		}
		for _, gate := range gates {
			select {
			case <-gate:
			case <-r.Context().Done():
			}
		}
	})
	id := h.startOf(t, `
steps:
  - { id: a, http: { url: "`+s.URL+`/a" } }
  - { id: b, needs: [], http: { url: "`+s.URL+`/b" } }
  - { id: both, needs: [a, b], transform: "[.steps.a.status, .steps.b.status]" }
`)
	d := h.daemon(t, behind(&gate{DB: h.db, after: func(c call) error {
		if c.completes("a") {
			close(first)
		}
		return nil
	}}))
	require.Equal(t, "succeeded", d.finish(t).Status)
	require.Equal(t, "[200,200]", outcomes(t, h.run(t, id))["both"].Output)
	require.Equal(t, []string{
		"run.queued", "run.started", "step.started a 1", "step.started b 1",
		"step.succeeded a 1 200", "step.succeeded b 1 200", "step.succeeded both 1", "run.succeeded",
	}, h.story(t, id))
}

func tellAFailedStepFailsTheRun(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`"gone"`))
	})
	id := h.startOf(t, `
steps:
  - { id: crm, http: { url: "`+s.URL+`" } }
  - { id: after, transform: "1" }
`)
	require.Equal(t, "failed", h.daemon(t).finish(t).Status)
	run := h.run(t, id)
	require.Equal(t, meshhook.RunFailed, run.Status)
	require.Equal(t, &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "the answer was 404 Not Found", Step: "crm"}, run.Error)
	require.Equal(t, map[string]outcome{
		"crm": {Status: meshhook.StepFailed, Attempt: 1, Output: `404 "gone"`, Reason: meshhook.FailedHTTPStatus},
	}, outcomes(t, run))
	require.Equal(t, []string{
		"run.queued", "run.started", "step.started crm 1", "step.failed crm 1 404 http_status", "run.failed crm 1 http_status",
	}, h.story(t, id), "an answer that no retry betters is not retried")

	dead, err := h.project.Runs(t.Context(), meshhook.RunFilter{Status: meshhook.RunFailed, Limit: 10})
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.Equal(t, id, dead[0].ID)
}

func tellAFailureMayBeContinued(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusTeapot) })
	id := h.startOf(t, `
steps:
  - { id: crm, continue_on_error: true, http: { url: "`+s.URL+`" } }
  - { id: after, transform: "[.steps.crm.status, .steps.crm.error.reason]" }
`)
	require.Equal(t, "succeeded", h.daemon(t).finish(t).Status)
	require.Equal(t, map[string]outcome{
		"crm":   {Status: meshhook.StepFailed, Attempt: 1, Output: "418 null", Reason: meshhook.FailedHTTPStatus},
		"after": {Status: meshhook.StepSucceeded, Attempt: 1, Output: `[418,"http_status"]`},
	}, outcomes(t, h.run(t, id)))
}

// What was done stays done when a person has a failed run retried.
func tellARetriedRunGoesOnFromWhatFailed(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if r.URL.Path == "/second" && n == 1 {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	id := h.startOf(t, `
steps:
  - { id: first, http: { url: "`+s.URL+`/first" } }
  - { id: second, http: { url: "`+s.URL+`/second" } }
`)
	d := h.daemon(t)
	require.Equal(t, "failed", d.finish(t).Status)
	_, err := h.project.RetryRun(t.Context(), id, "")
	require.NoError(t, err)
	require.Equal(t, "succeeded", d.finish(t).Status)
	require.Equal(t, map[string]int{id.String() + "/first": 1, id.String() + "/second": 2}, s.keys())
	require.Equal(t, []string{
		"run.queued", "run.started", "step.started first 1", "step.succeeded first 1 200",
		"step.started second 1", "step.failed second 1 403 http_status", "run.failed second 1 http_status",
		"run.queued", "run.started", "step.started second 1", "step.succeeded second 1 200", "run.succeeded",
	}, h.story(t, id))
}

// Of an answer's body 256 KiB are kept, and the output says when there was more.
func tellAnAnswerIsCutAt256KiB(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(strings.Repeat("x", 256<<10+len(r.URL.Path)-len("/"))))
	})
	id := h.startOf(t, `
steps:
  - { id: fits, http: { url: "`+s.URL+`/" } }
  - { id: over, http: { url: "`+s.URL+`/1" } }
  - { id: end, terminate: { output: "{{ [.steps.fits, .steps.over] | map([(.body | length), .body_truncated]) }}" } }
`)
	require.Equal(t, "succeeded", h.daemon(t).finish(t).Status)
	require.Equal(t, "[[262144,null],[262144,true]]", string(h.run(t, id).Output))
}
