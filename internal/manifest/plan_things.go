package manifest

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

func (p *planner) webhooks() {
	described := map[string]bool{}
	for _, w := range p.Webhooks {
		described[w.Endpoint.Path] = true
		v, _ := w.root.Get("workflow")
		p.knows(KindWorkflow, w.Endpoint.Workflow, v)
		i := slices.IndexFunc(p.have.Webhooks, func(e meshhook.Endpoint) bool { return e.Path == w.Endpoint.Path })
		if i < 0 {
			c := Change{Action: Create, Kind: KindWebhook, Name: w.Endpoint.Path, Webhook: w}
			p.webhookSecret(w, &c, meshhook.Secret{})
			p.add(c)
			continue
		}
		was := p.have.Webhooks[i]
		c := Change{Action: Update, Kind: KindWebhook, Name: was.Path, Webhook: w, WasWebhook: &was}
		c.Fields = compare(showWebhook(was, p.options.MaxBody), showWebhook(w.Endpoint, p.options.MaxBody), func(m memberOf) memberOf { return m })
		p.webhookSecret(w, &c, p.have.WebhookSecrets[was.ID])
		p.addIfChanged(c)
	}
	for _, e := range p.have.Webhooks {
		if !described[e.Path] {
			p.remove(KindWebhook, e.Path)
		}
	}
}

func (p *planner) addIfChanged(c Change) {
	if len(c.Fields) == 0 {
		p.plan.Unchanged++
		return
	}
	p.add(c)
}

// webhookSecret says what secret a webhook gets, beside the one that it has.
func (p *planner) webhookSecret(w *Webhook, c *Change, has meshhook.Secret) {
	source := w.Verifier.SecretSource()
	if w.Secret != nil {
		if source == signature.SecretNowhere {
			w.Secret.at.Problem("the scheme %s takes no secret; leave it out", w.Endpoint.Verification.Scheme)
			return
		}
		p.given(w.Secret, c, has, "verifies", w.Grace, w.Verifier.CheckSecret)
		return
	}
	hasOne := !has.IsZero() || c.WasWebhook != nil && c.WasWebhook.HasSecret // which may be unreadable
	switch {
	case hasOne || source == signature.SecretNowhere || source == signature.SecretLater:
	case source == signature.SecretMadeHere:
		c.Given, c.Generated = w.Verifier.GenerateSecret(), true
	default:
		w.at.Problem("a new webhook of the scheme %s needs the secret that its sender has (%s); %s",
			w.Endpoint.Verification.Scheme, w.Verifier.Scheme().SecretHint, "add secret: "+howToRefer)
	}
	if c.Generated && c.Action == Update {
		c.Fields = append(c.Fields, FieldChange{Key: "secret", NewText: "secret: one that is made now\n", New: jsonText(meshhook.Mask)})
	}
}

// given takes the secret that a reference names, where it is another one.
func (p *planner) given(ref *Reference, c *Change, has meshhook.Secret, does string, grace meshhook.Duration, check func(meshhook.Secret) error) {
	secret, err := p.read(ref)
	if err == nil {
		err = check(secret)
	}
	if err != nil {
		ref.at.Problem("%v", err)
		return
	}
	if secret.Reveal() == has.Reveal() {
		return
	}
	c.Given = secret
	if c.Action == Create {
		return
	}
	change := FieldChange{Key: "secret", New: jsonText(meshhook.Mask), NewText: "secret: that of the " + ref.String() + "\n"}
	if !has.IsZero() {
		change.Old, change.OldText = jsonText(meshhook.Mask), "secret: the newest, which "+does+" beside it for "+grace.String()+"\n"
	}
	c.Fields = append(c.Fields, change)
}

func jsonText(s string) json.RawMessage {
	source, _ := json.Marshal(s)
	return source
}

func (p *planner) read(ref *Reference) (meshhook.Secret, error) {
	if ref.Vault == "" {
		return p.secrets(ref)
	}
	secret, there := p.have.Vault[ref.Vault]
	if !there {
		return secret, meshhook.Errorf(meshhook.CodeInvalid, "the vault has no secret %s; make it with: meshhook secret set %s", ref.Vault, ref.Vault)
	}
	return secret, nil
}

func (p *planner) alerts() {
	described := map[string]bool{}
	for _, a := range p.Alerts {
		described[a.Alert.Name] = true
		if v, about := a.root.Get("workflow"); about {
			p.knows(KindWorkflow, a.Alert.Workflow, v)
		}
		if a.Alert.Expect != nil {
			p.knows(KindWebhook, a.Alert.Expect.Webhook, lookUp(a.root, "/expect/webhook"))
		}
		i := slices.IndexFunc(p.have.Alerts, func(h meshhook.Alert) bool { return h.Name == a.Alert.Name })
		if i < 0 {
			p.newAlert(a)
			continue
		}
		p.changeAlert(a, p.have.Alerts[i])
	}
	for _, a := range p.have.Alerts {
		if !described[a.Name] {
			p.remove(KindAlert, a.Name)
		}
	}
}

func (p *planner) newAlert(a *Alert) {
	for _, v := range a.kept {
		v.Problem("the alert %s is new and has nothing to keep; write the value, best as {{ .secrets.NAME }}", a.Alert.Name)
	}
	c := Change{Action: Create, Kind: KindAlert, Name: a.Alert.Name, Alert: a}
	p.alertSecret(a, &c, meshhook.Secret{})
	p.add(c)
}

func (p *planner) changeAlert(a *Alert, was meshhook.Alert) {
	wanted := a.with(was)
	c := Change{Action: Update, Kind: KindAlert, Name: was.Name, Alert: wanted, WasAlert: &was}
	c.Fields = compare(showAlert(was), showAlert(wanted.Alert), maskMember)
	p.alertSecret(wanted, &c, p.have.AlertSecrets[was.ID])
	p.addIfChanged(c)
}

// with is the document with what it keeps of the alert that is there.
func (a *Alert) with(was meshhook.Alert) *Alert {
	if len(a.kept) == 0 {
		return a
	}
	wanted := *a
	for part, v := range a.kept {
		switch name, isHeader := strings.CutPrefix(part, keptHeader); {
		case part == keptURL:
			wanted.Alert.URL = was.URL
		case part == keptPayload:
			wanted.Alert.Payload = was.Payload
		case isHeader:
			value, there := headerOf(was, name)
			if !there {
				v.Problem("the alert %s has no header %s to keep; write the value", was.Name, name)
			}
			headers := map[string]string{}
			for other, text := range wanted.Alert.Headers {
				headers[other] = text
			}
			headers[name] = value
			wanted.Alert.Headers = headers
		}
	}
	if _, err := alert.Compile(wanted.Alert); err != nil {
		wanted.note(err)
	}
	return &wanted
}

func headerOf(a meshhook.Alert, name string) (value string, there bool) {
	for other, value := range a.Headers {
		if strings.EqualFold(other, name) {
			return value, true
		}
	}
	return "", false
}

// maskMember hides of an alert's document what may be a credential, as it is hidden
// everywhere.
func maskMember(m memberOf) memberOf {
	switch value := m.value.(type) {
	case string:
		if m.key == "url" {
			m.value = meshhook.Alert{URL: value}.Masked().URL
			return m
		}
	case map[string]any:
		if m.key == "headers" {
			masked := map[string]any{}
			for name := range value {
				masked[name] = meshhook.Mask
			}
			m.value = masked
			return m
		}
	}
	if m.key == "payload" {
		m.value = meshhook.Mask
	}
	return m
}

// alertSecret says what secret an alert gets, beside the one that it has.
func (p *planner) alertSecret(a *Alert, c *Change, has meshhook.Secret) {
	signing := a.Alert.Signing
	another := c.WasAlert != nil && c.WasAlert.Signing != signing
	if another {
		has = meshhook.Secret{} // it is none of this way of signing, and goes
	}
	switch {
	case a.Secret != nil && signing == meshhook.SigningNone:
		a.Secret.at.Problem("messages that are not signed take no secret; leave it out, or change signing")
	case a.Secret != nil:
		p.given(a.Secret, c, has, "signs", a.Grace, func(s meshhook.Secret) error { return alert.CheckSecret(signing, s) })
	case c.Action == Create || another:
		c.Given = alert.NewSecret(signing)
		c.Generated = !c.Given.IsZero()
	}
}
