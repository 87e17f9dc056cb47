package alert_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestWithDefaults(t *testing.T) {
	t.Parallel()
	a := alert.WithDefaults(config())
	require.Equal(t, alert.PresetGeneric, a.Preset)
	require.Equal(t, meshhook.SigningV1, a.Signing)
	require.Equal(t, meshhook.Duration(10*time.Second), a.Timeout)
	require.Nil(t, a.Schedule)

	a.Preset, a.Signing, a.Timeout = alert.PresetSlack, meshhook.SigningNone, meshhook.Duration(time.Second)
	require.Equal(t, a, alert.WithDefaults(a))
	require.Equal(t, alert.WithDefaults(config()), compile(t, config()).Alert())
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	week := meshhook.Duration(7 * 24 * time.Hour)
	tests := map[string]struct {
		change        func(*meshhook.Alert)
		path, message string
	}{
		"nothing to wait for": {
			func(a *meshhook.Alert) { a.On = nil }, "/on",
			"say in on what the alert waits for: failed, succeeded, delayed, waiting, canceled, recovered, absent, exhausted or circuit_open",
		},
		"unknown condition": {
			func(a *meshhook.Alert) { a.On[0] = "fail" }, "/on/0",
			`"fail" is not a condition; write failed, succeeded, delayed, waiting, canceled, recovered, absent, exhausted or circuit_open`,
		},
		"condition twice": {func(a *meshhook.Alert) { a.On = append(a.On, meshhook.OnFailed) }, "/on/1", "the condition failed is given twice"},
		"about alerts and one workflow": {
			func(a *meshhook.Alert) { a.On = []meshhook.Condition{meshhook.OnExhausted} }, "/on/0",
			"exhausted is about alerts and not about one workflow; make an alert for all workflows",
		},
		"delayed by nothing": {
			func(a *meshhook.Alert) { a.On = []meshhook.Condition{meshhook.OnDelayed} }, "/delay_threshold",
			"the condition delayed needs delay_threshold, like 30s",
		},
		"threshold of nothing": {
			func(a *meshhook.Alert) { a.DelayThreshold = 1 }, "/delay_threshold",
			"delay_threshold belongs to the condition delayed, which is not in on; add it there or leave delay_threshold out",
		},
		"absent without expect": {
			func(a *meshhook.Alert) { a.On = []meshhook.Condition{meshhook.OnAbsent} }, "/expect",
			"the condition absent needs expect, like {webhook: stripe, within: 6h}",
		},
		"expect of nothing": {
			func(a *meshhook.Alert) { a.Expect = &meshhook.Expect{Webhook: "x", Within: 1} }, "/expect",
			"expect belongs to the condition absent, which is not in on; add it there or leave expect out",
		},
		"expect no webhook": {func(a *meshhook.Alert) {
			a.On, a.Expect = []meshhook.Condition{meshhook.OnAbsent}, &meshhook.Expect{Webhook: "/x", Within: 1}
		}, "/expect/webhook", `"/x" cannot be a webhook's path; use letters, digits, '-', '_', '.' and '~' in segments joined by '/', like stripe or shop/orders`},
		"expect within nothing": {func(a *meshhook.Alert) {
			a.On, a.Expect = []meshhook.Condition{meshhook.OnAbsent}, &meshhook.Expect{Webhook: "x"}
		}, "/expect/within", "expect.within is more than 0 and at most 8784h"},
		"when":           {func(a *meshhook.Alert) { a.When = ".a |" }, "/when", `expression ".a |": column 5: the expression is not complete`},
		"throttle key":   {func(a *meshhook.Alert) { a.Throttle, a.ThrottleKey = 1, "now" }, "/throttle_key", `expression "now": column 1: now is not available, since an expression must give the same answer again; use .run.started_at or .event.received_at`},
		"key of nothing": {func(a *meshhook.Alert) { a.ThrottleKey = ".type" }, "/throttle_key", "throttle_key says what shares a throttle, which is missing; give throttle, like 5m"},
		"throttle":       {func(a *meshhook.Alert) { a.Throttle = meshhook.Duration(720*time.Hour + 1) }, "/throttle", "throttle is more than 0 and at most 720h"},
		"negative delay": {func(a *meshhook.Alert) { a.On, a.DelayThreshold = []meshhook.Condition{meshhook.OnDelayed}, -1 }, "/delay_threshold", "delay_threshold is more than 0 and at most 720h"},
		"no url":         {func(a *meshhook.Alert) { a.URL = " " }, "/url", "an alert needs a url to send to, like https://example.com/alerts"},
		"relative url":   {func(a *meshhook.Alert) { a.URL = "/alerts" }, "/url", `URL "/alerts": write an absolute URL such as https://example.com/path`},
		"other scheme":   {func(a *meshhook.Alert) { a.URL = "ftp://x/" }, "/url", `URL "ftp://x/": write an absolute URL such as https://example.com/path`},
		"long url":       {func(a *meshhook.Alert) { a.URL = "https://x/" + strings.Repeat("a", 8<<10) }, "/url", "the url is longer than 8192 bytes"},
		"preset":         {func(a *meshhook.Alert) { a.Preset = "irc" }, "/preset", `"irc" is not a preset; write alertmanager, discord, generic, gotify, ntfy, pagerduty, slack, teams or telegram`},
		"signing":        {func(a *meshhook.Alert) { a.Signing = "v2" }, "/signing", `"v2" is not a way to sign; write v1, v1a, hmac or none`},
		"description":    {func(a *meshhook.Alert) { a.Description = strings.Repeat("x", 1001) }, "/description", "the description is longer than 1000 bytes"},
		"timeout":        {func(a *meshhook.Alert) { a.Timeout = meshhook.Duration(time.Minute + 1) }, "/timeout", "timeout is more than 0 and at most 1m"},
		"empty schedule": {func(a *meshhook.Alert) { a.Schedule = []meshhook.Duration{} }, "/schedule", "a schedule has 1 to 20 entries, one for each attempt"},
		"long schedule":  {func(a *meshhook.Alert) { a.Schedule = make([]meshhook.Duration, 21) }, "/schedule", "a schedule has 1 to 20 entries, one for each attempt"},
		"long wait":      {func(a *meshhook.Alert) { a.Schedule = []meshhook.Duration{0, week + 1} }, "/schedule/1", "a wait is 0s to 168h"},
		"negative wait":  {func(a *meshhook.Alert) { a.Schedule = []meshhook.Duration{-1} }, "/schedule/0", "a wait is 0s to 168h"},
		"payload":        {func(a *meshhook.Alert) { a.Payload = json.RawMessage(`{"a":{"b":["{{ .x"]}}`) }, "/payload/a/b/0", `column 1: this {{ has no }};`},
		"text payload":   {func(a *meshhook.Alert) { a.Payload = json.RawMessage(`"{{ nope }}"`) }, "/payload", `column 4: there is no function nope/0`},
		"no JSON":        {func(a *meshhook.Alert) { a.Payload = json.RawMessage(`{"a"`) }, "/payload", ""},
		"long payload":   {func(a *meshhook.Alert) { a.Payload = json.RawMessage(`"` + strings.Repeat("x", 256<<10) + `"`) }, "/payload", "the payload is longer than 262144 bytes"},
		"telegram":       {func(a *meshhook.Alert) { a.Preset = alert.PresetTelegram }, "/url", "the preset telegram needs chat_id; write it into the url, like https://api.telegram.org/bot{{ .secrets.telegram }}/sendMessage?chat_id=-1001234567890"},
		"pagerduty": {
			func(a *meshhook.Alert) { a.Preset, a.URL = alert.PresetPagerDuty, "https://x/?xrouting_key=1" }, "/url",
			"the preset pagerduty needs routing_key; write it into the url, like https://events.pagerduty.com/v2/enqueue?routing_key={{ .secrets.pagerduty }}",
		},
		"quiet from": {func(a *meshhook.Alert) { a.Quiet = &meshhook.QuietHours{From: "9:00", To: "10:00"} }, "/quiet_hours/from", "quiet_hours.from is a time of day, like 22:00"},
		"quiet to":   {func(a *meshhook.Alert) { a.Quiet = &meshhook.QuietHours{From: "09:00", To: "10:60"} }, "/quiet_hours/to", "quiet_hours.to is a time of day, like 07:00"},
		"all day": {
			func(a *meshhook.Alert) { a.Quiet = &meshhook.QuietHours{From: "00:00", To: "24:00"} }, "/quiet_hours/to",
			"quiet_hours.to is the same as from, so that no time would be left; disable the alert instead",
		},
		"zone":       {func(a *meshhook.Alert) { a.Quiet = &meshhook.QuietHours{From: "22:00", To: "07:00", Zone: "Mars/Base"} }, "/quiet_hours/zone", "quiet_hours.zone is the name of a time zone, like Europe/Berlin, or empty for UTC"},
		"local zone": {func(a *meshhook.Alert) { a.Quiet = &meshhook.QuietHours{From: "22:00", To: "07:00", Zone: "Local"} }, "/quiet_hours/zone", "quiet_hours.zone is the name of a time zone, like Europe/Berlin, or empty for UTC"},
		"headers": {func(a *meshhook.Alert) {
			a.Headers = map[string]string{}
			for i := range 51 {
				a.Headers["X-"+strconv.Itoa(i)] = "x"
			}
		}, "/headers", "there are 51 headers; at most 50 are sent"},
	}
	for name, value := range map[string][3]string{
		"webhook-id":     {"x", "/headers/webhook-id", "the header Webhook-Id cannot be set: MeshHook names and signs messages by headers that begin with webhook-"},
		"WEBHOOK-other":  {"x", "/headers/WEBHOOK-other", "the header Webhook-Other cannot be set: MeshHook names and signs messages by headers that begin with webhook-"},
		"host":           {"x", "/headers/host", "the header Host cannot be set: it is taken from the url"},
		"Content-Length": {"1", "/headers/Content-Length", "the header Content-Length cannot be set: it is counted from the body"},
		"a b/c~":         {"1", "/headers/a b~1c~0", `"a b/c~" is not the name of a header`},
		"X-Line":         {"a\nb", "/headers/X-Line", `header "a b": a header cannot hold a line break or control character`},
		"X-Long":         {strings.Repeat("x", 8<<10+1), "/headers/X-Long", "the header X-Long is longer than 8192 bytes"},
	} {
		tests["header "+name] = struct {
			change        func(*meshhook.Alert)
			path, message string
		}{func(a *meshhook.Alert) { a.Headers = map[string]string{name: value[0]} }, value[1], value[2]}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := config()
			test.change(&a)
			_, err := alert.Compile(a)
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			problems := problemsOf(t, err)
			require.Len(t, problems, 1, "%v", problems)
			require.Equal(t, test.path, problems[0].Path)
			require.Equal(t, problems[0].Message, err.Error())
			if test.message != "" {
				require.Contains(t, problems[0].Message, test.message)
			}
		})
	}
}

func problemsOf(t *testing.T, err error) []meshhook.Problem {
	t.Helper()
	var invalid *meshhook.Error
	require.ErrorAs(t, err, &invalid)
	return invalid.Details
}

func TestCompileTellsOfAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := alert.Compile(meshhook.Alert{
		Preset: "x", Signing: meshhook.SigningHMAC, When: "(", URL: "x", Payload: json.RawMessage(`["{{", "{{ ( }}"]`),
		Headers: map[string]string{"x-signature": "1", "X-A": "{{", "x-a": "2"}, Quiet: &meshhook.QuietHours{},
	})
	var paths []string
	for _, problem := range problemsOf(t, err) {
		paths = append(paths, problem.Path)
	}
	require.Equal(t, []string{
		"/on", "/preset", "/when", "/url", "/headers/X-A", "/headers/x-a", "/headers/x-signature",
		"/payload/0", "/payload/1", "/quiet_hours/from", "/quiet_hours/to",
	}, paths)
	require.True(t, strings.HasSuffix(err.Error(), "(and 10 more)"), err.Error())
}

func TestCompileTakes(t *testing.T) {
	t.Parallel()
	edge := config()
	edge.WorkflowID, edge.Workflow = nil, ""
	edge.On = meshhook.Conditions()
	edge.DelayThreshold, edge.Throttle = meshhook.Duration(720*time.Hour), meshhook.Duration(720*time.Hour)
	edge.Expect = &meshhook.Expect{Webhook: "shop/orders", Within: meshhook.Duration(366 * 24 * time.Hour)}
	edge.Schedule = make([]meshhook.Duration, 20)
	edge.Schedule[19] = meshhook.Duration(7 * 24 * time.Hour)
	edge.Timeout = meshhook.Duration(time.Minute)
	edge.Quiet = &meshhook.QuietHours{From: "22:00", To: "24:00", Zone: "Europe/Berlin"}
	edge.Description = strings.Repeat("x", 1000)
	edge.Headers = map[string]string{"Authorization": "Bearer {{ .secrets.token }}", "User-Agent": "mine", "X-Signature": "mine"}
	edge.When, edge.ThrottleKey, edge.Payload = ".run.attempt > 1", ".event.body.customer", json.RawMessage(`{"text": "{{ .secrets.other }}", "n": 1}`)
	p := compile(t, edge)
	require.Equal(t, []string{"event.body", "run.attempt", "secrets.other", "secrets.token"}, p.References())
	names, all := p.Secrets()
	require.Equal(t, []string{"other", "token"}, names)
	require.False(t, all)

	edge.When = `.secrets[.run.workflow] == "x"`
	_, all = compile(t, edge).Secrets()
	require.True(t, all)

	for _, preset := range alert.Presets() {
		compile(t, configFor(preset))
	}
	whole := configFor(alert.PresetTelegram)
	whole.URL = "{{ .secrets.telegram_url }}"
	compile(t, whole)
	null := config()
	null.Payload = json.RawMessage(`null`)
	compile(t, null)
}

// FuzzCompile looks for configurations that break it, and for programs that cannot
// make a message.
func FuzzCompile(f *testing.F) {
	f.Add("failed", ".run.error", "https://x/{{ .run.id }}?chat_id=1", "X-A", "{{ .type }}", `{"a":"{{ .event.body }}"}`, "telegram", "22:00", "07:00", "Europe/Berlin", int64(5))
	f.Add("absent", ".[]", "{{ .url }}", "Content-Type", "a", `"{{ .text }}"`, "ntfy", "23:59", "24:00", "", int64(-1))
	f.Add("", "", "", "", "", "", "", "", "", "", int64(0))
	f.Fuzz(func(t *testing.T, on, when, url, name, value, payload, preset, from, to, zone string, wait int64) {
		a := meshhook.Alert{
			On: []meshhook.Condition{meshhook.Condition(on)}, When: when, ThrottleKey: when, Throttle: 1, URL: url,
			Headers: map[string]string{name: value}, Payload: json.RawMessage(payload), Preset: preset,
			Quiet: &meshhook.QuietHours{From: from, To: to, Zone: zone}, Schedule: []meshhook.Duration{meshhook.Duration(wait)},
		}
		p, err := alert.Compile(a)
		if err != nil {
			require.NotEmpty(t, problemsOf(t, err))
			require.NotEmpty(t, err.Error())
			return
		}
		s := hostileSubject(meshhook.OnFailed.Type())
		_, _ = p.Wanted(t.Context(), s)
		_, _ = p.ThrottleKey(t.Context(), s)
		request, err := p.Render(t.Context(), s)
		if err != nil {
			return
		}
		require.NotEmpty(t, request.Headers["Content-Type"])
		for name, value := range request.Headers {
			require.False(t, strings.ContainsAny(name+value, "\r\n\x00"))
		}
		require.LessOrEqual(t, len(request.Body), alert.MaxBody)
	})
}
