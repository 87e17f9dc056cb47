package alert_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// Ids of what the tests tell of.
var (
	alertID    = id("01890a5d-ac96-774b-bcce-b302099a8001")
	deliveryID = id("01890a5d-ac96-774b-bcce-b302099a8002")
	runID      = id("01890a5d-ac96-774b-bcce-b302099a8003")
	workflowID = id("01890a5d-ac96-774b-bcce-b302099a8004")
	eventID    = id("01890a5d-ac96-774b-bcce-b302099a8005")
	noon       = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
)

func id(text string) meshhook.ID {
	parsed, err := meshhook.ParseID(text)
	if err != nil {
		panic(err)
	}
	return parsed
}

func ptr[T any](v T) *T { return &v }

// config is an alert that Compile takes.
func config() meshhook.Alert {
	return meshhook.Alert{
		ID: alertID, WorkflowID: &workflowID, Workflow: "orders", On: []meshhook.Condition{meshhook.OnFailed},
		URL: "https://example.com/alerts",
	}
}

// configFor is one for a preset.
func configFor(preset string) meshhook.Alert {
	a := config()
	a.Preset = preset
	switch preset {
	case alert.PresetTelegram:
		a.URL = "https://api.telegram.org/bot1:x/sendMessage?chat_id=-100123&message_thread_id=7"
	case alert.PresetPagerDuty:
		a.URL = "https://events.pagerduty.com/v2/enqueue?routing_key=0123456789abcdef0123456789abcdef"
	}
	return a
}

func compile(t testing.TB, a meshhook.Alert) *alert.Program {
	t.Helper()
	p, err := alert.Compile(a)
	require.NoError(t, err)
	return p
}

// failedRun is a run that failed at a step.
func failedRun() *meshhook.Run {
	return &meshhook.Run{
		ID: runID, WorkflowID: workflowID, Workflow: "orders", Version: 3, EventID: &eventID, Webhook: "shop/orders",
		Status: meshhook.RunFailed, Attempt: 2, CreatedAt: noon.Add(-3 * time.Second),
		StartedAt: ptr(noon.Add(-2500 * time.Millisecond)), FinishedAt: &noon,
		Error: &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "the answer was 500 Internal Server Error", Step: "crm"},
		Steps: []meshhook.Step{
			{ID: "order", Kind: "transform", Status: meshhook.StepSucceeded, Output: json.RawMessage(`{"total":4900}`)},
			{ID: "crm", Kind: "http", Status: meshhook.StepFailed, Output: json.RawMessage(`{"status":500}`), Error: &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "500"}},
		},
	}
}

// about returns what a delivery of the type tells of.
func about(kind meshhook.AlertType) *alert.Subject {
	s := &alert.Subject{
		Project: "shop", Alert: alert.WithDefaults(config()), URL: "https://mesh.example.com/runs/" + runID.String(),
		Delivery: meshhook.Delivery{ID: deliveryID, AlertID: alertID, Type: kind, Workflow: "orders", CreatedAt: noon},
		Secrets:  map[string]meshhook.Secret{"token": meshhook.NewSecret("sk_live_42424242")},
	}
	switch kind {
	case meshhook.OnAbsent.Type():
		s.Alert.Expect = &meshhook.Expect{Webhook: "shop/orders", Within: meshhook.Duration(6 * time.Hour)}
		s.Webhook, s.LastEvent, s.Delivery.Workflow, s.URL = "shop/orders", ptr(noon.Add(-7*time.Hour)), "", ""
		return s
	case meshhook.OnCircuitOpen.Type():
		s.LastError, s.Host, s.Delivery.Workflow, s.URL = "its last 5 calls failed (500)", "hooks.example.com:443", "", ""
		return s
	case meshhook.OnExhausted.Type():
		s.About = &meshhook.Delivery{
			ID: runID, AlertID: eventID, Type: meshhook.OnFailed.Type(), Workflow: "orders", RunID: &runID, Attempt: 10,
			Reason: meshhook.DeliveryTimeout, Status: meshhook.DeliveryExhausted,
		}
		s.LastError, s.Host, s.URL = "no complete reply within 10s", "hooks.example.com:443", ""
		return s
	}
	s.Run = failedRun()
	s.Event = &meshhook.Event{
		ID: eventID, Webhook: "shop/orders", Method: http.MethodPost, Path: "/hooks/shop/orders", ReceivedAt: noon.Add(-3 * time.Second),
		ContentType: "application/json", Body: []byte(`{"order":7}`),
	}
	end := func(status meshhook.RunStatus) { s.Run.Status, s.Run.Error = status, nil }
	switch kind {
	case meshhook.OnSucceeded.Type(), meshhook.OnRecovered.Type():
		end(meshhook.RunSucceeded)
		s.Run.Output = json.RawMessage(`{"id": 12345678901234567890}`)
	case meshhook.OnCanceled.Type():
		end(meshhook.RunCanceled)
	case meshhook.OnDelayed.Type():
		end(meshhook.RunRunning)
		s.Run.FinishedAt, s.Alert.DelayThreshold = nil, meshhook.Duration(30*time.Second)
	case meshhook.OnWaiting.Type():
		end(meshhook.RunWaiting)
		s.Run.FinishedAt, s.Run.WaitingFor = nil, meshhook.WaitingForApproval
		s.Run.Steps = append(s.Run.Steps, meshhook.Step{
			ID: "ask", Kind: "approval", Status: meshhook.StepWaiting, Input: json.RawMessage(`{"message":"Refund 49.00?"}`), NextAt: ptr(noon.Add(time.Hour)),
		})
	case meshhook.AlertTest:
		s.Delivery.Sample = true
	}
	return s
}

// types are all types of messages.
func types() []meshhook.AlertType {
	all := []meshhook.AlertType{meshhook.AlertTest}
	for _, condition := range meshhook.Conditions() {
		all = append(all, condition.Type())
	}
	return all
}

// hostile is what a stranger may write into whatever text a message takes from a
// step's failure, an approval or a receiver.
const hostile = "<!channel> <@U1> &amp; @everyone <@&2> [free](https://evil.example) *b* _i_ ~s~ `c` ```x``` </pre><a href=\"https://evil.example\">x</a> @admin /stop {{ .secrets.token }} \"q\" \\ | # h\r\nX-Evil: 1\x00\x1b[31m\u202eevil\u2066 <at>me</at> \xff"

// hostileSubject has it everywhere, long.
func hostileSubject(kind meshhook.AlertType) *alert.Subject {
	s := about(kind)
	long := strings.Repeat(hostile+"😀\u0001é", 200)
	s.LastError, s.Delivery.Held = long, 12
	s.URL = "https://mesh.example.com/<!here>|x?a=\"&b=" + strings.Repeat("ü", 100)
	if s.Run != nil {
		s.Run.Error = &meshhook.Failure{Reason: meshhook.FailedTerminated, Message: long, Step: long}
		for i := range s.Run.Steps {
			input, _ := json.Marshal(map[string]string{"message": long})
			s.Run.Steps[i].Input = input
		}
	}
	return s
}
