package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/workflow"
)

// webhookCreateOptions are what 'webhook create' was told.
type webhookCreateOptions struct {
	webhookFlags
	secret secretFlags
}

func newWebhookCreateCmd(a *app) *cobra.Command {
	o := &webhookCreateOptions{}
	cmd := &cobra.Command{
		Use: "create --path P --workflow W", Short: "Create a webhook",
		Long: `Create a webhook. Without --verify, requests are verified by an HMAC of the body in
X-Signature, with a secret that is generated and shown once. A provider's scheme takes
the provider's secret, which is asked for on a terminal.`,
		Example: `  meshhook webhook create --path orders --workflow orders
  meshhook webhook create --path github --workflow chat.yaml --verify github --secret-env GITHUB_WEBHOOK_SECRET
  meshhook webhook create --path stripe --workflow billing --verify stripe --secret-file stripe.txt \
      --rate-limit 100/minute --filter '.event.body.type | startswith("invoice.")'`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runWebhookCreate(cmd.Context(), a, o) },
	}
	o.register(a, cmd)
	addSecretFlags(cmd, &o.secret, "secret", "the secret")
	return cmd
}

func runWebhookCreate(ctx context.Context, a *app, o *webhookCreateOptions) error {
	if o.path == "" || o.workflow == "" {
		return usageError("a webhook needs a path and a workflow; give --path and --workflow")
	}
	c, err := a.loadConfig()
	if err != nil {
		return err
	}
	e := newWebhook(c)
	if err := o.readFiles(a); err != nil {
		return err
	}
	o.apply(a, &e)
	// All that can be wrong is found before the database is touched.
	verifier, err := o.check(a, c, &e)
	if err != nil {
		return err
	}
	document, err := a.workflowFile(o.workflow)
	if err != nil {
		return err
	}
	secret, generated, err := o.secret.forScheme(ctx, a, verifier)
	if err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if err := a.assignWorkflow(ctx, s, &e, o.workflow, document); err != nil {
			return err
		}
		view, err := a.makeWebhook(ctx, s, e, verifier, secret, generated)
		if err != nil {
			return err
		}
		return a.printWebhook(view)
	})
}

// newWebhook is a webhook of which nothing was said yet.
func newWebhook(c *config.Config) meshhook.Endpoint {
	return meshhook.Endpoint{
		ID: meshhook.NewID(), Enabled: true, MaxBody: int64(c.Ingress.MaxBody), Verification: meshhook.Verification{Scheme: "hmac"},
	}
}

// makeWebhook stores a webhook that was checked, says what its owner has to know, and
// returns it as it is shown this once: with a secret that was generated.
func (a *app) makeWebhook(ctx context.Context, s *session, e meshhook.Endpoint, verifier *signature.Verifier, secret meshhook.Secret, generated bool) (view webhookView, err error) {
	if e, err = s.project.CreateEndpoint(ctx, e, secret); err != nil {
		return view, err
	}
	view = s.view(e, nil)
	if _, view.Secrets, err = s.project.Endpoint(ctx, e.ID.String()); err != nil {
		return view, err
	}
	if generated {
		view.Secret = secret.Reveal()
	}
	if view.Curl, err = curlLine(verifier, e, view.URL, secret, generated); err != nil {
		return view, err
	}
	a.adviseOn(view)
	return view, nil
}

// adviseOn says what the user may not have thought of.
func (a *app) adviseOn(v webhookView) {
	first, _, _ := strings.Cut(v.Path, "/")
	if provider(first) && v.Verification.Scheme != first {
		a.note("hint: %s is a known provider; --verify %s checks its signatures", first, first)
	}
	a.warnAbout(v)
	a.warnOfResponse(v.Endpoint)
	if v.Secret != "" {
		a.note("the secret is shown this once; give it to the sender now")
	}
	verifier, err := signature.New(v.Verification)
	if err != nil {
		return // not reached: it was made of the same
	}
	if scheme := verifier.Scheme(); scheme.Query != "" {
		a.note("hint: the sender puts its token behind the URL, as ?%s=…", scheme.Query)
	}
}

// warnOfResponse says that senders can write markup into a webhook's answer.
func (a *app) warnOfResponse(e meshhook.Endpoint) {
	if e.Response.Unescaped() {
		a.warn("the response is HTML or XML and puts values in as they are, so that senders can write markup into it; escape each: {{ … | @html }}")
	}
}

// warnAbout says what the owner of a webhook has to know.
func (a *app) warnAbout(v webhookView) {
	for _, warning := range v.Warnings {
		a.warn("%s", warning)
	}
}

// selfChosen are the schemes whose secret is made here and given to the sender.
var selfChosen = []string{"hmac", "token", "basic", "jwt", "standard-webhooks"}

// provider tells whether a scheme is that of a provider.
func provider(scheme string) bool {
	_, known := signature.Find(scheme)
	return known && scheme != "none" && !slices.Contains(selfChosen, scheme)
}

// forScheme returns the secret that the flags say; without them, it generates one,
// or asks for the one that the provider has. It is zero where the scheme needs none
// from here.
func (f *secretFlags) forScheme(ctx context.Context, a *app, verifier *signature.Verifier) (secret meshhook.Secret, generated bool, err error) {
	scheme, source := verifier.Scheme(), verifier.SecretSource()
	switch {
	case f.given(a) > 0:
		secret, err = f.read(a)
	case source == signature.SecretNowhere || source == signature.SecretLater:
		return meshhook.Secret{}, false, nil
	case source == signature.SecretFromSender || provider(scheme.Name): // who has one there already, mostly
		secret, err = f.ask(ctx, a, "secret of "+scheme.Name, scheme.SecretHint)
	default:
		secret, generated = verifier.GenerateSecret(), true
	}
	if err != nil {
		return secret, false, err
	}
	return secret, generated, verifier.CheckSecret(secret)
}

// workflowFile returns the document in the file that --workflow names, or nil
// when it names a workflow. A name has no separator in it, and a file that is
// meant to be one has that or the ending.
func (a *app) workflowFile(name string) (*workflow.Document, error) {
	ending := filepath.Ext(name)
	if !strings.ContainsAny(name, `/\`) && !slices.Contains([]string{".yaml", ".yml", ".json"}, ending) {
		return nil, nil
	}
	if _, err := os.Stat(name); err != nil && meshhook.CheckName("workflow", name) == nil {
		return nil, nil // a name with a dot in it
	}
	documents, err := a.readWorkflows([]string{name})
	if err != nil {
		return nil, err
	}
	if len(documents) != 1 {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s holds %d workflows; apply it with 'meshhook workflow apply', and name one", name, len(documents))
	}
	return documents[0], nil
}

// assignWorkflow gives a webhook the workflow of this name, or the one that the
// document, if there is one, makes.
func (a *app) assignWorkflow(ctx context.Context, s *session, e *meshhook.Endpoint, name string, document *workflow.Document) error {
	if document != nil {
		applied, err := apply(ctx, s.project, document)
		if err != nil {
			return err
		}
		a.note("%s", outcome(applied))
		name = applied.Workflow.Name
	}
	w, err := s.project.Workflow(ctx, name)
	e.WorkflowID, e.Workflow = w.ID, w.Name
	return err
}
