package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func newAlertUpdateCmd(a *app) *cobra.Command {
	o := &alertFlags{}
	cmd := &cobra.Command{
		Use: "update NAME|ID", Short: "Change an alert",
		Long: `Change what the flags say of an alert. An empty value takes a setting away: --when ''.
Headers and conditions are given whole. Another --signing has a secret of its own, and
the old ones go; to replace a secret, use 'meshhook alerts rotate-secret'.`,
		Example: `  meshhook alerts update orders-failed --on failed,canceled
  meshhook alerts update orders-failed --quiet-hours ''`,
		Args:              exactly("NAME|ID"),
		ValidArgsFunction: firstArg(a.names(alertNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !changesAnything(cmd) {
				return usageError("nothing to change; say what with flags, like --on failed")
			}
			return runAlertUpdate(cmd.Context(), a, o, args[0])
		},
	}
	o.register(a, cmd)
	return cmd
}

func runAlertUpdate(ctx context.Context, a *app, o *alertFlags, name string) error {
	if o.all && o.workflow != "" {
		return usageError("--workflow and --all-workflows contradict each other; give one of them")
	}
	if a.flags.Changed("workflow") && o.workflow == "" {
		return usageError("an alert tells of some workflow's runs; for those of all give --all-workflows")
	}
	if o.secret.given(a) > 0 && !a.flags.Changed("signing") {
		return usageError("a secret is replaced by 'meshhook alerts rotate-secret %s'", name)
	}
	if err := o.readFiles(a); err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		id, err := s.project.AlertID(ctx, name)
		if err != nil {
			return err
		}
		changed, err := o.change(ctx, a, s, id, func(signing meshhook.Signing, other bool) (none meshhook.Secret, generated bool, err error) {
			if other || o.secret.given(a) > 0 {
				return o.secret.forSigning(a, signing)
			}
			return none, false, nil
		})
		if err != nil {
			return err
		}
		return a.printAlert(changed)
	})
}

// change puts what the flags say over an alert, and says what its owner has to know.
// secret gives the new secret, if there is to be one, for the way of signing, which may
// be another one than before.
func (f *alertFlags) change(ctx context.Context, a *app, s *session, id meshhook.ID, secret func(signing meshhook.Signing, other bool) (meshhook.Secret, bool, error)) (view alertView, err error) {
	var assigned meshhook.Alert
	if err := f.assign(ctx, s, &assigned); err != nil {
		return view, err
	}
	var program *alert.Program
	var fresh meshhook.Secret
	var generated bool
	changed, err := s.project.ChangeAlert(ctx, id, func(to *meshhook.Alert) (replaces meshhook.Secret, err error) {
		signing := to.Signing
		if err := f.apply(a, to); err != nil {
			return replaces, err
		}
		if f.all || f.workflow != "" {
			to.WorkflowID, to.Workflow = assigned.WorkflowID, assigned.Workflow
		}
		*to = alert.WithDefaults(*to)
		if program, err = checkAlert(*to); err != nil {
			return replaces, err
		}
		fresh, generated, err = secret(to.Signing, to.Signing != signing)
		return fresh, err
	})
	if err != nil {
		return view, err
	}
	return a.madeAlert(ctx, s, changed, program, fresh, generated)
}

// alertRotateOptions are what 'alerts rotate-secret' was told.
type alertRotateOptions struct {
	secret secretFlags
	grace  meshhook.Duration
}

func newAlertRotateCmd(a *app) *cobra.Command {
	o := &alertRotateOptions{grace: meshhook.Duration(meshhook.DefaultGrace)}
	cmd := onAlert(a, "rotate-secret", "Give an alert a new secret; the old one signs beside it for a while",
		"  meshhook alerts rotate-secret orders-failed\n"+
			"  meshhook alerts rotate-secret orders-failed --secret-env ALERT_SECRET --grace 1h",
		func(ctx context.Context, s *session, id meshhook.ID) error { return a.rotateAlert(ctx, s, id, o) })
	addSecretFlags(cmd, &o.secret, "secret", "the new secret")
	addDuration(cmd.Flags(), &o.grace, "grace", "how long the old secrets sign beside it, a `duration`")
	return cmd
}

// alertRotated is the answer of 'alerts rotate-secret'.
type alertRotated struct {
	ID meshhook.ID `json:"id"`
	// Secret is the new one, where it was generated.
	Secret       string    `json:"secret,omitempty"`
	PublicKey    string    `json:"public_key,omitempty"`
	OldExpiresAt time.Time `json:"old_secrets_expire_at"`
}

func (a *app) rotateAlert(ctx context.Context, s *session, id meshhook.ID, o *alertRotateOptions) error {
	current, err := s.project.Alert(ctx, id)
	if err != nil {
		return err
	}
	if current.Signing == meshhook.SigningNone {
		return noSigning(current.Name)
	}
	secret, generated, err := o.secret.forSigning(a, current.Signing)
	if err != nil {
		return err
	}
	if err := s.project.RotateAlertSecret(ctx, id, secret, o.grace.Std()); err != nil {
		return err
	}
	answer := alertRotated{ID: id, OldExpiresAt: time.Now().Add(o.grace.Std()).UTC().Truncate(time.Millisecond)}
	if answer.Secret, answer.PublicKey, err = a.handOver(current.Signing, secret, generated); err != nil {
		return err
	}
	return printFields(a, answer, func(f *fields) {
		f.add("id", answer.ID)
		f.add("secret", answer.Secret)
		f.add("public key", answer.PublicKey)
		f.add("old secrets until", answer.OldExpiresAt)
	})
}

// noSigning says that an alert has no secret to be replaced.
func noSigning(name string) error {
	return meshhook.Errorf(meshhook.CodeConflict, "the alert does not sign its messages; change that with 'meshhook alerts update %s --signing v1'", name)
}
