package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// workflowRunOptions are what 'workflow run' was told.
type workflowRunOptions struct {
	workflow string
	body     string
	wait     bool
}

func newWorkflowRunCmd(a *app) *cobra.Command {
	o := &workflowRunOptions{}
	cmd := &cobra.Command{
		Use: "run NAME|ID", Short: "Start a run by hand",
		Long: `Start a run by hand. The body is what expressions see as .event.body.
It prints the run's id; with --wait, the run as it ended, and exits with 1 unless it succeeded.`,
		Example: `  meshhook workflow run github-to-chat --body push.json --wait
  echo '{"total": 3}' | meshhook workflow run orders --body -`,
		Args:              exactly("NAME|ID"),
		ValidArgsFunction: firstArg(a.names(workflowNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.workflow = args[0]
			return runWorkflowRun(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.body, "body", "", "`file` of the body; - for standard input")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait until the run has ended")
	return cmd
}

func runWorkflowRun(ctx context.Context, a *app, o *workflowRunOptions) error {
	var input []byte
	if o.body != "" {
		var err error
		if input, err = a.readFile(o.body); err != nil {
			return err
		}
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		w, err := s.project.Workflow(ctx, o.workflow)
		if err != nil {
			return err
		}
		run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: w.ID, Workflow: w.Name, Version: w.Version, Input: input}
		return a.startRun(ctx, s, run, o.wait)
	})
}

// startRun queues a run and prints its id, or how it ended.
func (a *app) startRun(ctx context.Context, s *session, run meshhook.Run, wait bool) error {
	if err := s.project.StartRun(ctx, run); err != nil {
		return err
	}
	return a.printStarted(ctx, s, run.ID, wait)
}

// printStarted prints the id of a run that was queued, or how it ended.
func (a *app) printStarted(ctx context.Context, s *session, id meshhook.ID, wait bool) error {
	status, err := s.project.Status(ctx)
	if err != nil {
		return err
	}
	if len(status.Daemons) == 0 {
		a.note("no daemon serves, so the run stays queued; start one with 'meshhook daemon'")
	}
	if wait {
		ended, err := awaitRun(ctx, s.project, id)
		if err != nil {
			return err
		}
		return a.printEnded(ended)
	}
	queued, err := s.project.Run(ctx, id)
	if err != nil {
		return err
	}
	return a.print(queued, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, id)
		return err
	})
}
