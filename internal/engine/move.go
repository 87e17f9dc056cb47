package engine

import (
	"encoding/json"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// moves collects what is to be recorded of a run together.
type moves struct {
	run     *meshhook.Run
	steps   []meshhook.Step
	entries []meshhook.Entry
	// inputs are the steps whose input is recorded already.
	inputs map[string]bool
}

// stepEntry maps a step's status to the journal's word for reaching it.
var stepEntry = map[meshhook.StepStatus]meshhook.EntryKind{
	meshhook.StepRunning:   meshhook.EntryStepStarted,
	meshhook.StepSucceeded: meshhook.EntryStepSucceeded,
	meshhook.StepFailed:    meshhook.EntryStepFailed,
	meshhook.StepSkipped:   meshhook.EntryStepSkipped,
}

// entryOf is the journal's word for a step's new state; "" for an item of a foreach,
// whose steps tell everything.
func entryOf(step *meshhook.Step) meshhook.EntryKind {
	switch {
	case step.Kind == meshhook.StepItem:
		return ""
	case step.Status != meshhook.StepWaiting:
		return stepEntry[step.Status]
	case step.Error != nil:
		return meshhook.EntryStepRetrying
	default:
		return meshhook.EntryStepWaiting
	}
}

// add takes a step's new record; of several of one step the last is stored, and
// each stands in the journal.
func (m *moves) add(step meshhook.Step, now time.Time, httpStatus int) {
	if kind := entryOf(&step); kind != "" {
		entry := m.entry(kind, now)
		entry.Step, entry.Status, entry.Attempt, entry.HTTPStatus = step.ID, string(step.Status), step.Attempt, httpStatus
		if step.FinishedAt != nil {
			entry.DurationMS = step.FinishedAt.Sub(step.StartedAt).Milliseconds()
		}
		switch {
		case step.Error != nil:
			entry.Code, entry.Detail = string(step.Error.Reason), step.Error.Message
		case kind == meshhook.EntryStepWaiting:
			entry.Code, entry.Detail = step.Kind, awaited(&step)
		}
		m.entries = append(m.entries, entry)
	}
	for i := range m.steps {
		if m.steps[i].ID == step.ID {
			m.steps[i] = step
			return
		}
	}
	m.steps = append(m.steps, step)
}

// awaited says what a step sleeps for: an approval's question, a delay's end.
func awaited(step *meshhook.Step) string {
	var input struct{ Message, Until string }
	if json.Unmarshal(step.Input, &input) != nil || input.Until != "" {
		return "until " + input.Until
	}
	return input.Message
}

// empty tells whether there is nothing to record.
func (m *moves) empty() bool { return len(m.steps) == 0 && len(m.entries) == 0 }

// entry begins a journal entry about the run.
func (m *moves) entry(kind meshhook.EntryKind, at time.Time) meshhook.Entry {
	return meshhook.Entry{
		ID: meshhook.NewID(), ProjectID: m.run.ProjectID, At: at, Kind: kind,
		EventID: m.run.EventID, Webhook: m.run.Webhook, RunID: &m.run.ID, Workflow: m.run.Workflow,
	}
}

// take returns what was collected as a move to the status, and begins anew. The
// input of a step does not change, and is written once.
func (m *moves) take(to meshhook.RunStatus) meshhook.RunMove {
	for i := range m.steps {
		if step := &m.steps[i]; m.inputs[step.ID] {
			step.Input = nil
		} else if step.Input != nil {
			m.inputs[step.ID] = true
		}
	}
	move := meshhook.RunMove{RunID: m.run.ID, ProjectID: m.run.ProjectID, Status: to, Steps: m.steps, Entries: m.entries}
	m.steps, m.entries = nil, nil
	return move
}
