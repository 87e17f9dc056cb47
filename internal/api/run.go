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
	Body json.RawMessage `json:"body,omitempty" doc:"Seen by the workflow as .event.body; a string is taken as it stands."`
}

// startRun queues a run of the newest version. Nobody waits for its end here: the
// answer says where it can be asked for, and the stream tells.
func startRun(ctx context.Context, c *call, body *startBody) (run meshhook.Run, err error) {
	w, err := c.project.Workflow(ctx, c.name())
	if err != nil {
		return run, err
	}
	run = meshhook.Run{ID: meshhook.NewID(), WorkflowID: w.ID, Workflow: w.Name, Version: w.Version, Input: payload(body.Body)}
	if err := c.project.StartRun(ctx, run); err != nil {
		return run, err
	}
	c.writer.Header().Set("Location", Prefix+"runs/"+run.ID.String())
	return c.project.Run(ctx, run.ID)
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
