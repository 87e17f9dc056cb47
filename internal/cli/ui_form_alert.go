package cli

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tui"
)

// alertEditor makes and changes alerts for forms, as 'alerts create' and 'alerts update'
// do.
type alertEditor struct {
	s     *session
	mu    sync.Mutex // over what follows: forms check while they store
	o     alertFlags
	flags *formFlags
}

func newAlertEditor(a *app, s *session) *alertEditor {
	e := &alertEditor{s: s}
	e.flags = newFormFlags(a, e.o.register)
	e.flags.lists = []string{"on", "header"}
	e.flags.files = []string{"payload"}
	e.flags.own = []string{tui.Secret} // which commands take in other ways
	return e
}

// Draft is what a form for an alert begins with.
func (e *alertEditor) Draft(ctx context.Context, id *meshhook.ID) (d tui.Draft, err error) {
	a := alert.WithDefaults(meshhook.Alert{ID: meshhook.NewID(), Enabled: true})
	if id != nil {
		if a, err = e.s.project.Alert(ctx, *id); err != nil {
			return d, err
		}
		masked := a.Masked()
		d.ID, d.Name, d.Sealed = id, a.Name, map[string]string{"url": masked.URL, "header": "", "payload": ""}
		for _, name := range slices.Sorted(maps.Keys(masked.Headers)) {
			d.Sealed["header"] = strings.TrimPrefix(d.Sealed["header"]+", "+name, ", ")
		}
	}
	d.Base = a
	if d.Choices, err = e.choices(ctx, a, id != nil); err != nil {
		return d, err
	}
	d.Was = alertSettings(a)
	for name := range d.Sealed {
		d.Was[name] = ""
	}
	d.Now = maps.Clone(d.Was)
	for _, s := range d.Choices["signing"] {
		if s.Value == string(a.Signing) && len(s.Secrets) > 0 {
			d.Was[tui.SecretFrom], d.Now[tui.SecretFrom] = s.Secrets[0], s.Secrets[0]
		}
	}
	return d, nil
}

// alertSettings are the settings of an alert, as flags take them.
func alertSettings(a meshhook.Alert) map[string]string {
	settings := map[string]string{
		"name": a.Name, "workflow": a.Workflow, "on": strings.ReplaceAll(conditionsText(a.On), ",", "\n"), "when": a.When, "description": a.Description,
		"preset": a.Preset, "url": "", "header": "", "payload": "", "signing": string(a.Signing), tui.SecretFrom: "", tui.Secret: "",
		"delay-threshold": someTime(a.DelayThreshold), "expect": "", "within": "",
		"throttle": someTime(a.Throttle), "throttle-key": a.ThrottleKey,
		"quiet-hours": (&quietFlag{a.Quiet}).String(), "schedule": (&scheduleFlag{a.Schedule}).String(), "timeout": someTime(a.Timeout),
	}
	if a.Expect != nil {
		settings["expect"], settings["within"] = a.Expect.Webhook, someTime(a.Expect.Within)
	}
	return settings
}

// choices are what the settings of an alert can be.
func (e *alertEditor) choices(ctx context.Context, a meshhook.Alert, stored bool) (map[string][]tui.Choice, error) {
	flows, err := e.s.project.Workflows(ctx)
	if err != nil {
		return nil, err
	}
	hooks, err := e.s.project.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	choices := map[string][]tui.Choice{
		"workflow": {{Text: "(all)", Hint: "The runs of every workflow are told of."}}, "expect": {{Text: "(none)"}},
		"on": words(meshhook.Conditions()), "preset": words(alert.Presets()), tui.SecretFrom: secretWays(),
	}
	for _, f := range flows {
		choices["workflow"] = append(choices["workflow"], tui.Choice{Value: f.Name, Hint: f.Description})
	}
	for _, h := range hooks {
		choices["expect"] = append(choices["expect"], tui.Choice{Value: h.Path, Hint: h.Description})
	}
	hints := map[meshhook.Signing]string{
		meshhook.SigningV1: "Standard Webhooks, HMAC-SHA256.", meshhook.SigningV1a: "Standard Webhooks, Ed25519.",
		meshhook.SigningHMAC: "X-Signature: sha256= and the hex HMAC-SHA256 of the body.", meshhook.SigningNone: "Nobody can tell who sent it.",
	}
	for _, signing := range meshhook.Signings() {
		c := tui.Choice{Value: string(signing), Hint: hints[signing]}
		if signing != meshhook.SigningNone {
			c.Secrets = []string{tui.SecretGenerated, tui.SecretTyped}
			if stored && signing == a.Signing {
				c.Secrets = append([]string{tui.SecretKept}, c.Secrets...)
			}
		}
		choices["signing"] = append(choices["signing"], c)
	}
	return choices, nil
}

// Check says what is wrong with a draft.
func (e *alertEditor) Check(d *tui.Draft) []meshhook.Problem {
	e.mu.Lock()
	defer e.mu.Unlock()
	problems := e.check(d, false)
	return problems
}

// check sets the flags as a draft says, and says what is wrong with it; a file is read
// only when it is to be stored.
func (e *alertEditor) check(d *tui.Draft, files bool) []meshhook.Problem {
	e.o = alertFlags{}
	problems := append(e.flags.set(d), e.readPayload(d, files)...)
	flags := e.flags.a.flags
	e.o.all = flags.Changed("workflow") && e.o.workflow == ""
	to, _ := d.Base.(meshhook.Alert)
	to.WorkflowID, to.Workflow = nil, d.Now["workflow"]
	problems = append(problems, e.apply(d, &to)...)
	to = alert.WithDefaults(to)
	_, err := checkAlert(to)
	problems = append(problems, settingProblems(err, problems)...)
	if d.Now[tui.SecretFrom] == tui.SecretTyped && to.Signing != meshhook.SigningNone {
		if _, err := typedSecret(d, func(s meshhook.Secret) error { return alert.CheckSecret(to.Signing, s) }); err != nil {
			problems = append(problems, meshhook.Problem{Path: tui.Secret, Message: err.Error()})
		}
	}
	return problems
}

// apply puts the flags over an alert, and says which of them it refuses. They are those
// that flags cannot refuse by themselves; what is refused stays as it was.
func (e *alertEditor) apply(d *tui.Draft, to *meshhook.Alert) (problems []meshhook.Problem) {
	a := e.flags.a
	refuse := func(place string, err error, flags ...string) {
		if err == nil {
			return
		}
		problems = append(problems, meshhook.Problem{Path: place, Message: err.Error()})
		for _, name := range flags {
			a.flags.Lookup(name).Changed = false
		}
	}
	refuse("name", e.o.checkName(a), "name")
	if _, err := e.o.headerMap(); err != nil {
		refuse("header", err, "header")
		e.o.headers = nil
	}
	if err := e.o.apply(a, to); err != nil {
		refuse(map[bool]string{true: "within", false: "expect"}[d.Now["within"] == ""], err, "expect", "within")
		refuse("", e.o.apply(a, to))
	}
	return problems
}

// settingProblems are the problems of an alert at the settings that they come from, but
// for those of settings that could not be read: they were not applied.
func settingProblems(err error, read []meshhook.Problem) (problems []meshhook.Problem) {
	invalid, ok := errors.AsType[*alertError](err)
	if !ok {
		if err != nil {
			problems = []meshhook.Problem{{Message: err.Error()}}
		}
		return problems
	}
	for _, p := range invalid.err.Details {
		name, rest, inside := strings.Cut(strings.TrimPrefix(flagOf(p.Path), "--"), " ")
		if slices.ContainsFunc(read, func(r meshhook.Problem) bool { return r.Path == name || r.Path == "within" && name == "expect" }) {
			continue
		}
		if inside {
			p.Message = rest + ": " + p.Message
		}
		problems = append(problems, meshhook.Problem{Path: name, Message: p.Message})
	}
	return problems
}

// readPayload reads what a command takes as a file.
func (e *alertEditor) readPayload(d *tui.Draft, files bool) (problems []meshhook.Problem) {
	text := d.Now["payload"]
	if text == d.Was["payload"] || !files && isFile(text) {
		return nil
	}
	e.flags.a.flags.Lookup("payload").Changed = true
	if text == "" || text == tui.Nothing {
		return nil
	}
	from, read, err := e.flags.fileText("the payload", text)
	if err == nil {
		e.o.files.payload, err = parsePayload(from, read)
	}
	if err != nil {
		problems = append(problems, meshhook.Problem{Path: "payload", Message: err.Error()})
	}
	return problems
}

// Store stores a draft.
func (e *alertEditor) Store(ctx context.Context, d *tui.Draft) (made tui.Made, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := refused(e.check(d, true)); err != nil {
		return made, err
	}
	a, notes := e.flags.listening()
	var view alertView
	if d.ID == nil {
		view, err = e.create(ctx, a, d)
	} else {
		view, err = e.o.change(ctx, a, e.s, *d.ID, func(signing meshhook.Signing, other bool) (none meshhook.Secret, generated bool, err error) {
			if !other && d.Now[tui.SecretFrom] == tui.SecretKept {
				return none, false, nil
			}
			return e.secret(d, signing)
		})
	}
	if err != nil {
		return made, placed(err, map[meshhook.Code]string{meshhook.CodeConflict: "name", meshhook.CodeNotFound: "workflow"})
	}
	made = tui.Made{ID: view.ID, Secret: view.Secret, PublicKey: view.PublicKey, Notes: notesOf(notes)}
	made.Text = "the alert is " + map[bool]string{true: "created", false: "changed"}[d.ID == nil]
	return made, nil
}

func (e *alertEditor) create(ctx context.Context, a *app, d *tui.Draft) (view alertView, err error) {
	made := meshhook.Alert{ID: meshhook.NewID(), Enabled: true}
	if err := e.o.apply(a, &made); err != nil {
		return view, err
	}
	made = alert.WithDefaults(made)
	if err := e.o.assign(ctx, e.s, &made); err != nil {
		return view, err
	}
	program, err := checkAlert(made)
	if err != nil {
		return view, err
	}
	secret, generated, err := e.secret(d, made.Signing)
	if err != nil {
		return view, err
	}
	if made, err = e.s.project.CreateAlert(ctx, made, secret); err != nil {
		return view, err
	}
	return a.madeAlert(ctx, e.s, made, program, secret, generated)
}

// secret is the one that a form says, or a new one; zero where nothing is signed.
func (e *alertEditor) secret(d *tui.Draft, signing meshhook.Signing) (secret meshhook.Secret, generated bool, err error) {
	if d.Now[tui.SecretFrom] == tui.SecretTyped && signing != meshhook.SigningNone {
		secret, err = typedSecret(d, func(s meshhook.Secret) error { return alert.CheckSecret(signing, s) })
		return secret, false, err
	}
	secret = alert.NewSecret(signing)
	return secret, !secret.IsZero(), nil
}
