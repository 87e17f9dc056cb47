package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// runShowOptions are what 'run show' was told.
type runShowOptions struct {
	id    meshhook.ID
	full  bool
	watch bool
}

func newRunShowCmd(a *app) *cobra.Command {
	o := &runShowOptions{}
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show a run, its steps as a tree, and why they failed",
		Long: `Show a run and its steps: those inside a branch or a foreach stand under it. Of a foreach
it counts the items and lists those that did not succeed, at most 20; --full lists all, and
under each step what it began with, its attempts and what came of it.
With --watch it is drawn anew until the run is over; in a pipe, each change is a line. Then
the exit code is 1 unless the run succeeded.`,
		Example: `  meshhook run show 01890a5d-ac96-774b-bcce-b302099a8057
  meshhook run show 01890a5d-ac96-774b-bcce-b302099a8057 --full | less
  meshhook run show 01890a5d-ac96-774b-bcce-b302099a8057 --watch`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.id, err = parseID(args[0]); err != nil {
				return err
			}
			return a.inProject(cmd.Context(), func(ctx context.Context, s *session) error { return a.showRun(ctx, s, o) })
		},
	}
	cmd.Flags().BoolVar(&o.full, "full", false, "show all items, inputs, attempts and outputs")
	cmd.Flags().BoolVar(&o.watch, "watch", false, "show it live until the run is over")
	return cmd
}

func (a *app) showRun(ctx context.Context, s *session, o *runShowOptions) error {
	if o.watch {
		return a.watchRun(ctx, s, o)
	}
	run, err := readRun(ctx, s, o.id, o.full)
	if err != nil {
		return err
	}
	return a.printRun(ctx, s, run, o.full)
}

// readRun reads a run; in full, with all its steps and its history.
func readRun(ctx context.Context, s *session, id meshhook.ID, full bool) (run meshhook.Run, err error) {
	if !full {
		return s.project.Run(ctx, id)
	}
	if run, err = s.project.FullRun(ctx, id); err != nil {
		return run, err
	}
	run.History, err = s.project.RunEntries(ctx, run)
	return run, err
}

// printRun prints a run: its fields, and its steps as a tree. In a pipe each step is a
// line of columns, unless a table or everything is asked for.
func (a *app) printRun(ctx context.Context, s *session, run meshhook.Run, full bool) error {
	return a.print(run, func(w io.Writer) error {
		f := &fields{}
		runFields(f, run)
		if err := a.writeTable(w, &f.table); err != nil {
			return err
		}
		if !a.aligned() && !full {
			return a.writeFlat(w, run)
		}
		d := definitionOf(ctx, s, run)
		if len(run.Steps) == 0 && d == nil {
			return nil
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
		o := a.treeOptions(run)
		o.full = full
		return writeSteps(w, run.Steps, d, o)
	})
}

// treeOptions are how this command draws the steps of a run.
func (a *app) treeOptions(run meshhook.Run) treeOptions {
	dumb, _ := a.getenv("TERM")
	return treeOptions{now: time.Now(), ended: run.Status.Ended(), history: run.History, plain: dumb == "dumb", paint: a.paint}
}

// definitionOf is what the run does; nil where that cannot be read any more, which
// only costs the steps that have not begun.
func definitionOf(ctx context.Context, s *session, run meshhook.Run) *workflow.Definition {
	version, err := s.project.Version(ctx, run.WorkflowID.String(), run.Version)
	if err != nil {
		return nil
	}
	d, err := workflow.Parse(run.Workflow, []byte(version.Source))
	if err != nil {
		return nil
	}
	return d
}

// writeFlat writes a line for each recorded step, for scripts.
func (a *app) writeFlat(w io.Writer, run meshhook.Run) error {
	if len(run.Steps) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	d := &drawing{treeOptions: treeOptions{ended: run.Status.Ended()}}
	t := &table{}
	for i := range run.Steps {
		step := &run.Steps[i]
		why := cmp.Or(reason(step.Error), answer(step))
		switch {
		case step.Status == meshhook.StepWaiting && !d.ended:
			why = cmp.Or(answer(step), d.waits(step)) // answered, it waits for its turn
		case step.Kind == workflow.KindForeach && step.Error == nil:
			why = itemsFact(&node{step: step, items: step.Items}, d.ended)
		}
		status, sign, tone := d.look(step)
		t.add(cell{sign, tone}, step.ID, step.Kind, cell{status, tone}, step.Attempt, took(&step.StartedAt, step.FinishedAt), why)
	}
	return a.writeTable(w, t)
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
