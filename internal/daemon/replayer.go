package daemon

import (
	"context"
	"errors"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/signature"
)

// Replayer starts runs on stored events, or says how they would go.
type Replayer struct {
	*Rehearser
	how     meshhook.Replay
	judging ingress.Options
	// versions and judges are what was looked up, by the workflow's name or id and by
	// the webhook's id.
	versions map[string]meshhook.Version
	judges   map[meshhook.ID]*ingress.Judge
}

// NewReplayer returns a Replayer of a project's events, of which each is replayed as
// how says; rejected ones are judged by the options, as ingress.NewJudge takes them.
// What it looks up it keeps, so it is for one command or request.
func NewReplayer(project *postgres.Tenant, how meshhook.Replay, judging ingress.Options) *Replayer {
	return &Replayer{Rehearser: NewRehearser(project), how: how, judging: judging, versions: map[string]meshhook.Version{}, judges: map[meshhook.ID]*ingress.Judge{}}
}

// Start starts a run on an event; a rejected one must come with its body. What is
// wrong with it is an error with the code of a rejection, CodeInvalid where the
// filter is false, or CodeConflict for a duplicate and for an event that was not
// kept whole.
func (r *Replayer) Start(ctx context.Context, e *meshhook.Event) (run meshhook.Run, err error) {
	v, promotion, err := r.admit(ctx, e)
	if err != nil {
		return run, err
	}
	run = meshhook.Run{
		ID: meshhook.NewID(), WorkflowID: v.WorkflowID, Workflow: v.Workflow, Version: v.Number, EventID: &e.ID, Webhook: e.Webhook,
	}
	switch {
	case e.Status != meshhook.EventRejected:
		return run, r.project.StartRun(ctx, run)
	case r.how.Force:
		return run, r.project.ForceRun(ctx, run, e.Code)
	}
	return run, r.project.Promote(ctx, run, promotion)
}

// Rehearse says how the run would go that Start would start on an event, without
// calling or storing anything; its errors are those of Start, and CodeInvalid for a
// run that is too large.
func (r *Replayer) Rehearse(ctx context.Context, id meshhook.ID) (dry api.DryRun, err error) {
	e, err := r.project.Event(ctx, id)
	if err != nil {
		return dry, err
	}
	v, promotion, err := r.admit(ctx, &e)
	if err != nil {
		return dry, err
	}
	if e.Status == meshhook.EventRejected && !r.how.Force {
		if err := r.project.CheckPromotion(ctx, e.ID, promotion); err != nil {
			return dry, err
		}
	}
	return r.onEvent(ctx, v, &e)
}

// admit says of which version a run is started on an event, and how a rejected one is
// promoted.
func (r *Replayer) admit(ctx context.Context, e *meshhook.Event) (v meshhook.Version, promotion meshhook.Promotion, err error) {
	switch {
	case e.BodyTruncated:
		return v, promotion, meshhook.Errorf(meshhook.CodeConflict, "event %s was %s and only %d of its %d bytes were kept, so it cannot be replayed", e.ID, e.Status, len(e.Body), e.BodySize)
	case e.HeaderTruncated:
		return v, promotion, meshhook.Errorf(meshhook.CodeConflict, "event %s was %s and not all of its headers were kept, so it cannot be replayed", e.ID, e.Status)
	}
	if e.Handshake && !r.how.Force {
		return v, promotion, meshhook.Errorf(meshhook.CodeConflict, "event %s was %s, which starts no run; force the replay if it shall", e.ID, e.Reason)
	}
	if v, err = r.version(ctx, e); err != nil {
		return v, promotion, err
	}
	if e.Status == meshhook.EventRejected && !r.how.Force {
		promotion, err = r.judge(ctx, e)
	}
	return v, promotion, err
}

// judge judges a rejected event again.
func (r *Replayer) judge(ctx context.Context, e *meshhook.Event) (meshhook.Promotion, error) {
	judge, known := r.judges[e.EndpointID]
	if !known {
		live, err := r.project.LiveEndpoint(ctx, e.EndpointID.String())
		if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
			err = meshhook.Errorf(meshhook.CodeNotFound, "the webhook %s, which rejected event %s, is gone, so it cannot be judged again; force the replay", e.Webhook, e.ID)
		}
		if err != nil {
			return meshhook.Promotion{}, err
		}
		if judge, err = ingress.NewJudge(live, r.judging); err != nil {
			return meshhook.Promotion{}, meshhook.Errorf(meshhook.ErrorCode(err), "the webhook %s cannot be used: %w", e.Webhook, err)
		}
		r.judges[e.EndpointID] = judge
	}
	promotion, err := judge.Rejudge(ctx, *e)
	refused, ok := errors.AsType[*meshhook.Error](err)
	switch {
	case ok && refused.Code == meshhook.CodeInvalid:
		return promotion, meshhook.Errorf(refused.Code, "event %s would start no run: %w; force the replay if it shall", e.ID, err)
	case ok:
		again := meshhook.Errorf(refused.Code, "event %s would be rejected again (%s): %w; mend the webhook, or force the replay", e.ID, refused.Code, err)
		again.Details = refused.Details
		return promotion, again
	}
	return promotion, err
}

// version is the one of which a run is started: as the flags say, or the newest of
// the workflow that the event's webhook starts now.
func (r *Replayer) version(ctx context.Context, e *meshhook.Event) (v meshhook.Version, err error) {
	name := r.how.Workflow
	if name == "" {
		name = "webhook " + e.EndpointID.String()
	}
	v, known := r.versions[name]
	if known {
		return v, nil
	}
	workflow := r.how.Workflow
	if workflow == "" {
		if workflow, err = r.workflowOf(ctx, e); err != nil {
			return v, err
		}
	}
	if v, err = r.project.Version(ctx, workflow, r.how.Version); err == nil {
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

// Judging is how stored events are judged: by what the configuration says of the
// public listener, with keys that fetch gets.
func Judging(c *config.Config, fetch signature.Fetch) ingress.Options {
	return ingress.Options{PublicURL: c.PublicURL, Fetch: fetch, Schema: SchemaOptions(c, nil)}
}
