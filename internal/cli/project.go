package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func newProjectCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "project", Aliases: []string{"projects"}, Short: "Keep tenants apart",
			Example: "  meshhook project create shop\n  meshhook --project shop webhook list",
		},
		newProjectCreateCmd(a), newProjectListCmd(a),
	)
}

func newProjectCreateCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "create NAME", Short: "Create a project",
		Example: "  meshhook project create shop",
		Args:    exactly("NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runProjectCreate(cmd.Context(), a, args[0]) },
	}
}

func runProjectCreate(ctx context.Context, a *app, name string) error {
	return a.withDatabase(ctx, daemon.OpenDatabase, func(ctx context.Context, s *session) error {
		project, err := s.db.CreateProject(ctx, name, a.actor())
		if err != nil {
			return err
		}
		a.note("project %s created; work in it with --project %s", project.Name, project.Name)
		return printFields(a, project, func(f *fields) { projectFields(f, project) })
	})
}

func projectFields(f *fields, p meshhook.Project) {
	f.add("id", p.ID)
	f.add("name", p.Name)
	f.add("created", p.CreatedAt)
}

func newProjectListCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the projects",
		Example: "  meshhook project list -o json",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runProjectList(cmd.Context(), a) },
	}
}

func runProjectList(ctx context.Context, a *app) error {
	return a.withDatabase(ctx, daemon.OpenDatabase, func(ctx context.Context, s *session) error {
		list, err := s.db.Projects(ctx)
		if err != nil {
			return err
		}
		return printList(a, list, []string{"name", "id", "created"}, func(t *table, p meshhook.Project) {
			t.add(p.Name, p.ID, p.CreatedAt)
		})
	})
}
