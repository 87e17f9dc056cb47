package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// eventReplayOptions are what 'event replay' was told.
type eventReplayOptions struct {
	id       meshhook.ID
	workflow string
	version  int
}

func newEventReplayCmd(a *app) *cobra.Command {
	o := &eventReplayOptions{}
	cmd := &cobra.Command{
		Use: "replay ID", Short: "Start another run on an event",
		Long: `Start another run on an event, as it came, and print the run's id. It is a run of
the webhook's workflow in its newest version, unless other ones are named.`,
		Example: `  meshhook event replay 01890a5d-ac96-774b-bcce-b302099a8057
  meshhook event replay 01890a5d-ac96-774b-bcce-b302099a8057 --workflow orders --version 2`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.id, err = parseID(args[0]); err != nil {
				return err
			}
			return runEventReplay(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.workflow, "workflow", "", "`name` of another workflow")
	completeFlag(cmd, "workflow", a.names(workflowNames))
	addVersion(cmd, &o.version)
	return cmd
}

func runEventReplay(ctx context.Context, a *app, o *eventReplayOptions) error {
	if err := checkVersion(a, o.version); err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		e, err := s.project.Event(ctx, o.id)
		if err != nil {
			return err
		}
		if e.BodyTruncated {
			return meshhook.Errorf(meshhook.CodeConflict, "event %s was %s and only %d of its %d bytes were kept, so it cannot be replayed", e.ID, e.Status, len(e.Body), e.BodySize)
		}
		name := o.workflow
		if name == "" {
			if name, err = workflowOf(ctx, s, e); err != nil {
				return err
			}
		}
		v, err := s.project.Version(ctx, name, o.version)
		if err != nil {
			return err
		}
		if e.Status == meshhook.EventRejected {
			a.warn("this event was rejected when it came (%s)", e.Code)
		}
		run := meshhook.Run{
			ID: meshhook.NewID(), WorkflowID: v.WorkflowID, Workflow: v.Workflow, Version: v.Number, EventID: &e.ID, Webhook: e.Webhook,
		}
		return a.startRun(ctx, s, run, false)
	})
}

// workflowOf returns the id of the workflow that an event's webhook starts now.
func workflowOf(ctx context.Context, s *session, e meshhook.Event) (string, error) {
	endpoint, _, err := s.project.Endpoint(ctx, e.EndpointID.String())
	if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
		return "", meshhook.Errorf(meshhook.CodeNotFound, "the webhook %s, which took this event, is gone; name a workflow with --workflow", e.Webhook)
	}
	return endpoint.WorkflowID.String(), err
}
