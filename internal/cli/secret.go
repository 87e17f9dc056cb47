package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func newSecretCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "secret", Aliases: []string{"secrets"}, Short: "Keep the secrets that workflows use",
			Long:    "Keep the secrets that workflows use, as {{ .secrets.NAME }}. They are sealed, and no command shows them.",
			Example: "  meshhook secret set crm_token --value-env CRM_TOKEN\n  meshhook secret list",
		},
		newSecretSetCmd(a), newSecretListCmd(a), newSecretDeleteCmd(a),
	)
}

// secretSetOptions are what 'secret set' was told.
type secretSetOptions struct {
	name  string
	value secretFlags
}

func newSecretSetCmd(a *app) *cobra.Command {
	o := &secretSetOptions{}
	cmd := &cobra.Command{
		Use: "set NAME", Short: "Store a secret, or replace it",
		Example: `  meshhook secret set crm_token --value-env CRM_TOKEN
  pass show crm | meshhook secret set crm_token --value-stdin
  meshhook secret set crm_token            # asks for it on a terminal`,
		Args:              exactly("NAME"),
		ValidArgsFunction: firstArg(a.names(secretNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return runSecretSet(cmd.Context(), a, o)
		},
	}
	addSecretFlags(cmd, &o.value, "value", "the value")
	return cmd
}

// secretStored is the answer of 'secret set', as the API's.
type secretStored struct {
	Name    string `json:"name"`
	Created bool   `json:"created"`
}

func runSecretSet(ctx context.Context, a *app, o *secretSetOptions) error {
	if err := meshhook.CheckSecretName(o.name); err != nil {
		return err
	}
	value, err := o.obtain(ctx, a)
	if err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		created, err := s.project.SetSecret(ctx, o.name, value)
		if err != nil {
			return err
		}
		did := "replaced"
		if created {
			did = "created"
		}
		a.note("secret %s %s; workflows read it as {{ .secrets.%s }}", o.name, did, o.name)
		return a.printForMachine(secretStored{o.name, created})
	})
}

func (o *secretSetOptions) obtain(ctx context.Context, a *app) (meshhook.Secret, error) {
	if o.value.given(a) == 0 {
		return o.value.ask(ctx, a, "value of "+o.name, "")
	}
	return o.value.read(a)
}

func newSecretListCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the secrets, without their values",
		Example: "  meshhook secret list",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runSecretList(cmd.Context(), a) },
	}
}

func runSecretList(ctx context.Context, a *app) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		list, err := s.project.Secrets(ctx)
		if err != nil {
			return err
		}
		return printList(a, list, []string{"name", "updated", "created"}, func(t *table, secret meshhook.VaultSecret) {
			t.add(secret.Name, secret.UpdatedAt, secret.CreatedAt)
		})
	})
}

func newSecretDeleteCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Delete a secret",
		Example:           "  meshhook secret delete crm_token",
		Args:              exactly("NAME"),
		ValidArgsFunction: firstArg(a.names(secretNames)),
		RunE:              func(cmd *cobra.Command, args []string) error { return runSecretDelete(cmd.Context(), a, args[0]) },
	}
}

func runSecretDelete(ctx context.Context, a *app, name string) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if err := s.project.DeleteSecret(ctx, name); err != nil {
			return err
		}
		a.note("secret %s deleted", name)
		return a.printForMachine(removed{name, true})
	})
}
