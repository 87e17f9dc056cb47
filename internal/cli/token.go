package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

func newTokenCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "token", Aliases: []string{"tokens"}, Short: "Hand out keys to the REST API, and take them back",
			Example: "  meshhook token create --name ci --role write --expires-in 720h\n  meshhook token list",
		},
		newTokenCreateCmd(a), newTokenListCmd(a), newTokenRevokeCmd(a),
	)
}

// tokenCreateOptions are what 'token create' was told.
type tokenCreateOptions struct {
	name      string
	role      string
	expiresIn meshhook.Duration
}

func newTokenCreateCmd(a *app) *cobra.Command {
	o := &tokenCreateOptions{role: string(meshhook.RoleRead)}
	cmd := &cobra.Command{
		Use: "create", Short: "Create a token of the REST API, and show it this once",
		Long: `Create a token of the REST API for this project, and show it this once: only a digest
of it is kept. A token of the role read can look, one of write can also change webhooks
and workflows, replay events and start runs, and one of admin everything in the project.`,
		Example: `  meshhook token create
  meshhook token create --name ci --role write --expires-in 720h
  TOKEN=$(meshhook token create --role write -o json | jq -r .token)`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runTokenCreate(cmd.Context(), a, o) },
	}
	cmd.Flags().StringVar(&o.name, "name", "", "`name` by which it is listed and revoked; one is made when left out")
	addChoice(cmd, &o.role, "role", "what it may do", meshhook.Roles())
	addDuration(cmd.Flags(), &o.expiresIn, "expires-in", "how long it is valid, a `duration` like 720h; for ever when left out")
	return cmd
}

func runTokenCreate(ctx context.Context, a *app, o *tokenCreateOptions) error {
	var life *meshhook.Duration // for ever
	if a.flags.Changed("expires-in") {
		life = &o.expiresIn
	}
	issued, digest, err := meshhook.IssueToken(o.name, meshhook.Role(o.role), life, time.Now())
	if err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if issued.Token, err = s.project.CreateToken(ctx, issued.Token, digest); err != nil {
			return err
		}
		a.note("the token is shown this once; send it as 'Authorization: Bearer TOKEN'")
		return printFields(a, issued, func(f *fields) {
			f.add("token", issued.Text)
			f.add("id", issued.ID)
			f.add("name", issued.Name)
			f.add("role", issued.Role)
			f.add("project", s.config.Project)
			f.add("expires", issued.ExpiresAt)
		})
	})
}

func newTokenListCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tokens, without their text",
		Example: "  meshhook token list",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runTokenList(cmd.Context(), a) },
	}
}

func runTokenList(ctx context.Context, a *app) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		list, err := s.project.Tokens(ctx)
		if err != nil {
			return err
		}
		columns := []string{"name", "role", "created", "expires", "last used", "id"}
		return printList(a, list, columns, func(t *table, token meshhook.Token) {
			t.add(token.Name, token.Role, token.CreatedAt, token.ExpiresAt, token.LastUsedAt, token.ID)
		})
	})
}

func newTokenRevokeCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME|ID", Short: "Revoke a token; within a second it opens nothing any more",
		Example:           "  meshhook token revoke ci",
		Args:              exactly("NAME|ID"),
		ValidArgsFunction: firstArg(a.names(tokenNames)),
		RunE:              func(cmd *cobra.Command, args []string) error { return runTokenRevoke(cmd.Context(), a, args[0]) },
	}
}

func runTokenRevoke(ctx context.Context, a *app, nameOrID string) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		token, err := s.project.RevokeToken(ctx, nameOrID)
		if err != nil {
			return err
		}
		a.note("token %s revoked", token.Name)
		return a.printForMachine(removed{token.Name, true})
	})
}

func tokenNames(ctx context.Context, _ *postgres.DB, project *postgres.Tenant) ([]string, error) {
	list, err := project.Tokens(ctx)
	names := make([]string, len(list))
	for i, token := range list {
		names[i] = token.Name + "\t" + string(token.Role)
	}
	return names, err
}
