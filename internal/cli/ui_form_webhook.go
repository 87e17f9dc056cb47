package cli

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/tui"
)

// webhookEditor makes and changes webhooks for forms, as 'webhook create' and 'webhook
// update' do.
type webhookEditor struct {
	s     *session
	mu    sync.Mutex // over what follows: forms check while they store
	o     webhookFlags
	flags *formFlags
}

func newWebhookEditor(a *app, s *session) *webhookEditor {
	w := &webhookEditor{s: s}
	w.flags = newFormFlags(a, w.o.register)
	w.flags.lists = []string{"method", "verify-claim"}
	w.flags.files = []string{"schema", "response"}
	w.flags.own = []string{"enabled"}
	return w
}

// verificationFlags are the flags of what a meshhook.Verification calls otherwise than
// they do.
var verificationFlags = map[string]string{"claims": "verify-claim", "tolerance": "tolerance", "confirm_subscription": "confirm-subscription"}

// Draft is what a form for a webhook begins with.
func (w *webhookEditor) Draft(ctx context.Context, id *meshhook.ID) (d tui.Draft, err error) {
	e := newWebhook(w.s.config)
	if id != nil {
		if e, _, err = w.s.project.Endpoint(ctx, id.String()); err != nil {
			return d, err
		}
		d.ID, d.Name = id, e.Path
	}
	flows, err := w.s.project.Workflows(ctx)
	if err != nil {
		return d, err
	}
	d.Base = e
	d.Choices = webhookChoices(e, id != nil)
	for _, f := range flows {
		d.Choices["workflow"] = append(d.Choices["workflow"], tui.Choice{Value: f.Name, Hint: f.Description})
	}
	d.Was = webhookSettings(e)
	if id == nil && len(flows) > 0 {
		d.Was["workflow"] = flows[0].Name // so that who leaves the form at once loses nothing
	}
	d.Now = maps.Clone(d.Was)
	for _, s := range d.Choices["verify"] {
		if s.Value == e.Verification.Scheme && len(s.Secrets) > 0 {
			d.Now[tui.SecretFrom] = s.Secrets[0]
			d.Was[tui.SecretFrom] = s.Secrets[0]
		}
	}
	return d, nil
}

// webhookSettings are the settings of a webhook, as flags take them.
func webhookSettings(e meshhook.Endpoint) map[string]string {
	v, claims := e.Verification, []string{}
	for _, name := range slices.Sorted(maps.Keys(v.Claims)) {
		claims = append(claims, name+"="+v.Claims[name])
	}
	settings := map[string]string{
		"path": e.Path, "workflow": e.Workflow, "description": e.Description, "enabled": yesNo(e.Enabled),
		"verify": v.Scheme, "tolerance": someTime(v.Tolerance),
		"verify-header": v.Header, "verify-query": v.Query, "verify-prefix": v.Prefix, "verify-algorithm": v.Algorithm,
		"verify-encoding": v.Encoding, "verify-secret-encoding": v.SecretEncoding, "verify-template": v.Template,
		"verify-timestamp-header": v.TimestampHeader, "verify-timestamp-format": v.TimestampFormat, "verify-id-header": v.IDHeader,
		"verify-issuer": v.Issuer, "verify-audience": v.Audience, "verify-claim": strings.Join(claims, "\n"), "verify-jwks-url": v.JWKSURL,
		"confirm-subscription": strings.TrimPrefix(strconv.FormatBool(v.ConfirmSubscription), "false"),
		"rate-limit":           (&rateFlag{e.RateLimit}).String(), "method": strings.Join(e.Methods, "\n"),
		"allow-ip": (&networksFlag{e.AllowedIPs}).String(), "max-body": meshhook.FormatSize(e.MaxBody),
		"dedup": e.Dedup, "dedup-window": someTime(e.DedupWindow), "filter": e.Filter,
		"schema": pretty(e.Schema), "response": responseSetting(e.Response), tui.SecretFrom: "", tui.Secret: "",
	}
	return settings
}

// Check says what is wrong with a draft.
func (w *webhookEditor) Check(d *tui.Draft) []meshhook.Problem {
	w.mu.Lock()
	defer w.mu.Unlock()
	problems, _ := w.check(d, false)
	return problems
}

// check sets the flags as a draft says, and says what is wrong with it; files are read
// only when it is to be stored.
func (w *webhookEditor) check(d *tui.Draft, files bool) (problems []meshhook.Problem, verifier *signature.Verifier) {
	w.o = webhookFlags{verification: meshhook.Verification{Claims: map[string]string{}}}
	problems = append(w.flags.set(d), w.readFiles(d, files)...)
	if d.Now["path"] == "" {
		problems = append(problems, meshhook.Problem{Path: "path", Message: "a webhook needs a path, like github or shop/orders"})
	}
	if d.Now["workflow"] == "" {
		problems = append(problems, meshhook.Problem{Path: "workflow", Message: "a webhook needs a workflow; make one with 'meshhook workflow apply'"})
	}
	guilty, verifier := w.blame(d)
	problems = append(problems, guilty...)
	if verifier != nil && d.Now[tui.SecretFrom] == tui.SecretTyped {
		if _, err := typedSecret(d, verifier.CheckSecret); err != nil {
			problems = append(problems, meshhook.Problem{Path: tui.Secret, Message: err.Error()})
		}
	}
	return problems, verifier
}

// readFiles reads what a command takes as files.
func (w *webhookEditor) readFiles(d *tui.Draft, files bool) (problems []meshhook.Problem) {
	for _, name := range d.Changed() {
		if !slices.Contains(w.flags.files, name) || !files && isFile(d.Now[name]) {
			continue
		}
		from, text, err := w.flags.fileText("the "+name, d.Now[name])
		switch {
		case err != nil || len(text) == 0:
		case name == "schema":
			w.o.files.schema = text
		default:
			w.o.files.response, err = parseResponse(from, text)
		}
		if err != nil {
			problems = append(problems, meshhook.Problem{Path: name, Message: err.Error()})
			continue
		}
		w.flags.a.flags.Lookup(name).Changed = true
	}
	return problems
}

// blame finds the settings without which a webhook would be right, one after another: it
// is checked as a whole, and says one thing at a time. The flags of those are not set any
// more then.
func (w *webhookEditor) blame(d *tui.Draft) (problems []meshhook.Problem, verifier *signature.Verifier) {
	try := func() (*signature.Verifier, error) {
		e, ok := d.Base.(meshhook.Endpoint)
		if !ok || e.Path == "" {
			e.Path = "new" // whether there is one is asked elsewhere
		}
		e.Methods = slices.Clone(e.Methods)
		if a := w.flags.a; d.Now["path"] == "" {
			a.flags.Lookup("path").Changed = false
		}
		return w.o.changed(w.flags.a, w.s, &e)
	}
next:
	for {
		verifier, err := try()
		if err == nil {
			return problems, verifier
		}
		names := d.Changed()
		slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(b, a) }) // what belongs to a scheme before it
		for _, name := range names {
			flag := w.flags.a.flags.Lookup(name)
			if flag == nil || !flag.Changed {
				continue
			}
			flag.Changed = false
			if _, other := try(); other == nil || other.Error() != err.Error() {
				problems = append(problems, meshhook.Problem{Path: name, Message: err.Error()})
				continue next
			}
			flag.Changed = true
		}
		return append(problems, meshhook.Problem{Message: err.Error()}), nil
	}
}

// Store stores a draft.
func (w *webhookEditor) Store(ctx context.Context, d *tui.Draft) (made tui.Made, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	problems, verifier := w.check(d, true)
	if err := refused(problems); err != nil {
		return made, err
	}
	a, notes := w.flags.listening()
	var view webhookView
	if d.ID == nil {
		view, err = w.create(ctx, a, d, verifier)
	} else {
		view, err = w.update(ctx, a, d)
	}
	if err != nil {
		return made, placed(err, map[meshhook.Code]string{meshhook.CodeConflict: "path", meshhook.CodeNotFound: "workflow"})
	}
	made = tui.Made{ID: view.ID, URL: view.URL, Secret: view.Secret, Curl: view.Curl, Notes: notesOf(notes)}
	made.Text = "webhook " + view.Path + " is " + map[bool]string{true: "created", false: "changed"}[d.ID == nil]
	return made, nil
}

func (w *webhookEditor) create(ctx context.Context, a *app, d *tui.Draft, verifier *signature.Verifier) (view webhookView, err error) {
	e := newWebhook(w.s.config)
	e.Enabled = d.Now["enabled"] == yesNo(true)
	if _, err = w.o.changed(a, w.s, &e); err != nil {
		return view, err
	}
	secret, generated, err := w.secret(d, verifier)
	if err != nil {
		return view, err
	}
	if err := a.assignWorkflow(ctx, w.s, &e, d.Now["workflow"], nil); err != nil {
		return view, err
	}
	return a.makeWebhook(ctx, w.s, e, verifier, secret, generated)
}

// secret is the one that a form says, or a new one; zero for none.
func (w *webhookEditor) secret(d *tui.Draft, verifier *signature.Verifier) (secret meshhook.Secret, generated bool, err error) {
	switch {
	case d.Now[tui.SecretFrom] == tui.SecretTyped:
		secret, err = typedSecret(d, verifier.CheckSecret)
		return secret, false, err
	case d.Now[tui.SecretFrom] == tui.SecretGenerated && verifier.SecretSource() == signature.SecretMadeHere:
		return verifier.GenerateSecret(), true, nil
	}
	return secret, false, nil
}

// update changes a webhook, and then its secret, if that is to be another one. The old
// ones verify on for a while, but those of another scheme.
func (w *webhookEditor) update(ctx context.Context, a *app, d *tui.Draft) (view webhookView, err error) {
	changed, err := w.o.change(ctx, a, w.s, d.ID.String(), nil, func(e *meshhook.Endpoint) {
		if d.Now["enabled"] != d.Was["enabled"] {
			e.Enabled = d.Now["enabled"] == yesNo(true)
		}
	})
	if err != nil {
		return view, err
	}
	view = changed.view
	secret, generated, err := w.secret(d, changed.verifier)
	if err != nil {
		return view, err
	}
	if secret.IsZero() {
		a.warnOfSecret(changed)
		return view, nil
	}
	grace := meshhook.DefaultGrace
	if view.Verification.Scheme != changed.before {
		grace = 0
	}
	if err := w.s.project.RotateEndpointSecret(ctx, view.ID.String(), secret, grace); err != nil {
		return view, meshhook.Errorf(meshhook.CodeInternal, "the webhook is changed, but its secret is not: %w", err)
	}
	if generated {
		view.Secret = secret.Reveal()
	}
	view.Curl, err = curlLine(changed.verifier, view.Endpoint, daemon.WebhookURL(w.s.config, view.Path), secret, generated)
	return view, err
}

// webhookChoices are what the settings of a webhook can be, but for its workflow.
func webhookChoices(e meshhook.Endpoint, stored bool) map[string][]tui.Choice {
	yes := []tui.Choice{{Value: "yes"}, {Value: "no"}}
	choices := map[string][]tui.Choice{
		"enabled": yes, tui.SecretFrom: secretWays(),
		"method":               words([]string{"POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"}),
		"confirm-subscription": {{Text: "no"}, {Value: "true", Text: "yes"}},
	}
	for name, set := range map[string]string{
		"verify-encoding": e.Verification.Encoding, "verify-secret-encoding": e.Verification.SecretEncoding,
		"verify-timestamp-format": e.Verification.TimestampFormat,
	} {
		choices[name] = words(choiceWords[name])
		if set == "" {
			choices[name] = orNone("the scheme's own", choices[name])
		}
	}
	for _, s := range signature.Schemes() {
		c := tui.Choice{Value: s.Name, Hint: s.SecretHint}
		for _, member := range s.Settings() {
			name, ok := verificationFlags[member]
			if !ok {
				name = "verify-" + strings.ReplaceAll(member, "_", "-")
			}
			c.Takes = append(c.Takes, name)
		}
		c.Secrets = waysOf(s, e, stored)
		choices["verify"] = append(choices["verify"], c)
	}
	return choices
}

// waysOf are the ways to a secret that a scheme has, the usual one first.
func waysOf(s signature.Scheme, e meshhook.Endpoint, stored bool) (ways []string) {
	verifier, err := signature.New(meshhook.Verification{Scheme: s.Name})
	source := signature.SecretMadeHere
	if err == nil {
		source = verifier.SecretSource()
	}
	switch {
	case source == signature.SecretNowhere:
		return nil
	case source == signature.SecretLater:
		ways = []string{tui.SecretLater, tui.SecretTyped}
	case source == signature.SecretFromSender || provider(s.Name):
		ways = []string{tui.SecretTyped}
	default:
		ways = []string{tui.SecretGenerated, tui.SecretTyped}
	}
	switch {
	case !stored || !e.HasSecret:
		return ways
	case s.Name == e.Verification.Scheme:
		return append([]string{tui.SecretKept}, ways...)
	default:
		return append(ways, tui.SecretKept)
	}
}

// mostLines is how many lines of JSON are laid out for a form; more stand in one.
const mostLines = 90

// pretty lays JSON out.
func pretty(raw json.RawMessage) string {
	if text := meshhook.IndentJSON(raw); strings.Count(text, "\n") < mostLines {
		return text
	}
	return compact(raw)
}

// responseSetting is an answer as --response takes it; "" for the standard one.
func responseSetting(r *meshhook.Response) string {
	if r == nil {
		return ""
	}
	text, err := json.Marshal(r)
	if err != nil {
		return "" // not reached: it was read from JSON
	}
	return pretty(text)
}
