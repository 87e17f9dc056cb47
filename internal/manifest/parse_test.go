package manifest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	aWorkflow = "name: orders\nsteps: [{id: a, transform: .}]\n"
	aWebhook  = "webhook: shop\nworkflow: orders\n"
	anAlert   = "alert: failed\nworkflow: orders\non: [failed]\nurl: https://example.com\n"
)

// Everything that can be wrong is said at its place, with what to do.
func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	for source, want := range map[string][]string{
		"just text": {"f.yaml:1:1: a document is a mapping that begins with name (a workflow), webhook or alert, but this is text"},
		"a: 1":      {"f.yaml:1:1: the document is neither a workflow (name, steps) nor a webhook (webhook: PATH) nor an alert (alert: NAME)"},
		"webhook: ../x\nworkflow: orders": {
			`f.yaml:1:10: "../x" cannot be a webhook's path; use letters, digits, '-', '_', '.' and '~' in segments joined by '/', like stripe or shop/orders`,
		},
		aWebhook + "filtre: .x":                       {`f.yaml:3:1: a webhook has no key "filtre"; did you mean "filter"?`},
		aWebhook + "verification: stripe":             {"f.yaml:3:15: verification wants a mapping, like {scheme: stripe}, but is text"},
		aWebhook + "verification: {scheme: strip}":    {`f.yaml:3:24: verification: "strip" is not a verification scheme; did you mean stripe?`},
		aWebhook + "verification: {sheme: stripe}":    {`f.yaml:3:16: verification has no key "sheme"; did you mean "scheme"?`},
		aWebhook + "secret: hush":                     {"f.yaml:3:9: a secret does not stand in a document, it is named there: write {vault: NAME}, {env: VARIABLE} or {file: PATH}"},
		aWebhook + "secret: {vault: a, env: b}":       {"f.yaml:3:9: a secret is named in one way: write {vault: NAME}, {env: VARIABLE} or {file: PATH}"},
		aWebhook + "secret: {}":                       {"f.yaml:3:9: a secret is named in one way: write {vault: NAME}, {env: VARIABLE} or {file: PATH}"},
		aWebhook + "secret: {vault: 0}":               {"f.yaml:3:17: vault wants text, but is a number; put it in quotes"},
		aWebhook + "secret: {vault: a-b}":             {`f.yaml:3:9: "a-b" cannot name a secret; use letters, digits and '_' (at most 63, no digit first), so that .secrets.NAME can be written`},
		aWebhook + "secret_grace: 1h":                 {"f.yaml:3:15: secret_grace says how long the old secret verifies beside a new one, but there is no secret; write it, or leave this out"},
		aWebhook + "enabled: maybe":                   {"f.yaml:3:10: enabled wants true or false, but is text"},
		aWebhook + "rate_limit: often":                {`f.yaml:3:13: rate_limit: "often" is not a rate limit; write it like 100/minute, 10/s or 5/15m`},
		aWebhook + "max_body: much":                   {`f.yaml:3:11: max_body: "much" is not a size; write it like 512, 64KiB or 1MiB`},
		aWebhook + "max_body: 0":                      {"f.yaml:3:11: max_body must be more than 0"},
		aWebhook + "max_body: []":                     {"f.yaml:3:11: max_body wants a size like 64KiB or 1MiB, but is a list"},
		aWebhook + "max_body: 1GiB":                   {"f.yaml:3:11: max_body: a body limit of 1GiB is out of range; use 1B to 64MiB"},
		aWebhook + "methods: POST":                    {"f.yaml:3:10: methods wants a list, like [POST], but is text"},
		aWebhook + "methods: [POST, 1]":               {"f.yaml:3:17: an entry of methods wants text, but is a number; put it in quotes"},
		aWebhook + "methods: [BREW]":                  {`f.yaml:3:10: methods: "BREW" is not a method a webhook can answer; use DELETE, GET, HEAD, PATCH, POST, PUT`},
		aWebhook + "allowed_ips: [nowhere]":           {`f.yaml:3:15: allowed_ips: "nowhere" is no network: write a network like 192.0.2.0/24, or an address`},
		aWebhook + "dedup_window: 1ms":                {"f.yaml:3:15: dedup_window: a dedup window of 1ms is out of range; use 1s to 720h"},
		aWebhook + "dedup_window: 1.5us":              {"f.yaml:3:15: dedup_window is kept in milliseconds; write whole ones"},
		aWebhook + "dedup_window: soon":               {`f.yaml:3:15: dedup_window: "soon" is not a duration; write it like 90s, 1m30s or 24h`},
		aWebhook + "dedup_window: 5":                  {"f.yaml:3:15: dedup_window wants a duration like 90s, 1m30s or 24h, but is a number"},
		aWebhook + "description: \"\\0\"":             {"f.yaml:3:14: description holds NUL, which cannot be stored"},
		aWebhook + "response: {status: 500}":          {"f.yaml:3:11: response: a response status of 500 would tell senders that their request failed; use 200 to 299"},
		aWebhook + "response: {status: ok}":           {"f.yaml:3:20: response.status wants a whole number from 200 to 299"},
		aWebhook + "response: {body: [{a: \"\\0\"}]}": {"f.yaml:3:11: response holds NUL, which cannot be stored"},
		aWebhook + "response: {headers: []}":          {"f.yaml:3:21: headers wants a mapping, like {X-Shop: one}, but is a list"},
		aWebhook + "response: {headers: {A: 1}}":      {"f.yaml:3:25: headers.A wants text, but is a number; put it in quotes"},
		aWebhook + "schema: {file: s.json}":           {"f.yaml:3:16: there are no files here"},
		aWebhook + "schema: {file: /etc/passwd}":      {"f.yaml:3:16: schema.file is a path from the document's directory on, like schemas/order.json"},
		aWebhook + "schema: {file: 1}":                {"f.yaml:3:16: schema.file wants text, but is a number; put it in quotes"},
		"webhook: shop":                               {`f.yaml:1:10: the webhook needs the key "workflow": whose runs its events start`},
		aWebhook + "---\n" + aWebhook:                 {"f.yaml:4:10: the webhook shop is described twice, first at f.yaml:1:10"},
		"webhook: 1\n---\nwebhook: 2":                 {"f.yaml:1:10: webhook wants text, but is a number; put it in quotes", "f.yaml:1:10: the webhook needs", "f.yaml:3:10: webhook wants text", "f.yaml:3:10: the webhook needs"},
		anAlert + "---\n" + anAlert:                   {"f.yaml:6:8: the alert failed is described twice, first at f.yaml:1:8"},
		aWorkflow + "---\n" + aWorkflow:               {"f.yaml:4:7: the workflow orders is described twice, first at f.yaml:1:7"},
		"name: orders\nstep: []":                      {`f.yaml:2:1: a workflow has no key "step"; did you mean "steps"?`},
		anAlert + "all_workflows: true":               {"f.yaml:1:8: say whose runs are told of: workflow: NAME or all_workflows: true, and not both"},
		anAlert + "when: '.a | ('":                    {"f.yaml:5:14: when: the expression is not complete"},
		anAlert + "throttle_key: .a":                  {"f.yaml:5:15: throttle_key says what shares a throttle, which is missing; give throttle, like 5m"},
		anAlert + "headers: {X-A: \"{{ . + }}\"}":     {"f.yaml:5:24: headers/X-A: "},
		anAlert + "headers: []":                       {"f.yaml:5:10: headers wants a mapping, like {X-Team: shop}, but is a list"},
		anAlert + "headers: {Host: x}":                {"f.yaml:5:17: the header Host cannot be set: it is taken from the url"},
		anAlert + "payload: {text: \"{{ . + }}\"}":    {"f.yaml:5:25: payload/text: "},
		anAlert + "payload: {file: p.yaml}":           {"f.yaml:5:17: there are no files here"},
		anAlert + "schedule: [5]":                     {"f.yaml:5:12: an entry of schedule wants a duration like 90s, 1m30s or 24h, but is a number"},
		anAlert + "schedule: []":                      {"f.yaml:5:11: a schedule has 1 to"},
		anAlert + "signing: wax":                      {"f.yaml:5:10: \"wax\" is not a way to sign; write v1, v1a, hmac or none"},
		anAlert + "quiet_hours: {from: \"25:00\"}":    {"f.yaml:5:21: quiet_hours.from is a time of day, like 22:00", "f.yaml:5:14: quiet_hours.to"},
		anAlert + "secret_grace: 1h":                  {"f.yaml:5:15: secret_grace says how long the old secret signs"},
		"alert: Not a name\nall_workflows: true\non: [failed]\nurl: https://example.com":  {`f.yaml:1:8: "Not a name" cannot name a alert`},
		"alert: a\nall_workflows: true\non: [failed, broken]\nurl: https://example.com/…": {`f.yaml:3:14: "broken" is not a condition`, "f.yaml:4:6: this is what is shown in the place of the value"},
		"alert: a\nall_workflows: true\non: [failed]":                                     {"f.yaml:1:8: an alert needs a url to send to"},
		"alert: a\nall_workflows: true\non: [failed]\nurl: {kept: false}":                 {"f.yaml:4:6: url wants text, but is a mapping"},
		"webhook: [":    {"f.yaml:1:1: this is not YAML"},
		"a: \x00":       {"f.yaml:1:1: the file is not text in UTF-8"},
		"webhook: \xff": {"f.yaml:1:1: the file is not text in UTF-8"},
	} {
		file := manifest.File{Name: "f.yaml", Source: []byte(source), Key: "1/f.yaml", Read: func(string) ([]byte, error) {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "there are no files here")
		}}
		_, err := manifest.Parse([]manifest.File{file}, options)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), source)
		got := wrongs(err)
		if len(got) < len(want) {
			t.Errorf("%s: %v", source, got)
		}
		for _, line := range want {
			found := false
			for _, has := range got {
				found = found || strings.HasPrefix(has, line)
			}
			if !found {
				t.Errorf("%s\nwant %s\ngot %s", source, line, strings.Join(got, "\n"))
			}
		}
		require.NotContains(t, err.Error(), "hush")
	}
}

// What is found in a directory and named by a document is no document, whatever it holds.
func TestFilesOfFiles(t *testing.T) {
	t.Parallel()
	disk := map[string]string{
		"1/webhooks/shop.yaml":  aWebhook + "schema: {file: ../schema.json}\nresponse: {body: {file: no file}}\n",
		"1/schema.json":         `{"type": "object"}`,
		"1/alerts/a.yaml":       anAlert + "payload: {file: message.yml}\n---\n" + strings.Replace(anAlert, "failed", "text", 1) + "payload: {file: ../message.txt}\n",
		"1/alerts/message.yml":  "webhook: [1, {a: '{{ .run.id }}'}]\n",
		"1/message.txt":         "Run {{ .run.id }} failed\n",
		"1/workflows/o.yaml":    "\ufeff" + aWorkflow,
		"1/workflows/none.yaml": "# nothing\n",
	}
	read := func(key string) ([]byte, error) {
		source, there := disk[key]
		if !there {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "cannot read %s: no such file", key)
		}
		return []byte(source), nil
	}
	var files []manifest.File
	for key, source := range disk {
		if !strings.HasSuffix(key, ".txt") {
			files = append(files, manifest.File{Name: key, Key: key, Source: []byte(source), Found: true, Read: read})
		}
	}
	m, err := manifest.Parse(files, options)
	require.NoError(t, err)
	require.Len(t, m.Workflows, 1)
	require.Empty(t, m.Workflows[0].Doubts())
	require.JSONEq(t, `{"type": "object"}`, string(m.Webhooks[0].Endpoint.Schema))
	require.Equal(t, map[string]any{"file": "no file"}, m.Webhooks[0].Endpoint.Response.Body)
	require.JSONEq(t, `{"webhook": [1, {"a": "{{ .run.id }}"}]}`, string(m.Alerts[0].Alert.Payload))
	require.JSONEq(t, `"Run {{ .run.id }} failed"`, string(m.Alerts[1].Alert.Payload))

	// Named by the user, it is one.
	named := slices.Clone(files)
	for i := range named {
		named[i].Found = false
	}
	_, err = manifest.Parse(named, options)
	require.Len(t, wrongs(err), 3, err)

	for payload, want := range map[string]string{
		"nowhere.yaml": "cannot read 1/nowhere.yaml: no such file",
		"empty.yaml":   "payload: empty.yaml is empty; leave payload out to send the preset's own message",
		"two.yaml":     "payload: two.yaml:1:1: the file holds more than 1 documents",
		"bad.json":     "payload: bad.json:1:1: this is not YAML",
	} {
		disk["1/empty.yaml"], disk["1/two.yaml"], disk["1/bad.json"] = "", "a: 1\n---\nb: 1\n", "{"
		_, err := manifest.Parse([]manifest.File{{Name: "f", Key: "1/f", Source: []byte(anAlert + "payload: {file: " + payload + "}"), Read: read}}, options)
		require.ErrorContains(t, err, want)
	}
	_, err = manifest.Parse([]manifest.File{{Name: "-", Source: []byte(anAlert + "payload: {file: x}")}}, options)
	require.ErrorContains(t, err, "a document from standard input cannot name files; write the payload into it")
}

// Bombs are refused, and soon.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	bomb := aWebhook + "schema:\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for _, pair := range []string{"ab", "bc", "cd", "de", "ef", "fg"} {
		bomb += "  " + pair[1:] + ": &" + pair[1:] + " [" + strings.Repeat("*"+pair[:1]+", ", 9) + "*" + pair[:1] + "]\n"
	}
	for name, source := range map[string]string{
		"deep":  aWebhook + "schema: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
		"bomb":  bomb,
		"many":  strings.Repeat("---\na: 1\n", 10_001),
		"large": aWebhook + "# " + strings.Repeat("x", 16<<20),
		"huge":  "name: x\nsteps: [{id: a, transform: .}]\n# " + strings.Repeat("x", 1<<20),
		"self":  aWebhook + "schema: &a [*a]",
	} {
		_, err := manifest.Parse([]manifest.File{{Name: name, Source: []byte(source)}}, options)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), name)
		require.Len(t, wrongs(err), min(len(wrongs(err)), 100))
	}
}

func FuzzParse(f *testing.F) {
	for _, source := range []string{aWorkflow, aWebhook, anAlert, aWorkflow + "---\n" + aWebhook + "---\n" + anAlert, "webhook: &a {b: *a}", "{\"alert\": 1}", "%YAML 1.1\n---\nwebhook: x"} {
		f.Add(source)
	}
	f.Add(aWebhook + "verification: {scheme: stripe}\nsecret: {vault: a}\nresponse: {status: 200, body: {a: [1]}}\nschema: {type: object}\nallowed_ips: [10.0.0.0/8]\nmax_body: 1KiB\n")
	f.Add(anAlert + "headers: {X-A: {kept: true}}\npayload: {kept: true}\nexpect: {webhook: a, within: 1h}\nschedule: [1s]\nquiet_hours: {from: '22:00', to: '23:00'}\n")
	f.Fuzz(func(t *testing.T, source string) {
		m, err := manifest.Parse([]manifest.File{{Name: "f", Source: []byte(source)}}, options)
		if err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			require.NotEmpty(t, wrongs(err))
			return
		}
		have := manifest.Present{Vault: map[string]meshhook.Secret{}}
		plan, err := m.Plan(have, true, noSecrets)
		if err != nil {
			require.NotEmpty(t, wrongs(err))
			return
		}
		// What it makes, it is.
		have = made(plan, have)
		again, err := m.Plan(have, true, noSecrets)
		if err == nil {
			require.Empty(t, again.Changes)
		}
	})
}
