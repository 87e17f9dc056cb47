package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func newRunCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "run", Aliases: []string{"runs"}, Short: "Look at runs, cancel and retry them, answer their approvals",
			Example: "  meshhook run list --status failed --since 1h\n  meshhook run show 01890a5d-ac96-774b-bcce-b302099a8057",
		},
		newRunListCmd(a), newRunShowCmd(a), newRunCancelCmd(a), newRunRetryCmd(a), newRunApproveCmd(a), newRunRejectCmd(a), newRunWaitCmd(a),
	)
}

// runListOptions are what 'run list' was told.
type runListOptions struct {
	workflow string
	status   string
	waiting  string
	since    meshhook.Duration
	limit    int
}

func newRunListCmd(a *app) *cobra.Command {
	o := &runListOptions{}
	cmd := &cobra.Command{
		Use: "list", Short: "List runs, newest first",
		Example: "  meshhook run list --workflow github-to-chat --status failed --since 24h",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runRunList(cmd.Context(), a, o) },
	}
	cmd.Flags().StringVar(&o.workflow, "workflow", "", "only runs of this workflow")
	completeFlag(cmd, "workflow", a.names(workflowNames))
	addChoice(cmd, &o.status, "status", "only runs of this status", meshhook.RunStatuses())
	addChoice(cmd, &o.waiting, "waiting-for", "only runs that wait for this", meshhook.WaitingFors())
	addDuration(cmd.Flags(), &o.since, "since", "only runs of the last `duration`, like 1h")
	addLimit(cmd, &o.limit)
	return cmd
}

func runRunList(ctx context.Context, a *app, o *runListOptions) error {
	if err := checkLimit(o.limit); err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		list, err := s.project.Runs(ctx, meshhook.RunFilter{
			Workflow: o.workflow, Status: meshhook.RunStatus(o.status), WaitingFor: meshhook.WaitingFor(o.waiting),
			Since: ago(o.since), Limit: o.limit,
		})
		if err != nil {
			return err
		}
		if len(list) == 0 && o.workflow != "" {
			_, err := s.project.Workflow(ctx, o.workflow)
			if err := a.hintIfMissing(err, "workflow", o.workflow); err != nil {
				return err
			}
		}
		columns := []string{"id", "workflow", "version", "status", "webhook", "created", "took", "error", "waits for"}
		return printList(a, list, columns, func(t *table, r meshhook.Run) {
			t.add(r.ID, r.Workflow, r.Version, runState(r), r.Webhook, r.CreatedAt, took(r.StartedAt, r.FinishedAt), failure(r.Error), waitsFor(r))
		})
	})
}

// waitsFor says what a waiting run waits for, and how long.
func waitsFor(r meshhook.Run) string {
	if r.WaitingFor == "" || r.WakeAt == nil {
		return string(r.WaitingFor)
	}
	return string(r.WaitingFor) + " until " + meshhook.FormatTime(*r.WakeAt)
}

// onRun makes a command that does one thing to one run and shows the run.
func onRun(a *app, use, short, example string, do func(context.Context, *session, meshhook.ID) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: example,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			return a.inProject(cmd.Context(), func(ctx context.Context, s *session) error {
				if err := do(ctx, s, id); err != nil {
					return err
				}
				run, err := s.project.Run(ctx, id)
				if err != nil {
					return err
				}
				return a.printRun(ctx, s, run, false)
			})
		},
	}
}

func newRunCancelCmd(a *app) *cobra.Command {
	return onRun(a, "cancel ID", "Cancel a run that is not over",
		"  meshhook run cancel 01890a5d-ac96-774b-bcce-b302099a8057",
		func(ctx context.Context, s *session, id meshhook.ID) error {
			_, err := s.project.CancelRun(ctx, id)
			return err
		})
}

func newRunRetryCmd(a *app) *cobra.Command {
	var from string
	cmd := onRun(a, "retry ID", "Go on with a failed or canceled run; steps that are done stay done",
		"  meshhook run retry 01890a5d-ac96-774b-bcce-b302099a8057\n  meshhook run retry 01890a5d-ac96-774b-bcce-b302099a8057 --from-step order",
		func(ctx context.Context, s *session, id meshhook.ID) error {
			_, err := s.project.RetryRun(ctx, id, from)
			return err
		})
	retry := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("from-step") && from == "" {
			return usageError("--from-step is empty; leave it out to go on from what failed")
		}
		return retry(cmd, args)
	}
	cmd.Flags().StringVar(&from, "from-step", "", "do this `step` and those after it again; in a foreach, like each[3].send")
	return cmd
}

// runState is a run's status, with a sign for one that waits for a place.
func runState(r meshhook.Run) cell {
	c := state("run", r.Status)
	if r.Blocked {
		c.text += " (blocked)"
	}
	return c
}
