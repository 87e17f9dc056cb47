package cli

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/workflow"
)

func newWorkflowCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "workflow", Aliases: []string{"workflows"}, Short: "Define what is done with events",
			Example: "  meshhook workflow apply -f workflow.yaml\n  meshhook workflow list",
		},
		newWorkflowApplyCmd(a), newWorkflowListCmd(a), newWorkflowShowCmd(a), newWorkflowVersionsCmd(a),
		newWorkflowValidateCmd(a), newWorkflowDeleteCmd(a), newWorkflowSchemaCmd(), newWorkflowRunCmd(a),
		newWorkflowGraphCmd(a),
	)
}

func newWorkflowListCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the workflows",
		Example: "  meshhook workflow list",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runWorkflowList(cmd.Context(), a) },
	}
}

func runWorkflowList(ctx context.Context, a *app) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		list, err := s.project.Workflows(ctx)
		if err != nil {
			return err
		}
		return printList(a, list, []string{"name", "version", "updated", "description"}, func(t *table, w meshhook.Workflow) {
			t.add(w.Name, w.Version, w.UpdatedAt, w.Description)
		})
	})
}

// workflowShowOptions are what 'workflow show' was told.
type workflowShowOptions struct {
	workflow string
	version  int
}

func newWorkflowShowCmd(a *app) *cobra.Command {
	o := &workflowShowOptions{}
	cmd := &cobra.Command{
		Use: "show NAME|ID", Short: "Show a workflow as it was applied",
		Example:           "  meshhook workflow show github-to-chat\n  meshhook workflow show github-to-chat --version 1 -o json",
		Args:              exactly("NAME|ID"),
		ValidArgsFunction: firstArg(a.names(workflowNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.workflow = args[0]
			return runWorkflowShow(cmd.Context(), a, o)
		},
	}
	addVersion(cmd, &o.version)
	return cmd
}

// addVersion adds --version, by which one version of a workflow is chosen.
func addVersion(cmd *cobra.Command, number *int) {
	cmd.Flags().IntVar(number, "version", 0, "`number` of the version; the newest when left out")
}

func checkVersion(a *app, number int) error {
	if a.flags.Changed("version") && number < 1 {
		return usageError("--version %d cannot be; versions count from 1", number)
	}
	return nil
}

// workflowView is a workflow and one of its versions.
type workflowView struct {
	meshhook.Workflow
	// Version hides the workflow's newest one: it is the number shown.
	Version   int    `json:"version"`
	Digest    string `json:"digest"`
	Source    string `json:"source"`
	AppliedAt string `json:"applied_at"`
}

func runWorkflowShow(ctx context.Context, a *app, o *workflowShowOptions) error {
	if err := checkVersion(a, o.version); err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		w, err := s.project.Workflow(ctx, o.workflow)
		if err != nil {
			return err
		}
		v, err := s.project.Version(ctx, w.ID.String(), o.version)
		if err != nil {
			return err
		}
		view := workflowView{w, v.Number, v.Digest, v.Source, meshhook.FormatTime(v.CreatedAt)}
		return a.print(view, func(out io.Writer) error { return writeWorkflow(a, out, view) })
	})
}

func writeWorkflow(a *app, out io.Writer, view workflowView) error {
	f := &fields{}
	f.add("id", view.ID)
	f.add("name", view.Name)
	f.add("description", view.Description)
	f.add("version", view.Version)
	f.add("digest", view.Digest)
	f.add("applied", view.AppliedAt)
	if err := a.writeTable(out, &f.table); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.Lines(view.Source) {
		b.WriteString(tail.Clean(strings.TrimRight(line, "\r\n")) + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func newWorkflowVersionsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "versions NAME|ID", Short: "List a workflow's versions, newest first",
		Example:           "  meshhook workflow versions github-to-chat",
		Args:              exactly("NAME|ID"),
		ValidArgsFunction: firstArg(a.names(workflowNames)),
		RunE:              func(cmd *cobra.Command, args []string) error { return runWorkflowVersions(cmd.Context(), a, args[0]) },
	}
}

func runWorkflowVersions(ctx context.Context, a *app, name string) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		list, err := s.project.Versions(ctx, name)
		if err != nil {
			return err
		}
		return printList(a, list, []string{"version", "digest", "applied"}, func(t *table, v meshhook.Version) {
			t.add(v.Number, v.Digest[:min(12, len(v.Digest))], v.CreatedAt)
		})
	})
}

func newWorkflowDeleteCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME|ID", Short: "Delete a workflow that no webhook and no live run needs",
		Long:              "Delete a workflow that no webhook and no live run needs, its versions, and the alerts about it alone.",
		Example:           "  meshhook workflow delete github-to-chat",
		Args:              exactly("NAME|ID"),
		ValidArgsFunction: firstArg(a.names(workflowNames)),
		RunE:              func(cmd *cobra.Command, args []string) error { return runWorkflowDelete(cmd.Context(), a, args[0]) },
	}
}

func runWorkflowDelete(ctx context.Context, a *app, name string) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if err := s.project.DeleteWorkflow(ctx, name); err != nil {
			return err
		}
		a.note("workflow %s deleted", name)
		return a.printForMachine(removed{name, true})
	})
}

func newWorkflowSchemaCmd() *cobra.Command {
	return newDocumentSchemaCmd("workflow", "workflow", workflow.Schema)
}

// newDocumentSchemaCmd makes the command that prints the schema of a kind of documents.
func newDocumentSchemaCmd(command, kind string, schema func() []byte) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of " + kind + " documents, for editors",
		Example: "  meshhook " + command + " schema > " + kind + ".schema.json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(schema())
			return err
		},
	}
}
