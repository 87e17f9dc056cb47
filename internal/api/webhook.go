package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// WebhookFields are what can be set of a webhook. A field that is left out, or
// null, takes its default. It is exported because huma sees no other embedded one.
type WebhookFields struct {
	Path         string                 `json:"url_path" doc:"Path under /hooks/, like github or shop/orders." example:"shop/orders"`
	WorkflowID   string                 `json:"workflow_id" doc:"Id or name of the workflow that is started."`
	Description  string                 `json:"description,omitempty"`
	Enabled      *bool                  `json:"enabled,omitempty" doc:"Whether requests are taken; true when left out."`
	Verification *meshhook.Verification `json:"verification,omitempty" doc:"How requests are verified; hmac when left out."`
	RateLimit    *meshhook.RateLimit    `json:"rate_limit,omitempty"`
	Schema       json.RawMessage        `json:"validation_schema,omitempty" doc:"JSON Schema that payloads must satisfy."`
	Dedup        string                 `json:"dedup,omitempty" doc:"jq expression over {event} for the dedup key, header:NAME, or none; the scheme's own when left out."`
	DedupWindow  meshhook.Duration      `json:"dedup_window,omitzero" doc:"How long a dedup key is remembered, 1s to 720h and no longer than events are kept; 24h when left out." example:"1h"`
	Filter       string                 `json:"filter,omitempty" doc:"jq condition over {event}; events for which it is false start no run."`
	Methods      []string               `json:"methods,omitempty" doc:"HTTP methods that are answered; POST when left out."`
	AllowedIPs   []sender               `json:"allowed_ips,omitempty" doc:"Networks (CIDR) or addresses that requests may come from; all when left out."`
	MaxBody      int64                  `json:"max_body_bytes,omitempty" doc:"Body limit in bytes; the daemon's own when left out."`
	Response     *meshhook.Response     `json:"response,omitempty" doc:"Answer to accepted requests; the standard one when left out."`
}

// sender is a network that requests come from; an address is one of its own.
type sender netip.Prefix

// MarshalText prints a network in CIDR notation.
func (s sender) MarshalText() ([]byte, error) { return netip.Prefix(s).MarshalText() }

// UnmarshalText reads a network in CIDR notation or an address.
func (s *sender) UnmarshalText(text []byte) error {
	network, err := meshhook.ParseNetwork(string(text))
	if err != nil {
		return meshhook.Errorf(meshhook.CodeInvalid, "allowed_ips: %q is neither a network nor an address; write it like 192.0.2.0/24 or 192.0.2.7", clip(string(text)))
	}
	*s = sender(network)
	return nil
}

// fieldsOfWebhook says an endpoint in the fields that make it.
func fieldsOfWebhook(e meshhook.Endpoint) WebhookFields {
	f := WebhookFields{
		Path: e.Path, WorkflowID: e.WorkflowID.String(), Description: e.Description, Enabled: &e.Enabled, Verification: &e.Verification,
		RateLimit: e.RateLimit, Schema: e.Schema, Dedup: e.Dedup, DedupWindow: e.DedupWindow, Filter: e.Filter, Methods: e.Methods, MaxBody: e.MaxBody, Response: e.Response,
	}
	for _, network := range e.AllowedIPs {
		f.AllowedIPs = append(f.AllowedIPs, sender(network))
	}
	return f
}

// apply puts the fields over an endpoint, whose workflow it leaves alone.
func (f WebhookFields) apply(e *meshhook.Endpoint, maxBody int64) {
	e.Path, e.Description, e.Enabled, e.RateLimit = f.Path, f.Description, f.Enabled == nil || *f.Enabled, f.RateLimit
	e.Verification = meshhook.Verification{Scheme: "hmac"}
	if f.Verification != nil {
		e.Verification = *f.Verification
	}
	e.Schema = f.Schema
	if string(e.Schema) == "null" {
		e.Schema = nil
	}
	e.Dedup, e.DedupWindow, e.Filter, e.Methods, e.Response = f.Dedup, f.DedupWindow, f.Filter, f.Methods, f.Response
	if e.MaxBody = f.MaxBody; e.MaxBody == 0 {
		e.MaxBody = maxBody
	}
	e.AllowedIPs = nil
	for _, network := range f.AllowedIPs {
		e.AllowedIPs = append(e.AllowedIPs, netip.Prefix(network))
	}
}

// missing says which of the needed fields were not given.
func (f WebhookFields) missing() error {
	var s shape
	for _, field := range [][2]string{{"/url_path", f.Path}, {"/workflow_id", f.WorkflowID}} {
		if field[1] == "" {
			s.add(field[0], "is missing")
		}
	}
	if len(s.problems) == 0 {
		return nil
	}
	return &meshhook.Error{Code: meshhook.CodeInvalid, Message: "a webhook needs a url_path and a workflow_id", Details: s.problems}
}

// webhookView is a webhook as the API shows it.
type webhookView struct {
	meshhook.Endpoint
	URL      string   `json:"url" doc:"How the world reaches it, as far as the configuration knows."`
	Warnings []string `json:"warnings,omitempty" doc:"What its owner has to know: that it is open to more than it may seem."`
	// Secrets are there where one webhook is shown.
	Secrets []meshhook.EndpointSecret `json:"secrets,omitempty"`
	// SecretKey is only there at the moment at which it was generated.
	SecretKey string `json:"secret_key,omitempty" doc:"The generated secret: shown this once."`
}

// view adds to an endpoint what only the configuration knows.
func (c *call) view(e meshhook.Endpoint) webhookView {
	return webhookView{Endpoint: e, URL: c.URL(e.Path), Warnings: signature.Warnings(e.Verification, e.HasSecret)}
}

// listWebhooks is ordered by path, which is the name, so that a page is found again
// when webhooks come and go meanwhile.
func listWebhooks(ctx context.Context, c *call) (page[webhookView], error) {
	list, err := c.project.Endpoints(ctx)
	if err != nil {
		return page[webhookView]{}, err
	}
	views := make([]webhookView, len(list))
	for i, e := range list {
		views[i] = c.view(e)
	}
	return paged(c, views, func(v webhookView) string { return v.Path })
}

// showWebhook is the only answer with the secrets: when each was made and until when
// it verifies, never its value.
func showWebhook(ctx context.Context, c *call) (webhookView, error) {
	e, secrets, err := c.project.Endpoint(ctx, c.name())
	view := c.view(e)
	view.Secrets = secrets
	return view, err
}

// webhookBody is what a webhook is created from.
type webhookBody struct {
	WebhookFields
	SecretKey meshhook.Secret `json:"secret_key,omitzero" doc:"The secret; generated and shown once when left out, where the scheme allows it."`
}

// createWebhook finds everything that can be wrong before it asks the database for
// anything. Errors: CodeInvalid, CodeNotFound for the workflow, CodeConflict for the
// path.
func createWebhook(ctx context.Context, c *call, body *webhookBody) (webhookView, error) {
	if err := body.missing(); err != nil {
		return webhookView{}, err
	}
	e := meshhook.Endpoint{ID: meshhook.NewID()}
	body.apply(&e, c.MaxBody)
	verifier, err := c.Check(&e, body.DedupWindow != 0)
	if err != nil {
		return webhookView{}, err
	}
	secret, generated, err := chooseSecret(verifier, body.SecretKey)
	if err != nil {
		return webhookView{}, err
	}
	w, err := c.project.Workflow(ctx, body.WorkflowID)
	if err != nil {
		return webhookView{}, err
	}
	e.WorkflowID, e.Workflow = w.ID, w.Name
	if e, err = c.project.CreateEndpoint(ctx, e, secret); err != nil {
		return webhookView{}, err
	}
	c.writer.Header().Set("Location", Prefix+"webhooks/"+e.ID.String())
	view := c.view(e)
	if generated {
		view.SecretKey = secret.Reveal()
	}
	return view, nil
}

// chooseSecret takes the secret that was given, or makes one where the scheme's
// secret is chosen by the receiver. It is zero where none is needed from here.
func chooseSecret(verifier *signature.Verifier, given meshhook.Secret) (secret meshhook.Secret, generated bool, err error) {
	if !given.IsZero() {
		return given, false, verifier.CheckSecret(given)
	}
	switch verifier.SecretSource() {
	case signature.SecretFromSender:
		return secret, false, needsSecret(verifier.Scheme())
	case signature.SecretMadeHere:
		return verifier.GenerateSecret(), true, nil
	default:
		return secret, false, nil
	}
}

// needsSecret says that only the sender knows the secret, and where it is found.
func needsSecret(scheme signature.Scheme) error {
	return &meshhook.Error{
		Code: meshhook.CodeInvalid, Message: "the scheme " + scheme.Name + " needs the sender's secret: " + scheme.SecretHint,
		Details: []meshhook.Problem{{Path: "/secret_key", Message: "is missing"}},
	}
}

// changeWebhook reads the patch first and applies it under the lock of the webhook, so
// that of two patches at once each keeps what the other one changed. The workflow is
// looked up before that: within the lock nothing may be asked of the database.
func changeWebhook(ctx context.Context, c *call) (webhookView, error) {
	change, err := newWebhookPatch(c.body)
	if err != nil {
		return webhookView{}, err
	}
	var workflow *meshhook.Workflow
	if change.workflow != "" {
		w, err := c.project.Workflow(ctx, change.workflow)
		if err != nil {
			return webhookView{}, err
		}
		workflow = &w
	}
	e, err := c.project.ChangeEndpoint(ctx, c.name(), func(e *meshhook.Endpoint) error {
		if err := change.apply(e, c.MaxBody); err != nil {
			return err
		}
		if workflow != nil {
			e.WorkflowID, e.Workflow = workflow.ID, workflow.Name
		}
		_, err := c.Check(e, change.window != 0)
		return err
	})
	return c.view(e), err
}

// deleted is the answer of what takes something away.
type deleted struct {
	ID      string `json:"id" doc:"The id or name that was asked for."`
	Deleted bool   `json:"deleted"`
}

// gone is the answer after the thing of the path's name was taken away.
func (c *call) gone(err error) (deleted, error) { return deleted{c.name(), true}, err }

// deleteWebhook leaves the events, which are history.
func deleteWebhook(ctx context.Context, c *call) (deleted, error) {
	return c.gone(c.project.DeleteEndpoint(ctx, c.name()))
}

// rotateBody says what the new secret is.
type rotateBody struct {
	SecretKey meshhook.Secret    `json:"secret_key,omitzero" doc:"The new secret; generated and shown once when left out, where the scheme allows it."`
	Grace     *meshhook.Duration `json:"grace,omitempty" doc:"How long the old secrets still verify; 24h when left out." example:"1h"`
}

// rotated is the answer of rotate-secret.
type rotated struct {
	ID           meshhook.ID `json:"id"`
	Path         string      `json:"url_path"`
	SecretKey    string      `json:"secret_key,omitempty" doc:"The generated secret: shown this once."`
	OldExpiresAt time.Time   `json:"old_secrets_expire_at"`
}

// rotateSecret lets the old secrets verify for a while: senders and receivers never
// change theirs at the same moment. A scheme without a secret is a CodeConflict.
func rotateSecret(ctx context.Context, c *call, body *rotateBody) (rotated, error) {
	e, _, err := c.project.Endpoint(ctx, c.name())
	if err != nil {
		return rotated{}, err
	}
	verifier, err := signature.ForRotation(e)
	if err != nil {
		return rotated{}, err
	}
	grace := meshhook.DefaultGrace
	if body.Grace != nil {
		grace = body.Grace.Std()
	}
	secret, generated, err := chooseSecret(verifier, body.SecretKey)
	if err == nil && secret.IsZero() { // which a new webhook may have
		err = needsSecret(verifier.Scheme())
	}
	if err != nil {
		return rotated{}, err
	}
	if err := c.project.RotateEndpointSecret(ctx, e.ID.String(), secret, grace); err != nil {
		return rotated{}, err
	}
	answer := rotated{ID: e.ID, Path: e.Path, OldExpiresAt: time.Now().Add(grace).UTC().Truncate(time.Millisecond)}
	if generated {
		answer.SecretKey = secret.Reveal()
	}
	return answer, nil
}

// testBody is what a test sends.
type testBody struct {
	Body    json.RawMessage   `json:"body,omitempty" doc:"Sent as JSON, or as it stands when it is a string; a small sample when left out."`
	Headers map[string]string `json:"headers,omitempty" doc:"Further headers to send."`
}

// testWebhook goes through the public door like every request: what it answers is
// what a sender would get, a refusal too, and the event is logged.
func testWebhook(ctx context.Context, c *call, body *testBody) (meshhook.Tested, error) {
	e, _, err := c.project.Endpoint(ctx, c.name())
	if err != nil {
		return meshhook.Tested{}, err
	}
	header := http.Header{}
	for name, value := range body.Headers {
		header.Set(name, value)
	}
	return c.project.TestEndpoint(ctx, e, header, payload(body.Body))
}

// payload is a body that was given inside of JSON: a string as it stands, and
// everything else as JSON; nil for none.
func payload(given json.RawMessage) []byte {
	var text string
	if len(given) == 0 || string(given) == "null" {
		return nil
	}
	if json.Unmarshal(given, &text) == nil {
		return []byte(text)
	}
	return given
}
