package api

import (
	"context"
	"encoding/json"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// listRuns leaves the steps out; showRun has them.
func listRuns(ctx context.Context, c *call) (p page[meshhook.Run], err error) {
	s, err := c.span()
	if err != nil {
		return p, err
	}
	f := meshhook.RunFilter{Workflow: c.query.Get("workflow"), Limit: s.most(), Before: s.before, Since: s.since}
	status, err := c.word("status", words(meshhook.RunStatuses()))
	if err != nil {
		return p, err
	}
	f.Status = meshhook.RunStatus(status)
	waiting, err := c.word("waiting_for", words(meshhook.WaitingFors()))
	if err != nil {
		return p, err
	}
	f.WaitingFor = meshhook.WaitingFor(waiting)
	list, err := c.project.Runs(ctx, f)
	return newest(list, s.limit, func(r meshhook.Run) meshhook.ID { return r.ID }), err
}

// showRun shows a run with what is recorded of its steps.
func showRun(ctx context.Context, c *call) (run meshhook.Run, err error) {
	id, err := c.id("run")
	if err != nil {
		return run, err
	}
	return c.project.Run(ctx, id)
}

// startBody is the input of a run that is started by hand.
type startBody struct {
	Body    json.RawMessage `json:"body,omitempty" doc:"Seen by the workflow as .event.body; a string is taken as it stands."`
	Version int             `json:"version,omitempty" doc:"Another version than the newest."`
	DryRun  bool            `json:"dry_run,omitempty" doc:"Store and call nothing, and answer with 200: how it would go."`
}

// startRun queues a run. Nobody waits for its end here: the
// answer says where it can be asked for, and the stream tells.
func startRun(ctx context.Context, c *call, body *startBody) (run meshhook.Run, _ *DryRun, err error) {
	if err := checkVersion(body.Version); err != nil {
		return run, nil, err
	}
	v, err := c.project.Version(ctx, c.name(), body.Version)
	if err != nil {
		return run, nil, err
	}
	input := payload(body.Body)
	if body.DryRun {
		dry, err := c.project.RehearseRun(ctx, v, input)
		return run, &dry, err
	}
	run = meshhook.Run{ID: meshhook.NewID(), WorkflowID: v.WorkflowID, Workflow: v.Workflow, Version: v.Number, Input: input}
	if err := c.project.StartRun(ctx, run); err != nil {
		return run, nil, err
	}
	c.writer.Header().Set("Location", Prefix+"runs/"+run.ID.String())
	run, err = c.project.Run(ctx, run.ID)
	return run, nil, err
}

// nothing is a body without fields.
type nothing struct{}

// cancelRun ends a run. The daemon that holds it can record nothing more of it.
func cancelRun(ctx context.Context, c *call, _ *nothing) (run meshhook.Run, err error) {
	id, err := c.id("run")
	if err != nil {
		return run, err
	}
	return c.project.CancelRun(ctx, id)
}

// retryBody says from where on a run is tried again.
type retryBody struct {
	FromStep string `json:"from_step,omitempty" doc:"Do this step and those after it again; steps that are done stay done when left out."`
}

// retryRun makes the next attempt of a run. Errors: CodeConflict unless it has failed
// or was canceled, CodeInvalid for a step that it never began.
func retryRun(ctx context.Context, c *call, body *retryBody) (run meshhook.Run, err error) {
	id, err := c.id("run")
	if err != nil {
		return run, err
	}
	return c.project.RetryRun(ctx, id, body.FromStep)
}

// decideBody is the answer to an approval.
type decideBody struct {
	Step string `json:"step,omitempty" doc:"The step that waits, like signoff or each[3].signoff; may be left out where only one does."`
	Note string `json:"note,omitempty" maxLength:"1000" doc:"Kept with the answer, and seen by the workflow."`
}

// approveRun says yes to an approval that a run waits for, and shows the run. Errors:
// CodeConflict when nothing waits or it was answered, CodeInvalid when several wait
// and none is named.
func approveRun(ctx context.Context, c *call, body *decideBody) (meshhook.Run, error) {
	return decideRun(ctx, c, body, true)
}

// rejectRun says no; its errors are those of approveRun.
func rejectRun(ctx context.Context, c *call, body *decideBody) (meshhook.Run, error) {
	return decideRun(ctx, c, body, false)
}

func decideRun(ctx context.Context, c *call, body *decideBody, approved bool) (run meshhook.Run, err error) {
	id, err := c.id("run")
	if err != nil {
		return run, err
	}
	return c.project.Decide(ctx, id, body.Step, approved, body.Note)
}
