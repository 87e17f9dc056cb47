package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/postgres"
)

func newMigrateCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "migrate", Short: "Bring the database's schema up to date",
			Long:    "Bring the database's schema up to date. A daemon does so when it starts; this is for doing it beforehand, or as another role.",
			Example: "  meshhook migrate up --database-url postgres://owner@db/meshhook\n  meshhook migrate status",
		},
		newMigrateUpCmd(a), newMigrateStatusCmd(a),
	)
}

func newMigrateUpCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "up", Short: "Apply the migrations that are missing",
		Example: "  meshhook migrate up",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runMigrateUp(cmd.Context(), a) },
	}
}

// migrated is the answer of 'migrate up'.
type migrated struct {
	Applied int `json:"applied"`
}

func runMigrateUp(ctx context.Context, a *app) error {
	return a.withDatabase(ctx, daemon.OpenUnmigrated, func(ctx context.Context, s *session) error {
		applied, err := s.db.Migrate(ctx)
		if err != nil {
			return err
		}
		return printFields(a, migrated{applied}, func(f *fields) { f.add("applied", applied) })
	})
}

func newMigrateStatusCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "List the migrations and whether they are applied",
		Example: "  meshhook migrate status",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runMigrateStatus(cmd.Context(), a) },
	}
}

func runMigrateStatus(ctx context.Context, a *app) error {
	return a.withDatabase(ctx, daemon.OpenUnmigrated, func(ctx context.Context, s *session) error {
		list, err := s.db.Migrations(ctx)
		if err != nil {
			return err
		}
		return printList(a, list, []string{"number", "name", "state", "applied at"}, func(t *table, m postgres.Migration) {
			state := "missing"
			if m.Applied {
				state = "applied"
			}
			t.add(m.Number, m.Name, state, m.AppliedAt)
		})
	})
}
