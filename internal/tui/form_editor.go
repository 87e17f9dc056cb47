package tui

import (
	"context"
	"maps"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Editor makes and changes webhooks, or alerts, as the commands do: with their checks,
// and in their words. Settings have the names of the commands' flags, and their texts
// are what those take; of several there is one a line.
type Editor interface {
	// Draft returns what a form begins with: that of a new thing for a nil id.
	Draft(ctx context.Context, id *meshhook.ID) (Draft, error)
	// Check says what is wrong with a draft, as far as that is seen without the database
	// and without files. The Path of a problem is a setting; "" where it is none of one.
	// It is called after every key.
	Check(d *Draft) []meshhook.Problem
	// Store stores what was changed. Where settings are at fault, the error is a
	// *meshhook.Error whose Details are problems as those of Check. What was refused
	// has changed nothing.
	Store(ctx context.Context, d *Draft) (Made, error)
}

// Draft is a webhook or an alert while it is being edited.
type Draft struct {
	// ID is what is changed; nil for a new one.
	ID *meshhook.ID
	// Name is how a person calls it; "" for a new one.
	Name string
	// Was holds the settings as they are stored, and Now as they are on the form.
	Was, Now map[string]string
	// Sealed are the settings whose values may be credentials, and what may be shown of
	// them. They are "" in Was. Left empty they stay; Nothing takes away what can be.
	Sealed map[string]string
	// Choices are what some settings can be.
	Choices map[string][]Choice
	// Base is what the editor keeps with the draft.
	Base any
}

// Choice is one of the values of a setting.
type Choice struct {
	Value string
	// Text is what is shown for it; the value when "".
	Text string
	// Hint says more about it.
	Hint string
	// Takes names the settings that mean something with it.
	Takes []string
	// Secrets are the ways to a secret that it has: of SecretKept, SecretGenerated,
	// SecretTyped and SecretLater, the usual one first.
	Secrets []string
}

// The values of the setting SecretFrom. What is typed is the setting Secret.
const (
	SecretFrom      = "secret-from"
	Secret          = "secret"
	SecretKept      = "kept"
	SecretGenerated = "generated"
	SecretTyped     = "typed"
	SecretLater     = "later"
)

// Nothing is what is typed to take a sealed setting away.
const Nothing = "-"

// Changed names the settings that are not as they are stored, in their order.
func (d *Draft) Changed() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(d.Now)) {
		if d.Now[name] != d.Was[name] {
			names = append(names, name)
		}
	}
	return names
}

// choice is the one that a setting has.
func (d *Draft) choice(name string) (c Choice) {
	for _, c := range d.Choices[name] {
		if c.Value == d.Now[name] {
			return c
		}
	}
	return c
}

// Made is what was stored.
type Made struct {
	ID meshhook.ID
	// Text says what was done in a sentence.
	Text string
	// URL is where a webhook takes requests; "" for an alert.
	URL string
	// Secret is there when it was generated, and is shown this once; PublicKey is what
	// the recipient of an alert checks signatures by, where there is one.
	Secret, PublicKey string
	// Curl is a command that sends a signed sample; "" for none.
	Curl string
	// Notes are what its owner has to know.
	Notes []string
}

// box tells all that fits into no line; nil where there is none.
func (m *Made) box(s styles) *box {
	text := ""
	add := func(name, value string) {
		if value != "" {
			text += name + "\n" + value + "\n\n"
		}
	}
	add("secret, shown this once", m.Secret)
	add("public key", m.PublicKey)
	if m.Secret != "" || m.Curl != "" {
		add("url", m.URL)
	}
	add("try it", m.Curl)
	for _, note := range m.Notes {
		text += note + "\n"
	}
	if text == "" {
		return nil
	}
	return &box{styles: s, title: "✓ " + m.Text, text: text, copy: m.Secret}
}

// NewForms returns the forms of webhooks and alerts that edit by these.
func NewForms(webhooks, alerts Editor) Forms { return forms{webhooks, alerts} }

type forms struct{ webhooks, alerts Editor }

func (f forms) webhook(ctx context.Context, s styles, id *meshhook.ID) (overlay, tea.Cmd) {
	return newForm(ctx, s, "webhook", f.webhooks, webhookSteps(), id)
}

func (f forms) alert(ctx context.Context, s styles, id *meshhook.ID) (overlay, tea.Cmd) {
	return newForm(ctx, s, "alert", f.alerts, alertSteps(), id)
}
