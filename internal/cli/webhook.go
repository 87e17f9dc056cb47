package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/tail"
)

func newWebhookCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "webhook", Aliases: []string{"webhooks"}, Short: "Open and close the doors that events come through",
			Example: "  meshhook webhook create --path github --workflow github-to-chat --verify github --secret-env GITHUB_WEBHOOK_SECRET\n  meshhook webhook list",
		},
		newWebhookCreateCmd(a), newWebhookListCmd(a), newWebhookShowCmd(a), newWebhookUpdateCmd(a), newWebhookDeleteCmd(a),
		newWebhookEnableCmd(a), newWebhookDisableCmd(a), newWebhookURLCmd(a), newWebhookRotateCmd(a), newWebhookSchemesCmd(a), newWebhookTestCmd(a), newWebhookExplainCmd(a),
		newDocumentSchemaCmd("webhook", "webhook", manifest.WebhookSchema),
	)
}

// webhookView is a webhook as commands show it. A secret is only there at the
// moment at which it was generated.
type webhookView struct {
	meshhook.Endpoint
	URL string `json:"url"`
	// Warnings are what its owner has to know.
	Warnings []string                  `json:"warnings,omitempty"`
	Secrets  []meshhook.EndpointSecret `json:"secrets,omitempty"`
	Secret   string                    `json:"secret,omitempty"`
	Curl     string                    `json:"curl,omitempty"`
}

// view is a webhook with what only the configuration and its scheme know.
func (s *session) view(e meshhook.Endpoint, secrets []meshhook.EndpointSecret) webhookView {
	return webhookView{Endpoint: e, URL: daemon.WebhookURL(s.config, e.Path), Warnings: signature.Warnings(e.Verification, e.HasSecret), Secrets: secrets}
}

func newWebhookListCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the webhooks",
		Example: "  meshhook webhook list\n  meshhook webhook list -o json",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runWebhookList(cmd.Context(), a) },
	}
}

func runWebhookList(ctx context.Context, a *app) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		list, err := s.project.Endpoints(ctx)
		if err != nil {
			return err
		}
		views := make([]webhookView, len(list))
		for i, e := range list {
			views[i] = s.view(e, nil)
		}
		return printList(a, views, []string{"path", "workflow", "verify", "enabled", "url"}, func(t *table, v webhookView) {
			t.add(v.Path, v.Workflow, v.verify(v.Verification.Scheme), yesNo(v.Enabled), v.URL)
		})
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// onWebhook makes a command that does something to one webhook.
func onWebhook(a *app, use, short, example string, run func(ctx context.Context, s *session, path string) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " PATH|ID", Short: short, Example: example,
		Args:              exactly("PATH|ID"),
		ValidArgsFunction: firstArg(a.names(webhookNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inProject(cmd.Context(), func(ctx context.Context, s *session) error { return run(ctx, s, args[0]) })
		},
	}
}

func newWebhookShowCmd(a *app) *cobra.Command {
	return onWebhook(a, "show", "Show a webhook", "  meshhook webhook show github",
		func(ctx context.Context, s *session, path string) error {
			e, secrets, err := s.project.Endpoint(ctx, path)
			if err != nil {
				return err
			}
			return a.printWebhook(s.view(e, secrets))
		})
}

func (a *app) printWebhook(v webhookView) error {
	return printFields(a, v, func(f *fields) { webhookFields(f, v) })
}

// webhookFields are the lines that tell of a webhook.
func webhookFields(f *fields, v webhookView) {
	f.add("url", v.URL)
	f.add("secret", v.Secret)
	f.add("try it", v.Curl)
	f.add("id", v.ID)
	f.add("path", v.Path)
	f.add("description", v.Description)
	f.add("workflow", v.Workflow)
	f.add("enabled", yesNo(v.Enabled))
	f.add("verify", v.verify(verificationText(v.Verification)))
	for _, s := range v.Secrets {
		f.add("secret id", secretText(s, time.Now()))
	}
	f.add("methods", strings.Join(v.Methods, ", "))
	if v.RateLimit != nil {
		f.add("rate limit", v.RateLimit)
	}
	f.add("allowed", (&networksFlag{v.AllowedIPs}).String())
	f.add("max body", config.ByteSize(v.MaxBody))
	f.add("dedup", dedupText(v.Endpoint))
	if dedupText(v.Endpoint) != "" {
		f.add("dedup window", v.DedupWindow)
	}
	f.add("filter", v.Filter)
	f.add("schema", compact(v.Schema))
	f.add("response", responseText(v.Endpoint))
	f.add("created", v.CreatedAt)
	f.add("updated", v.UpdatedAt)
}

// verify is how requests are verified, in the colour of a warning where there is one.
func (v webhookView) verify(text string) cell {
	if len(v.Warnings) == 0 {
		return cell{text: text}
	}
	return cell{text + " (open)", tail.Warn}
}

// dedupText is the key by which a webhook knows repetitions, whoever says so; "" for
// none.
func dedupText(e meshhook.Endpoint) string {
	switch e.Dedup {
	case "none":
		return ""
	case "":
		verifier, err := signature.New(e.Verification)
		if err != nil || verifier.Scheme().Dedup == "" {
			return ""
		}
		return verifier.Scheme().Dedup + ", of the scheme"
	default:
		return e.Dedup
	}
}

// compact is JSON in one line.
func compact(text json.RawMessage) string {
	var line bytes.Buffer
	if json.Compact(&line, text) != nil {
		return string(text) // or nothing
	}
	return line.String()
}

// responseText says in a few words what accepted requests are answered; "" for the
// standard answer.
func responseText(e meshhook.Endpoint) string {
	r, whose := e.Response, ""
	if r == nil {
		scheme, _ := signature.Find(e.Verification.Scheme)
		r, whose = scheme.Response, ", of the scheme"
	}
	if r == nil {
		return ""
	}
	text := strconv.Itoa(r.Status)
	_, isText := r.Body.(string)
	switch {
	case r.From == meshhook.FromRun:
		text += ", the run's output, for which the sender waits up to " + r.Timeout.String()
	case r.Body == nil:
		text += " without a body"
	case r.ContentType != "":
		text += ", " + r.ContentType
	case isText:
		text += ", text"
	default:
		text += ", JSON"
	}
	return text + whose
}

// secretText says of a secret how long it verifies, and when it last did.
func secretText(s meshhook.EndpointSecret, now time.Time) string {
	text := s.ID.String() + ", since " + meshhook.FormatTime(s.CreatedAt)
	switch {
	case s.ExpiresAt == nil:
	case s.ActiveAt(now):
		text += ", until " + meshhook.FormatTime(*s.ExpiresAt)
	default:
		text += ", expired " + meshhook.FormatTime(*s.ExpiresAt)
	}
	if s.LastUsedAt == nil {
		return text + ", never used"
	}
	return text + ", last used " + meshhook.FormatTime(*s.LastUsedAt)
}

// verificationText names the scheme and what the webhook changes of it.
func verificationText(v meshhook.Verification) string {
	parts := []string{v.Scheme}
	for _, p := range [][2]string{
		{"header", v.Header},
		{"query", v.Query},
		{"prefix", v.Prefix},
		{"algorithm", v.Algorithm},
		{"encoding", v.Encoding},
		{"secret encoding", v.SecretEncoding},
		{"template", v.Template},
		{"timestamp header", v.TimestampHeader},
		{"timestamp format", v.TimestampFormat},
		{"id header", v.IDHeader},
		{"issuer", v.Issuer},
		{"audience", v.Audience},
		{"keys", v.JWKSURL},
	} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Claims)) {
		parts = append(parts, "claim "+name+"="+v.Claims[name])
	}
	if v.Tolerance != 0 {
		parts = append(parts, "tolerance "+v.Tolerance.String())
	}
	if v.ConfirmSubscription {
		parts = append(parts, "confirms subscriptions")
	}
	return strings.Join(parts, ", ")
}

func newWebhookEnableCmd(a *app) *cobra.Command {
	return onWebhook(a, "enable", "Open a webhook that was disabled", "  meshhook webhook enable github",
		func(ctx context.Context, s *session, path string) error { return a.setEnabled(ctx, s, path, true) })
}

func newWebhookDisableCmd(a *app) *cobra.Command {
	return onWebhook(a, "disable", "Close a webhook; senders get 410", "  meshhook webhook disable github",
		func(ctx context.Context, s *session, path string) error { return a.setEnabled(ctx, s, path, false) })
}

func (a *app) setEnabled(ctx context.Context, s *session, path string, enabled bool) error {
	e, err := s.project.ChangeEndpoint(ctx, path, func(e *meshhook.Endpoint) error {
		e.Enabled = enabled
		return nil
	})
	if err != nil {
		return err
	}
	did := "disabled"
	if enabled {
		did = "enabled"
	}
	a.note("webhook %s %s", e.Path, did)
	return a.printForMachine(s.view(e, nil))
}

func newWebhookURLCmd(a *app) *cobra.Command {
	return onWebhook(a, "url", "Print a webhook's URL", "  meshhook webhook url github",
		func(ctx context.Context, s *session, path string) error {
			e, _, err := s.project.Endpoint(ctx, path)
			if err != nil {
				return err
			}
			url := daemon.WebhookURL(s.config, e.Path)
			return a.print(url, func(w io.Writer) error {
				_, err := io.WriteString(w, url+"\n")
				return err
			})
		})
}

func newWebhookDeleteCmd(a *app) *cobra.Command {
	var yes bool
	cmd := onWebhook(a, "delete", "Delete a webhook; its events stay", "  meshhook webhook delete github --yes",
		func(ctx context.Context, s *session, path string) error { return a.deleteWebhook(ctx, s, path, yes) })
	cmd.Long = "Delete a webhook, its secrets and the alerts that expect its events. Its events stay."
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) deleteWebhook(ctx context.Context, s *session, path string, yes bool) error {
	e, _, err := s.project.Endpoint(ctx, path)
	if err != nil {
		return err
	}
	if !yes {
		sure, err := a.confirm(ctx, "Delete the webhook "+e.Path+" and its secrets?")
		if err != nil {
			return err
		}
		if !sure {
			a.note("nothing was deleted")
			return errSaid
		}
	}
	if err := s.project.DeleteEndpoint(ctx, e.ID.String()); err != nil {
		return err
	}
	a.note("webhook %s deleted", e.Path)
	return a.printForMachine(removed{e.Path, true})
}

// removed is the answer of commands that take something away, as the API's.
type removed struct {
	Name    string `json:"id"`
	Deleted bool   `json:"deleted"`
}

func newWebhookSchemesCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "schemes", Short: "List the ways to verify requests",
		Example: "  meshhook webhook schemes\n  meshhook webhook schemes -o json",
		Args:    exactly(),
		RunE:    func(*cobra.Command, []string) error { return runWebhookSchemes(a) },
	}
}

func runWebhookSchemes(a *app) error {
	return printList(a, signature.Schemes(), []string{"scheme", "header", "algorithm", "secret", "docs"}, func(t *table, s signature.Scheme) {
		t.add(s.Name, s.Place(), s.Method(), s.SecretHint, s.Docs)
	})
}
