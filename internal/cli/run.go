package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

func newRunCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "run", Aliases: []string{"runs"}, Short: "Look at runs, cancel and retry them",
			Example: "  meshhook run list --status failed --since 1h\n  meshhook run show 01890a5d-ac96-774b-bcce-b302099a8057",
		},
		newRunListCmd(a), newRunShowCmd(a), newRunCancelCmd(a), newRunRetryCmd(a), newRunWaitCmd(a),
	)
}

// runListOptions are what 'run list' was told.
type runListOptions struct {
	workflow string
	status   string
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
			Workflow: o.workflow, Status: meshhook.RunStatus(o.status), Since: ago(o.since), Limit: o.limit,
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
		columns := []string{"id", "workflow", "version", "status", "webhook", "created", "took", "error"}
		return printList(a, list, columns, func(t *table, r meshhook.Run) {
			t.add(r.ID, r.Workflow, r.Version, runState(r), r.Webhook, r.CreatedAt, took(r.StartedAt, r.FinishedAt), failure(r.Error))
		})
	})
}

// onRun makes a command that does one thing to one run and shows the run.
func onRun(a *app, use, short, example string, do func(context.Context, *session, meshhook.ID) (meshhook.Run, error)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: example,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			return a.inProject(cmd.Context(), func(ctx context.Context, s *session) error {
				run, err := do(ctx, s, id)
				if err != nil {
					return err
				}
				return a.printRun(run)
			})
		},
	}
}

func newRunShowCmd(a *app) *cobra.Command {
	return onRun(a, "show ID", "Show a run, its steps and why they failed",
		"  meshhook run show 01890a5d-ac96-774b-bcce-b302099a8057",
		func(ctx context.Context, s *session, id meshhook.ID) (meshhook.Run, error) {
			return s.project.Run(ctx, id)
		})
}

func newRunCancelCmd(a *app) *cobra.Command {
	return onRun(a, "cancel ID", "Cancel a run that is not over",
		"  meshhook run cancel 01890a5d-ac96-774b-bcce-b302099a8057",
		func(ctx context.Context, s *session, id meshhook.ID) (meshhook.Run, error) {
			return s.project.CancelRun(ctx, id)
		})
}

func newRunRetryCmd(a *app) *cobra.Command {
	var from string
	cmd := onRun(a, "retry ID", "Go on with a failed or canceled run; steps that are done stay done",
		"  meshhook run retry 01890a5d-ac96-774b-bcce-b302099a8057\n  meshhook run retry 01890a5d-ac96-774b-bcce-b302099a8057 --from-step order",
		func(ctx context.Context, s *session, id meshhook.ID) (meshhook.Run, error) {
			return s.project.RetryRun(ctx, id, from)
		})
	cmd.Flags().StringVar(&from, "from-step", "", "do this `step` and those after it again")
	return cmd
}

// printRun prints a run: its fields, and its steps where they were read.
func (a *app) printRun(r meshhook.Run) error {
	return a.print(r, func(w io.Writer) error {
		f := &fields{}
		runFields(f, r)
		if err := a.writeTable(w, &f.table); err != nil || len(r.Steps) == 0 {
			return err
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
		t := &table{columns: []string{"", "step", "kind", "status", "attempts", "took", "error"}}
		for _, step := range r.Steps {
			sign, tone := tail.Look(meshhook.EntryKind("step." + string(step.Status)))
			t.add(cell{sign, tone}, step.ID, step.Kind, state("step", step.Status), step.Attempt,
				took(&step.StartedAt, step.FinishedAt), reason(step.Error))
		}
		return a.writeTable(w, t)
	})
}

// runState is a run's status, with a sign for one that waits for a place.
func runState(r meshhook.Run) cell {
	c := state("run", r.Status)
	if r.Blocked {
		c.text += " (blocked)"
	}
	return c
}

func runFields(f *fields, r meshhook.Run) {
	f.add("id", r.ID)
	f.add("workflow", fmt.Sprintf("%s version %d", r.Workflow, r.Version))
	f.add("status", runState(r))
	f.add("waiting for", r.WaitingFor)
	if r.Blocked {
		f.add("waiting for", "a place of its workflow's concurrency")
	}
	f.add("goes on at", r.WakeAt)
	f.add("attempt", r.Attempt)
	if r.EventID != nil {
		f.add("event", r.EventID)
	}
	f.add("webhook", r.Webhook)
	f.add("created", r.CreatedAt)
	f.add("started", r.StartedAt)
	f.add("finished", r.FinishedAt)
	f.add("took", took(r.StartedAt, r.FinishedAt))
	f.add("error", failure(r.Error))
	f.add("output", string(r.Output))
}
