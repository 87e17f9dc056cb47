package cli

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/workflow"
)

// applyOptions are what 'apply' was told.
type applyOptions struct {
	files              []string
	dryRun, prune, yes bool
}

func newApplyCmd(a *app) *cobra.Command {
	o := &applyOptions{}
	cmd := &cobra.Command{
		Use: "apply -f DIR|FILE…", Short: "Bring the project to what files say: workflows, webhooks and alerts",
		Long: `Bring the project to what files say of its workflows, webhooks and alerts, all of it or,
if anything fails, nothing. A directory is read with those below it, in the order of
names. What the files do not describe stays, unless --prune is given. The same files
again change nothing. The exit code is 0 whether anything had to be changed or not.`,
		Example: `  meshhook apply -f config/ --dry-run
  meshhook apply -f config/ --prune
  meshhook export | meshhook --project staging apply -f -`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runApply(cmd.Context(), a, o) },
	}
	filesFlag(cmd, &o.files)
	flags := cmd.Flags()
	flags.Lookup("file").Usage = "`file` or directory of YAML or JSON; - for standard input; may be given several times"
	flags.BoolVar(&o.dryRun, "dry-run", false, "show what would change, and change nothing")
	flags.BoolVar(&o.prune, "prune", false, "delete the workflows, webhooks and alerts that the files do not describe")
	flags.BoolVar(&o.yes, "yes", false, "do not ask before something is deleted")
	return cmd
}

func runApply(ctx context.Context, a *app, o *applyOptions) error {
	c, err := a.loadConfig()
	if err != nil {
		return err
	}
	m, err := a.readManifest(c, o.files)
	if err != nil {
		return err
	}
	if o.prune && len(m.Workflows)+len(m.Webhooks)+len(m.Alerts) == 0 {
		// A generator that failed writes nothing, and that would delete all there is.
		return meshhook.Errorf(meshhook.CodeInvalid, "the files describe nothing, and --prune would delete the whole project; see what should have written them")
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		run := &application{app: a, session: s, manifest: m, prune: o.prune}
		if o.dryRun {
			plan, err := run.look(ctx, s.project)
			if err != nil {
				return err
			}
			return run.show(plan, true)
		}
		if o.prune && !o.yes {
			if sure, err := run.ask(ctx); err != nil || !sure {
				return err
			}
		}
		return run.do(ctx)
	})
}

// readManifest reads and checks the files. What is doubtful in workflows is said on the
// way.
func (a *app) readManifest(c *config.Config, names []string) (m *manifest.Manifest, err error) {
	files, err := a.openManifest(names)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, files.close()) }()
	m, err = manifest.Parse(files.files, manifestOptions(c))
	if err != nil || a.quiet {
		return m, err
	}
	for _, w := range m.Workflows {
		for _, doubt := range w.Doubts() {
			a.showProblem("warning: ", doubt)
		}
	}
	return m, nil
}

func manifestOptions(c *config.Config) manifest.Options {
	return manifest.Options{
		MaxBody: int64(c.Ingress.MaxBody),
		CheckWebhook: func(e *meshhook.Endpoint, windowGiven bool) (*signature.Verifier, error) {
			return daemon.CheckWebhook(c, e, windowGiven)
		},
	}
}

// application is one 'apply'.
type application struct {
	*app
	session  *session
	manifest *manifest.Manifest
	prune    bool
	// asked is the plan that the user said yes to; nil where nobody was asked.
	asked *manifest.Plan
}

// present reads what a project has.
func present(ctx context.Context, t *postgres.Tenant) (p manifest.Present, err error) {
	err = t.Atomically(ctx, func(ctx context.Context, t *postgres.Tenant) (err error) {
		if p.Workflows, err = t.NewestVersions(ctx); err != nil {
			return err
		}
		if p.Webhooks, err = t.Endpoints(ctx); err != nil {
			return err
		}
		if p.Alerts, err = t.Alerts(ctx, ""); err != nil {
			return err
		}
		if p.WebhookSecrets, p.AlertSecrets, err = t.NewestSecrets(ctx); err != nil {
			return err
		}
		p.Vault, err = t.SecretValues(ctx)
		return err
	})
	return p, err
}

// look says what has to be done with the project as it is now.
func (r *application) look(ctx context.Context, t *postgres.Tenant) (*manifest.Plan, error) {
	have, err := present(ctx, t)
	if err != nil {
		return nil, err
	}
	return r.manifest.Plan(have, r.prune, r.readSecret)
}

// readSecret reads a secret that a document names, other than those of the vault.
func (a *app) readSecret(ref *manifest.Reference) (secret meshhook.Secret, err error) {
	var text string
	if ref.Env != "" {
		var set bool
		if text, set = a.getenv(ref.Env); !set {
			return secret, meshhook.Errorf(meshhook.CodeInvalid, "the environment variable %s is not set", ref.Env)
		}
	} else {
		source, err := ref.Read()
		if err != nil {
			return secret, err
		}
		text = withoutNewline(string(source))
	}
	switch {
	case text == "":
		return secret, meshhook.Errorf(meshhook.CodeInvalid, "the secret from the %s is empty", ref)
	case len(text) > maxSecret:
		return secret, meshhook.Errorf(meshhook.CodeInvalid, "the secret from the %s is longer than %d bytes", ref, maxSecret)
	}
	return meshhook.NewSecret(text), nil
}

// ask shows what would be done, and asks a person before anything is deleted.
func (r *application) ask(ctx context.Context) (sure bool, err error) {
	plan, err := r.look(ctx, r.session.project)
	if err != nil {
		return false, err
	}
	gone := plan.Deletes()
	if len(gone) == 0 {
		return true, nil
	}
	if r.InTTY {
		if err := r.writePlan(r.Err, plan, r.ErrTTY); err != nil {
			return false, err
		}
	}
	r.asked = plan
	question := "Delete " + counted(int64(len(gone)), "thing") + " with their secrets and what waits to be sent?"
	if len(gone) == 1 {
		question = "Delete the " + string(gone[0].Kind) + " " + gone[0].Name + " with what belongs to it?"
	}
	if sure, err = r.confirm(ctx, question); err == nil && !sure {
		r.note("nothing was changed")
		err = errSaid
	}
	return sure, err
}

// do changes the project and says what was done.
func (r *application) do(ctx context.Context) error {
	var plan *manifest.Plan
	err := r.session.project.Atomically(ctx, func(ctx context.Context, t *postgres.Tenant) (err error) {
		if plan, err = r.look(ctx, t); err != nil {
			return err
		}
		if r.asked != nil && !samePlan(plan, r.asked) {
			return meshhook.Errorf(meshhook.CodeConflict, "the project was changed while you were asked, and nothing was done; apply the files again")
		}
		report := r.progress(int64(len(plan.Changes)))
		defer report(-1)
		return carryOut(ctx, t, plan, report)
	})
	if err != nil {
		return err
	}
	if err := r.handOverSecrets(plan); err != nil {
		return err
	}
	if err := r.show(plan, false); err != nil {
		return err
	}
	return r.advise(ctx, plan)
}

// samePlan tells whether two plans do the same, whatever secrets they make.
func samePlan(a, b *manifest.Plan) bool {
	was, err := json.Marshal(a)
	is, wrong := json.Marshal(b)
	return err == nil && wrong == nil && string(was) == string(is)
}

// advise says what the user may not have thought of.
func (r *application) advise(ctx context.Context, plan *manifest.Plan) error {
	vault, err := r.session.project.Secrets(ctx)
	if err != nil {
		return err
	}
	said := map[string]bool{}
	for _, c := range plan.Changes {
		var warnings []string
		switch {
		case c.Workflow != nil:
			warnings = c.Workflow.Definition.MissingSecrets(vault)
		case c.Alert != nil:
			warnings = workflow.MissingSecrets(c.Alert.Reads(), vault)
		case c.Webhook != nil:
			warnings = webhookWarnings(c)
		}
		for _, warning := range warnings {
			if !said[warning] {
				r.warn("%s", warning)
			}
			said[warning] = true
		}
	}
	return nil
}

// webhookWarnings are what the owner of a webhook that was made or changed has to know.
func webhookWarnings(c manifest.Change) (warnings []string) {
	e := c.Webhook.Endpoint
	hasSecret := !c.Given.IsZero() || c.WasWebhook != nil && c.WasWebhook.HasSecret
	for _, warning := range signature.Warnings(e.Verification, hasSecret) {
		warnings = append(warnings, "webhook "+e.Path+": "+warning)
	}
	another := c.WasWebhook != nil && c.WasWebhook.Verification.Scheme != e.Verification.Scheme
	if another && hasSecret && c.Given.IsZero() && c.Webhook.Verifier.SecretSource() != signature.SecretNowhere {
		warnings = append(warnings, "webhook "+e.Path+" keeps the secret it had; name that of "+e.Verification.Scheme+" in its document, or rotate it with 'meshhook webhook rotate-secret "+e.Path+" --grace 0s'")
	}
	if e.Response.Unescaped() {
		warnings = append(warnings, "webhook "+e.Path+": the response is HTML or XML and puts values in as they are, so that senders can write markup into it; escape each: {{ … | @html }}")
	}
	return warnings
}
