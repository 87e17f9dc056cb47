package workflow

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// giveUp ends the steps that wait, and those around them, for what they belong to
// has ended: by the record that is given, or because its time is up.
func (t *turn) giveUp(list []idle, by *meshhook.Step) {
	for _, i := range list {
		record := i.record
		switch {
		case by != nil && by == t.state.terminated && t.wasTerminated(record):
			record = t.terminatedBy(record)
		default:
			record = t.givenUp(record)
		}
		record = t.state.put(record)
		t.decision.Steps = append(t.decision.Steps, record)
		if i.step != nil {
			i.frame.publish(i.step.ID, record)
			t.state.forgetItems(record.ID, i.step)
		}
	}
}

// givenUp returns the record of a step that will not come to its own end.
func (t *turn) givenUp(record meshhook.Step) meshhook.Step {
	if record.Error == nil {
		return t.fail(record, meshhook.FailedCanceled, "given up when the run ended")
	}
	failure := *record.Error
	failure.Message = "given up when the run ended; the last: " + failure.Message
	record.Error = &failure
	return t.end(record, meshhook.StepFailed, record.Output)
}

// failBy returns the record of a step that fails with what is inside it.
func (t *turn) failBy(record meshhook.Step, inner *meshhook.Step) meshhook.Step {
	failure := meshhook.Failure{Reason: meshhook.FailedInternal, Step: inner.ID}
	if inner.Error != nil {
		failure = *inner.Error
	}
	record.Error = &failure
	return t.end(record, meshhook.StepFailed, nil)
}

// wasTerminated tells whether the run was terminated inside the step.
func (t *turn) wasTerminated(record meshhook.Step) bool {
	for at := t.state.terminated; at != nil && at.Parent != ""; {
		if at.Parent == record.ID {
			return true
		}
		around, known := t.state.Steps[at.Parent]
		if !known { // an item that has not ended has no record
			around = meshhook.Step{Parent: meshhook.ScopeOf(at.Parent)}
		}
		at = &around
	}
	return false
}

// terminatedBy returns the record of a step inside which the run was terminated.
func (t *turn) terminatedBy(record meshhook.Step) meshhook.Step {
	if t.state.terminated.Status == meshhook.StepFailed {
		return t.failBy(record, t.state.terminated)
	}
	return t.end(record, meshhook.StepSucceeded, nil)
}

// end returns the record of a step that has ended now.
func (t *turn) end(record meshhook.Step, status meshhook.StepStatus, output json.RawMessage) meshhook.Step {
	return t.state.end(record, status, output)
}

// fail returns the record of a step that has failed now.
func (t *turn) fail(record meshhook.Step, reason meshhook.FailureReason, format string, args ...any) meshhook.Step {
	return t.state.fail(record, reason, format, args...)
}

func (s *State) end(record meshhook.Step, status meshhook.StepStatus, output json.RawMessage) meshhook.Step {
	now := s.Now
	record.Status, record.Output = status, output
	record.NextAt, record.FinishedAt = nil, &now
	return record
}

func (s *State) fail(record meshhook.Step, reason meshhook.FailureReason, format string, args ...any) meshhook.Step {
	record.Error = &meshhook.Failure{Reason: reason, Message: s.message(fmt.Sprintf(format, args...)), Step: record.ID}
	return s.end(record, meshhook.StepFailed, record.Output)
}

// put takes a record into the state, without the secrets in it. What a later step
// sees is what is recorded, so that a run that goes on after a crash sees the same.
func (s *State) put(record meshhook.Step) meshhook.Step {
	record.Input, record.Output = s.masker.JSON(record.Input), s.masker.JSON(record.Output)
	s.Steps[record.ID] = record
	return record
}

// message is a failure's text without secrets. One that was clipped may end in the
// middle of one.
func (s *State) message(text string) string {
	if whole, clipped := strings.CutSuffix(text, "…"); clipped {
		return s.masker.Cut(whole) + "…"
	}
	return s.masker.Text(text)
}

// Hide returns the text without the secrets, as far as there are any: for what tells of
// the run and is no record of it, such as a log. It is for concurrent use once Next was
// called.
func (s *State) Hide(text string) string {
	s.load()
	return s.masker.Text(text)
}

// masked is an error whose text shows no secret.
func (s *State) masked(err error) error {
	return meshhook.Errorf(meshhook.ErrorCode(err), "%s", s.message(err.Error()))
}

// isItem tells whether an id is that of an item: each[3].
func isItem(id string) bool { return strings.HasSuffix(id, "]") }
