package alert_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestRender(t *testing.T) {
	t.Parallel()
	a := config()
	a.URL = "https://example.com/{{ .workflow.name }}/{{ .run.error.message }}?to={{ .secrets.token }}"
	a.Headers = map[string]string{"authorization": "Bearer {{ .secrets.token }}", "X-Type": "{{ .type }}"}
	a.Payload = json.RawMessage(`{"text": "{{ .title }}: {{ .run.error.reason }}", "total": "{{ .steps.order.total }}", "n": 1.50}`)
	request, err := compile(t, a).Render(t.Context(), about("run.failed"))
	require.NoError(t, err)
	require.Equal(t, meshhook.AlertRequest{
		URL:     "https://example.com/orders/the%20answer%20was%20500%20Internal%20Server%20Error?to=sk_live_42424242",
		Headers: map[string]string{"Authorization": "Bearer sk_live_42424242", "X-Type": "run.failed", "Content-Type": "application/json"},
		Body:    []byte(`{"n":1.50,"text":"orders failed: http_status","total":4900}`),
	}, request)

	a.Payload = json.RawMessage(`"{{ .title }}!"`)
	request, err = compile(t, a).Render(t.Context(), about("run.failed"))
	require.NoError(t, err)
	require.Equal(t, "orders failed!", string(request.Body))
	require.Equal(t, "text/plain; charset=utf-8", request.Headers["Content-Type"])

	a.Headers = map[string]string{"content-type": "text/markdown"}
	request, err = compile(t, a).Render(t.Context(), about("run.failed"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"Content-Type": "text/markdown"}, request.Headers)
}

func TestRenderFallsBack(t *testing.T) {
	t.Parallel()
	a := config()
	plain, err := compile(t, a).Render(t.Context(), about("run.failed"))
	require.NoError(t, err)
	a.Payload = json.RawMessage(`{"text": "{{ .run.id + 1 }}"}`)
	a.Headers = map[string]string{"Authorization": "{{ .secrets.none }}", "Content-Type": "text/plain", "X-Ok": "1", "X-Line": `{{ "a\nb" }}`}
	request, err := compile(t, a).Render(t.Context(), about("run.failed"))
	require.NoError(t, err)
	require.Equal(t, plain.Body, request.Body)
	require.Equal(t, map[string]string{"Content-Type": "application/json", "X-Ok": "1"}, request.Headers)
	require.Equal(t, `payload: at /text: expression ".run.id + 1": cannot add: string ("01890a5d-ac96-774b-bcce- ...") and number (1); the preset's own message was sent instead; `+
		`the header Authorization: expression ".secrets.none": gave null, which must not stand in a header; write // for a default; it was left out; `+
		`the header X-Line: expression "\"a\\nb\"": gave a line break or control character, which must not stand in a header; it was left out`, request.Fallback)

	// Only the header fails: the owner's Content-Type stays with the owner's payload.
	a.Payload = json.RawMessage(`"ok"`)
	request, err = compile(t, a).Render(t.Context(), about("run.failed"))
	require.NoError(t, err)
	require.Equal(t, "ok", string(request.Body))
	require.Equal(t, "text/plain", request.Headers["Content-Type"])

	long := config()
	long.Payload = json.RawMessage(`{"a": "{{ \"x\" * 1100000 }}"}`)
	request, err = compile(t, long).Render(t.Context(), about("run.failed"))
	require.NoError(t, err)
	require.Equal(t, plain.Body, request.Body)
	require.Contains(t, request.Fallback, "the message is longer than 1048576 bytes")
}

func TestRenderFallsBackToTheSameAddressee(t *testing.T) {
	t.Parallel()
	a := config()
	a.Preset, a.URL = alert.PresetTelegram, "https://api.telegram.org/bot1:x/sendMessage"
	a.Payload = json.RawMessage(`{"chat_id": -42, "message_thread_id": "{{ 1 + {} }}", "text": "{{ .run.id + 1 }}"}`)
	request, err := compile(t, a).Render(t.Context(), about("run.failed"))
	require.NoError(t, err)
	require.NotEmpty(t, request.Fallback)
	require.Contains(t, string(request.Body), `{"chat_id":-42,"link_preview_options"`)

	a.Payload = json.RawMessage(`{"chat_id": "{{ .nope }}", "text": "{{ .run.id + 1 }}"}`)
	_, err = compile(t, a).Render(t.Context(), about("run.failed"))
	require.ErrorContains(t, err, "the url has no chat_id; write it like https://api.telegram.org/")

	// A payload that is fine is sent as it is, to the URL as it is.
	a.URL, a.Payload = "https://x.example/?chat_id=1", json.RawMessage(`{"text": "x"}`)
	request, err = compile(t, a).Render(t.Context(), about("run.failed"))
	require.NoError(t, err)
	require.Equal(t, a.URL, request.URL)
	require.JSONEq(t, `{"text":"x"}`, string(request.Body))
}

func TestRenderNeedsAURL(t *testing.T) {
	t.Parallel()
	a := config()
	for _, source := range []string{"https://example.com/{{ .nope }}", "{{ .secrets.token }}", "https://{{ .run.error.message }}/"} {
		a.URL = source
		_, err := compile(t, a).Render(t.Context(), about("run.failed"))
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), source)
		require.ErrorContains(t, err, "url: expression ")
		require.NotContains(t, err.Error(), "sk_live")
	}
	a = configFor(alert.PresetPagerDuty)
	a.URL = "{{ .url }}"
	_, err := compile(t, a).Render(t.Context(), about("run.failed"))
	require.ErrorContains(t, err, "the url has no routing_key")
}

func TestWanted(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]bool{
		"": true, ".run.attempt > 1": true, `.event.body.order == 8`: false, "null": false, ".steps.order.total": true,
		`.run.error.reason == "timeout"`: false, `.workflow.name | startswith("ord")`: true, "1 == 2": false,
	} {
		a := config()
		a.When = when
		wanted, err := compile(t, a).Wanted(t.Context(), about("run.failed"))
		require.NoError(t, err, when)
		require.Equal(t, want, wanted, when)
	}
	a := config()
	a.When = ".run.id + 1"
	wanted, err := compile(t, a).Wanted(t.Context(), about("run.failed"))
	require.True(t, wanted, "better one too many")
	require.ErrorContains(t, err, `when: expression ".run.id + 1": cannot add`)
	a.When = `error("leaks sk_live_42424242")`
	_, err = compile(t, a).Wanted(t.Context(), about("run.failed"))
	require.NotContains(t, strings.ReplaceAll(err.Error(), a.When, ""), "sk_live")
}

func TestThrottleKey(t *testing.T) {
	t.Parallel()
	key := func(kind meshhook.AlertType, expression string) string {
		a := config()
		if expression != "" {
			a.Throttle, a.ThrottleKey = 1, expression
		}
		text, err := compile(t, a).ThrottleKey(t.Context(), about(kind))
		require.NoError(t, err)
		return text
	}
	require.Equal(t, "run.failed workflow orders", key("run.failed", ""))
	require.Equal(t, "run.recovered workflow orders", key("run.recovered", ""))
	require.Equal(t, "webhook.absent webhook shop/orders", key("webhook.absent", ""))
	require.Equal(t, "alert.exhausted alert hooks.example.com:443", key("alert.exhausted", ""))
	require.Equal(t, "http_status", key("run.failed", ".run.error.reason"))
	require.Equal(t, `{"order":7}`, key("run.failed", ".event.body"))
	require.Equal(t, "null", key("run.failed", ".event.body.none"))
	require.Len(t, key("run.failed", `"x" * 1000`), 512)

	a := config()
	a.Throttle, a.ThrottleKey = 1, ".run.id + 1"
	text, err := compile(t, a).ThrottleKey(t.Context(), about("run.failed"))
	require.Equal(t, "run.failed workflow orders", text, "the default")
	require.ErrorContains(t, err, "throttle_key: expression")
}

func TestAnEndedContextIsNoFailure(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := config()
	a.When, a.Throttle, a.ThrottleKey, a.Payload = ".run.id", 1, ".run.id", json.RawMessage(`"{{ .run.id }}"`)
	p := compile(t, a)
	wanted, err := p.Wanted(ctx, about("run.failed"))
	require.False(t, wanted)
	require.ErrorIs(t, err, context.Canceled)
	_, err = p.ThrottleKey(ctx, about("run.failed"))
	require.ErrorIs(t, err, context.Canceled)
	_, err = p.Render(ctx, about("run.failed"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestRecorded(t *testing.T) {
	t.Parallel()
	masker := about("run.failed").Masker()
	request := meshhook.AlertRequest{
		URL: "https://user:pw@hooks.example.com/services/T0/B0/XXX?x=1", Fallback: "says sk_live_42424242",
		Headers: map[string]string{"Content-Type": "application/json", "authorization": "Basic eA==", "X-A": "sk_live_42424242", "X-B": "b"},
		Body:    []byte(`{"routing_key":"r0","token":"sk_live_42424242","n":1.50}`),
	}
	shown := alert.Recorded(request, masker)
	require.Equal(t, meshhook.AlertRequest{
		URL: "https://hooks.example.com/…", Fallback: "says " + meshhook.Mask,
		Headers: map[string]string{"Content-Type": "application/json", "authorization": meshhook.Mask, "X-A": meshhook.Mask, "X-B": "b"},
		Body:    []byte(`{"n":1.50,"routing_key":"` + meshhook.Mask + `","token":"` + meshhook.Mask + `"}`),
	}, shown)
	require.Equal(t, "Basic eA==", request.Headers["authorization"], "the request itself stays")

	request = meshhook.AlertRequest{URL: "::", Headers: map[string]string{"Content-Type": "text/plain"}, Body: []byte("key sk_live_42424242")}
	shown = alert.Recorded(request, masker)
	require.Equal(t, "(unreadable URL)", shown.URL)
	require.Equal(t, "key "+meshhook.Mask, string(shown.Body))
	request = meshhook.AlertRequest{URL: "http://x:8080", Headers: map[string]string{"Content-Type": "application/json"}, Body: []byte(`["routing_key","routing_key"]`)}
	shown = alert.Recorded(request, nil)
	require.Equal(t, "http://x:8080", shown.URL)
	require.Equal(t, request.Body, shown.Body)
}
