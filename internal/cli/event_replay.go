package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// eventReplayOptions are what 'event replay' was told.
type eventReplayOptions struct {
	id       meshhook.ID
	workflow string
	version  int
	force    bool
	dryRun   bool
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
accepted ones, unless --status says otherwise. Of rejected ones, those that have a run
already are left out, unless --again is given.

With --dry-run nothing is started, called or stored. Calls are answered as they were
in the event's earlier run, or not sent, and what would differ from that run is shown;
of many events, in one line each. The exit code is 0 if that could be told.`,
		Example: `  meshhook event replay 01890a5d-ac96-774b-bcce-b302099a8057
  meshhook event replay 01890a5d-ac96-774b-bcce-b302099a8057 --workflow orders --version 2
  meshhook event replay --webhook stripe --since 6h --status rejected --rate 20/s
  meshhook event replay --webhook stripe --since 24h --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.many.webhook == "" && o.many.since.at.IsZero() {
				if len(args) == 0 {
					return usageError("which events? Give the ID of one, or --webhook PATH and --since TIME for many")
				}
				return exactly("ID")(cmd, args)
			}
			return exactly()(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := checkVersion(a, o.version); err != nil {
				return err
			}
			switch {
			case len(args) == 0 && o.dryRun:
				return runEventRehearseMany(cmd.Context(), a, o)
			case len(args) == 0:
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
	addDryRun(cmd, &o.dryRun, "show how it would go and what would differ from the earlier run; start nothing")
	o.many.register(a, cmd)
	return cmd
}

// how is what the flags say of the runs.
func (o *eventReplayOptions) how() meshhook.Replay {
	return meshhook.Replay{Workflow: o.workflow, Version: o.version, Force: o.force}
}

func runEventReplay(ctx context.Context, a *app, o *eventReplayOptions) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if o.dryRun {
			dry, err := daemon.NewReplayer(s.project, o.how(), s.judging()).Rehearse(ctx, o.id)
			if err != nil {
				return err
			}
			return a.printDryRun(dry)
		}
		e, err := s.project.Event(ctx, o.id)
		if err != nil {
			return err
		}
		if o.force && e.Status == meshhook.EventRejected {
			a.warn("this event was rejected when it came (%s)", e.Code)
		}
		if err := a.noteRuns(ctx, s, e); err != nil {
			return err
		}
		run, err := daemon.NewReplayer(s.project, o.how(), s.judging()).Start(ctx, &e)
		if err != nil {
			return err
		}
		return a.printStarted(ctx, s, run.ID, false)
	})
}

// noteRuns says that a run of the event has done its work already, or is about to.
func (a *app) noteRuns(ctx context.Context, s *session, e meshhook.Event) error {
	for _, id := range slices.Backward(e.RunIDs) {
		run, err := s.project.Run(ctx, id)
		if err != nil {
			return err
		}
		if run.Status == meshhook.RunSucceeded || !run.Status.Ended() {
			a.note("this event has the run %s already (%s); this is another", run.ID, run.Status)
			return nil
		}
	}
	return nil
}
