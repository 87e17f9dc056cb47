package tui

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// desk is an Editor that keeps what it is given. Values with BAD in them are wrong.
type desk struct {
	draft  Draft
	made   Made
	err    error
	stored []Draft
}

func (d *desk) Draft(_ context.Context, id *meshhook.ID) (Draft, error) {
	draft := d.draft
	if draft.ID = id; id == nil {
		draft.Name, draft.Sealed = "", nil
	}
	draft.Now = maps.Clone(draft.Was)
	return draft, d.err
}

func (d *desk) Check(draft *Draft) (problems []meshhook.Problem) {
	for name, value := range draft.Now {
		if strings.Contains(value, "BAD") {
			problems = append(problems, meshhook.Problem{Path: name, Message: fmt.Sprintf("%q cannot be; write it like 100/minute, and not otherwise, as far as that can be helped", value)})
		}
	}
	if on, ok := draft.Now["path"]; ok && on == "" {
		problems = append(problems, meshhook.Problem{Path: "path", Message: "a webhook needs a path"})
	}
	return problems
}

func (d *desk) Store(_ context.Context, draft *Draft) (Made, error) {
	d.stored = append(d.stored, *draft)
	return d.made, d.err
}

func choicesNamed(names ...string) (list []Choice) {
	for _, n := range names {
		list = append(list, Choice{Value: n})
	}
	return list
}

func webhookDesk() *desk {
	made := []string{SecretGenerated, SecretTyped}
	return &desk{
		draft: Draft{
			Name: "github",
			Was: map[string]string{
				"path": "github", "workflow": "orders", "enabled": "yes", "verify": "hmac", "max-body": "1MiB", "method": "POST",
				"description": "from \x1b[2J\u202e far", "schema": "{\n  \"type\": \"object\"\n}", SecretFrom: SecretKept, "verify-header": "X-Mine",
			},
			Choices: map[string][]Choice{
				"workflow": choicesNamed("github-to-chat", "orders", "注文", "evil\x1b[31m", "e", "f", "g", "h", "i", "j", "k", "last"), "enabled": choicesNamed("yes", "no"),
				"verify": {
					{Value: "github", Hint: "the secret of the webhook's settings", Secrets: []string{SecretTyped, SecretKept}, Takes: []string{"verify-header"}},
					{Value: "hmac", Hint: "any text that both sides know", Secrets: append([]string{SecretKept}, made...), Takes: []string{"verify-header", "verify-encoding", "tolerance"}},
					{Value: "none"},
				},
				SecretFrom:        {{Value: SecretKept, Text: "as it is"}, {Value: SecretGenerated, Text: "generated"}, {Value: SecretTyped, Text: "typed in"}},
				"method":          choicesNamed("POST", "PUT", "GET"),
				"verify-encoding": {{Text: "the scheme's own"}, {Value: "hex"}, {Value: "base64"}},
			},
		},
		made: Made{ID: id(0x21), Text: "webhook github is stored"},
	}
}

func alertDesk() *desk {
	ways := []string{SecretKept, SecretGenerated, SecretTyped}
	return &desk{
		draft: Draft{
			Name:   "orders-failed",
			Was:    map[string]string{"name": "orders-failed", "workflow": "orders", "on": "failed", "preset": "generic", "signing": "v1", "timeout": "10s", SecretFrom: SecretKept, "url": "", "header": "", "payload": ""},
			Sealed: map[string]string{"url": "https://chat.example/…", "header": "X-Key", "payload": ""},
			Choices: map[string][]Choice{
				"workflow": {{Text: "(all)", Hint: "The runs of every workflow are told of."}, {Value: "orders"}}, "preset": choicesNamed("generic", "slack"),
				"on": choicesNamed("failed", "delayed", "absent"), "expect": {{Text: "(none)"}, {Value: "stripe"}},
				"signing":  {{Value: "v1", Secrets: ways}, {Value: "hmac", Secrets: ways[1:]}, {Value: "none"}},
				SecretFrom: {{Value: SecretKept, Text: "as it is"}, {Value: SecretGenerated, Text: "generated"}, {Value: SecretTyped, Text: "typed in"}},
			},
		},
		made: Made{ID: id(0x41), Text: "the alert is stored"},
	}
}

func withForms(t *testing.T, width, height int) (s *screen, webhooks, alerts *desk) {
	s = withHouse(t, width, height)
	webhooks, alerts = webhookDesk(), alertDesk()
	s.opts.Forms = NewForms(webhooks, alerts)
	return s, webhooks, alerts
}

// fill presses keys; what begins with = is typed.
func (s *screen) fill(script ...string) {
	s.t.Helper()
	for _, part := range script {
		if text, ok := strings.CutPrefix(part, "="); ok {
			s.write(text)
			continue
		}
		s.press(part)
	}
}

// Every step of both forms, on a small screen and on a large one.
func TestForm_Golden(t *testing.T) {
	t.Parallel()
	for name, script := range map[string][]string{
		"webhook where":         {"2 e"},
		"webhook new":           {"2 n ctrl+u tab"},
		"webhook workflow":      {"2 e tab"},
		"webhook workflow find": {"2 e tab / l a s"},
		"webhook verification":  {"2 e pgdown"},
		"webhook secret":        {"2 e pgdown tab down down tab", "=shh"},
		"webhook encoding":      {"2 e pgdown tab tab tab tab"},
		"webhook limits":        {"2 e pgdown pgdown"},
		"webhook wrong":         {"2 e pgdown pgdown", "=BAD"},
		"webhook methods":       {"2 e pgdown pgdown tab down space"},
		"webhook judging":       {"2 e pgdown pgdown pgdown"},
		"webhook schema":        {"2 e pgdown pgdown pgdown tab tab tab", "=BAD"},
		"webhook answer":        {"2 e pgdown pgdown pgdown pgdown", "={", "enter", "=}"},
		"webhook summary":       {"2 e tab tab down", "=x", "pgdown pgdown", "=10/s", "pgdown pgdown pgdown"},
		"alert whom":            {"6 e"},
		"alert on":              {"6 e tab tab down space"},
		"alert where":           {"6 e pgdown"},
		"alert url":             {"6 e pgdown tab"},
		"alert headers":         {"6 e pgdown tab tab"},
		"alert when":            {"6 e tab tab down space down space pgdown pgdown"},
		"alert summary":         {"6 e pgdown tab", "=https://other.example/", "tab", "=-", "pgdown pgdown"},
		"leave":                 {"2 e", "=x", "esc"},
	} {
		for _, size := range []struct{ width, height int }{{60, 15}, {100, 30}} {
			t.Run(fmt.Sprintf("%s/%dx%d", name, size.width, size.height), func(t *testing.T) {
				t.Parallel()
				s, _, _ := withForms(t, size.width, size.height)
				s.fill(script...)
				golden(t, s)
			})
		}
	}
}

// A new webhook is stored as it was typed, and opened; its secret is shown once.
func TestForm_Creates(t *testing.T) {
	t.Parallel()
	s, webhooks, _ := withForms(t, 80, 24)
	webhooks.draft.Was = map[string]string{"path": "", "workflow": "", "verify": "hmac", SecretFrom: SecretGenerated}
	webhooks.made.Secret, webhooks.made.URL, webhooks.made.Curl, webhooks.made.Notes = "s3cret", "http://localhost/hooks/a", "curl -X POST", []string{"a note"}
	s.fill("2 n enter")
	require.Contains(t, s.View(), "✗ a webhook needs a path")
	s.fill("=shop", "enter down enter", "=what for", "enter enter")
	require.Contains(t, s.View(), "2 of 6: Verification · New webhook")
	s.fill("pgdown pgdown pgdown pgdown")
	require.Contains(t, s.View(), "+ description   what for")
	require.Empty(t, webhooks.stored, "nothing is stored before it is asked for")
	s.fill("enter")
	require.Len(t, webhooks.stored, 1)
	require.Equal(t, []string{"description", "path", "workflow"}, webhooks.stored[0].Changed())
	require.Equal(t, "orders", webhooks.stored[0].Now["workflow"])
	for _, text := range []string{"✓ webhook github is stored", "s3cret", "http://localhost/hooks/a", "curl -X POST", "a note", "c copies it"} {
		require.Contains(t, s.View(), text)
	}
	s.fill("enter")
	require.Equal(t, []string{"webhook " + id(0x21).String()}, s.opened())
	require.NotContains(t, s.View(), "s3cret")
}

// What was not touched stays as it is, however it looks on a screen; what was typed and
// means nothing any more is not stored.
func TestForm_StoresWhatChanged(t *testing.T) {
	t.Parallel()
	s, webhooks, alerts := withForms(t, 80, 24)
	s.fill("2 e tab tab", "=!", "backspace", "pgdown pgdown pgdown pgdown pgdown enter")
	require.Contains(t, s.View(), `from \x1b[2J\u202e far`)
	require.Empty(t, webhooks.stored)
	require.Contains(t, s.View(), "✗ nothing was changed")
	s.fill("esc")
	require.Nil(t, s.overlay, "there is nothing to lose")

	s.fill("2 e pgdown up tab")
	require.Contains(t, s.View(), "› as it is")
	s.fill("pgup pgdown")
	s.fill("pgdown pgdown pgdown pgdown", "shift+tab shift+tab pgdown pgdown")
	require.Contains(t, s.View(), "scheme        github")
	s.fill("enter")
	require.Len(t, webhooks.stored, 1)
	require.Equal(t, []string{"verify", "verify-header"}, webhooks.stored[0].Changed(), "another scheme begins anew")
	require.Equal(t, " ✓ webhook github is stored", s.line(-1))

	s.fill("6 e tab tab down space pgdown pgdown", "=5m", "pgup pgup tab tab down space pgdown pgdown pgdown enter")
	require.Empty(t, alerts.stored, "what was typed for a condition that is gone is no change")
	require.Contains(t, s.View(), "nothing was changed")
}

// What the store refuses stands at its setting, and the form stays.
func TestForm_Refused(t *testing.T) {
	t.Parallel()
	s, webhooks, _ := withForms(t, 80, 24)
	s.fill("2 e", "=2", "pgdown pgdown pgdown pgdown pgdown")
	webhooks.err = &meshhook.Error{Code: meshhook.CodeConflict, Message: "taken", Details: []meshhook.Problem{{Path: "path", Message: "the path github2 is taken"}}}
	s.fill("enter")
	require.Contains(t, s.View(), "1 of 6: Where")
	require.Contains(t, s.View(), "✗ the path github2 is taken")
	s.fill("pgdown")
	require.Contains(t, s.View(), "1 of 6: Where", "it is to be mended first")
	webhooks.err = meshhook.Errorf(meshhook.CodeUnavailable, "the database is away")
	s.fill("=3", "pgdown pgdown pgdown pgdown pgdown enter")
	require.Contains(t, s.View(), "✗ the database is away")
	webhooks.err = &meshhook.Error{Code: meshhook.CodeInvalid, Message: "all of it", Details: []meshhook.Problem{{Message: "all of it"}}}
	s.fill("enter")
	require.Contains(t, s.View(), "✗ all of it")
	require.Len(t, webhooks.stored, 3)
	s.fill("enter", "up down pgup")
	require.Len(t, webhooks.stored, 3, "what was refused is not asked again as it is")
	s.fill("esc n")
	require.NotNil(t, s.overlay)
	s.fill("esc y")
	require.Nil(t, s.overlay)
}

// A step is not left while something is wrong in it, but backwards.
func TestForm_Wrong(t *testing.T) {
	t.Parallel()
	s, _, _ := withForms(t, 80, 24)
	s.fill("2 e pgdown pgdown", "=BAD", "tab")
	require.Contains(t, s.View(), "3 of 6: Limits")
	s.fill("shift+tab")
	require.Contains(t, s.View(), "2 of 6: Verification")
	s.fill("pgdown down pgdown")
	require.Contains(t, s.View(), "┃ rate limit", "the cursor is where it is wrong")
	s.fill("backspace backspace backspace pgdown")
	require.Contains(t, s.View(), "4 of 6: Judging")

	s.fill("shift+tab")
	require.Contains(t, s.View(), "3 of 6: Limits")
	require.Contains(t, s.View(), "┃ max body", "back goes to the end")
	s.fill("pgup pgup pgup up")
	require.Contains(t, s.View(), "1 of 6: Where")
	s.fill("tab up down", "shift+tab")
	require.Contains(t, s.View(), "┃ path")

	// What is wrong in a field that means nothing any more is shown nevertheless.
	s, _, alerts := withForms(t, 80, 24)
	alerts.draft.Was["delay-threshold"] = "30s"
	s.fill("6 e pgdown pgdown")
	require.Contains(t, s.View(), "delayed after")
}

// A form that cannot be read says why; one that takes long can be left.
func TestForm_Loading(t *testing.T) {
	t.Parallel()
	s, webhooks, _ := withForms(t, 80, 24)
	webhooks.err = errReset
	s.fill("2 n")
	require.Nil(t, s.overlay)
	require.Contains(t, s.line(-1), "connection reset by peer")
	webhooks.err = nil
	s.overlay, _ = s.opts.Forms.webhook(t.Context(), s.styles, nil)
	require.Contains(t, s.View(), "loading…")
	s.fill("x esc")
	require.Nil(t, s.overlay)
	o, cmd := s.opts.Forms.webhook(t.Context(), s.styles, ref(0x21))
	s.overlay = o
	s.fill("=-ahead", "tab")
	s.run(cmd)
	require.Contains(t, s.View(), "path          github-ahead", "what is typed meanwhile is not lost")
	s.fill("esc y")
	require.Nil(t, s.overlay)
	_, cmd = s.opts.Forms.webhook(t.Context(), s.styles, nil)
	s.fill("2 n")
	s.run(cmd) // of the one that was left
	require.Contains(t, s.View(), "1 of 6: Where")
	s.send(storedMsg{form: &form{}})
	require.NotNil(t, s.overlay)
	f, ok := s.overlay.(*form)
	require.True(t, ok)
	f.busy = true
	s.fill("esc x")
	require.NotNil(t, s.overlay, "what is being stored is waited for")
	f.at, f.step = nil, len(f.steps)
	require.Contains(t, s.View(), "storing…")
}

// Pasted text is text: its lines stay in a field of lines, and what a terminal would obey
// goes nowhere.
func TestForm_Paste(t *testing.T) {
	t.Parallel()
	s, webhooks, _ := withForms(t, 80, 24)
	paste := func(text string) {
		s.send(tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune(text)})
	}
	s.fill("2 e end")
	paste("-a\x1b[31mb")
	s.fill("pgdown pgdown pgdown pgdown")
	paste("{\"status\":\r\n\t200,\u202e\x07\n}")
	require.NotContains(t, s.View(), "\u202e")
	s.fill("pgdown enter")
	require.Len(t, webhooks.stored, 1)
	require.Equal(t, "github-a [31mb", webhooks.stored[0].Now["path"])
	require.Equal(t, "{\"status\":\n    200,\\u202e\\x07\n}", webhooks.stored[0].Now["response"])
}

func FuzzCleanLines(f *testing.F) {
	for _, seed := range []string{"a\nb", "\r\n", "\x1b]0;x\x07\t", "\u202e\n\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := cleanLines(text)
		require.Equal(t, once, cleanLines(once))
		require.NotContains(t, once, "\x1b")
		require.NotContains(t, once, "\r")
	})
}
