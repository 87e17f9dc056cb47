package workflow

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// State is all that a decision depends on: what is recorded of a run, and the
// time. One State may serve all the decisions of one claim of a run: the caller
// renews Now and adds the steps that it recorded. It is not for concurrent use.
type State struct {
	Now time.Time
	Run meshhook.Run
	// Event is what started the run; nil for a run started by hand, whose
	// Run.Input is then the event's body.
	Event *meshhook.Event
	// Steps are the records of the run's steps, by id.
	Steps map[string]meshhook.Step
	// Underway are the ids of the steps that the caller performs right now. A
	// step that is recorded as running and not here was left by a dead daemon.
	Underway map[string]bool
	// Secrets are those that Definition.References names, as far as they exist.
	Secrets map[string]meshhook.Secret
	// Random returns numbers in [0, 1) for the jitter of retries; nil is 0.5.
	Random func() float64

	event   map[string]any // parsed once
	outputs map[string]any // of steps that have ended, parsed once
}

// Decision is what a run has to do now. Steps is to be recorded in any case;
// then, if Finish is set, the run is over. Otherwise Perform is to be started,
// and Next asked again as soon as a task has ended, or at Wake if that comes
// first. With nothing to perform and nothing under way the run may sleep until
// Wake, which is then set.
type Decision struct {
	// Steps are the records of steps that were decided here, in order:
	// transforms, skipped ones, terminate, and whatever failed before it began.
	Steps []meshhook.Step
	// Perform are the calls to be made now, side by side.
	Perform []Task
	// Wake is when the next waiting step is due, or the run's time is up; zero
	// when nothing waits.
	Wake time.Time
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

// Next decides what the run has to do. Its error is ctx's, when that ended
// before the decision was made; nothing is decided then.
func (p *Program) Next(ctx context.Context, s *State) (Decision, error) {
	t := &turn{ctx: ctx, program: p, state: s, fresh: map[string]meshhook.Step{}}
	t.findEnd()
	for _, step := range p.steps {
		t.step(step)
		if err := ctx.Err(); err != nil {
			return Decision{}, err // an expression may have failed for this alone
		}
	}
	return t.decide(), nil
}

// turn is one call of Next.
type turn struct {
	ctx     context.Context
	program *Program
	state   *State

	fresh    map[string]meshhook.Step // decided in this turn
	decision Decision
	ending   *meshhook.Step  // the record that ends the run; nothing new begins
	open     bool            // a step has not ended
	underway bool            // a step is being performed
	idle     []meshhook.Step // waits, and is not due
	context  map[string]any  // what expressions see; made when first asked for
	outputs  map[string]any  // the part of it that grows: steps
}

// record returns what is known of a step.
func (t *turn) record(id string) (meshhook.Step, bool) {
	if record, ok := t.fresh[id]; ok {
		return record, true
	}
	record, ok := t.state.Steps[id]
	return record, ok
}

// findEnd looks for the record that ends the run: the first in time. Of two at
// the same time it is the terminate step, since after a failure no terminate
// step begins.
func (t *turn) findEnd() {
	for _, step := range t.program.steps {
		record, ok := t.state.Steps[step.ID]
		if !ok || !step.ends(record) {
			continue
		}
		if t.ending == nil || finished(record).Before(finished(*t.ending)) ||
			finished(record).Equal(finished(*t.ending)) && isTerminate(step) {
			t.ending = &record
		}
	}
}

func isTerminate(s *Step) bool {
	_, ok := s.work.(*terminate)
	return ok
}

func finished(record meshhook.Step) time.Time {
	if record.FinishedAt == nil {
		return record.StartedAt
	}
	return *record.FinishedAt
}

// ends tells whether a record of the step ends the run.
func (s *Step) ends(record meshhook.Step) bool {
	switch record.Status {
	case meshhook.StepSucceeded:
		return isTerminate(s)
	case meshhook.StepFailed:
		return !s.ContinueOnError || record.Error != nil && record.Error.Reason == meshhook.FailedTerminated
	default:
		return false
	}
}

// step does with one step what is to be done now.
func (t *turn) step(s *Step) {
	record, known := t.record(s.ID)
	late := t.late()
	switch {
	case known && record.Status.Ended():
	case t.state.Underway[s.ID]:
		t.open, t.underway = true, true
	case late && known:
		t.open = true
		t.settle(s, t.fail(record, meshhook.FailedTimeout, "the run's time of %s was up", t.program.definition.Timeout))
	case late:
		t.open = true
	case !known && (t.ending != nil || !t.ready(s)):
		t.open = true
	case !known:
		t.begin(s, meshhook.Step{RunID: t.state.Run.ID, ID: s.ID, Kind: s.Kind, StartedAt: t.state.Now})
	case record.Status == meshhook.StepWaiting && (t.ending != nil || !due(record, t.state.Now)):
		t.open = true
		t.idle = append(t.idle, record)
	default:
		t.begin(s, record)
	}
}

// due tells whether a waiting step may be tried again.
func due(record meshhook.Step, now time.Time) bool {
	return record.NextAt == nil || !record.NextAt.After(now)
}

// ready tells whether everything that the step needs has ended.
func (t *turn) ready(s *Step) bool {
	for _, id := range s.Needs {
		if record, _ := t.record(id); !record.Status.Ended() {
			return false
		}
	}
	return true
}

// begin lets a step begin, or go on from its record.
func (t *turn) begin(s *Step, record meshhook.Step) {
	record.Status, record.NextAt, record.Error, record.Output = meshhook.StepRunning, nil, nil, nil
	if missing := t.missingSecret(s); missing != "" {
		t.settle(s, t.fail(record, meshhook.FailedExpression,
			"the secret %s does not exist; make it with: meshhook secret set %s", missing, missing))
		return
	}
	if s.left(record, t.state.Now) <= 0 {
		t.settle(s, t.fail(record, meshhook.FailedTimeout, "the step's time of %s was up", s.Timeout))
		return
	}
	if record.Attempt == 0 && s.condition != nil {
		yes, err := s.condition.True(t.ctx, t.scope())
		if err != nil {
			t.settle(s, t.fail(record, meshhook.FailedExpression, "if: %v", err))
			return
		}
		if !yes {
			t.settle(s, t.end(record, meshhook.StepSkipped, nil))
			return
		}
	}
	record, task := s.work.begin(t, s, record)
	if task != nil {
		t.open, t.underway = true, true
		t.decision.Perform = append(t.decision.Perform, *task)
		return
	}
	t.settle(s, record)
}

// missingSecret returns the name of a secret that the step uses and that does
// not exist, or "". Without this check a call would go out with "null" in it.
func (t *turn) missingSecret(s *Step) string {
	for _, u := range s.uses {
		if name, ok := u.rest("secrets"); ok {
			if _, exists := t.state.Secrets[name]; !exists {
				return name
			}
		}
	}
	return ""
}

// settle takes the record of a step that ended here.
func (t *turn) settle(s *Step, record meshhook.Step) {
	t.fresh[s.ID] = record
	t.decision.Steps = append(t.decision.Steps, record)
	if t.context != nil {
		t.outputs[s.ID] = t.state.output(record)
	}
	if t.ending == nil && s.ends(record) {
		t.ending = &record
	}
}

// decide makes the decision, after every step had its turn.
func (t *turn) decide() Decision {
	d := t.decision
	switch {
	case t.underway && t.ending != nil:
	case t.underway:
		d.Wake = t.wake()
	case t.ending != nil:
		d.Finish = finishBy(*t.ending)
		for _, record := range t.idle {
			d.Steps = append(d.Steps, t.giveUp(record))
		}
	case !t.open:
		d.Finish = &Finish{Status: meshhook.RunSucceeded}
	case t.late():
		d.Finish = &Finish{Status: meshhook.RunFailed, Failure: &meshhook.Failure{
			Reason:  meshhook.FailedTimeout,
			Message: "the run took longer than its timeout of " + t.program.definition.Timeout.String(),
		}}
	default:
		d.Wake = t.wake()
	}
	return d
}

// wake returns when the run is to be looked at again though no task has ended:
// when the first of the waiting steps is due, at the run's deadline at the
// latest; zero when nothing waits.
func (t *turn) wake() time.Time {
	var wake time.Time
	for _, record := range t.idle {
		if at := *record.NextAt; wake.IsZero() || at.Before(wake) {
			wake = at
		}
	}
	if deadline := t.program.deadline(t.state); !wake.IsZero() && !deadline.IsZero() && deadline.Before(wake) {
		wake = deadline
	}
	return wake
}

// giveUp returns the record of a step whose retry will not come.
func (t *turn) giveUp(record meshhook.Step) meshhook.Step {
	failure := meshhook.Failure{Reason: meshhook.FailedInternal, Step: record.ID}
	if record.Error != nil {
		failure = *record.Error
	}
	failure.Message = "given up when the run ended; the last: " + failure.Message
	record.Error = &failure
	return t.end(record, meshhook.StepFailed, record.Output)
}

// finishBy returns the end of a run that a step's record ends.
func finishBy(record meshhook.Step) *Finish {
	if record.Status == meshhook.StepSucceeded {
		return &Finish{Status: meshhook.RunSucceeded, Output: record.Output}
	}
	finish := &Finish{Status: meshhook.RunFailed, Failure: &meshhook.Failure{Reason: meshhook.FailedInternal, Step: record.ID}}
	if record.Error != nil {
		finish.Failure.Reason, finish.Failure.Message = record.Error.Reason, record.Error.Message
		if record.Error.Reason == meshhook.FailedTerminated {
			finish.Output = record.Output
		}
	}
	return finish
}
