package alert

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// FillSample gives a Subject whose Delivery is a sample, and which has no run, one
// that never was: of the alert's workflow, as the first of its conditions would have
// it, so that every expression finds something. The message is marked as a sample.
func (s *Subject) FillSample() {
	s.Delivery.Type, s.Delivery.Sample = meshhook.AlertTest, true
	if s.Run != nil {
		return
	}
	if s.Alert.Expect != nil {
		last := s.at().Add(-s.Alert.Expect.Within.Std())
		s.Webhook, s.LastEvent = s.Alert.Expect.Webhook, &last
	}
	s.sampleAbout()
	begun, ended := s.at().Add(-1500*time.Millisecond), s.at()
	event := meshhook.FirstIDAt(begun.Add(-time.Millisecond))
	s.Event = &meshhook.Event{
		ID: event, ProjectID: s.Alert.ProjectID, Webhook: "sample", Status: meshhook.EventAccepted,
		ReceivedAt: begun.Add(-time.Millisecond), Method: http.MethodPost, Path: "/hooks/sample",
		Header:      http.Header{"Content-Type": {"application/json"}},
		ContentType: "application/json", Body: []byte(`{"sample":true}`),
	}
	s.Run = &meshhook.Run{
		ID: meshhook.FirstIDAt(begun), ProjectID: s.Alert.ProjectID, Workflow: s.Alert.Workflow, Version: 1,
		EventID: &event, Webhook: s.Event.Webhook, Attempt: 1, CreatedAt: s.Event.ReceivedAt, StartedAt: &begun,
	}
	if s.Alert.WorkflowID != nil {
		s.Run.WorkflowID = *s.Alert.WorkflowID
	}
	if s.Run.Workflow == "" {
		s.Run.Workflow = "sample"
	}
	s.sampleEnd(begun, ended)
}

// sampleAbout gives an alert about alerts something to be about: a message that was
// given up, or a receiver that fails, at a name that nobody has (RFC 2606, section 2).
func (s *Subject) sampleAbout() {
	if len(s.Alert.On) == 0 || s.Alert.On[0] != meshhook.OnExhausted && s.Alert.On[0] != meshhook.OnCircuitOpen {
		return
	}
	s.Host, s.LastError = "sample.invalid:443", "this is a sample: nothing has failed"
	if s.Alert.On[0] == meshhook.OnExhausted {
		id := meshhook.FirstIDAt(s.at())
		s.About = &meshhook.Delivery{
			ID: id, AlertID: s.Alert.ID, Type: meshhook.OnFailed.Type(), RunID: &id, Workflow: "sample",
			Status: meshhook.DeliveryExhausted, Reason: meshhook.DeliveryTimeout, Attempt: 1,
		}
	}
}

// sampleEnd gives the sample the state that the alert waits for.
func (s *Subject) sampleEnd(begun, ended time.Time) {
	condition := meshhook.OnFailed
	if len(s.Alert.On) > 0 {
		condition = s.Alert.On[0]
	}
	step := meshhook.Step{RunID: s.Run.ID, ID: "sample", Kind: workflow.KindTransform, Attempt: 1, StartedAt: begun}
	switch condition {
	case meshhook.OnSucceeded, meshhook.OnRecovered:
		s.Run.Status, s.Run.FinishedAt = meshhook.RunSucceeded, &ended
		s.Run.Output = json.RawMessage(`{"sample":true}`)
		step.Status, step.FinishedAt, step.Output = meshhook.StepSucceeded, &ended, s.Run.Output
	case meshhook.OnWaiting:
		s.Run.Status, s.Run.WaitingFor = meshhook.RunWaiting, meshhook.WaitingForApproval
		step.Kind, step.Status = workflow.KindApproval, meshhook.StepWaiting
		step.Input = json.RawMessage(`{"message":"This is a sample. Go on?"}`)
	case meshhook.OnDelayed:
		s.Run.Status = meshhook.RunRunning
		step.Status = meshhook.StepRunning
	case meshhook.OnCanceled:
		s.Run.Status, s.Run.FinishedAt = meshhook.RunCanceled, &ended
		step.Status, step.FinishedAt = meshhook.StepFailed, &ended
		step.Error = &meshhook.Failure{Reason: meshhook.FailedCanceled, Message: "this is a sample", Step: step.ID}
	default:
		failure := &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "this is a sample: nothing has failed", Step: step.ID}
		s.Run.Status, s.Run.FinishedAt, s.Run.Error = meshhook.RunFailed, &ended, failure
		step.Kind, step.Status, step.FinishedAt, step.Error = workflow.KindHTTP, meshhook.StepFailed, &ended, failure
	}
	s.Run.Steps = []meshhook.Step{step}
}
