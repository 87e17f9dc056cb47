package daemon

import (
	"context"
	"errors"

	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// Replayer starts runs on stored events. What it looked up it keeps, so that it
// serves one replay, of however many events. It is not for concurrent use.
type Replayer struct {
	project *postgres.Tenant
	judge   *ingress.Judge
	// versions and doors are what was looked up, by the workflow's name or id and by
	// the webhook's id.
	versions map[string]meshhook.Version
	doors    map[meshhook.ID]meshhook.LiveEndpoint
}

// NewReplayer returns a Replayer of a project's events; judge judges those that were
// rejected.
func NewReplayer(project *postgres.Tenant, judge *ingress.Judge) *Replayer {
	return &Replayer{project: project, judge: judge, versions: map[string]meshhook.Version{}, doors: map[meshhook.ID]meshhook.LiveEndpoint{}}
}

// Start starts a run on an event, as it came. What is wrong with a rejected one is
// an error with the code of a rejection, CodeInvalid for the filter, or CodeConflict
// for a duplicate and for an event that was not kept whole.
func (r *Replayer) Start(ctx context.Context, e *meshhook.Event, how meshhook.Replay) (run meshhook.Run, err error) {
	switch {
	case e.BodyTruncated:
		return run, meshhook.Errorf(meshhook.CodeConflict, "event %s was %s and only %d of its %d bytes were kept, so it cannot be replayed", e.ID, e.Status, len(e.Body), e.BodySize)
	case e.HeaderTruncated:
		return run, meshhook.Errorf(meshhook.CodeConflict, "event %s was %s and not all of its headers were kept, so it cannot be replayed", e.ID, e.Status)
	}
	v, err := r.version(ctx, e, how)
	if err != nil {
		return run, err
	}
	run = meshhook.Run{
		ID: meshhook.NewID(), WorkflowID: v.WorkflowID, Workflow: v.Workflow, Version: v.Number, EventID: &e.ID, Webhook: e.Webhook,
	}
	switch {
	case e.Status != meshhook.EventRejected:
		return run, r.project.StartRun(ctx, run)
	case how.Force:
		return run, r.project.ForceRun(ctx, run, e.Code)
	}
	promotion, err := r.rejudge(ctx, e)
	if err != nil {
		return run, err
	}
	return run, r.project.Promote(ctx, run, promotion)
}

// rejudge judges a rejected event again.
func (r *Replayer) rejudge(ctx context.Context, e *meshhook.Event) (meshhook.Promotion, error) {
	live, known := r.doors[e.EndpointID]
	if !known {
		var err error
		live, err = r.project.LiveEndpoint(ctx, e.EndpointID.String())
		if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
			err = meshhook.Errorf(meshhook.CodeNotFound, "the webhook %s, which rejected event %s, is gone, so it cannot be judged again; start the run all the same with --force", e.Webhook, e.ID)
		}
		if err != nil {
			return meshhook.Promotion{}, err
		}
		r.doors[e.EndpointID] = live
	}
	promotion, err := r.judge.Rejudge(ctx, live, *e)
	if refused, ok := errors.AsType[*meshhook.Error](err); ok {
		again := meshhook.Errorf(refused.Code, "event %s would be rejected again (%s): %w; mend the webhook, or start the run all the same with --force", e.ID, refused.Code, err)
		again.Details = refused.Details
		return promotion, again
	}
	return promotion, err
}

// version is the one of which a run is started: the one asked for, or the newest of
// the workflow that the event's webhook starts now.
func (r *Replayer) version(ctx context.Context, e *meshhook.Event, how meshhook.Replay) (v meshhook.Version, err error) {
	name := how.Workflow
	if name == "" {
		name = "webhook " + e.EndpointID.String()
	}
	v, known := r.versions[name]
	if known {
		return v, nil
	}
	workflow := how.Workflow
	if workflow == "" {
		if workflow, err = r.workflowOf(ctx, e); err != nil {
			return v, err
		}
	}
	if v, err = r.project.Version(ctx, workflow, how.Version); err == nil {
		r.versions[name] = v
	}
	return v, err
}

// workflowOf returns the id of the workflow that an event's webhook starts now.
func (r *Replayer) workflowOf(ctx context.Context, e *meshhook.Event) (string, error) {
	endpoint, _, err := r.project.Endpoint(ctx, e.EndpointID.String())
	if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
		return "", meshhook.Errorf(meshhook.CodeNotFound, "the webhook %s, which took this event, is gone; name a workflow with --workflow", e.Webhook)
	}
	return endpoint.WorkflowID.String(), err
}
