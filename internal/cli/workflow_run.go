package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// workflowRunOptions are what 'workflow run' was told.
type workflowRunOptions struct {
	workflow string
	file     string
	version  int
	body     string
	wait     bool
	dryRun   bool
}

func newWorkflowRunCmd(a *app) *cobra.Command {
	o := &workflowRunOptions{}
	cmd := &cobra.Command{
		Use: "run NAME|ID | -f FILE --dry-run", Short: "Start a run by hand, or try one dry",
		Long: `Start a run by hand. The body is what expressions see as .event.body.
It prints the run's id; with --wait, the run as it ended, and exits with 1 unless it succeeded.

With --dry-run nothing is started, called or stored: it prints the steps as they would
go, what would be sent, and the output; calls have the output null, approvals are given,
delays over at once. It exits with 0 if that could be told, whether or not the run would
succeed. With -f, the workflow is one of a file that need not be applied.`,
		Example: `  meshhook workflow run github-to-chat --body push.json --wait
  echo '{"total": 3}' | meshhook workflow run orders --body -
  meshhook workflow run -f orders.yaml --body order.json --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.file != "" && len(args) == 0 {
				return nil
			}
			return exactly("NAME|ID")(cmd, args)
		},
		ValidArgsFunction: firstArg(a.names(workflowNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.workflow = args[0]
			}
			if err := o.check(a); err != nil {
				return err
			}
			return runWorkflowRun(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "`file` of the workflow, for a dry run; - for standard input")
	addVersion(cmd, &o.version)
	cmd.Flags().StringVar(&o.body, "body", "", "`file` of the body; - for standard input")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait until the run has ended")
	addDryRun(cmd, &o.dryRun, "show how the run would go; start, call and store nothing")
	return cmd
}

// check tells which flags do not go together.
func (o *workflowRunOptions) check(a *app) error {
	switch {
	case o.dryRun && o.wait:
		return usageError("--wait waits for a run, and --dry-run starts none; leave one out")
	case o.file != "" && !o.dryRun:
		return usageError("a run is of a workflow that was applied; to try the file, add --dry-run")
	case o.file != "" && o.version != 0:
		return usageError("--version is of a workflow that was applied, and -f of none; leave one out")
	case o.file == "-" && o.body == "-":
		return usageError("standard input cannot be both the workflow and the body")
	}
	return checkVersion(a, o.version)
}

func runWorkflowRun(ctx context.Context, a *app, o *workflowRunOptions) error {
	var input []byte
	if o.body != "" {
		var err error
		if input, err = a.readFile(o.body); err != nil {
			return err
		}
	}
	if o.file != "" {
		return runWorkflowFile(ctx, a, o, input)
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		v, err := s.project.Version(ctx, o.workflow, o.version)
		if err != nil {
			return err
		}
		if o.dryRun {
			dry, err := daemon.NewRehearser(s.project).Run(ctx, v, input)
			if err != nil {
				return err
			}
			return a.printDryRun(dry)
		}
		run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: v.WorkflowID, Workflow: v.Workflow, Version: v.Number, Input: input}
		return a.startRun(ctx, s, run, o.wait)
	})
}

// runWorkflowFile tries a workflow of a file dry. Only one that names secrets needs a
// database.
func runWorkflowFile(ctx context.Context, a *app, o *workflowRunOptions, input []byte) error {
	documents, err := a.readWorkflows([]string{o.file})
	if err != nil {
		return err
	}
	definition, err := o.choose(documents)
	if err != nil {
		return err
	}
	try := func(ctx context.Context, s *session) error {
		dry, err := daemon.NewRehearser(s.project).Definition(ctx, definition, input)
		if err != nil {
			return err
		}
		return a.printDryRun(dry)
	}
	if len(definition.References().Secrets) == 0 {
		return try(ctx, &session{})
	}
	return a.inProject(ctx, try)
}

// choose returns the workflow of a file that is meant.
func (o *workflowRunOptions) choose(documents []*workflow.Document) (*workflow.Definition, error) {
	var names []string
	for _, d := range documents {
		if d.Definition.Name == o.workflow || o.workflow == "" && len(documents) == 1 {
			return d.Definition, nil
		}
		names = append(names, d.Definition.Name)
	}
	if o.workflow == "" {
		return nil, usageError("%s holds several workflows; name one of %s", o.file, strings.Join(names, ", "))
	}
	return nil, meshhook.Errorf(meshhook.CodeNotFound, "%s holds no workflow %q; there is %s", o.file, o.workflow, strings.Join(names, ", "))
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
		return a.printEnded(ctx, s, ended, false)
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
