package workflow

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/profullstack/meshhook/internal/mask"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// State is all that a decision depends on: what is recorded of a run, and the
// time. One State serves all the decisions of one claim of a run: Next and Settle
// keep it true to the records that they return, the caller renews Now. It is not
// for concurrent use.
type State struct {
	Now time.Time
	Run meshhook.Run
	// Event is what started the run; nil for a run started by hand, whose
	// Run.Input is then the event's body.
	Event *meshhook.Event
	// Steps are the records of the run's steps, by id. Records inside an item of a
	// foreach that has ended are not needed, nor are the items of one that has.
	Steps map[string]meshhook.Step
	// Underway are the ids of the steps that the caller performs right now. A
	// step that is recorded as running and not here was left by a dead daemon.
	Underway map[string]bool
	// Secrets are those that Definition.References names, as far as they exist.
	Secrets map[string]meshhook.Secret
	// Random returns numbers in [0, 1) for the jitter of retries; nil is 0.5.
	Random func() float64

	event      map[string]any // parsed once
	outputs    map[string]any // of steps that have ended, parsed once
	items      map[string]*items
	terminated *meshhook.Step // the record of the terminate step that ended the run
	masker     *mask.Masker   // of Secrets; nil where there are none
	loaded     bool
}

// Decision is what a run has to do now. Steps is to be recorded in any case;
// then, if Finish is set, the run is over. Otherwise Perform is to be started,
// and Next asked again: at once if More is set, else as soon as a task has ended,
// or at Wake if that comes first. With nothing to perform and nothing under way
// the run may sleep until Wake, or without end if that is zero: somebody has to
// answer an approval.
type Decision struct {
	// Steps are the records of steps that were decided here, in order:
	// transforms, skipped ones, terminate, waits, and whatever failed before it began.
	Steps []meshhook.Step
	// Perform are the calls to be made now, side by side.
	Perform []Task
	// More tells that there is more to decide at once: a decision is of bounded size.
	More bool
	// Wake is when the next waiting step is due, or the time of something is up;
	// zero when nothing waits for a time.
	Wake time.Time
	// WaitingFor says what a run that sleeps now is asleep on.
	WaitingFor meshhook.WaitingFor
	// Finish is set when the run is over.
	Finish *Finish
}

// Finish is the end of a run.
type Finish struct {
	// Status is RunSucceeded or RunFailed.
	Status meshhook.RunStatus
	// Output is what a terminate step gave out; nil when none did.
	Output json.RawMessage
	// Failure says why the run failed and in which step.
	Failure *meshhook.Failure
}

// Task is a call to be made for a step.
type Task struct {
	// Step is the step's record from the moment that the call begins: running,
	// with the attempt that this is. A caller that records it before the call
	// has a history of calls whose end it did not live to see.
	Step meshhook.Step
	Call HTTPCall
}

// HTTPCall is a request to be sent. It holds secrets: it is not to be logged.
type HTTPCall struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte
	// Timeout bounds the whole exchange, the reading of the answer included.
	Timeout time.Duration
}

const (
	// maxUnderway is how many calls of one run are under way at once, at most: a
	// graph may have hundreds of steps that are ready.
	maxUnderway = 64
	// maxDecided is how many records one decision has, at most, but for those that
	// end the run.
	maxDecided = 500
)

// Next decides what the run has to do. Its error is ctx's, when that ended
// before the decision was made; the State is of no use then.
func (p *Program) Next(ctx context.Context, s *State) (Decision, error) {
	t := newTurn(ctx, p, s)
	limits := bounds{deadline: p.deadline(s), of: "run", time: p.definition.Timeout}
	done := t.block(t.top(), &p.definition.Block, limits)
	if err := ctx.Err(); err != nil {
		return Decision{}, err // an expression may have failed for this alone
	}
	return t.decide(done, limits), nil
}

// decide makes the decision, after every step had its turn.
func (t *turn) decide(done progress, limits bounds) Decision {
	d := &t.decision
	ending := t.state.terminated
	if done.failure != nil && (ending == nil || finished(*done.failure).Before(finished(*ending))) {
		ending = done.failure
	}
	switch {
	case done.underway && ending != nil:
	case ending != nil:
		d.Finish = finishBy(*ending)
		t.giveUp(done.idle, ending)
	case t.full():
		d.More = true
	case done.underway:
		d.Wake = t.wake
	case !done.open:
		d.Finish = &Finish{Status: meshhook.RunSucceeded}
	case limits.late(t.state.Now):
		d.Finish = &Finish{Status: meshhook.RunFailed, Failure: &meshhook.Failure{
			Reason:  meshhook.FailedTimeout,
			Message: "the run took longer than its timeout of " + t.program.definition.Timeout.String(),
		}}
		t.giveUp(done.idle, nil)
	default:
		d.Wake, d.WaitingFor = t.wake, t.waitingFor
	}
	return *d
}

// finishBy returns the end of a run that a step's record ends.
func finishBy(record meshhook.Step) *Finish {
	if record.Status == meshhook.StepSucceeded {
		return &Finish{Status: meshhook.RunSucceeded, Output: record.Output}
	}
	finish := &Finish{Status: meshhook.RunFailed, Failure: &meshhook.Failure{Reason: meshhook.FailedInternal, Step: record.ID}}
	if record.Error != nil {
		*finish.Failure = *record.Error
		if record.Error.Reason == meshhook.FailedTerminated {
			finish.Output = record.Output
		}
	}
	return finish
}

// finished is when a record ended.
func finished(record meshhook.Step) time.Time {
	if record.FinishedAt == nil {
		return record.StartedAt
	}
	return *record.FinishedAt
}
