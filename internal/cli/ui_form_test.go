package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tui"
)

// onForms calls fn with what the forms of webhooks and of alerts are given.
func (u *user) onForms(fn func(webhooks, alerts tui.Editor)) {
	u.t.Helper()
	u.onScreen(func(_ context.Context, s *session, d *screenActions) {
		fn(newWebhookEditor(d.a, s), newAlertEditor(d.a, s))
	})
}

// draft opens a draft of an editor.
func draft(t *testing.T, e tui.Editor, id *meshhook.ID, settings ...string) *tui.Draft {
	t.Helper()
	d, err := e.Draft(t.Context(), id)
	require.NoError(t, err)
	for i := 0; i < len(settings); i += 2 {
		_, ok := d.Now[settings[i]]
		require.True(t, ok, settings[i])
		d.Now[settings[i]] = settings[i+1]
	}
	return &d
}

// said returns what an editor says of a draft: "setting: message" a line.
func said(e tui.Editor, d *tui.Draft) string {
	var lines []string
	for _, p := range e.Check(d) {
		lines = append(lines, p.Path+": "+p.Message)
	}
	return strings.Join(lines, "\n")
}

func TestFormsOfWebhooks(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.onForms(func(e, _ tui.Editor) {
		d := draft(t, e, nil)
		require.Equal(t, "path: a webhook needs a path, like github or shop/orders", said(e, d))
		require.Equal(t, "hello", d.Now["workflow"], "the first there is")
		require.Empty(t, d.Changed())

		d = draft(t, e, nil, "path", "shop", "description", "what for", "enabled", "no", "verify-header", "X-Mine",
			"rate-limit", "10/s", "method", "PUT\nPOST", "allow-ip", "10.0.0.0/8,192.0.2.1", "max-body", "2KiB", "dedup", ".event.body.id",
			"dedup-window", "2h", "filter", ".event.body.ok", "schema", `{"type":"object"}`, "response", "status: 201\nbody: {ok: true}")
		require.Empty(t, said(e, d))
		made, err := e.Store(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, "webhook shop is created", made.Text)
		require.Equal(t, "http://localhost:4000/hooks/shop", made.URL)
		require.NotEmpty(t, made.Secret)
		require.Contains(t, made.Curl, "X-Mine: ")
		require.Contains(t, made.Notes, "the secret is shown this once; give it to the sender now")
		shown := u.must("webhook show shop")
		for _, line := range []string{`description\s+what for`, `enabled\s+no`, `verify\s+hmac, header X-Mine`, `methods\s+POST, PUT`, `rate limit\s+10/s`, `allowed\s+10.0.0.0/8,192.0.2.1/32`, `max body\s+2KiB`, `dedup\s+.event.body.id`, `dedup window\s+2h`, `filter\s+.event.body.ok`, `schema\s+{"type":"object"}`, `response\s+201, JSON`} {
			require.Regexp(t, line, shown)
		}

		// What is stored is what the form is filled with; storing that again changes nothing.
		d = draft(t, e, &made.ID)
		require.Empty(t, d.Changed())
		require.Equal(t, "shop", d.Name)
		require.Equal(t, tui.SecretKept, d.Now[tui.SecretFrom])
		require.Equal(t, "POST\nPUT", d.Now["method"])
		require.JSONEq(t, `{"status":201,"body":{"ok":true}}`, d.Now["response"])
		_, err = e.Store(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, strings.Split(shown, "updated")[0], strings.Split(u.must("webhook show shop"), "updated")[0])

		// An empty value takes a setting away; another secret is made, the old one goes on.
		d = draft(t, e, &made.ID, "rate-limit", "", "method", "", "schema", "", "response", "", "allow-ip", "", "filter", "", "enabled", "yes", tui.SecretFrom, tui.SecretGenerated)
		require.Empty(t, said(e, d))
		again, err := e.Store(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, "webhook shop is changed", again.Text)
		require.NotEqual(t, made.Secret, again.Secret)
		require.NotEmpty(t, again.Curl)
		shown = u.must("webhook show shop")
		require.Equal(t, 2, strings.Count(shown, "secret id"))
		for _, name := range []string{"rate limit", "schema", "response", "allowed", "filter"} {
			require.NotContains(t, shown, name)
		}
		require.Regexp(t, `enabled\s+yes`, shown)
		require.Regexp(t, `methods\s+POST\n`, shown)
	})
}

// The scheme decides what is set, and which secret there is.
func TestFormsOfWebhooks_Schemes(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.onForms(func(e, _ tui.Editor) {
		scheme := func(d *tui.Draft, name string) (found tui.Choice) {
			for _, c := range d.Choices["verify"] {
				if c.Value == name {
					found = c
				}
			}
			return found
		}
		d := draft(t, e, nil)
		require.Equal(t, []string{tui.SecretTyped}, scheme(d, "github").Secrets)
		require.Equal(t, []string{tui.SecretGenerated, tui.SecretTyped}, scheme(d, "hmac").Secrets)
		require.Empty(t, scheme(d, "none").Secrets)
		require.Contains(t, scheme(d, "jwt").Takes, "verify-claim")
		require.Contains(t, scheme(d, "sns").Takes, "confirm-subscription")
		require.NotContains(t, scheme(d, "basic").Takes, "verify-header")

		d = draft(t, e, nil, "path", "gh", "verify", "github", tui.SecretFrom, tui.SecretTyped)
		require.Equal(t, "secret: the secret is empty", said(e, d))
		_, err := e.Store(t.Context(), d)
		require.EqualError(t, err, "the secret is empty")
		d.Now[tui.Secret] = "of-github-123"
		made, err := e.Store(t.Context(), d)
		require.NoError(t, err)
		require.Empty(t, made.Secret, "who typed it has it")

		// Another scheme begins without the settings of the old one, and says what secret it has.
		jwt := draft(t, e, &made.ID, "verify", "jwt", "verify-claim", "team=a\nrole=b", "verify-issuer", "https://issuer.example", tui.SecretFrom, tui.SecretKept)
		require.Equal(t, []string{tui.SecretGenerated, tui.SecretTyped, tui.SecretKept}, scheme(jwt, "jwt").Secrets)
		made, err = e.Store(t.Context(), jwt)
		require.NoError(t, err)
		require.Contains(t, strings.Join(made.Notes, "\n"), "the webhook keeps the secret it had")
		back := draft(t, e, &made.ID, "verify", "hmac", "verify-claim", "", "verify-issuer", "", tui.SecretFrom, tui.SecretGenerated)
		require.Empty(t, said(e, back))
		made, err = e.Store(t.Context(), back)
		require.NoError(t, err)
		require.NotEmpty(t, made.Secret)
		require.Regexp(t, `verify\s+hmac\n`, u.must("webhook show gh"))
		require.Contains(t, u.must("webhook show gh"), ", expired ", "that of another scheme verifies no more")

		open := draft(t, e, nil, "path", "open", "verify", "none", tui.SecretFrom, "")
		made, err = e.Store(t.Context(), open)
		require.NoError(t, err)
		require.Contains(t, made.Notes, "warning: this webhook verifies nothing; whoever knows its URL can start runs")
		require.Empty(t, draft(t, e, &made.ID).Now[tui.SecretFrom])
	})
}

// What is wrong stands at its setting, in the words of the commands.
func TestFormsOfWebhooks_Wrong(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	u.onForms(func(e, _ tui.Editor) {
		d := draft(t, e, nil, "path", "a")
		require.Equal(t, "workflow: a webhook needs a workflow; make one with 'meshhook workflow apply'", said(e, d))
	})
	u.withWorkflow()
	u.onForms(func(e, _ tui.Editor) {
		for setting, bad := range map[string]string{
			"path": "/x", "description": strings.Repeat("d", 1001), "rate-limit": "many", "method": "TRACE", "allow-ip": "10.0.0", "max-body": "65MiB",
			"dedup": ".event |", "dedup-window": "0.5s", "filter": ".event.body |", "schema": "{", "response": "status: 500",
			"verify": "gitbub", "verify-algorithm": "md5", "verify-header": "a b", "verify-template": "{nothing}", "tolerance": "soon", "verify-encoding": "rot13",
		} {
			d := draft(t, e, nil, "path", "a")
			d.Now[setting] = bad
			list := e.Check(d)
			require.Len(t, list, 1, setting)
			require.Equal(t, setting, list[0].Path, list[0].Message)
			_, err := e.Store(t.Context(), d)
			require.EqualError(t, err, list[0].Message)
		}
		// Several at once, each at its place; and what is wrong in the same way as alone.
		d := draft(t, e, nil, "path", "a b", "filter", ".[", "dedup", ".[", "rate-limit", "x")
		var places []string
		for _, p := range e.Check(d) {
			places = append(places, p.Path)
		}
		require.ElementsMatch(t, []string{"path", "filter", "dedup", "rate-limit"}, places)

		// A file is read when it is to be stored.
		d = draft(t, e, nil, "path", "a", "schema", "@"+u.file("no.json", "{"), "response", "@/does/not/exist")
		require.Empty(t, said(e, d))
		_, err := e.Store(t.Context(), d)
		require.ErrorContains(t, err, "/does/not/exist")
		d.Now["schema"], d.Now["response"] = "@"+u.file("yes.json", `{"type": "object"}`), "@"+u.file("answer.yaml", "status: 200\nbody: ok")
		_, err = e.Store(t.Context(), d)
		require.NoError(t, err)
		require.Regexp(t, `schema\s+{"type":"object"}`, u.must("webhook show a"))

		_, err = e.Store(t.Context(), draft(t, e, nil, "path", "a"))
		invalid := &meshhook.Error{}
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, "path", invalid.Details[0].Path, "it is taken")
		_, err = e.Store(t.Context(), draft(t, e, nil, "path", "b", "workflow", "gone"))
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, "workflow", invalid.Details[0].Path)
		gone := meshhook.NewID()
		_, err = e.Draft(t.Context(), &gone)
		require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))
	})
}

func TestFormsOfAlerts(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.must("webhook create --path stripe --workflow hello --verify none")
	u.onForms(func(_, e tui.Editor) {
		d := draft(t, e, nil)
		require.Equal(t, "on: say in on what the alert waits for: failed, succeeded, delayed, waiting, canceled, recovered, absent, exhausted or circuit_open\nurl: an alert needs a url to send to, like https://example.com/alerts", said(e, d))
		d = draft(t, e, nil, "workflow", "hello", "on", "failed\ndelayed\nabsent", "when", ".run.attempt > 1", "delay-threshold", "30s", "expect", "stripe", "within", "6h",
			"description", "for us", "preset", "generic", "url", "https://chat.example/T/secret", "header", "X-Key: abc\n\nX-Other: {{ .run.id }}", "payload", "failed: {{ .run.id }}",
			"throttle", "5m", "throttle-key", ".workflow", "quiet-hours", "22:00-07:00 Europe/Berlin", "schedule", "0s,5s", "timeout", "3s")
		require.Empty(t, said(e, d))
		made, err := e.Store(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, "the alert is created", made.Text)
		require.NotEmpty(t, made.Secret)
		require.Contains(t, made.Notes, "the secret is shown this once")
		show := "alerts show --reveal " + made.ID.String()
		shown := u.must(show)
		for _, line := range []string{`on\s+failed,delayed,absent`, `when\s+.run.attempt > 1`, `delay threshold\s+30s`, `expect\s+stripe within 6h`, `url\s+https://chat.example/T/secret`, `header\s+X-Key: abc`, `header\s+X-Other: {{ .run.id }}`, `payload\s+failed: {{ .run.id }}`, `throttle\s+5m`, `throttle key\s+.workflow`, `quiet hours\s+22:00-07:00 Europe/Berlin`, `schedule\s+0s,5s`, `timeout\s+3s`, `description\s+for us`} {
			require.Regexp(t, line, shown)
		}

		// What may be a credential is not on the form, and stays.
		d = draft(t, e, &made.ID)
		require.Empty(t, d.Changed())
		require.Empty(t, said(e, d))
		require.Equal(t, map[string]string{"url": "https://chat.example/…", "header": "X-Key, X-Other", "payload": ""}, d.Sealed)
		for _, text := range d.Now {
			require.NotContains(t, text, "secret")
		}
		_, err = e.Store(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, strings.Split(shown, "updated")[0], strings.Split(u.must(show), "updated")[0])

		// Nothing takes it away, and all workflows are no workflow.
		d = draft(t, e, &made.ID, "header", tui.Nothing, "payload", tui.Nothing, "workflow", "", "on", "failed", "delay-threshold", "", "expect", "", "when", "", "quiet-hours", "", "schedule", "", tui.SecretFrom, tui.SecretTyped, tui.Secret, "short")
		require.Contains(t, said(e, d), "secret: ")
		_, err = e.Store(t.Context(), d)
		require.Error(t, err)
		d.Now[tui.Secret] = "whsec_" + strings.Repeat("QUFB", 8)
		again, err := e.Store(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, "the alert is changed", again.Text)
		require.Empty(t, again.Secret)
		shown = u.must(show)
		require.Regexp(t, `workflow\s+\(all\)`, shown)
		require.Equal(t, 2, strings.Count(shown, "secret id"))
		for _, name := range []string{"header", "payload", "expect", "delay threshold", "when", "quiet", "schedule"} {
			require.NotContains(t, shown, name+"  ")
		}

		// Another way of signing has a secret of its own.
		d = draft(t, e, &made.ID, "signing", "v1a", tui.SecretFrom, tui.SecretGenerated)
		again, err = e.Store(t.Context(), d)
		require.NoError(t, err)
		require.NotEmpty(t, again.PublicKey)
		d = draft(t, e, &made.ID, "signing", "none", tui.SecretFrom, "")
		again, err = e.Store(t.Context(), d)
		require.NoError(t, err)
		require.Empty(t, again.Secret)
		require.Empty(t, draft(t, e, &made.ID).Now[tui.SecretFrom])
	})
}

func TestFormsOfAlerts_Wrong(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.onForms(func(_, e tui.Editor) {
		right := []string{"on", "failed", "url", "https://chat.example/"}
		for setting, bad := range map[string]string{
			"name": "by-", "on": "sometimes", "when": ".run |", "delay-threshold": "soon", "within": "6h", "expect": "stripe", "preset": "smoke", "url": "ftp://x", "header": "no colon",
			"payload": "{ no", "signing": "pgp", "throttle": "-1s", "throttle-key": ".", "quiet-hours": "22:00", "schedule": "1s,x", "timeout": "1000h",
		} {
			d := draft(t, e, nil, right...)
			d.Now[setting] = bad
			place := map[string]string{"within": "expect", "expect": "within"}[setting]
			if place == "" {
				place = setting
			}
			list := e.Check(d)
			require.NotEmpty(t, list, setting)
			for _, p := range list {
				require.Equal(t, place, p.Path, p.Message)
			}
			_, err := e.Store(t.Context(), d)
			require.Error(t, err, setting)
		}
		d := draft(t, e, nil, append(right, "payload", `{"a": {"b": "{{ .run | }}"}}`, "header", "a: {{ .run | }}")...)
		require.Regexp(t, `(?s)header: A: .*payload: at /a/b: `, said(e, d))
		d = draft(t, e, nil, append(right, "payload", "@"+u.file("p.json", "{"))...)
		require.Empty(t, said(e, d))
		_, err := e.Store(t.Context(), d)
		require.ErrorContains(t, err, "p.json is not JSON")
		d = draft(t, e, nil, append(right, "workflow", "gone")...)
		_, err = e.Store(t.Context(), d)
		invalid := &meshhook.Error{}
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, "workflow", invalid.Details[0].Path)
		gone := meshhook.NewID()
		_, err = e.Draft(t.Context(), &gone)
		require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))
		d = draft(t, e, nil, append(right, tui.SecretFrom, tui.SecretTyped, tui.Secret, strings.Repeat("s", maxSecret+1))...)
		require.Equal(t, "secret: the secret is longer than 65536 bytes", said(e, d))
	})
}
