package manifest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/workflow"
)

// Webhook is the document of a webhook.
type Webhook struct {
	// Endpoint has its defaults filled in, and its workflow by name only.
	Endpoint meshhook.Endpoint
	// Secret is nil where the document says nothing of it.
	Secret *Reference
	// Grace is how long an old secret verifies beside a new one.
	Grace    meshhook.Duration
	Verifier *signature.Verifier

	file     *File
	at, root workflow.Value
}

const likeVerification = "{scheme: stripe}"

// webhookFields are the keys of a webhook's document, in the order in which it is written.
func webhookFields() []field[Webhook] {
	return []field[Webhook]{
		textField(keyWebhook, func(w *Webhook) *string { return &w.Endpoint.Path }),
		textField("workflow", func(w *Webhook) *string { return &w.Endpoint.Workflow }),
		textField("description", func(w *Webhook) *string { return &w.Endpoint.Description }),
		boolField("enabled", func(w *Webhook) *bool { return &w.Endpoint.Enabled }),
		{"verification", func(r *reader, v workflow.Value, w *Webhook) {
			readFields(r, v, "verification", likeVerification, verificationFields(), &w.Endpoint.Verification)
		}},
		{"secret", func(r *reader, v workflow.Value, w *Webhook) { w.Secret = readReference(r, v) }},
		durationField("secret_grace", func(w *Webhook) *meshhook.Duration { return &w.Grace }),
		{"methods", func(_ *reader, v workflow.Value, w *Webhook) { w.Endpoint.Methods = texts(v, "methods", "[POST]") }},
		{"allowed_ips", readNetworks},
		{"rate_limit", func(_ *reader, v workflow.Value, w *Webhook) {
			if s, ok := text(v, "rate_limit"); ok {
				limit, err := meshhook.ParseRateLimit(s)
				if err != nil {
					wrong(v, "rate_limit", err)
					return
				}
				w.Endpoint.RateLimit = &limit
			}
		}},
		{"max_body", func(_ *reader, v workflow.Value, w *Webhook) { w.Endpoint.MaxBody = size(v, "max_body") }},
		{"schema", func(r *reader, v workflow.Value, w *Webhook) { w.Endpoint.Schema = r.schema(v) }},
		textField("dedup", func(w *Webhook) *string { return &w.Endpoint.Dedup }),
		durationField("dedup_window", func(w *Webhook) *meshhook.Duration { return &w.Endpoint.DedupWindow }),
		textField("filter", func(w *Webhook) *string { return &w.Endpoint.Filter }),
		{"response", readResponse},
	}
}

func verificationFields() []field[meshhook.Verification] {
	type verification = meshhook.Verification
	return []field[verification]{
		textField("scheme", func(v *verification) *string { return &v.Scheme }),
		textField("header", func(v *verification) *string { return &v.Header }),
		textField("query", func(v *verification) *string { return &v.Query }),
		textField("prefix", func(v *verification) *string { return &v.Prefix }),
		textField("algorithm", func(v *verification) *string { return &v.Algorithm }),
		textField("encoding", func(v *verification) *string { return &v.Encoding }),
		textField("secret_encoding", func(v *verification) *string { return &v.SecretEncoding }),
		textField("template", func(v *verification) *string { return &v.Template }),
		textField("timestamp_header", func(v *verification) *string { return &v.TimestampHeader }),
		textField("timestamp_format", func(v *verification) *string { return &v.TimestampFormat }),
		textField("id_header", func(v *verification) *string { return &v.IDHeader }),
		durationField("tolerance", func(v *verification) *meshhook.Duration { return &v.Tolerance }),
		textField("issuer", func(v *verification) *string { return &v.Issuer }),
		textField("audience", func(v *verification) *string { return &v.Audience }),
		{"claims", func(_ *reader, v workflow.Value, to *verification) { to.Claims = textMap(v, "claims", "{team: shop}") }},
		textField("jwks_url", func(v *verification) *string { return &v.JWKSURL }),
		boolField("confirm_subscription", func(v *verification) *bool { return &v.ConfirmSubscription }),
	}
}

func responseFields() []field[meshhook.Response] {
	type response = meshhook.Response
	return []field[response]{
		textField("from", func(r *response) *string { return &r.From }),
		durationField("timeout", func(r *response) *meshhook.Duration { return &r.Timeout }),
		{"status", func(_ *reader, v workflow.Value, to *response) {
			if err := json.Unmarshal([]byte(v.Text()), &to.Status); v.Kind() != workflow.Number || err != nil {
				v.Problem("response.status wants a whole number from 200 to 299")
			}
		}},
		textField("content_type", func(r *response) *string { return &r.ContentType }),
		{"headers", func(_ *reader, v workflow.Value, to *response) { to.Headers = textMap(v, "headers", "{X-Shop: one}") }},
		{"body", func(_ *reader, v workflow.Value, to *response) { to.Body = v.Data() }},
	}
}

// readResponse reads a response as it comes back from the database: through JSON.
func readResponse(r *reader, v workflow.Value, w *Webhook) {
	given := meshhook.Response{}
	readFields(r, v, "response", "{status: 200, body: ok}", responseFields(), &given)
	source, err := json.Marshal(given)
	if err == nil {
		w.Endpoint.Response = &meshhook.Response{}
		err = json.Unmarshal(source, w.Endpoint.Response)
	}
	switch {
	case err != nil: // a number that is none of Go's
		v.Problem("response: %v", err)
	case holdsNUL(v):
		v.Problem("response holds NUL, which cannot be stored")
	}
}

// holdsNUL tells whether any text in a value holds what the database cannot store.
func holdsNUL(v workflow.Value) bool {
	if strings.Contains(v.Text(), "\x00") {
		return true
	}
	if v.Kind() == workflow.Mapping {
		for key, value := range v.Fields() {
			if holdsNUL(key) || holdsNUL(value) {
				return true
			}
		}
	}
	return slices.ContainsFunc(v.Items(), holdsNUL)
}

func readNetworks(_ *reader, v workflow.Value, w *Webhook) {
	for _, item := range items(v, "allowed_ips", "[192.0.2.0/24]") {
		s, ok := text(item, "an entry of allowed_ips")
		if !ok {
			continue
		}
		network, err := meshhook.ParseNetwork(s)
		if err != nil {
			item.Problem("allowed_ips: %s is no network: %v", workflow.Quote(s), err)
			continue
		}
		w.Endpoint.AllowedIPs = append(w.Endpoint.AllowedIPs, network)
	}
}

func size(v workflow.Value, what string) int64 {
	if v.Kind() != workflow.Text && v.Kind() != workflow.Number {
		v.Problem("%s wants a size like 64KiB or 1MiB, but is %s", what, v.Kind())
		return 0
	}
	bytes, err := meshhook.ParseSize(v.Text())
	switch {
	case err != nil:
		v.Problem("%s: %v", what, err)
	case bytes == 0:
		v.Problem("%s must be more than 0", what)
	}
	return bytes
}

// schema reads a JSON Schema: as it stands here, as JSON in a text, or as a file, whose
// text is kept.
func (r *reader) schema(v workflow.Value) json.RawMessage {
	name, source, ok := r.inline(v, "schema")
	switch {
	case !ok:
		return nil
	case name != "":
		return source
	case v.Kind() == workflow.Text:
		return json.RawMessage(v.Text())
	}
	source, err := json.Marshal(v.Data())
	if err != nil {
		v.Problem("schema: %v", err)
	}
	return source
}

// webhook reads the document of a webhook.
func (r *reader) webhook(root, at workflow.Value) {
	w := &Webhook{file: r.file, at: at, root: root, Grace: meshhook.Duration(meshhook.DefaultGrace)}
	w.Endpoint.Enabled = true
	w.Endpoint.Verification.Scheme = "hmac"
	before := r.count()
	readFields(r, root, "a webhook", "{webhook: stripe, workflow: orders}", webhookFields(), w)
	if _, given := root.Get("workflow"); !given {
		at.Problem("the webhook needs the key \"workflow\": whose runs its events start")
	}
	if _, given := root.Get("secret_grace"); given && w.Secret == nil {
		v, _ := root.Get("secret_grace")
		v.Problem("secret_grace says how long the old secret verifies beside a new one, but there is no secret; write it, or leave this out")
	}
	if r.count() == before {
		r.checkWebhook(w)
	}
	r.m.Webhooks = append(r.m.Webhooks, w)
}

// checkWebhook completes a webhook. Each of its fields is checked by itself first, on a
// webhook that has nothing else, so that every problem gets its place.
func (r *reader) checkWebhook(w *Webhook) {
	before, e := r.count(), w.Endpoint
	if e.MaxBody == 0 {
		e.MaxBody = r.m.options.MaxBody
	}
	if err := meshhook.CheckPath(e.Path); err != nil {
		w.at.Problem("%v", err)
		e.Path = "x"
	}
	probes := map[string]func(to *meshhook.Endpoint){
		"description":  func(to *meshhook.Endpoint) { to.Description = e.Description },
		"verification": func(to *meshhook.Endpoint) { to.Verification = e.Verification },
		"methods":      func(to *meshhook.Endpoint) { to.Methods = slices.Clone(e.Methods) },
		"max_body":     func(to *meshhook.Endpoint) { to.MaxBody = e.MaxBody },
		"schema":       func(to *meshhook.Endpoint) { to.Schema = e.Schema },
		"dedup":        func(to *meshhook.Endpoint) { to.Dedup = e.Dedup },
		"dedup_window": func(to *meshhook.Endpoint) { to.DedupWindow = e.DedupWindow },
		"filter":       func(to *meshhook.Endpoint) { to.Filter = e.Filter },
		"response":     func(to *meshhook.Endpoint) { response := *e.Response; to.Response = &response },
	}
	for _, key := range slices.Sorted(maps.Keys(probes)) {
		v, given := w.root.Get(key)
		if !given {
			continue
		}
		probe := meshhook.Endpoint{Path: "x", Verification: meshhook.Verification{Scheme: "none"}}
		probes[key](&probe)
		if _, err := r.m.options.CheckWebhook(&probe, key == "dedup_window"); err != nil {
			if scheme, there := lookUp(v, "/scheme"), key == "verification"; there {
				if _, known := signature.Find(e.Verification.Scheme); !known {
					v = scheme
				}
			}
			wrong(v, key, err)
		}
	}
	if r.count() > before {
		return
	}
	var err error
	if w.Verifier, err = r.m.options.CheckWebhook(&e, false); err != nil {
		w.at.Problem("%v", err)
	}
	w.Endpoint = e
}
