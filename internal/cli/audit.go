package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func newAuditCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "audit", Short: "See who changed what",
			Long:    "See who changed what in this project. What is written there is never changed.",
			Example: "  meshhook audit list --since 24h",
		},
		newAuditListCmd(a),
	)
}

// auditListOptions are what 'audit list' was told.
type auditListOptions struct {
	since  meshhook.Duration
	actor  string
	action string
	limit  int
}

func newAuditListCmd(a *app) *cobra.Command {
	o := &auditListOptions{}
	cmd := &cobra.Command{
		Use: "list", Short: "List the changes, newest first",
		Example: "  meshhook audit list --since 24h --action webhook.updated\n  meshhook audit list --actor token:ci -o json",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runAuditList(cmd.Context(), a, o) },
	}
	addDuration(cmd.Flags(), &o.since, "since", "only changes of the last `duration`, like 24h")
	cmd.Flags().StringVar(&o.actor, "actor", "", "only what this `actor` changed: cli:USER@HOST or token:NAME")
	cmd.Flags().StringVar(&o.action, "action", "", "only this `action`, like webhook.updated")
	addLimit(cmd, &o.limit)
	return cmd
}

func runAuditList(ctx context.Context, a *app, o *auditListOptions) error {
	if err := checkLimit(o.limit); err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		list, err := s.project.AuditLog(ctx, meshhook.AuditFilter{
			Since: ago(o.since), Actor: meshhook.Actor(o.actor), Action: o.action, Limit: o.limit,
		})
		if err != nil {
			return err
		}
		return printList(a, list, []string{"at", "actor", "action", "target", "detail"}, func(t *table, e meshhook.AuditEntry) {
			t.add(e.At, e.Actor, e.Action, e.Target, string(e.Detail))
		})
	})
}
