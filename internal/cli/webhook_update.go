package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/workflow"
)

// webhookUpdateOptions are what 'webhook update' was told.
type webhookUpdateOptions struct{ webhookFlags }

func newWebhookUpdateCmd(a *app) *cobra.Command {
	o := &webhookUpdateOptions{}
	cmd := &cobra.Command{
		Use: "update PATH|ID", Short: "Change a webhook",
		Long: "Change what the flags say of a webhook. An empty value takes a setting away: --rate-limit ''",
		Example: `  meshhook webhook update github --rate-limit 100/minute
  meshhook webhook update github --filter ''`,
		Args:              exactly("PATH|ID"),
		ValidArgsFunction: firstArg(a.names(webhookNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !changesAnything(cmd) {
				return usageError("nothing to change; say what with flags, like --rate-limit 100/minute")
			}
			return runWebhookUpdate(cmd.Context(), a, o, args[0])
		},
	}
	o.register(a, cmd)
	return cmd
}

// changesAnything tells whether any of a command's own flags was given.
func changesAnything(cmd *cobra.Command) (given bool) {
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { given = given || f.Changed })
	return given
}

func runWebhookUpdate(ctx context.Context, a *app, o *webhookUpdateOptions, path string) error {
	document, err := a.workflowFile(o.workflow)
	if err != nil {
		return err
	}
	if err := o.readFiles(a); err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		changed, err := o.change(ctx, a, s, path, document, func(*meshhook.Endpoint) {})
		if err != nil {
			return err
		}
		a.warnOfSecret(changed)
		return a.printWebhook(changed.view)
	})
}

// changedWebhook is a webhook that was changed, and the scheme that it had before.
type changedWebhook struct {
	view     webhookView
	verifier *signature.Verifier
	before   string
}

// warnOfSecret says that a webhook has another scheme and the secret of the old one.
func (a *app) warnOfSecret(c changedWebhook) {
	if scheme := c.view.Verification.Scheme; scheme != c.before && c.verifier.SecretSource() != signature.SecretNowhere {
		a.warn("the webhook keeps the secret it had; give it that of %s with 'meshhook webhook rotate-secret %s --grace 0s'", scheme, c.view.Path)
	}
}

// change puts what the flags say, and what also does, over a webhook, and says what its
// owner has to know.
func (f *webhookFlags) change(ctx context.Context, a *app, s *session, path string, document *workflow.Document, also func(*meshhook.Endpoint)) (c changedWebhook, err error) {
	e, secrets, err := s.project.Endpoint(ctx, path)
	if err != nil {
		return c, err
	}
	// What is wrong is found before a workflow is applied, and looked for again in
	// what somebody else may have made of the webhook meanwhile.
	if _, err := f.changed(a, s, &e); err != nil {
		return c, err
	}
	var assigned meshhook.Endpoint
	if a.flags.Changed("workflow") {
		if err := a.assignWorkflow(ctx, s, &assigned, f.workflow, document); err != nil {
			return c, err
		}
	}
	e, err = s.project.ChangeEndpoint(ctx, e.ID.String(), func(e *meshhook.Endpoint) (err error) {
		c.before = e.Verification.Scheme
		if a.flags.Changed("workflow") {
			e.WorkflowID, e.Workflow = assigned.WorkflowID, assigned.Workflow
		}
		also(e)
		c.verifier, err = f.changed(a, s, e)
		return err
	})
	if err != nil {
		return c, err
	}
	c.view = s.view(e, secrets)
	if a.flags.Changed("verify") {
		a.warnAbout(c.view)
	}
	if a.flags.Changed("response") {
		a.warnOfResponse(e)
	}
	return c, nil
}

// changed puts what the flags say over a webhook, and says what is wrong with it then.
func (f *webhookFlags) changed(a *app, s *session, e *meshhook.Endpoint) (*signature.Verifier, error) {
	f.apply(a, e)
	return f.check(a, s.config, e)
}

// webhookRotateOptions are what 'webhook rotate-secret' was told.
type webhookRotateOptions struct {
	path   string
	secret secretFlags
	grace  meshhook.Duration
}

func newWebhookRotateCmd(a *app) *cobra.Command {
	o := &webhookRotateOptions{grace: meshhook.Duration(meshhook.DefaultGrace)}
	cmd := &cobra.Command{
		Use: "rotate-secret PATH|ID", Short: "Give a webhook a new secret; the old one lives on for a while",
		Example: `  meshhook webhook rotate-secret orders
  meshhook webhook rotate-secret stripe --secret-env STRIPE_SECRET --grace 1h`,
		Args:              exactly("PATH|ID"),
		ValidArgsFunction: firstArg(a.names(webhookNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.path = args[0]
			return runWebhookRotate(cmd.Context(), a, o)
		},
	}
	addSecretFlags(cmd, &o.secret, "secret", "the new secret")
	addDuration(cmd.Flags(), &o.grace, "grace", "how long the old secrets still verify, a `duration`")
	return cmd
}

// rotated is the answer of 'webhook rotate-secret'.
type rotated struct {
	Path string `json:"url_path"`
	// Secret is the new one, where it was generated.
	Secret       string    `json:"secret,omitempty"`
	OldExpiresAt time.Time `json:"old_secrets_expire_at"`
}

func runWebhookRotate(ctx context.Context, a *app, o *webhookRotateOptions) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		e, _, err := s.project.Endpoint(ctx, o.path)
		if err != nil {
			return err
		}
		verifier, err := signature.ForRotation(e)
		if err != nil {
			return err
		}
		secret, generated, err := o.secret.forScheme(ctx, a, verifier)
		if err == nil && secret.IsZero() { // which a new webhook may have
			secret, err = o.secret.ask(ctx, a, "new secret", verifier.Scheme().SecretHint)
		}
		if err != nil {
			return err
		}
		if err := s.project.RotateEndpointSecret(ctx, e.ID.String(), secret, o.grace.Std()); err != nil {
			return err
		}
		answer := rotated{Path: e.Path, OldExpiresAt: time.Now().Add(o.grace.Std()).UTC().Truncate(time.Millisecond)}
		if generated {
			answer.Secret = secret.Reveal()
			a.note("the secret is shown this once; give it to the sender now")
		}
		return printFields(a, answer, func(f *fields) {
			f.add("path", answer.Path)
			f.add("secret", answer.Secret)
			f.add("old secrets until", answer.OldExpiresAt)
		})
	})
}
