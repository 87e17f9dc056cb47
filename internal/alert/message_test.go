package alert_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// body renders what an alert with its defaults sends.
func body(t *testing.T, s *alert.Subject) string {
	t.Helper()
	request, err := compile(t, config()).Render(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, request.Fallback)
	require.Equal(t, map[string]string{"Content-Type": "application/json"}, request.Headers)
	return string(request.Body)
}

const (
	runStart = `{"project":"shop","workflow":{"id":"01890a5d-ac96-774b-bcce-b302099a8004","name":"orders","version":3},` +
		`"run":{"id":"01890a5d-ac96-774b-bcce-b302099a8003",`
	runEnd = `"event":{"id":"01890a5d-ac96-774b-bcce-b302099a8005","webhook":"shop/orders"},"url":"https://mesh.example.com/runs/01890a5d-ac96-774b-bcce-b302099a8003"`
)

func TestMessages(t *testing.T) {
	t.Parallel()
	started, finished := `"started_at":"2026-03-14T11:59:57.500Z",`, `"finished_at":"2026-03-14T12:00:00.000Z","duration_ms":2500,"attempt":2,`
	unfinished := `"finished_at":null,"duration_ms":null,"attempt":2,`
	nothing := `"error":null,"failed_step":null,"output":null},`
	failed := runStart + `"status":"failed",` + started + finished +
		`"error":{"reason":"http_status","message":"the answer was 500 Internal Server Error","step":"crm"},"failed_step":"crm","output":null},` + runEnd
	aboutAlert := `{"project":"shop","delivery":{"id":"01890a5d-ac96-774b-bcce-b302099a8003","type":"run.failed","alert_id":"01890a5d-ac96-774b-bcce-b302099a8005",` +
		`"run_id":"01890a5d-ac96-774b-bcce-b302099a8003","workflow":"orders","attempts":10,"reason":"timeout","error":"no complete reply within 10s","host":"hooks.example.com:443"},"url":null}`
	for kind, data := range map[meshhook.AlertType]string{
		"run.failed":    failed + `}`,
		"alert.test":    failed + `,"sample":true}`,
		"run.succeeded": runStart + `"status":"succeeded",` + started + finished + `"error":null,"failed_step":null,"output":{"id":12345678901234567890}},` + runEnd + `}`,
		"run.recovered": runStart + `"status":"succeeded",` + started + finished + `"error":null,"failed_step":null,"output":{"id":12345678901234567890}},` + runEnd + `}`,
		"run.delayed":   runStart + `"status":"running",` + started + unfinished + nothing + runEnd + `}`,
		"run.canceled":  runStart + `"status":"canceled",` + started + finished + nothing + runEnd + `}`,
		"run.waiting": runStart + `"status":"waiting",` + started + unfinished + nothing + runEnd +
			`,"approval":{"step":"ask","message":"Refund 49.00?","until":"2026-03-14T13:00:00.000Z"}}`,
		"webhook.absent":     `{"project":"shop","webhook":{"path":"shop/orders","within":"6h0m0s","last_event_at":"2026-03-14T05:00:00.000Z"},"url":null}`,
		"alert.exhausted":    aboutAlert,
		"alert.circuit_open": `{"project":"shop","delivery":{"reason":"circuit_open","error":"its last 5 calls failed (500)","host":"hooks.example.com:443"},"url":null}`,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			require.Equal(t, `{"type":"`+string(kind)+`","timestamp":"2026-03-14T12:00:00.000Z","data":`+data+`}`, body(t, about(kind)))
		})
	}
}

func TestMessageOfARunStartedByHand(t *testing.T) {
	t.Parallel()
	s := about("run.failed")
	s.Event, s.Run.EventID, s.URL, s.Delivery.Held = nil, nil, "", 3
	require.True(t, strings.HasSuffix(body(t, s), `"event":null,"url":null,"held":3}}`))

	s = about("run.failed")
	s.Event = nil // dropped since
	require.Contains(t, body(t, s), runEnd)
}

func TestMessageLeavesOutALargeOutput(t *testing.T) {
	t.Parallel()
	s := about("run.succeeded")
	s.Run.Output = json.RawMessage(`"` + strings.Repeat("x", alert.MaxOutput-2) + `"`)
	require.Contains(t, body(t, s), `"output":"xxx`)
	s.Run.Output = json.RawMessage(`"` + strings.Repeat("x", alert.MaxOutput-1) + `"`)
	require.Contains(t, body(t, s), `"output":null,"output_omitted":true}`)
}

func TestMessageBoundsWhatOthersWrote(t *testing.T) {
	t.Parallel()
	for _, kind := range types() {
		require.Less(t, len(body(t, hostileSubject(kind))), 200<<10, kind)
	}
	s := about("run.waiting")
	s.Run.Steps[2].Input, _ = json.Marshal(map[string]string{"message": strings.Repeat("é", 1<<20)})
	require.Less(t, len(body(t, s)), 20<<10)
}

func TestMessageNeedsJSON(t *testing.T) {
	t.Parallel()
	s := about("run.succeeded")
	s.Run.Output = json.RawMessage(`{`)
	_, err := alert.Message(s)
	require.Equal(t, meshhook.CodeInternal, meshhook.ErrorCode(err))
}

func TestAbsenceOfAllEvents(t *testing.T) {
	t.Parallel()
	s := about("webhook.absent")
	s.LastEvent = nil
	require.Contains(t, body(t, s), `"last_event_at":null`)
	require.Contains(t, s.Context()["text"], "None has come yet.")
}

func TestContext(t *testing.T) {
	t.Parallel()
	s := about("run.failed")
	s.Run.Output = json.RawMessage(`{"big":"` + strings.Repeat("x", alert.MaxOutput) + `","n":12345678901234567890}`)
	seen := s.Context()
	text, err := json.Marshal(seen)
	require.NoError(t, err)
	var decoded map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &decoded))
	for key, want := range map[string]string{
		"type": `"run.failed"`, "title": `"orders failed"`, "project": `"shop"`, "held": `0`,
		"alert":    `{"id":"01890a5d-ac96-774b-bcce-b302099a8001","name":"","description":""}`,
		"workflow": `{"id":"01890a5d-ac96-774b-bcce-b302099a8004","name":"orders","version":3}`,
		"steps":    `{"order":{"total":4900},"crm":{"status":500,"error":{"reason":"http_status","message":"500"}}}`,
		"delivery": `{"id":"01890a5d-ac96-774b-bcce-b302099a8002","created_at":"2026-03-14T12:00:00.000Z","sample":false}`,
		"approval": `null`, "webhook": `null`, "about": `null`, "secrets": `{"token":"sk_live_42424242"}`,
		"url": `"https://mesh.example.com/runs/01890a5d-ac96-774b-bcce-b302099a8003"`,
	} {
		require.JSONEq(t, want, string(decoded[key]), key)
	}
	run, _ := seen["run"].(map[string]any)
	require.Equal(t, "failed", run["status"])
	require.Equal(t, "orders", run["workflow"])
	require.Equal(t, json.Number("2500"), run["duration_ms"])
	require.NotContains(t, run, "output_omitted")
	output, _ := run["output"].(map[string]any)
	require.Equal(t, json.Number("12345678901234567890"), output["n"], "whole, however large")
	event, _ := seen["event"].(map[string]any)
	require.Equal(t, map[string]any{"order": json.Number("7")}, event["body"])

	for _, kind := range types() {
		keys := about(kind).Context()
		require.Len(t, keys, len(seen), kind)
		for key := range seen {
			require.Contains(t, keys, key, kind)
		}
	}
}

func TestSamples(t *testing.T) {
	t.Parallel()
	status := map[meshhook.Condition]meshhook.RunStatus{
		meshhook.OnSucceeded: meshhook.RunSucceeded, meshhook.OnRecovered: meshhook.RunSucceeded, meshhook.OnWaiting: meshhook.RunWaiting,
		meshhook.OnDelayed: meshhook.RunRunning, meshhook.OnCanceled: meshhook.RunCanceled,
	}
	for _, condition := range meshhook.Conditions() {
		a := config()
		a.On = []meshhook.Condition{condition}
		switch {
		case condition == meshhook.OnAbsent:
			a.Expect = &meshhook.Expect{Webhook: "stripe", Within: meshhook.Duration(time.Hour)}
		case condition.AboutAlerts():
			a.WorkflowID, a.Workflow = nil, ""
		}
		s := &alert.Subject{Project: "shop", Alert: a, Delivery: meshhook.Delivery{ID: deliveryID, CreatedAt: noon}}
		s.FillSample()
		require.Equal(t, meshhook.AlertTest, s.Delivery.Type)
		want, ok := status[condition]
		if !ok {
			want = meshhook.RunFailed
		}
		require.Equal(t, want, s.Run.Status, condition)
		text := body(t, s)
		require.True(t, strings.HasPrefix(text, `{"type":"alert.test",`))
		require.True(t, strings.HasSuffix(text, `,"sample":true}}`), text)
		require.Equal(t, condition == meshhook.OnWaiting, strings.Contains(text, `"approval":{"step":"sample"`))
		require.Equal(t, condition.AboutAlerts(), s.Context()["about"] != nil, "expressions about alerts find something")
		require.Equal(t, condition == meshhook.OnAbsent, s.Context()["webhook"] != nil)

		run := s.Run
		s.FillSample()
		require.Same(t, run, s.Run, "a run that is there stays")
	}
}

// A message whose run is gone still names the workflow; one about a receiver says which.
func TestWhatIsKnownWithoutARun(t *testing.T) {
	t.Parallel()
	s := about(meshhook.OnFailed.Type())
	s.Run, s.Event = nil, nil
	require.Equal(t, "orders failed", s.Context()["title"])
	s = about(meshhook.OnCircuitOpen.Type())
	require.Equal(t, "alerts to hooks.example.com:443 cannot be delivered", s.Context()["title"])
	require.Contains(t, s.Context()["text"], "its last 5 calls failed (500)")
}
