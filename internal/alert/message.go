package alert

import (
	"encoding/json"
	"time"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// MaxOutput is the longest output of a run, in bytes of JSON, that stands in a
// message. A longer one is left out: receivers bound what they take, and an alert
// that is refused for its length is one that nobody got.
const MaxOutput = 64 << 10

// maxText is how many characters of a text that a workflow or a receiver wrote
// stand in a message.
const maxText = 8000

// runData is `data` of a message about a run. Its keys are always there, but for
// those that say something special.
type runData struct {
	Project  string        `json:"project"`
	Workflow *workflowData `json:"workflow"`
	Run      *runPart      `json:"run"`
	Event    *eventData    `json:"event"`
	URL      *string       `json:"url"`
	Approval *approvalData `json:"approval,omitempty"`
	Held     int64         `json:"held,omitempty"`
	Sample   bool          `json:"sample,omitempty"`
}

// otherData is `data` of a message that is about no run.
type otherData struct {
	Project string       `json:"project"`
	Webhook *absenceData `json:"webhook,omitempty"`
	About   *aboutData   `json:"delivery,omitempty"`
	URL     *string      `json:"url"`
	Held    int64        `json:"held,omitempty"`
	Sample  bool         `json:"sample,omitempty"`
}

type workflowData struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version int    `json:"version"`
}

type runPart struct {
	ID         string             `json:"id"`
	Status     meshhook.RunStatus `json:"status"`
	StartedAt  *string            `json:"started_at"`
	FinishedAt *string            `json:"finished_at"`
	// DurationMS is from start to end; null until then.
	DurationMS *int64            `json:"duration_ms"`
	Attempt    int               `json:"attempt"`
	Error      *meshhook.Failure `json:"error"`
	FailedStep *string           `json:"failed_step"`
	Output     json.RawMessage   `json:"output"`
	// OutputOmitted tells that the output is longer than MaxOutput.
	OutputOmitted bool `json:"output_omitted,omitempty"`
}

type eventData struct {
	ID      string `json:"id"`
	Webhook string `json:"webhook"`
}

type approvalData struct {
	Step    string `json:"step"`
	Message string `json:"message"`
	// Until is when it is answered by itself; null for never.
	Until *string `json:"until"`
}

type absenceData struct {
	Path        string            `json:"path"`
	Within      meshhook.Duration `json:"within"`
	LastEventAt *string           `json:"last_event_at"`
}

type aboutData struct {
	*undelivered                         // nil for a receiver, which is about no single message
	Reason       meshhook.DeliveryReason `json:"reason"`
	Error        string                  `json:"error"`
	Host         string                  `json:"host"`
}

type undelivered struct {
	ID       string             `json:"id"`
	Type     meshhook.AlertType `json:"type"`
	AlertID  string             `json:"alert_id"`
	RunID    *string            `json:"run_id"`
	Workflow string             `json:"workflow"`
	Attempts int                `json:"attempts"`
}

// Message returns the message as its own format has it: what the preset generic
// sends.
func Message(s *Subject) (meshhook.AlertMessage, error) {
	var data any = otherData{
		Project: s.Project, Webhook: absenceOf(s), About: aboutOf(s), URL: orNull(s.URL),
		Held: s.Delivery.Held, Sample: s.Delivery.Sample,
	}
	if s.Run != nil {
		data = runData{
			Project: s.Project, Workflow: workflowOf(s), Run: runOf(s.Run), Event: eventOf(s), URL: orNull(s.URL),
			Approval: approvalOf(s), Held: s.Delivery.Held, Sample: s.Delivery.Sample,
		}
	}
	text, err := encode(data)
	if err != nil {
		return meshhook.AlertMessage{}, meshhook.Errorf(meshhook.CodeInternal, "the message cannot be written: %w", err)
	}
	return meshhook.AlertMessage{Type: s.Delivery.Type, Timestamp: meshhook.FormatTime(s.at()), Data: text}, nil
}

func workflowOf(s *Subject) *workflowData {
	return &workflowData{ID: s.Run.WorkflowID.String(), Name: s.Run.Workflow, Version: s.Run.Version}
}

func runOf(r *meshhook.Run) *runPart {
	part := &runPart{
		ID: r.ID.String(), Status: r.Status, StartedAt: timeOrNull(r.StartedAt), FinishedAt: timeOrNull(r.FinishedAt),
		Attempt: r.Attempt,
	}
	if took, ok := duration(r); ok {
		ms := took.Milliseconds()
		part.DurationMS = &ms
	}
	if r.Error != nil {
		part.Error = &meshhook.Failure{Reason: r.Error.Reason, Message: meshhook.Clip(r.Error.Message, maxText), Step: r.Error.Step}
		part.FailedStep = orNull(r.Error.Step)
	}
	switch {
	case len(r.Output) > MaxOutput:
		part.OutputOmitted = true
	case len(r.Output) > 0:
		part.Output = r.Output
	}
	return part
}

// duration is how long a run took from its start to its end.
func duration(r *meshhook.Run) (took time.Duration, ok bool) {
	if r.StartedAt == nil || r.FinishedAt == nil {
		return 0, false
	}
	return max(r.FinishedAt.Sub(*r.StartedAt), 0), true
}

// eventOf is nil for a run that was started by hand.
func eventOf(s *Subject) *eventData {
	switch {
	case s.Event != nil:
		return &eventData{ID: s.Event.ID.String(), Webhook: s.Event.Webhook}
	case s.Run.EventID != nil: // the event itself has been dropped since
		return &eventData{ID: s.Run.EventID.String(), Webhook: s.Run.Webhook}
	default:
		return nil
	}
}

// approvalOf is the approval that the message tells of, as it was asked, though it may be
// answered by now. A sample, which names none, has one that waits.
func approvalOf(s *Subject) *approvalData {
	if s.Run == nil || s.Delivery.Type != meshhook.OnWaiting.Type() && s.Delivery.Type != meshhook.AlertTest {
		return nil
	}
	asksFor := s.Delivery.Step
	for _, step := range s.Run.Steps {
		if step.Kind != workflow.KindApproval || asksFor != "" && step.ID != asksFor || asksFor == "" && step.Status != meshhook.StepWaiting {
			continue
		}
		found := &approvalData{Step: step.ID, Until: timeOrNull(step.NextAt)}
		input, _ := content.DecodeOwn(step.Input)
		asked, _ := input.(map[string]any)
		message, _ := asked["message"].(string)
		found.Message = meshhook.Clip(message, maxText)
		return found
	}
	if asksFor != "" { // its record is gone: the run itself may be
		return &approvalData{Step: asksFor}
	}
	return nil
}

func absenceOf(s *Subject) *absenceData {
	if s.Webhook == "" {
		return nil
	}
	data := &absenceData{Path: s.Webhook, LastEventAt: timeOrNull(s.LastEvent)}
	if s.Alert.Expect != nil {
		data.Within = s.Alert.Expect.Within
	}
	return data
}

func aboutOf(s *Subject) *aboutData {
	if s.About == nil {
		return circuitOf(s)
	}
	message := &undelivered{
		ID: s.About.ID.String(), Type: s.About.Type, AlertID: s.About.AlertID.String(), Workflow: s.About.Workflow, Attempts: s.About.Attempt,
	}
	if s.About.RunID != nil {
		message.RunID = orNull(s.About.RunID.String())
	}
	return &aboutData{undelivered: message, Reason: s.About.Reason, Error: meshhook.Clip(s.LastError, maxText), Host: s.Host}
}

// circuitOf tells of a receiver that has failed too often: of no single message.
func circuitOf(s *Subject) *aboutData {
	if s.Delivery.Type != meshhook.OnCircuitOpen.Type() && s.Delivery.Type != meshhook.AlertTest || s.Host == "" {
		return nil
	}
	return &aboutData{Reason: meshhook.DeliveryCircuitOpen, Error: meshhook.Clip(s.LastError, maxText), Host: s.Host}
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func timeOrNull(t *time.Time) *string {
	if t == nil {
		return nil
	}
	return orNull(meshhook.FormatTime(*t))
}
