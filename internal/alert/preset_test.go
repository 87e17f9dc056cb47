package alert_test

import (
	"bytes"
	"encoding/json"
	"mime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// receiver is the schema by which a receiver describes its messages, as far as they
// are ours.
func receiver(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("testdata/receivers/" + name + ".json")
	require.NoError(t, err)
	return schema
}

// send renders a preset's message, checks it against the receiver's schema and
// returns it decoded.
func send(t *testing.T, preset string, s *alert.Subject) (meshhook.AlertRequest, any) {
	t.Helper()
	request, err := compile(t, configFor(preset)).Render(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, request.Fallback)
	require.True(t, utf8.Valid(request.Body))
	for name, value := range request.Headers {
		require.False(t, strings.ContainsFunc(name+value, func(r rune) bool { return unicode.IsControl(r) || r > 0x7e }), "%s: %q", name, value)
	}
	if preset == alert.PresetNtfy {
		require.Equal(t, "text/plain; charset=utf-8", request.Headers["Content-Type"])
		return request, nil
	}
	require.Equal(t, map[string]string{"Content-Type": "application/json"}, request.Headers)
	message, err := jsonschema.UnmarshalJSON(bytes.NewReader(request.Body))
	require.NoError(t, err)
	require.NoError(t, receiver(t, preset).Validate(message), "%s", request.Body)
	return request, message
}

// texts are all strings in a message.
func texts(message any) (all []string) {
	switch v := message.(type) {
	case string:
		return []string{v}
	case []any:
		for _, element := range v {
			all = append(all, texts(element)...)
		}
	case map[string]any:
		for _, element := range v {
			all = append(all, texts(element)...)
		}
	}
	return all
}

func units(text string) int { return len(utf16.Encode([]rune(text))) }

// at follows names and indexes into a message.
func at(t *testing.T, message any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, ok := message.(map[string]any)
			require.True(t, ok, "%v of %v", step, message)
			message = object[step]
		case int:
			list, ok := message.([]any)
			require.True(t, ok && step < len(list), "%v of %v", step, message)
			message = list[step]
		}
	}
	return message
}

func text(t *testing.T, message any, path ...any) string {
	t.Helper()
	found, ok := at(t, message, path...).(string)
	require.True(t, ok, "%v", path)
	return found
}

// Every preset makes of every type of message, however hostile, what its receiver takes.
func TestPresetsSendWhatTheirReceiversTake(t *testing.T) {
	t.Parallel()
	for _, preset := range alert.Presets() {
		for _, kind := range types() {
			t.Run(preset+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				send(t, preset, about(kind))
				_, message := send(t, preset, hostileSubject(kind))
				if preset == alert.PresetGeneric {
					return // JSON, for programs: what a person sees of it is the receiver's matter
				}
				for _, text := range texts(message) {
					require.False(t, strings.ContainsAny(text, "\u202e\u2066\x1b\x00"), "%q", text)
				}
				bare := about(kind)
				bare.URL, bare.Event, bare.Webhook, bare.Host = "", nil, "", ""
				if bare.Run != nil {
					bare.Run.Error, bare.Run.Workflow = nil, ""
				}
				send(t, preset, bare)
			})
		}
	}
	require.Equal(t, []string{"alertmanager", "discord", "generic", "gotify", "ntfy", "pagerduty", "slack", "teams", "telegram"}, alert.Presets())
}

func TestAnUnknownTypeIsToldAsItIs(t *testing.T) {
	t.Parallel()
	s := about("run.failed")
	s.Delivery.Type = "run.lost"
	for _, preset := range alert.Presets() {
		send(t, preset, s)
	}
	require.Equal(t, "run.lost: orders", s.Context()["title"])
}

func TestTitles(t *testing.T) {
	t.Parallel()
	for kind, title := range map[meshhook.AlertType]string{
		"run.failed": "orders failed", "run.succeeded": "orders succeeded", "run.delayed": "orders is delayed", "run.waiting": "orders waits for a decision",
		"run.canceled": "orders was canceled", "run.recovered": "orders has recovered", "webhook.absent": "no event came to shop/orders",
		"alert.exhausted": "an alert to hooks.example.com:443 could not be delivered", "alert.circuit_open": "alerts to hooks.example.com:443 cannot be delivered",
		"alert.test": "test of an alert for orders",
	} {
		require.Equal(t, title, about(kind).Context()["title"])
	}
	s := about("run.failed")
	s.Delivery.Held = 4
	require.Equal(t, "the answer was 500 Internal Server Error\nProject: shop\nWorkflow: orders, version 3\nStep: crm\nReason: http_status\nWebhook: shop/orders\n"+
		"Attempt: 2\nDuration: 2.5s\nRun: 01890a5d-ac96-774b-bcce-b302099a8003\nHeld back: 4 more since the last message\n"+s.URL, s.Context()["text"])
	require.Contains(t, about("run.delayed").Context()["text"], "It has not ended within 30s.")
	require.Contains(t, about("run.waiting").Context()["text"], "Refund 49.00?\n")
	test := about("alert.test")
	test.Run = nil
	test.Delivery.Workflow = ""
	require.Equal(t, "test of an alert for project shop", test.Context()["title"])
}

func TestSlack(t *testing.T) {
	t.Parallel()
	_, message := send(t, alert.PresetSlack, about("run.failed"))
	require.Equal(t, "orders failed: the answer was 500 Internal Server Error", text(t, message, "text"))
	require.Equal(t, "orders failed", text(t, message, "blocks", 0, "text", "text"))
	require.Equal(t, "*Workflow*\norders, version 3", text(t, message, "blocks", 2, "fields", 1, "text"))
	require.Equal(t, "<https://mesh.example.com/runs/01890a5d-ac96-774b-bcce-b302099a8003|Open the run>", text(t, message, "blocks", 3, "elements", 0, "text"))

	_, message = send(t, alert.PresetSlack, hostileSubject("run.failed"))
	for _, text := range texts(message) {
		link := strings.HasPrefix(text, "<https://mesh.example.com/") && strings.HasSuffix(text, "|Open the run>")
		if link {
			text = strings.TrimSuffix(strings.TrimPrefix(text, "<"), "|Open the run>")
		}
		require.False(t, strings.ContainsAny(text, "<>"), "%q", text)
		require.False(t, link && strings.Contains(text, "|"), "%q", text)
	}
	require.Contains(t, text(t, message, "text"), "orders failed: &lt;!channel&gt; &lt;@U1&gt; &amp;amp; ")
	fields, _ := at(t, message, "blocks", 2, "fields").([]any)
	for i := range fields {
		require.Equal(t, true, at(t, fields, i, "verbatim"))
	}
}

func TestDiscord(t *testing.T) {
	t.Parallel()
	_, message := send(t, alert.PresetDiscord, about("run.failed"))
	require.Equal(t, "orders failed", text(t, message, "embeds", 0, "title"))
	require.Equal(t, "2026-03-14T12:00:00.000Z", text(t, message, "embeds", 0, "timestamp"))
	require.Equal(t, `http\_status`, text(t, message, "embeds", 0, "fields", 3, "value"))

	for _, kind := range types() {
		_, message = send(t, alert.PresetDiscord, hostileSubject(kind))
		require.Equal(t, []any{}, at(t, message, "allowed_mentions", "parse"))
		total := 0
		embed, _ := at(t, message, "embeds", 0).(map[string]any)
		for name, value := range embed {
			if name == "title" || name == "description" || name == "fields" {
				for _, text := range texts(value) {
					total += units(text)
					require.Empty(t, unescaped(text, "*_~`|<>[]@"), "%q", text)
				}
			}
		}
		require.LessOrEqual(t, total, 6000)
	}
}

// unescaped returns those of the characters that stand in a text without a backslash.
func unescaped(text, special string) (found string) {
	escaped := false
	for _, r := range text {
		if !escaped && strings.ContainsRune(special, r) {
			found += string(r)
		}
		escaped = !escaped && r == '\\'
	}
	return found
}

func TestTeams(t *testing.T) {
	t.Parallel()
	_, message := send(t, alert.PresetTeams, about("run.failed"))
	require.Equal(t, "orders failed", text(t, message, "attachments", 0, "content", "body", 0, "inlines", 0, "text"))
	require.Equal(t, "orders, version 3", text(t, message, "attachments", 0, "content", "body", 3, "inlines", 1, "text"))
	for _, kind := range types() {
		request, _ := send(t, alert.PresetTeams, hostileSubject(kind))
		require.Less(t, len(request.Body), 28<<10, kind)
		s := hostileSubject(kind)
		s.LastError = strings.Repeat("漢", 10_000) // three bytes each
		if s.Run != nil {
			s.Run.Error.Message, s.Run.Error.Step = s.LastError, s.LastError
		}
		request, _ = send(t, alert.PresetTeams, s)
		require.Less(t, len(request.Body), 28<<10, kind)
	}
}

func TestNtfy(t *testing.T) {
	t.Parallel()
	request, _ := send(t, alert.PresetNtfy, about("run.failed"))
	require.Equal(t, map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "Title": "orders failed", "Priority": "4", "Tags": "rotating_light",
		"Click": "https://mesh.example.com/runs/01890a5d-ac96-774b-bcce-b302099a8003",
	}, request.Headers)
	require.True(t, strings.HasPrefix(string(request.Body), "the answer was 500 Internal Server Error\nProject: shop\n"))
	s := hostileSubject("run.failed")
	s.Run.Workflow = "Bestellungen für 漢"
	s.URL = "https://x.example/a b?\u202e=|"
	request, _ = send(t, alert.PresetNtfy, s)
	require.LessOrEqual(t, len(request.Body), 4096)
	require.Equal(t, "https://x.example/a%20b?%E2%80%AE=%7C", request.Headers["Click"])
	for _, link := range []string{"https://x.example/\r\nX-Evil: 1", "javascript:alert(1)", "https:///x"} {
		s.URL = link
		request, _ = send(t, alert.PresetNtfy, s)
		require.NotContains(t, request.Headers, "Click")
	}
	s.URL = ""
	request, _ = send(t, alert.PresetNtfy, s)
	title, err := new(mime.WordDecoder).DecodeHeader(request.Headers["Title"])
	require.NoError(t, err)
	require.Equal(t, "Bestellungen für 漢 failed", title)

	a := configFor(alert.PresetNtfy)
	a.Headers, a.Payload = map[string]string{"Priority": "5"}, json.RawMessage(`"{{ .title }}"`)
	request, err = compile(t, a).Render(t.Context(), about("run.failed"))
	require.NoError(t, err)
	require.Equal(t, "5", request.Headers["Priority"], "the owner's wins")
	require.Equal(t, "orders failed", request.Headers["Title"], "beside the owner's payload, too")
	require.Equal(t, "orders failed", string(request.Body))
}

func TestGotify(t *testing.T) {
	t.Parallel()
	_, message := send(t, alert.PresetGotify, about("run.failed"))
	require.Equal(t, "orders failed", text(t, message, "title"))
	require.Equal(t, json.Number("8"), at(t, message, "priority"))
	require.Equal(t, "text/plain", text(t, message, "extras", "client::display", "contentType"))
	require.Equal(t, about("run.failed").URL, text(t, message, "extras", "client::notification", "click", "url"))
}

func TestPagerDuty(t *testing.T) {
	t.Parallel()
	request, message := send(t, alert.PresetPagerDuty, about("run.failed"))
	require.Equal(t, "https://events.pagerduty.com/v2/enqueue", request.URL, "the key stands in the body alone")
	require.Equal(t, "0123456789abcdef0123456789abcdef", text(t, message, "routing_key"))
	require.Equal(t, "trigger", text(t, message, "event_action"))
	require.Equal(t, "meshhook/shop/workflow/orders", text(t, message, "dedup_key"))
	require.Equal(t, "orders failed: the answer was 500 Internal Server Error", text(t, message, "payload", "summary"))
	require.Equal(t, "crm", text(t, message, "payload", "custom_details", "run", "failed_step"))

	for _, kind := range []meshhook.AlertType{"run.succeeded", "run.recovered"} {
		_, message = send(t, alert.PresetPagerDuty, about(kind))
		require.Equal(t, map[string]any{
			"routing_key": "0123456789abcdef0123456789abcdef", "event_action": "resolve", "dedup_key": "meshhook/shop/workflow/orders",
		}, message)
	}
	_, message = send(t, alert.PresetPagerDuty, about("alert.test"))
	require.Equal(t, "meshhook/shop/test/orders", text(t, message, "dedup_key"))
	require.Equal(t, "info", text(t, message, "payload", "severity"))

	s := about("run.failed")
	s.Run.Output = json.RawMessage(`"` + strings.Repeat("x", alert.MaxOutput/2) + `"`)
	_, message = send(t, alert.PresetPagerDuty, s)
	require.Equal(t, "orders, version 3", text(t, message, "payload", "custom_details", "Workflow"))

	long := about("webhook.absent")
	long.Project, long.Webhook = strings.Repeat("p", 63), strings.Repeat("w", 200)
	_, message = send(t, alert.PresetPagerDuty, long)
	one := text(t, message, "dedup_key")
	long.Webhook = strings.Repeat("w", 199) + "x"
	_, message = send(t, alert.PresetPagerDuty, long)
	require.NotEqual(t, one, text(t, message, "dedup_key"))
}

func TestTelegram(t *testing.T) {
	t.Parallel()
	request, message := send(t, alert.PresetTelegram, about("run.failed"))
	require.Equal(t, "https://api.telegram.org/bot1:x/sendMessage", request.URL)
	require.Equal(t, json.Number("-100123"), at(t, message, "chat_id"))
	require.Equal(t, json.Number("7"), at(t, message, "message_thread_id"))
	require.True(t, strings.HasPrefix(text(t, message, "text"), "<b>orders failed</b>\n<pre>the answer was 500 Internal Server Error</pre>\nProject: <code>shop</code>\n"))

	a := configFor(alert.PresetTelegram)
	a.URL = "https://api.telegram.org/bot1:x/sendMessage?chat_id=@alerts&disable_notification=true"
	request, err := compile(t, a).Render(t.Context(), about("run.failed"))
	require.NoError(t, err)
	require.Equal(t, "https://api.telegram.org/bot1:x/sendMessage?disable_notification=true", request.URL)
	require.Contains(t, string(request.Body), `"chat_id":"@alerts"`)

	for _, kind := range types() {
		_, message = send(t, alert.PresetTelegram, hostileSubject(kind))
		body := text(t, message, "text")
		require.LessOrEqual(t, units(body), 4096)
		// All tags are ours, and each is closed.
		for _, tag := range []string{"b", "pre", "code"} {
			require.Equal(t, strings.Count(body, "<"+tag+">"), strings.Count(body, "</"+tag+">"))
			body = strings.NewReplacer("<"+tag+">", "", "</"+tag+">", "").Replace(body)
		}
		require.False(t, strings.ContainsAny(body, "<>"), "%q", body)
	}
}

func TestAlertmanager(t *testing.T) {
	t.Parallel()
	_, message := send(t, alert.PresetAlertmanager, about("run.failed"))
	labels := map[string]any{"alertname": "MeshHookRunFailed", "project": "shop", "workflow": "orders", "severity": "error"}
	require.Equal(t, labels, at(t, message, 0, "labels"))
	require.Equal(t, "2026-03-14T12:00:00.000Z", text(t, message, 0, "startsAt"))
	require.Equal(t, "2026-03-15T12:00:00.000Z", text(t, message, 0, "endsAt"), "it fires for a day")

	_, message = send(t, alert.PresetAlertmanager, about("run.recovered"))
	require.Len(t, message, 3)
	require.Equal(t, labels, at(t, message, 0, "labels"), "known by the same labels")
	require.Equal(t, "2026-03-14T11:59:57.500Z", text(t, message, 0, "startsAt"))
	require.Equal(t, "2026-03-14T12:00:00.000Z", text(t, message, 0, "endsAt"))
	require.Equal(t, "MeshHookRunDelayed", text(t, message, 1, "labels", "alertname"))
	require.Equal(t, "MeshHookRunWaiting", text(t, message, 2, "labels", "alertname"))

	_, message = send(t, alert.PresetAlertmanager, about("webhook.absent"))
	require.Equal(t, map[string]any{"alertname": "MeshHookEventAbsent", "project": "shop", "webhook": "shop/orders", "severity": "warning"}, at(t, message, 0, "labels"))
	_, message = send(t, alert.PresetAlertmanager, about("alert.exhausted"))
	require.Equal(t, map[string]any{"alertname": "MeshHookAlertExhausted", "project": "shop", "receiver": "hooks.example.com:443", "severity": "error"}, at(t, message, 0, "labels"))
}

// Whatever a step's failure says, each message keeps its receiver's form.
func TestPresetsKeepTheirFormWhateverIsSaid(t *testing.T) {
	t.Parallel()
	schemas := map[string]*jsonschema.Schema{}
	for _, preset := range alert.Presets() {
		if preset != alert.PresetNtfy {
			schemas[preset] = receiver(t, preset)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := about(rapid.SampledFrom(types()).Draw(t, "type"))
		said := strings.Repeat(rapid.String().Draw(t, "said"), rapid.SampledFrom([]int{1, 100, 3000}).Draw(t, "times"))
		s.LastError, s.URL = said, "https://x.example/"+said
		if s.Run != nil {
			s.Run.Error = &meshhook.Failure{Reason: meshhook.FailedTerminated, Message: said, Step: said}
		}
		preset := rapid.SampledFrom(alert.Presets()).Draw(t, "preset")
		p, err := alert.Compile(configFor(preset))
		require.NoError(t, err)
		request, err := p.Render(t.Context(), s)
		require.NoError(t, err)
		if preset == alert.PresetNtfy {
			require.LessOrEqual(t, len(request.Body), 4096)
			return
		}
		message, err := jsonschema.UnmarshalJSON(bytes.NewReader(request.Body))
		require.NoError(t, err)
		require.NoError(t, schemas[preset].Validate(message), "%s", request.Body)
	})
}
