package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

func newAlertCreateCmd(a *app) *cobra.Command {
	o := &alertFlags{}
	cmd := &cobra.Command{
		Use: "create --workflow W|--all-workflows --on CONDITIONS --url URL", Short: "Create an alert",
		Long: `Create an alert: where something that --on names happens to a run, a message is sent
to the URL, until it arrives. It is signed by a secret that is generated and shown once.`,
		Example: `  meshhook alerts create --workflow orders --on failed,delayed --delay-threshold 5m --url https://example.com/alerts
  meshhook alerts create --name team --all-workflows --on failed,recovered --preset slack --url '{{ .secrets.slack_url }}' --throttle 5m
  meshhook alerts create --all-workflows --on absent --expect stripe --within 6h --preset ntfy --url https://ntfy.sh/our-topic`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runAlertCreate(cmd.Context(), a, o) },
	}
	o.register(a, cmd)
	return cmd
}

func runAlertCreate(ctx context.Context, a *app, o *alertFlags) error {
	if o.all == (o.workflow != "") {
		return usageError("say whose runs are told of: --workflow NAME or --all-workflows, and not both")
	}
	if len(o.on.list) == 0 || o.url == "" {
		return usageError("an alert needs conditions and a URL; give --on and --url, like --on failed --url https://example.com/alerts")
	}
	if err := o.readFiles(a); err != nil {
		return err
	}
	made := meshhook.Alert{ID: meshhook.NewID(), Workflow: o.workflow, Enabled: true}
	if err := o.apply(a, &made); err != nil {
		return err
	}
	// All that can be wrong is found before the database is touched.
	made = alert.WithDefaults(made)
	program, err := checkAlert(made)
	if err != nil {
		return err
	}
	secret, generated, err := o.secret.forSigning(a, made.Signing)
	if err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if err := o.assign(ctx, s, &made); err != nil {
			return err
		}
		if made, err = s.project.CreateAlert(ctx, made, secret); err != nil {
			return err
		}
		return a.printMade(ctx, s, made, program, secret, generated)
	})
}

// assign gives an alert the workflow that the flags name; without one of theirs, it
// keeps what it has.
func (f *alertFlags) assign(ctx context.Context, s *session, to *meshhook.Alert) error {
	switch {
	case f.all:
		to.WorkflowID, to.Workflow = nil, ""
	case f.workflow != "":
		w, err := s.project.Workflow(ctx, f.workflow)
		if err != nil {
			return err
		}
		to.WorkflowID, to.Workflow = &w.ID, w.Name
	}
	return nil
}

// forSigning returns the secret that the flags say, or generates one for the way of
// signing; none for none.
func (f *secretFlags) forSigning(a *app, signing meshhook.Signing) (secret meshhook.Secret, generated bool, err error) {
	if f.given(a) == 0 {
		secret = alert.NewSecret(signing)
		return secret, !secret.IsZero(), nil
	}
	if secret, err = f.read(a); err != nil {
		return secret, false, err
	}
	return secret, false, alert.CheckSecret(signing, secret)
}

// printMade shows an alert that was made or changed.
func (a *app) printMade(ctx context.Context, s *session, made meshhook.Alert, program *alert.Program, secret meshhook.Secret, generated bool) error {
	view, err := a.madeAlert(ctx, s, made, program, secret, generated)
	if err != nil {
		return err
	}
	return a.printAlert(view)
}

// madeAlert is an alert that was made or changed as it is shown this once, with the
// secret if that is new. It says what its owner has to know.
func (a *app) madeAlert(ctx context.Context, s *session, made meshhook.Alert, program *alert.Program, secret meshhook.Secret, generated bool) (view alertView, err error) {
	view = alertView{AlertView: made.View()}
	if view.Secrets, err = s.project.AlertSecrets(ctx, made.ID); err != nil {
		return view, err
	}
	vault, err := s.project.Secrets(ctx)
	if err != nil {
		return view, err
	}
	names, _ := program.Secrets()
	view.Warnings = append(program.Warnings(), workflow.MissingSecrets(names, vault)...)
	for _, warning := range view.Warnings {
		a.warn("%s", warning)
	}
	view.Secret, view.PublicKey, err = a.handOver(made.Signing, secret, generated)
	return view, err
}

// handOver says how the recipient checks signatures by a new secret, and returns what
// is to be shown of it: itself where it was generated, and the public key.
func (a *app) handOver(signing meshhook.Signing, secret meshhook.Secret, generated bool) (shown, public string, err error) {
	if secret.IsZero() {
		return "", "", nil
	}
	if generated {
		shown = secret.Reveal()
		a.note("the secret is shown this once")
	}
	switch signing {
	case meshhook.SigningV1a:
		if public, err = alert.PublicKey(secret); err != nil {
			return "", "", err
		}
		a.note("the recipient checks webhook-signature by the public key, with a library of Standard Webhooks that knows v1a; keep the secret")
	case meshhook.SigningHMAC:
		a.note("the recipient compares X-Signature with sha256= and the hex HMAC-SHA256 of the body by the secret")
	default:
		a.note("the recipient checks webhook-signature by the secret, with any library of Standard Webhooks (standardwebhooks.com)")
	}
	return shown, public, nil
}
