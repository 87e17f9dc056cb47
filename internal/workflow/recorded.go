package workflow

import (
	"encoding/json"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Recall returns, by id, the calls and approvals of runs that have an end which a
// rehearsal can take; those of a run before those of the ones behind it.
func Recall(runs []meshhook.Run) map[string]meshhook.Step {
	recorded := map[string]meshhook.Step{}
	for _, run := range runs {
		for _, record := range run.Steps {
			if _, known := recorded[record.ID]; !known && (called(record) || record.Kind == KindApproval && (record.Decision != nil || timedOut(record))) {
				recorded[record.ID] = record
			}
		}
	}
	return recorded
}

// SettleRecorded is Settle with the end that the same step of an earlier run came
// to, instead of an answer. Whether its status is a success is what this program's
// step says by `expect`; nothing is tried again, since that run has done so. Any
// other failure is taken as it was.
//
// It tells whether the record has an end to take: that of a step which sent nothing,
// or was given up, has none, and then nothing is settled.
func (p *Program) SettleRecorded(task Task, s *State, was meshhook.Step) (meshhook.Step, bool) {
	step := p.stepOf(task.Step.ID)
	if step == nil || !called(was) {
		return meshhook.Step{}, false
	}
	w, ok := step.work.(*call)
	if !ok {
		return meshhook.Step{}, false
	}
	s.load()
	record := task.Step
	record.Attempt = max(was.Attempt, 1)
	status, answered := statusOf(was)
	switch {
	case answered && w.expects(status):
		record = s.end(record, meshhook.StepSucceeded, was.Output)
	case answered && (was.Error == nil || was.Error.Reason == meshhook.FailedCanceled):
		record.Output = was.Output
		reason, message, _ := judge(&Result{Status: status})
		record = s.fail(record, reason, "%s", message)
	default:
		record.Output = was.Output
		record = s.fail(record, was.Error.Reason, "%s", was.Error.Message)
	}
	delete(s.Underway, record.ID)
	return s.put(record), true
}

// statusOf returns the status of the answer that a record has in its output.
func statusOf(record meshhook.Step) (status int, ok bool) {
	if !record.Status.Ended() {
		return 0, false
	}
	var out struct {
		Status int `json:"status"`
	}
	ok = json.Unmarshal(record.Output, &out) == nil && out.Status != 0
	return out.Status, ok
}

// called tells whether a record is of a call that was made and came to its end.
func called(record meshhook.Step) bool {
	if record.Kind != KindHTTP {
		return false
	}
	if _, answered := statusOf(record); answered {
		return true
	}
	if record.Status != meshhook.StepFailed || record.Attempt == 0 || record.Error == nil {
		return false
	}
	switch record.Error.Reason { // others are of what came before the call
	case meshhook.FailedConnection, meshhook.FailedRefused, meshhook.FailedTimeout:
		return true
	default:
		return false
	}
}
