package engine

import (
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// moves collects what is to be recorded of a run together.
type moves struct {
	run     *meshhook.Run
	steps   []meshhook.Step
	entries []meshhook.Entry
}

// stepEntry maps a step's status to the journal's word for reaching it.
var stepEntry = map[meshhook.StepStatus]meshhook.EntryKind{
	meshhook.StepRunning:   meshhook.EntryStepStarted,
	meshhook.StepWaiting:   meshhook.EntryStepRetrying,
	meshhook.StepSucceeded: meshhook.EntryStepSucceeded,
	meshhook.StepFailed:    meshhook.EntryStepFailed,
	meshhook.StepSkipped:   meshhook.EntryStepSkipped,
}

// add takes a step's new record; of several of one step the last is stored, and
// each stands in the journal.
func (m *moves) add(step meshhook.Step, now time.Time, httpStatus int) {
	entry := m.entry(stepEntry[step.Status], now)
	entry.Step, entry.Status, entry.Attempt, entry.HTTPStatus = step.ID, string(step.Status), step.Attempt, httpStatus
	if step.FinishedAt != nil {
		entry.DurationMS = step.FinishedAt.Sub(step.StartedAt).Milliseconds()
	}
	if step.Error != nil {
		entry.Code, entry.Detail = string(step.Error.Reason), step.Error.Message
	}
	m.entries = append(m.entries, entry)
	for i := range m.steps {
		if m.steps[i].ID == step.ID {
			m.steps[i] = step
			return
		}
	}
	m.steps = append(m.steps, step)
}

// entry begins a journal entry about the run.
func (m *moves) entry(kind meshhook.EntryKind, at time.Time) meshhook.Entry {
	return meshhook.Entry{
		ID: meshhook.NewID(), ProjectID: m.run.ProjectID, At: at, Kind: kind,
		EventID: m.run.EventID, Webhook: m.run.Webhook, RunID: &m.run.ID, Workflow: m.run.Workflow,
	}
}

// take returns what was collected as a move to the status, and begins anew.
func (m *moves) take(to meshhook.RunStatus) meshhook.RunMove {
	move := meshhook.RunMove{RunID: m.run.ID, ProjectID: m.run.ProjectID, Status: to, Steps: m.steps, Entries: m.entries}
	m.steps, m.entries = nil, nil
	return move
}
