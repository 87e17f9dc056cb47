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
		newProjectCreateCmd(a), newProjectListCmd(a), newProjectDeleteCmd(a),
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

func newProjectDeleteCmd(a *app) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete NAME|ID", Short: "Delete a project, and everything in it",
		Long: `Delete a project: its webhooks, workflows, secrets and tokens, and all its events and
runs. What the audit log says of it stays. The default project cannot be deleted.`,
		Example:           "  meshhook project delete shop --yes",
		Args:              exactly("NAME|ID"),
		ValidArgsFunction: firstArg(a.names(projectNames)),
		RunE:              func(cmd *cobra.Command, args []string) error { return runProjectDelete(cmd.Context(), a, args[0], yes) },
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func runProjectDelete(ctx context.Context, a *app, nameOrID string, yes bool) error {
	return a.withDatabase(ctx, daemon.OpenDatabase, func(ctx context.Context, s *session) error {
		project, err := s.db.DeletableProject(ctx, nameOrID)
		if err != nil {
			return err
		}
		if !yes {
			sure, err := a.confirm(ctx, "Delete the project "+project.Name+" with its webhooks, workflows, secrets and tokens, and all its events and runs?")
			if err != nil {
				return err
			}
			if !sure {
				a.note("nothing was deleted")
				return errSaid
			}
		}
		if _, err := s.db.DeleteProject(ctx, project.ID.String(), a.actor()); err != nil {
			return err
		}
		a.note("project %s deleted", project.Name)
		return nil
	})
}
