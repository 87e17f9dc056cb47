package workflow

import (
	"context"
	"encoding/json"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Source says where the end of a step in a rehearsal comes from.
type Source string

// The sources of a rehearsed step.
const (
	SourceComputed Source = "computed" // as a run would have it
	SourceRecorded Source = "recorded" // the answer that an earlier run got
	SourceNotSent  Source = "not_sent" // nothing was called, so that steps after it see null
	SourceAssumed  Source = "assumed"  // an approval that nobody gave
)

// RehearsedStep is a step as it would go.
type RehearsedStep struct {
	meshhook.Step
	Source Source `json:"source"`
}

// Rehearsal is a run as it would go: nothing was called, waited for or recorded.
type Rehearsal struct {
	// Status is RunSucceeded or RunFailed.
	Status meshhook.RunStatus `json:"status"`
	// Output and Error are what the run would end with. They hold no secret.
	Output json.RawMessage   `json:"output,omitempty"`
	Error  *meshhook.Failure `json:"error,omitempty"`
	// Steps are the records in the order in which the steps begin. Their times are
	// those of a run in which calls take none.
	Steps []RehearsedStep `json:"steps"`
}

const (
	// maxRehearsed is how many records a rehearsal has, at most.
	maxRehearsed = 100_000
	// maxRehearsedBytes bounds the inputs and outputs of all of them.
	maxRehearsedBytes = 32 << 20
	// maxIdle is how often in turn the time may jump without anything to come of it:
	// more than ever happens.
	maxIdle = 100
)

// dryRun is who gives the approvals that nobody gave.
const dryRun meshhook.Actor = "dry-run"

// Rehearse takes a run from s to its end without anything outside: calls end with
// what was recorded of the step of the same id, or, where it has no answer, are not
// sent; delays are over at once; approvals are answered as they were, or else given.
// Its time is s.Now, which jumps over waits. It changes s, and neither s.Run nor
// recorded.
//
// Errors: CodeInvalid for a run that is too large to be rehearsed, or ctx's.
func (p *Program) Rehearse(ctx context.Context, s *State, recorded map[string]meshhook.Step) (Rehearsal, error) {
	if s.Steps == nil {
		s.Steps = map[string]meshhook.Step{}
	}
	if s.Underway == nil {
		s.Underway = map[string]bool{}
	}
	r := rehearsing{program: p, state: s, recorded: recorded, places: map[string]int{}, steps: []RehearsedStep{}}
	for idle := 0; idle < maxIdle; idle++ {
		decision, err := p.Next(ctx, s)
		if err != nil {
			return Rehearsal{}, err
		}
		if r.take(decision) {
			idle = 0
		}
		if f := decision.Finish; f != nil {
			return Rehearsal{Status: f.Status, Output: f.Output, Error: f.Failure, Steps: r.steps}, nil
		}
		if len(r.steps) > maxRehearsed || r.bytes > maxRehearsedBytes {
			return Rehearsal{}, meshhook.Errorf(meshhook.CodeInvalid,
				"the run is too large for a dry run: over %d steps, or %d MiB of inputs and outputs; try it on fewer items", maxRehearsed, maxRehearsedBytes>>20)
		}
		if !decision.More && len(decision.Perform) == 0 {
			r.wake(decision)
		}
	}
	return Rehearsal{}, meshhook.Errorf(meshhook.CodeInternal, "the dry run does not come to an end")
}

// rehearsing is one call of Rehearse.
type rehearsing struct {
	program  *Program
	state    *State
	recorded map[string]meshhook.Step
	steps    []RehearsedStep
	places   map[string]int // of the records in steps, by id
	bytes    int            // of their inputs and outputs
}

// take keeps what was decided, and ends the calls that were to be made; it tells
// whether there was anything.
func (r *rehearsing) take(d Decision) (moved bool) {
	for _, record := range d.Steps {
		r.put(record, SourceComputed)
	}
	for _, task := range d.Perform {
		if record, ok := r.program.SettleRecorded(task, r.state, r.recorded[task.Step.ID]); ok {
			r.put(record, SourceRecorded)
			continue
		}
		delete(r.state.Underway, task.Step.ID)
		r.put(r.state.put(r.state.end(task.Step, meshhook.StepSucceeded, nil)), SourceNotSent)
	}
	return len(d.Steps)+len(d.Perform) > 0
}

// put keeps the newest record of a step. Where its end comes from is said once: an
// approval that was answered is computed from that answer.
func (r *rehearsing) put(record meshhook.Step, source Source) {
	place, known := r.places[record.ID]
	if !known {
		place = len(r.steps)
		r.places[record.ID] = place
		r.steps = append(r.steps, RehearsedStep{Source: source})
	}
	step := &r.steps[place]
	r.bytes += len(record.Input) + len(record.Output) - len(step.Input) - len(step.Output)
	step.Step = record
	if step.Source == SourceComputed {
		step.Source = source
	}
}

// wake answers the approvals that wait, or else lets the time jump.
func (r *rehearsing) wake(d Decision) {
	if d.WaitingFor == meshhook.WaitingForApproval && r.answer(!d.Wake.IsZero()) {
		return
	}
	if d.Wake.After(r.state.Now) {
		r.state.Now = d.Wake
	}
}

// answer gives the approvals that wait the answers that they got, or would get; it
// tells whether there was one to give. One that nobody answered in time is left to
// its time-out, if the time is to jump to one.
func (r *rehearsing) answer(canWait bool) (given bool) {
	for id, record := range r.state.Steps {
		if record.Kind != KindApproval || record.Status != meshhook.StepWaiting || record.Decision != nil {
			continue
		}
		source, was := SourceRecorded, r.recorded[id]
		switch {
		case was.Kind == KindApproval && was.Decision != nil:
			record.Decision = was.Decision
		case canWait && timedOut(was):
			continue
		default:
			source = SourceAssumed
			record.Decision = &meshhook.Decision{Approved: true, By: dryRun, At: r.state.Now}
		}
		r.state.Steps[id] = record
		r.put(record, source)
		given = true
	}
	return given
}

// timedOut tells whether a record is of an approval that nobody answered in time.
func timedOut(record meshhook.Step) bool {
	var out answered
	return record.Kind == KindApproval && record.Decision == nil && record.Status.Ended() &&
		json.Unmarshal(record.Output, &out) == nil && out.TimedOut
}
