package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// eventReplayOptions are what 'event replay' was told.
type eventReplayOptions struct {
	id       meshhook.ID
	workflow string
	version  int
	force    bool
	many     replayManyOptions
}

func newEventReplayCmd(a *app) *cobra.Command {
	o := &eventReplayOptions{many: defaultReplayMany()}
	cmd := &cobra.Command{
		Use: "replay ID | --webhook PATH --since TIME", Short: "Start another run on an event, or on many",
		Long: `Start another run on an event, as it came, and print the run's id. It is a run of
the webhook's workflow in its newest version, unless other ones are named.

An event that was rejected is judged again, by the webhook's present configuration
and as of the moment at which it came. It starts a run if it passes, or with --force.

With --webhook and --since, all events of that time are replayed, oldest first; the
accepted ones, unless --status says otherwise.`,
		Example: `  meshhook event replay 01890a5d-ac96-774b-bcce-b302099a8057
  meshhook event replay 01890a5d-ac96-774b-bcce-b302099a8057 --workflow orders --version 2
  meshhook event replay --webhook stripe --since 6h --status rejected --rate 20/s`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.many.webhook == "" && o.many.since.at.IsZero() {
				return exactly("ID")(cmd, args)
			}
			return exactly()(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := checkVersion(a, o.version); err != nil {
				return err
			}
			if len(args) == 0 {
				return runEventReplayMany(cmd.Context(), a, o)
			}
			if err := o.many.refuse(a); err != nil {
				return err
			}
			if o.id, err = parseID(args[0]); err != nil {
				return err
			}
			return runEventReplay(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.workflow, "workflow", "", "`name` of another workflow")
	completeFlag(cmd, "workflow", a.names(workflowNames))
	addVersion(cmd, &o.version)
	cmd.Flags().BoolVar(&o.force, "force", false, "start a run on a rejected event whatever is wrong with it")
	o.many.register(a, cmd)
	return cmd
}

func runEventReplay(ctx context.Context, a *app, o *eventReplayOptions) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		e, err := s.project.Event(ctx, o.id)
		if err != nil {
			return err
		}
		if o.force && e.Status == meshhook.EventRejected {
			a.warn("this event was rejected when it came (%s)", e.Code)
		}
		run, err := newReplayer(s, o).start(ctx, &e)
		if err != nil {
			return err
		}
		return a.printStarted(ctx, s, run, false)
	})
}

// replayer starts runs on stored events.
type replayer struct {
	session *session
	options *eventReplayOptions
	again   *ingress.Judge
	// versions and doors are what was looked up, by the workflow's name or id and by
	// the webhook's id.
	versions map[string]meshhook.Version
	doors    map[meshhook.ID]meshhook.LiveEndpoint
}

func newReplayer(s *session, o *eventReplayOptions) *replayer {
	return &replayer{session: s, options: o, again: s.judge(), versions: map[string]meshhook.Version{}, doors: map[meshhook.ID]meshhook.LiveEndpoint{}}
}

// start starts a run on an event. What is wrong with a rejected one is an error
// with the code of a rejection, CodeInvalid for the filter, or CodeConflict for a
// duplicate and for an event that was not kept whole.
func (r *replayer) start(ctx context.Context, e *meshhook.Event) (run meshhook.Run, err error) {
	switch {
	case e.BodyTruncated:
		return run, meshhook.Errorf(meshhook.CodeConflict, "event %s was %s and only %d of its %d bytes were kept, so it cannot be replayed", e.ID, e.Status, len(e.Body), e.BodySize)
	case e.HeaderTruncated:
		return run, meshhook.Errorf(meshhook.CodeConflict, "event %s was %s and not all of its headers were kept, so it cannot be replayed", e.ID, e.Status)
	}
	v, err := r.version(ctx, e)
	if err != nil {
		return run, err
	}
	run = meshhook.Run{
		ID: meshhook.NewID(), WorkflowID: v.WorkflowID, Workflow: v.Workflow, Version: v.Number, EventID: &e.ID, Webhook: e.Webhook,
	}
	switch {
	case e.Status != meshhook.EventRejected:
		return run, r.session.project.StartRun(ctx, run)
	case r.options.force:
		return run, r.session.project.ForceRun(ctx, run, e.Code)
	}
	promotion, err := r.judge(ctx, e)
	if err != nil {
		return run, err
	}
	return run, r.session.project.Promote(ctx, run, promotion)
}

// judge judges a rejected event again.
func (r *replayer) judge(ctx context.Context, e *meshhook.Event) (meshhook.Promotion, error) {
	live, known := r.doors[e.EndpointID]
	if !known {
		var err error
		live, err = r.session.project.LiveEndpoint(ctx, e.EndpointID.String())
		if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
			err = meshhook.Errorf(meshhook.CodeNotFound, "the webhook %s, which rejected event %s, is gone, so it cannot be judged again; start the run all the same with --force", e.Webhook, e.ID)
		}
		if err != nil {
			return meshhook.Promotion{}, err
		}
		r.doors[e.EndpointID] = live
	}
	promotion, err := r.again.Rejudge(ctx, live, *e)
	if refused, ok := errors.AsType[*meshhook.Error](err); ok {
		again := meshhook.Errorf(refused.Code, "event %s would be rejected again (%s): %w; mend the webhook, or start the run all the same with --force", e.ID, refused.Code, err)
		again.Details = refused.Details
		return promotion, again
	}
	return promotion, err
}

// version is the one of which a run is started: as the flags say, or the newest of
// the workflow that the event's webhook starts now.
func (r *replayer) version(ctx context.Context, e *meshhook.Event) (v meshhook.Version, err error) {
	name := r.options.workflow
	if name == "" {
		name = "webhook " + e.EndpointID.String()
	}
	v, known := r.versions[name]
	if known {
		return v, nil
	}
	workflow := r.options.workflow
	if workflow == "" {
		if workflow, err = workflowOf(ctx, r.session, e); err != nil {
			return v, err
		}
	}
	if v, err = r.session.project.Version(ctx, workflow, r.options.version); err == nil {
		r.versions[name] = v
	}
	return v, err
}

// workflowOf returns the id of the workflow that an event's webhook starts now.
func workflowOf(ctx context.Context, s *session, e *meshhook.Event) (string, error) {
	endpoint, _, err := s.project.Endpoint(ctx, e.EndpointID.String())
	if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
		return "", meshhook.Errorf(meshhook.CodeNotFound, "the webhook %s, which took this event, is gone; name a workflow with --workflow", e.Webhook)
	}
	return endpoint.WorkflowID.String(), err
}
