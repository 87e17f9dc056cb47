package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// maxReply is how much of an answer's body is read, in bytes: what a step's
// output keeps of it.
const maxReply = 256 << 10

// Circuits keep calls from hosts that fail.
type Circuits interface {
	// Allow tells whether the project may call the URL now: then report is called
	// once, with what came of it; otherwise refused says why not.
	Allow(ctx context.Context, project meshhook.ID, url string) (report func(meshhook.CallOutcome), refused *meshhook.CircuitRefusal)
}

// noCircuits allow every call.
type noCircuits struct{}

// Allow allows the call.
func (noCircuits) Allow(context.Context, meshhook.ID, string) (func(meshhook.CallOutcome), *meshhook.CircuitRefusal) {
	return func(meshhook.CallOutcome) {}, nil
}

// begin performs a task beside the others under way.
func (d *driver) begin(ctx context.Context, task workflow.Task) {
	go func() {
		result := d.call(ctx, task.Call)
		select {
		case d.ended <- endedTask{task, result}:
		case <-ctx.Done():
		}
	}()
}

// call sends an http step's request and returns what came of it.
func (d *driver) call(ctx context.Context, call workflow.HTTPCall) (result workflow.Result) {
	begin := time.Now()
	defer func() {
		if thrown := recover(); thrown != nil {
			message := d.state.Hide(fmt.Sprintf("panic: %v", thrown))
			d.log.Error("performing a step panicked", "run_id", d.claim.Run.ID, "panic", message, "stack", string(debug.Stack()))
			result = workflow.Result{Duration: time.Since(begin), Err: &workflow.ResultError{Reason: meshhook.FailedInternal, Message: message}}
		}
	}()
	circuits := d.circuits
	if _, host, _ := strings.Cut(egress.Redact(call.URL), "://"); d.state.Hide(host) != host {
		circuits = noCircuits{} // the host of a circuit is listed, logged and told in the journal
	}
	report, refused := circuits.Allow(ctx, d.claim.Run.ProjectID, call.URL)
	if refused != nil {
		return workflow.Result{Duration: time.Since(begin), RetryAfter: refused.Wait, Err: &workflow.ResultError{
			Reason: meshhook.FailedCircuitOpen, Message: refused.Message(), Temporary: true,
		}}
	}
	var outcome meshhook.CallOutcome
	defer func() { report(outcome) }() // after a panic, too: a probe must be given back
	reply, err := d.egress.Do(ctx, egress.Call{
		Method: call.Method, URL: call.URL, Header: call.Header, Body: call.Body, Timeout: call.Timeout, MaxReply: maxReply,
	})
	outcome = egress.Outcome(reply, err)
	if err != nil {
		return workflow.Result{Duration: time.Since(begin), Err: resultError(err)}
	}
	after, _ := egress.RetryAfter(reply.Header, time.Now())
	return workflow.Result{
		Status: reply.Status, Header: reply.Header, Body: reply.Body, Truncated: reply.Truncated,
		Duration: reply.Duration, RetryAfter: after,
	}
}

// failureReasons maps egress's reasons to those of a step; the rest are failures
// of the connection.
var failureReasons = map[egress.Reason]meshhook.FailureReason{
	egress.ReasonBadURL:         meshhook.FailedRefused,
	egress.ReasonBadRequest:     meshhook.FailedRefused,
	egress.ReasonRefusedAddress: meshhook.FailedRefused,
	egress.ReasonTimeout:        meshhook.FailedTimeout,
}

func resultError(err error) *workflow.ResultError {
	failure, ok := errors.AsType[*egress.Error](err)
	if !ok {
		return &workflow.ResultError{Reason: meshhook.FailedInternal, Message: err.Error()}
	}
	reason, known := failureReasons[failure.Reason]
	if !known {
		reason = meshhook.FailedConnection
	}
	return &workflow.ResultError{Reason: reason, Message: failure.Message, Temporary: failure.Temporary()}
}
