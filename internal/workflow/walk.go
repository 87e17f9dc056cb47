package workflow

import (
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// bounds is what the surroundings of a block allow its steps.
type bounds struct {
	// closing tells that nothing new begins: something around has failed, or the
	// run was terminated.
	closing  bool
	deadline time.Time     // when the time is up; zero is never
	of       string        // whose time it is
	time     time.Duration // how long it was
}

func (b bounds) late(now time.Time) bool { return !b.deadline.IsZero() && !now.Before(b.deadline) }

// within returns the bounds of what is inside a step.
func (b bounds) within(s *Step, record meshhook.Step) bounds {
	if deadline := s.deadline(record); !deadline.IsZero() && (b.deadline.IsZero() || deadline.Before(b.deadline)) {
		b.deadline, b.of, b.time = deadline, "step "+record.ID, s.Timeout
	}
	return b
}

// progress is how far a block has come.
type progress struct {
	open     bool           // a step has not ended
	underway bool           // a step is being performed
	idle     []idle         // what waits, and what holds such; the inner ones first
	failure  *meshhook.Step // the record that fails the block: the first in time
}

// add takes up what is inside a step of the block.
func (p *progress) add(inner progress) {
	p.open = p.open || inner.open
	p.underway = p.underway || inner.underway
	p.idle = append(p.idle, inner.idle...)
}

// idle is a step that has begun and is not being performed.
type idle struct {
	frame  frame
	step   *Step // nil for an item
	record meshhook.Step
}

// block takes the steps of a block as far as they go now.
func (t *turn) block(f frame, b *Block, limits bounds) (p progress) {
	p.failure = t.firstFailure(f, b)
	for _, s := range b.order {
		in := limits
		in.closing = limits.closing || p.failure != nil || t.state.terminated != nil
		t.step(f, s, in, &p)
		if t.ctx.Err() != nil {
			return p
		}
	}
	return p
}

// firstFailure returns the record that has failed the block already.
func (t *turn) firstFailure(f frame, b *Block) (first *meshhook.Step) {
	for _, s := range b.order {
		record, known := t.state.Steps[f.prefix+s.ID]
		if known && s.fails(record) && (first == nil || finished(record).Before(finished(*first))) {
			first = &record
		}
	}
	return first
}

// fails tells whether a record of the step fails the block that it stands in. A
// terminate step ends the run and not only its block; its own mistakes are a
// step's like any other.
func (s *Step) fails(record meshhook.Step) bool {
	return record.Status == meshhook.StepFailed && !s.ContinueOnError && !s.terminates(record)
}

// terminates tells whether a record of the step ends the run on purpose.
func (s *Step) terminates(record meshhook.Step) bool {
	return s.Kind == KindTerminate && (record.Status == meshhook.StepSucceeded ||
		record.Status == meshhook.StepFailed && record.Error != nil && record.Error.Reason == meshhook.FailedTerminated)
}

// step does with one step what is to be done now.
func (t *turn) step(f frame, s *Step, b bounds, p *progress) {
	record, known := t.state.Steps[f.prefix+s.ID]
	_, holds := s.work.(compound)
	switch {
	case known && record.Status.Ended():
	case known && holds:
		t.goOn(f, s, record, b, p)
	case t.state.Underway[f.prefix+s.ID]:
		p.open, p.underway = true, true
	case b.late(t.state.Now) && known:
		p.open = true
		t.settle(f, s, t.fail(record, meshhook.FailedTimeout, "the %s's time of %s was up", b.of, b.time), p)
	case b.late(t.state.Now), !known && (b.closing || !t.ready(f, s)):
		p.open = true
	case known && record.Status == meshhook.StepWaiting && (b.closing || !t.due(s, record)):
		t.rest(f, s, record, b, p)
	case t.full(), s.Kind == KindHTTP && len(t.state.Underway) >= maxUnderway:
		p.open = true
	case !known:
		t.begin(f, s, meshhook.Step{
			RunID: t.state.Run.ID, ID: f.prefix + s.ID, Parent: f.parent, Kind: s.Kind, StartedAt: t.state.Now,
		}, b, p)
	default:
		t.begin(f, s, record, b, p)
	}
}

// ready tells whether everything that the step needs has ended.
func (t *turn) ready(f frame, s *Step) bool {
	for _, id := range s.Needs {
		if !t.state.Steps[f.prefix+id].Status.Ended() {
			return false
		}
	}
	return true
}

// due tells whether a waiting step goes on: it is time, it was answered, or its
// own time is up.
func (t *turn) due(s *Step, record meshhook.Step) bool {
	if record.Decision != nil || s.left(record, t.state.Now) <= 0 {
		return true
	}
	if record.NextAt == nil {
		return s.Kind != KindApproval
	}
	return !record.NextAt.After(t.state.Now)
}

// rest leaves a step waiting, and notes when it must be looked at again.
func (t *turn) rest(f frame, s *Step, record meshhook.Step, b bounds, p *progress) {
	p.open = true
	p.idle = append(p.idle, idle{f, s, record})
	if b.closing {
		return // it will not go on
	}
	if record.NextAt != nil {
		t.wakeAt(*record.NextAt)
	}
	t.wakeAt(s.deadline(record))
	t.wakeAt(b.deadline)
	switch {
	case s.Kind == KindApproval:
		t.waitingFor = meshhook.WaitingForApproval
	case t.waitingFor == meshhook.WaitingForApproval:
	case s.Kind == KindDelay:
		t.waitingFor = meshhook.WaitingForDelay
	case t.waitingFor == "":
		t.waitingFor = meshhook.WaitingForRetry
	}
}

// begin lets a step begin, or go on from its record.
func (t *turn) begin(f frame, s *Step, record meshhook.Step, b bounds, p *progress) {
	record.Status, record.NextAt, record.Error, record.Output = meshhook.StepRunning, nil, nil, nil
	if reason, why := t.refuse(s, record); why != "" {
		t.settle(f, s, t.fail(record, reason, "%s", why), p)
		return
	}
	if record.Attempt == 0 && s.condition != nil {
		yes, err := s.condition.True(t.ctx, f.scope())
		if err != nil {
			t.settle(f, s, t.fail(record, meshhook.FailedExpression, "if: %v", err), p)
			return
		}
		if !yes {
			t.settle(f, s, t.end(record, meshhook.StepSkipped, nil), p)
			return
		}
	}
	record, task := s.work.begin(t, f, s, record)
	if task != nil {
		task.Step = t.state.put(task.Step)
		task.Call.Timeout = min(task.Call.Timeout, s.left(task.Step, t.state.Now))
		if !b.deadline.IsZero() {
			task.Call.Timeout = min(task.Call.Timeout, b.deadline.Sub(t.state.Now))
		}
		t.state.Underway[task.Step.ID] = true
		p.open, p.underway = true, true
		t.decision.Perform = append(t.decision.Perform, *task)
		return
	}
	record = t.settle(f, s, record, p)
	switch record.Status {
	case meshhook.StepWaiting:
		t.rest(f, s, record, b, p)
	case meshhook.StepRunning:
		t.goOn(f, s, record, b, p)
	}
}

// refuse says why a step cannot begin, or "".
func (t *turn) refuse(s *Step, record meshhook.Step) (reason meshhook.FailureReason, why string) {
	switch {
	case s.left(record, t.state.Now) <= 0 && record.Decision == nil: // an answer counts, though nobody took it up in time
		return meshhook.FailedTimeout, "the step's time of " + s.Timeout.String() + " was up"
	case record.Attempt > 0 && s.Kind != KindHTTP:
		return "", "" // what it reads it has read
	}
	// A missing secret would go out as "null".
	for _, u := range s.uses {
		if name, ok := u.rest("secrets"); ok {
			if _, exists := t.state.Secrets[name]; !exists {
				return meshhook.FailedExpression, noSecret(name)
			}
		}
	}
	return "", ""
}

// goOn takes what is inside a step as far as it goes now, and ends the step with it.
func (t *turn) goOn(f frame, s *Step, record meshhook.Step, b bounds, p *progress) {
	work, _ := s.work.(compound) // known by the callers
	limits := b.within(s, record)
	inner := work.goOn(t, f, s, record, limits)
	if t.ctx.Err() != nil {
		return
	}
	self := idle{f, s, record}
	switch {
	case inner.underway, inner.open && inner.failure == nil && (b.late(t.state.Now) || !limits.late(t.state.Now)):
		p.add(inner)
		p.idle = append(p.idle, self)
	case inner.failure != nil:
		t.giveUp(inner.idle, inner.failure)
		t.settle(f, s, t.failBy(record, inner.failure), p)
	case inner.open:
		t.giveUp(inner.idle, nil)
		t.settle(f, s, t.fail(record, meshhook.FailedTimeout, "the step's time of %s was up", s.Timeout), p)
	case t.wasTerminated(record):
		t.settle(f, s, t.terminatedBy(record), p)
	default:
		t.settle(f, s, t.end(record, meshhook.StepSucceeded, work.output(t, record)), p)
	}
}

// settle takes a record that was decided here.
func (t *turn) settle(f frame, s *Step, record meshhook.Step, p *progress) meshhook.Step {
	record = t.state.put(record)
	t.decision.Steps = append(t.decision.Steps, record)
	if !record.Status.Ended() {
		return record // rest or goOn comes next
	}
	f.publish(s.ID, record)
	t.state.forgetItems(record.ID, s)
	switch {
	case s.terminates(record):
		if t.state.terminated == nil {
			t.state.terminated = &record
		}
	case s.fails(record) && p.failure == nil:
		p.failure = &record
	}
	return record
}
