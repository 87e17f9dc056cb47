package manifest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// texts are what people write, and what nobody should.
var texts = rapid.OneOf(
	rapid.SampledFrom([]string{
		"", "yes", "NO", "null", "~", "1e5", "0x1f", "- a", "a: b", "a #b", "'", "\"", "{{", "*x", "&x", "|", "two\nlines", "two\nlines\n", " lead", "trail ",
		"a\n\nb", "\n", "a\n ", "tab\tin", "cr\r\n", "---\na", "...\n", "é", "\u202e", "\u2028", "\ufeff", "\x1b[2J", "😀", "2020-01-01", "a,b", "[x]", "%", "@x", "`", "<<",
	}),
	rapid.StringN(0, 40, 200),
)

// storable are texts that the database takes.
var storable = texts.Filter(func(s string) bool { return !slices.Contains([]rune(s), 0) })

func ms(from, to time.Duration) *rapid.Generator[meshhook.Duration] {
	return rapid.Map(rapid.Int64Range(from.Milliseconds(), to.Milliseconds()), func(n int64) meshhook.Duration {
		return meshhook.Duration(time.Duration(n) * time.Millisecond)
	})
}

// data draws JSON.
func data(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Map(texts, func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.Float64Range(-1e9, 1e9), func(n float64) any { return n }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just[any](nil),
	)
	if depth == 0 {
		return leaf
	}
	return rapid.OneOf(
		leaf,
		rapid.Map(rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return data(depth - 1) }), 0, 4), func(list []any) any { return list }),
		rapid.Map(rapid.MapOfN(texts, rapid.Deferred(func() *rapid.Generator[any] { return data(depth - 1) }), 0, 4), func(m map[string]any) any { return m }),
	)
}

func drawJSON(t *rapid.T, label string) json.RawMessage {
	source, err := json.Marshal(data(3).Draw(t, label))
	require.NoError(t, err)
	return source
}

func maybe(t *rapid.T, label string) bool { return rapid.Bool().Draw(t, label) }

func drawWebhook(t *rapid.T, path, workflow string) meshhook.Endpoint {
	e := meshhook.Endpoint{
		ID: meshhook.NewID(), Path: path, Workflow: workflow, Enabled: maybe(t, "enabled"), Description: storable.Draw(t, "description"),
		Verification: meshhook.Verification{Scheme: rapid.SampledFrom([]string{"hmac", "none", "github", "stripe"}).Draw(t, "scheme")},
		Dedup:        storable.Draw(t, "dedup"), Filter: storable.Draw(t, "filter"),
		DedupWindow: ms(time.Second, 720*time.Hour).Draw(t, "window"),
		Methods:     rapid.SliceOfN(rapid.SampledFrom([]string{"DELETE", "GET", "POST"}), 0, 3).Draw(t, "methods"),
		MaxBody:     rapid.SampledFrom([]int64{0, 1, 1500, 1 << 10, maxBody, 64 << 20}).Draw(t, "max body"),
	}
	if e.Verification.Scheme == "hmac" && maybe(t, "header") {
		e.Verification.Header, e.Verification.Prefix = "X-Other", "v="
	}
	if e.MaxBody == 0 {
		e.MaxBody = maxBody
	}
	if maybe(t, "rate") {
		e.RateLimit = &meshhook.RateLimit{Limit: rapid.Int64Range(1, 100).Draw(t, "limit"), Period: rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 15 * time.Minute, 24 * time.Hour}).Draw(t, "period")}
	}
	if maybe(t, "schema") {
		e.Schema = drawJSON(t, "schema")
		if !slices.Contains([]byte("{tf"), e.Schema[0]) {
			e.Schema = json.RawMessage(`{"file": "x"}`)
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "networks") {
		e.AllowedIPs = append(e.AllowedIPs, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(0, 255).Draw(t, "octet"))}), 16))
	}
	if maybe(t, "response") {
		e.Response = &meshhook.Response{Status: 200, Headers: rapid.MapOfN(rapid.SampledFrom([]string{"X-A", "X-B"}), storable, 0, 2).Draw(t, "headers")}
		require.NoError(t, json.Unmarshal(drawJSON(t, "body"), &e.Response.Body))
		if len(e.Response.Headers) == 0 {
			e.Response.Headers = nil
		}
	}
	if source, _ := json.Marshal(e.Response); e.Validate() != nil || bytes.Contains(source, []byte(`\u0000`)) {
		t.Skip("it cannot be")
	}
	return e
}

func drawAlert(t *rapid.T, name, workflow, webhook string) meshhook.Alert {
	a := meshhook.Alert{
		ID: meshhook.NewID(), Name: name, Enabled: maybe(t, "enabled"), On: []meshhook.Condition{meshhook.OnFailed, meshhook.OnRecovered},
		URL: rapid.SampledFrom([]string{"https://example.com", "https://example.com/hush", "{{ .secrets.room }}", "https://x/{{ .run.id }}"}).Draw(t, "url"),
	}
	if maybe(t, "about") {
		a.Workflow = workflow
	}
	if maybe(t, "absent") {
		a.On, a.Expect = append(a.On, meshhook.OnAbsent), &meshhook.Expect{Webhook: webhook, Within: ms(time.Second, time.Hour).Draw(t, "within")}
	}
	if maybe(t, "delayed") {
		a.On, a.DelayThreshold = append(a.On, meshhook.OnDelayed), ms(time.Millisecond, time.Hour).Draw(t, "threshold")
	}
	if maybe(t, "throttle") {
		a.Throttle, a.ThrottleKey = ms(time.Millisecond, time.Hour).Draw(t, "throttle"), ".workflow.name"
	}
	if maybe(t, "quiet") {
		a.Quiet = &meshhook.QuietHours{From: "22:00", To: "07:00", Zone: rapid.SampledFrom([]string{"", "Europe/Berlin"}).Draw(t, "zone")}
	}
	if maybe(t, "payload") {
		a.Payload = drawJSON(t, "payload")
		if string(a.Payload) == "null" {
			a.Payload = nil
		}
	}
	if maybe(t, "headers") {
		a.Headers = map[string]string{"x-key": rapid.SampledFrom([]string{"hush", "Bearer {{ .secrets.token }}"}).Draw(t, "header"), "X-Other": "1"}
	}
	if maybe(t, "schedule") {
		a.Schedule = rapid.SliceOfN(ms(0, time.Hour), 1, 3).Draw(t, "schedule")
	}
	a.Signing = rapid.SampledFrom([]meshhook.Signing{"", meshhook.SigningV1a, meshhook.SigningHMAC, meshhook.SigningNone}).Draw(t, "signing")
	a.Description = storable.Draw(t, "description")
	a = alert.WithDefaults(a)
	if _, err := alert.Compile(a); err != nil {
		t.Skip("it cannot be")
	}
	return a
}

var sources = []string{
	"name: %s\nsteps: [{id: a, transform: .}]\n",
	"# a comment\n---\nname: %s\nsteps: [{id: a, transform: .}]",
	"---\nname: %s\nsteps: [{id: a, transform: .}]\n...\n",
	"%%YAML 1.1\n---\nname: %s\nsteps: [{id: a, transform: .}]\n",
	"{\"name\":\"%s\",\t\"steps\":[{\"id\":\"a\",\"transform\":\"\\\"\\ud83d\\ude00\\/\\\"\"}]}",
	manifest.Mark + "\nname: %s\r\nsteps: [{id: a, transform: .}]\r\n",
}

// drawPresent draws what a project may have.
func drawPresent(t *rapid.T) manifest.Present {
	have := manifest.Present{
		WebhookSecrets: map[meshhook.ID]meshhook.Secret{}, AlertSecrets: map[meshhook.ID]meshhook.Secret{},
		Vault: map[string]meshhook.Secret{"shared": meshhook.NewSecret("0123456789abcdef0123456789abcdef"), "other": meshhook.NewSecret("other")},
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "workflows") {
		name := fmt.Sprintf("w%d", i)
		source := fmt.Sprintf(rapid.SampledFrom(sources).Draw(t, "source"), name)
		d, err := workflow.Parse("", []byte(source))
		require.NoError(t, err)
		have.Workflows = append(have.Workflows, meshhook.Version{Workflow: name, Number: 1, Digest: d.Digest(), Source: source})
	}
	paths := []string{"a", "a/b", "A", "a.yaml/b", "~-/x.y"}
	for _, path := range paths[:rapid.IntRange(1, len(paths)).Draw(t, "webhooks")] {
		e := drawWebhook(t, path, "w0")
		if e.Verification.Scheme != "none" {
			e.HasSecret = true
			have.WebhookSecrets[e.ID] = rapid.SampledFrom([]meshhook.Secret{have.Vault["shared"], meshhook.NewSecret("its own")}).Draw(t, "secret")
		}
		have.Webhooks = append(have.Webhooks, e)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "alerts") {
		a := drawAlert(t, fmt.Sprintf("alert%d", i), "w0", "a")
		if a.Signing != meshhook.SigningNone {
			have.AlertSecrets[a.ID] = alert.NewSecret(a.Signing)
		}
		have.Alerts = append(have.Alerts, a)
	}
	return have
}

// What export writes, as files or as a stream, changes nothing where it comes from.
func TestARoundTripChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		have := drawPresent(t)
		for _, reveal := range []bool{false, true} {
			documents := manifest.Export(have, maxBody, reveal)
			var files []manifest.File
			for _, d := range documents {
				files = append(files, manifest.File{Name: d.Path, Key: "1/" + d.Path, Source: []byte(d.File())})
				fit(t, d.Kind, d.Text)
			}
			for _, set := range [][]manifest.File{files, {{Name: "-", Source: []byte(manifest.Stream(documents))}}} {
				m, err := manifest.Parse(set, options)
				require.NoError(t, err, "%s", manifest.Stream(documents))
				plan, err := m.Plan(have, true, noSecrets)
				require.NoError(t, err)
				require.Equal(t, []manifest.Change{}, plan.Changes, "%s", manifest.Stream(documents))
				require.Equal(t, len(documents), plan.Unchanged)
			}
		}
	})
}

// Applied to a project that has nothing, it makes what is exported the same.
func TestAnExportMakesTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		have := drawPresent(t)
		for id := range have.WebhookSecrets { // what is not in the vault would be made anew
			have.WebhookSecrets[id] = have.Vault["shared"]
		}
		documents := manifest.Export(have, maxBody, true)
		if slices.ContainsFunc(documents, func(d manifest.Document) bool { return d.Kept }) {
			t.Skip("something cannot be written")
		}
		m := parse(t, manifest.Stream(documents))
		plan, err := m.Plan(manifest.Present{Vault: have.Vault}, true, noSecrets)
		require.NoError(t, err)
		require.Len(t, plan.Changes, len(documents))
		again := made(plan, manifest.Present{Vault: have.Vault})
		require.Equal(t, manifest.Stream(documents), manifest.Stream(manifest.Export(again, maxBody, true)))
	})
}
