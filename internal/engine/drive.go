package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/profullstack/meshhook/internal/backoff"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// driver drives one claimed run, from its claim to its end, its sleep or its loss.
type driver struct {
	*Engine
	claim   meshhook.RunClaim
	program *workflow.Program
	state   workflow.State
	// ended delivers the tasks under way, each once.
	ended chan endedTask
	// pending is what the next move records.
	pending moves
	// answered rings when somebody answered an approval.
	answered <-chan struct{}
	// claimed is when the run was claimed, by the clock that nobody sets.
	claimed time.Time
}

// now is the server's time: what it was at the claim, and how long that is ago. A
// daemon whose clock is wrong, or is set while it runs, wakes nothing too early or late.
func (d *driver) now() time.Time { return d.claim.Now.Add(time.Since(d.claimed)) }

// endedTask is a task that was performed.
type endedTask struct {
	task   workflow.Task
	result workflow.Result
}

// drive takes a run as far as it goes now.
func (e *Engine) drive(ctx context.Context, claim meshhook.RunClaim, answered <-chan struct{}) {
	d := &driver{Engine: e, claim: claim, pending: moves{run: &claim.Run, inputs: map[string]bool{}}, answered: answered, claimed: time.Now()}
	defer func() {
		if thrown := recover(); thrown != nil {
			message := d.state.Hide(fmt.Sprintf("panic: %v", thrown))
			e.log.Error("driving a run panicked", "run_id", claim.Run.ID, "panic", message, "stack", string(debug.Stack()))
			d.stopped(ctx, d.fail(ctx, meshhook.FailedInternal, message))
		}
	}()
	d.stopped(ctx, d.run(ctx))
}

// stopped says why a run was left before its end; nil and a lost lease are no news.
func (d *driver) stopped(ctx context.Context, err error) {
	switch cause := context.Cause(ctx); {
	case err == nil:
	case errors.Is(cause, errStopping), errors.Is(cause, errLost), meshhook.ErrorCode(err) == meshhook.CodeLeaseLost:
		d.log.Debug("left a run", "run_id", d.claim.Run.ID, "cause", err)
	default:
		d.log.Error("left a run; it goes on when its lease has run out", "run_id", d.claim.Run.ID, "error", err)
	}
}

// prepare loads what the decisions need beside the claim.
func (d *driver) prepare(ctx context.Context) (err error) {
	if d.program, err = d.programs.get(ctx, &d.claim.Run); err != nil {
		return err
	}
	vault, err := d.vaults.get(ctx, d.claim.Run.ProjectID)
	if err != nil {
		return err
	}
	d.state = workflow.State{
		Run: d.claim.Run, Event: d.claim.Event, Random: jitter,
		Steps: map[string]meshhook.Step{}, Underway: map[string]bool{}, Secrets: map[string]meshhook.Secret{},
	}
	for _, name := range d.program.Definition().References().Secrets {
		if value, exists := vault[name]; exists {
			d.state.Secrets[name] = value
		}
	}
	for _, step := range d.claim.Run.Steps {
		d.state.Steps[step.ID] = step
		d.pending.inputs[step.ID] = true
	}
	d.ended = make(chan endedTask)
	return nil
}

func (d *driver) run(ctx context.Context) error {
	switch err := d.prepare(ctx); meshhook.ErrorCode(err) {
	case "":
	case meshhook.CodeInvalid, meshhook.CodeNotFound:
		return d.fail(ctx, meshhook.FailedDefinition, err.Error())
	default:
		return err
	}
	if d.claim.Unreadable != nil {
		return d.fail(ctx, meshhook.FailedInternal, "what is recorded of the run cannot be read: "+d.claim.Unreadable.Error())
	}
	if d.claim.Run.EventID != nil && d.claim.Event == nil {
		return d.fail(ctx, meshhook.FailedDefinition, "the event that started the run has expired")
	}
	if placed, err := d.place(ctx); !placed || err != nil {
		return err
	}
	for {
		over, err := d.turn(ctx)
		if over || err != nil {
			return err
		}
	}
}

// turn asks for a decision, records what it says, and waits for what it began.
func (d *driver) turn(ctx context.Context) (over bool, err error) {
	d.state.Now = d.now()
	decision, err := d.program.Next(ctx, &d.state)
	if err != nil {
		return false, err
	}
	for _, step := range decision.Steps {
		d.pending.add(step, d.state.Now, 0)
	}
	for _, task := range decision.Perform {
		d.pending.add(task.Step, d.state.Now, 0)
	}
	switch {
	case decision.Finish != nil:
		return true, d.finish(ctx, decision.Finish)
	case !decision.More && len(d.state.Underway) == 0:
		return true, d.sleep(ctx, decision)
	}
	// What was decided is recorded before anything goes out: a run that goes on
	// after a crash sends what it sent before.
	if !d.pending.empty() {
		if err := d.record(ctx, d.pending.take(meshhook.RunRunning)); err != nil {
			return false, err
		}
	}
	for _, task := range decision.Perform {
		d.begin(ctx, task)
	}
	if decision.More {
		return false, nil
	}
	return false, d.wait(ctx, decision.Wake)
}

// wait waits until a task has ended, somebody has answered, or the wake time has come.
func (d *driver) wait(ctx context.Context, wake time.Time) error {
	var alarm <-chan time.Time
	if !wake.IsZero() {
		timer := time.NewTimer(wake.Sub(d.now()))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case ended := <-d.ended:
		d.settle(ended)
		return nil
	case <-d.answered:
		return d.hear(ctx)
	case <-alarm:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// settle takes up a task that has ended, and others that have meanwhile: they are
// recorded together.
func (d *driver) settle(ended endedTask) {
	d.state.Now = d.now()
	for more := true; more; {
		step := d.program.Settle(ended.task, &d.state, ended.result)
		d.pending.add(step, d.state.Now, ended.result.Status)
		d.observe(Outcome{Step: step.Kind, Status: string(step.Status), Duration: ended.result.Duration})
		select {
		case ended = <-d.ended:
		default:
			more = false
		}
	}
}

// hear takes up the answers to approvals. While the database is away it hears nothing:
// the answer stands, and rings again with the next heartbeat.
func (d *driver) hear(ctx context.Context) error {
	decisions, err := d.store.Decisions(ctx, d.claim.Run.ID)
	if err != nil && meshhook.ErrorCode(err) != meshhook.CodeUnavailable {
		return err
	}
	for id, decision := range decisions {
		if step, known := d.state.Steps[id]; known {
			step.Decision = &decision
			d.state.Steps[id] = step
		}
	}
	return nil
}

// finish records the end of the run.
func (d *driver) finish(ctx context.Context, finish *workflow.Finish) error {
	move := d.pending.take(finish.Status)
	move.FinishedAt, move.Output, move.Error = d.state.Now, finish.Output, finish.Failure
	return d.end(ctx, move)
}

// fail ends the run for a reason that lies outside its steps.
func (d *driver) fail(ctx context.Context, reason meshhook.FailureReason, message string) error {
	move := d.pending.take(meshhook.RunFailed)
	move.FinishedAt, move.Error = d.now(), &meshhook.Failure{Reason: reason, Message: message}
	return d.end(ctx, move)
}

func (d *driver) end(ctx context.Context, move meshhook.RunMove) error {
	run := &d.claim.Run
	move.Place = d.claim.Place
	took := move.FinishedAt.Sub(*run.StartedAt)
	entry := d.pending.entry(meshhook.RunEntry(move.Status), move.FinishedAt)
	entry.Status, entry.DurationMS, entry.Attempt = string(move.Status), took.Milliseconds(), run.Attempt
	if move.Error != nil {
		entry.Step, entry.Code, entry.Detail = move.Error.Step, string(move.Error.Reason), move.Error.Message
	}
	move.Entries = append(move.Entries, entry)
	if err := d.record(ctx, move); err != nil {
		return err
	}
	d.observe(Outcome{Status: string(move.Status), Duration: took})
	d.log.Debug("run", "run_id", run.ID, "workflow", run.Workflow, "version", run.Version, "status", move.Status, "code", entry.Code, "duration", took)
	return nil
}

// sleep records that the run waits, and gives it out of hand.
func (d *driver) sleep(ctx context.Context, decision workflow.Decision) error {
	move := d.pending.take(meshhook.RunWaiting)
	move.WaitingFor, move.WakeIn = decision.WaitingFor, -1
	entry := d.pending.entry(meshhook.EntryRunWaiting, d.state.Now)
	entry.Status, entry.Code = string(meshhook.RunWaiting), string(decision.WaitingFor)
	if !decision.Wake.IsZero() {
		move.WakeIn = max(decision.Wake.Sub(d.now()), 0)
		entry.Detail = "until " + meshhook.FormatTime(decision.Wake)
	}
	move.Entries = append(move.Entries, entry)
	err := d.record(ctx, move)
	if err == nil {
		// The server counts the wait from a moment before now, so the bell that rings
		// after it never rings too early.
		d.wakeAfter(move.WakeIn)
	}
	return err
}

// record writes a move, and tries again for as long as the database is away and
// the run is held.
func (d *driver) record(ctx context.Context, move meshhook.RunMove) error {
	move.Fence = d.claim.Fence
	return insist(ctx, func() error { return d.store.Move(ctx, move) })
}

// insist does what asks the database until it is there, or ctx ends.
func insist(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		if meshhook.ErrorCode(err) != meshhook.CodeUnavailable {
			return err
		}
		select {
		case <-time.After(backoff.Outage().Delay(attempt, jitter())):
		case <-ctx.Done():
			return err
		}
	}
}
