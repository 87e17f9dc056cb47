package workflow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

func parse(t testing.TB, src string) *workflow.Definition {
	t.Helper()
	d, err := workflow.Parse("workflow.yaml", []byte(src))
	require.NoError(t, err)
	return d
}

func TestParse(t *testing.T) {
	t.Parallel()
	d := parse(t, `
name: orders
description: Tells the CRM.
timeout: 1h
steps:
  - id: order
    transform: "{id: .event.body.id}"
  - id: crm
    if: .steps.order.id > 0
    timeout: 5m
    continue_on_error: yes # YAML 1.1
    http: { url: "https://crm.example.com/{{ .steps.order.id }}", expect: 201, timeout: 10s }
  - id: beside
    needs: []
    if: false
    http: { method: delete, url: "https://crm.example.com", headers: { X-Count: 5, X-Flag: true } }
  - id: after
    needs: [crm, beside]
    continue_on_error: off
    transform: .
  - id: end
    terminate: {}
`)
	type step struct {
		ID, Kind, If    string
		Needs           []string
		Timeout         time.Duration
		ContinueOnError bool
	}
	var steps []step
	for _, s := range d.Steps {
		steps = append(steps, step{s.ID, s.Kind, s.If, s.Needs, s.Timeout, s.ContinueOnError})
	}
	require.Equal(t, []step{
		{ID: "order", Kind: "transform"},
		{"crm", "http", ".steps.order.id > 0", []string{"order"}, 5 * time.Minute, true},
		{ID: "beside", Kind: "http", If: "false"},
		{ID: "after", Kind: "transform", Needs: []string{"crm", "beside"}},
		{ID: "end", Kind: "terminate", Needs: []string{"after"}},
	}, steps)
	require.Equal(t, []any{"orders", "Tells the CRM.", time.Hour}, []any{d.Name, d.Description, d.Timeout})
	require.Empty(t, d.Warnings())
}

// JSON is YAML, and both mean the same; what only looks different does not
// change the digest, what means something else does.
func TestDefinition_Digest(t *testing.T) {
	t.Parallel()
	const first = `
name: x
steps:
  - id: a
    http: { url: "https://example.com", body: { n: 12345678901234567890123, b: [true, null, "1"] } }
`
	want := parse(t, first).Digest()
	require.Regexp(t, `^[0-9a-f]{64}$`, want)
	for name, same := range map[string]string{
		"comments and order": "# hello\nsteps:\n- http:\n    body: {b: [true, ~, '1'], n: 12345678901234567890123}\n    url: https://example.com\n  id: a # it\nname: \"x\"\n",
		"JSON":               "{\n\t\"name\": \"\\u0078\"," + `"steps":[{"id":"a","http":{"url":"https:\/\/example.com","body":{"b":[true,null,"1"],"n":12345678901234567890123}}}]}`,
		"anchors":            "name: &x x\nsteps:\n- id: a\n  http: { url: &u 'https://example.com', body: {b: [True, Null, \"1\"], n: 12345678901234567890123} }\n",
		"merge keys":         "name: x\nsteps:\n- id: a\n  http: { <<: [{url: 'https://example.com'}, {url: ignored}], body: {<<: {n: 12345678901234567890123, b: 2}, b: [true, null, '1']} }\n",
		"markers and BOM":    "\ufeff%YAML 1.1\n---" + first + "---\n# nothing\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, parse(t, same).Digest())
		})
	}
	for name, other := range map[string]string{
		"a digit":      strings.Replace(first, "0123,", "0124,", 1),
		"a type":       strings.Replace(first, `"1"`, "1", 1),
		"a name":       strings.Replace(first, "name: x", "name: y", 1),
		"a new key":    first + "timeout: 1m\n",
		"a step's id":  strings.Replace(first, "id: a", "id: b", 1),
		"list's order": strings.Replace(first, `[true, null, "1"]`, `[null, true, "1"]`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NotEqual(t, want, parse(t, other).Digest())
		})
	}
}

func TestParseAll(t *testing.T) {
	t.Parallel()
	const one, two = "# one\n---\nname: one\nsteps: [{id: a, transform: .}]\n", "--- # two\nname: two\nsteps: [{id: a, transform: .}]\n...\n"
	documents, err := workflow.ParseAll("f.yaml", []byte(one+two+"---\n# the end\n"))
	require.NoError(t, err)
	require.Len(t, documents, 2)
	require.Equal(t, []string{"one", "two"}, []string{documents[0].Definition.Name, documents[1].Definition.Name})
	require.Equal(t, []string{one, two}, []string{documents[0].Source, documents[1].Source})

	_, err = workflow.Parse("f.yaml", []byte(one+two))
	require.EqualError(t, err, "f.yaml:1:1: one workflow is wanted here, but the file holds several, parted by ---")
}

// The text that a marker seems to part is one text all the same where YAML says so.
func TestParseAll_MarkerInText(t *testing.T) {
	t.Parallel()
	d := parse(t, "name: x\ndescription: |\n  a\n  ---\n  b\nsteps: [{id: a, transform: .}]\r\n")
	require.Equal(t, "a\n---\nb\n", d.Description)
}

func TestParse_Limits(t *testing.T) {
	t.Parallel()
	const head = "name: x\nsteps:\n"
	steps := func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			fmt.Fprintf(&b, "- {id: s%d, transform: .}\n", i)
		}
		return b.String()
	}
	body := func(value string) string {
		return head + "- {id: a, http: {url: 'http://h', body: " + value + "}}\n"
	}
	values := func(n int) string { // 14 around, 999 in the list, and 1000 with each alias of it
		n -= 14 + 999
		return body("[&a [" + strings.Repeat("1,", 998) + "]," + strings.Repeat("*a,", n/1000) + strings.Repeat("1,", n%1000) + "]")
	}
	padded := func(n int) string {
		const document = `{"name": "x", "steps": [{"id": "a", "transform": "."}]}`
		return document + strings.Repeat(" ", n-len(document))
	}
	depth := func(n int) string { return body(strings.Repeat("[", n-3) + strings.Repeat("]", n-3)) }
	id := func(n int) string { return head + "- {id: " + strings.Repeat("i", n) + ", transform: .}\n" }
	files := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "---\nname: w%d\nsteps: [{id: a, transform: .}]\n", i)
		}
		return b.String()
	}
	attempts := func(n int) string {
		return head + fmt.Sprintf("- {id: a, http: {url: 'http://h', retry: {attempts: %d}}}\n", n)
	}
	for name, tt := range map[string]struct {
		make func(int) string
		last int
		want string
	}{
		"steps":     {steps, 1000, "x.yaml:3:1: a workflow may have at most 1000 steps, but this one has 1001"},
		"bytes":     {padded, 1 << 20, "x.yaml:1:1: the file is larger than 1 MiB"},
		"values":    {values, 100_000, "x.yaml:3:4312: the document is too large: more than 100000 values once its aliases are expanded"},
		"depth":     {depth, 64, "x.yaml:3:102: the document is nested too deeply: more than 64 levels"},
		"id":        {id, 63, "x.yaml:3:8: " + `"iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii…" cannot be the id of a step; use letters, digits and '_' (at most 63, no digit first), so that .steps.ID can be written`},
		"workflows": {files, 100, "x.yaml:1:1: the file holds more than 100 workflows"},
		"attempts":  {attempts, 100, "x.yaml:3:53: attempts wants a whole number from 1 to 100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := workflow.ParseAll("x.yaml", []byte(tt.make(tt.last)))
			require.NoError(t, err)
			_, err = workflow.ParseAll("x.yaml", []byte(tt.make(tt.last+1)))
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestParse_ManyProblems(t *testing.T) {
	t.Parallel()
	_, err := workflow.Parse("x.yaml", []byte("name: x\nsteps:\n"+strings.Repeat("- {id: 1}\n", 1000)))
	require.EqualError(t, err, "x.yaml:3:3: the step does nothing: give it one of transform, http, branch, foreach, delay, approval, terminate (and 1999 more)")
	invalid, ok := errors.AsType[*meshhook.Error](err)
	require.True(t, ok)
	require.Len(t, invalid.Details, 100)
}

func TestParse_NotText(t *testing.T) {
	t.Parallel()
	_, err := workflow.Parse("x.yaml", []byte("name: \xff\n"))
	require.EqualError(t, err, "x.yaml:1:1: the file is not text in UTF-8")
}

func TestDefinition_References(t *testing.T) {
	t.Parallel()
	d := parse(t, `
name: x
steps:
  - id: a
    if: .secrets.on == "yes"
    transform: .steps.b.body
  - id: b
    http:
      url: "{{ .secrets.url }}"
      headers: { Authorization: "Bearer {{ .secrets.token }}" }
      body: [{ deep: "{{ .steps.a.x }} {{ .secrets.token }}" }]
  - id: c
    terminate: { status: failed, message: "{{ .steps.b.status }}", output: "{{ .secrets.last }}" }
`)
	require.Equal(t, workflow.References{
		Secrets: []string{"last", "on", "token", "url"},
		Steps:   []string{"a", "b"},
	}, d.References())
}

func TestDefinition_Warnings(t *testing.T) {
	t.Parallel()
	d := parse(t, `
name: x
steps:
  - id: first
    transform: .steps.frist
  - id: second
    transform: "[.steps.first, .steps.second, .steps.third]"
  - id: third
    needs: [first]
    transform: .steps.second
  - id: last
    needs: [third]
    http: { url: "https://example.com/{{ .steps.first }}", body: { a: "{{ .steps.second }}" } }
  - id: misspelt
    http: { url: "https://example.com/{{ .evnt.body.id }}", headers: { A: "{{ .secret.token }}" }, body: "{{ .event.body | .even + .x }}" }
`)
	var lines []string
	for _, w := range d.Warnings() {
		lines = append(lines, w.String())
	}
	require.Equal(t, []string{
		`workflow.yaml:5:16: there is no step "frist", so that .steps.frist is null; did you mean "first"?`,
		`workflow.yaml:7:16: a step cannot read its own output: .steps.second is null here`,
		`workflow.yaml:7:16: the step "third" need not have ended when "second" begins; name it in needs, or .steps.third may be null`,
		`workflow.yaml:10:16: the step "second" need not have ended when "third" begins; name it in needs, or .steps.second may be null`,
		`workflow.yaml:13:71: the step "second" need not have ended when "last" begins; name it in needs, or .steps.second may be null`,
		`workflow.yaml:15:18: .evnt is null: expressions see no such name; did you mean .event?`,
		`workflow.yaml:15:75: .secret is null: expressions see no such name; did you mean .secrets?`,
	}, lines)
}

func TestCompile_Refuses(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]*workflow.Definition{
		"the workflow has no steps":          nil,
		`the step "a" was not made by Parse`: {Block: workflow.Block{Steps: []workflow.Step{{ID: "a"}}}},
	} {
		_, err := workflow.Compile(d)
		require.EqualError(t, err, want)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	}
}

func FuzzParse(f *testing.F) {
	f.Add("name: x\nsteps:\n  - {id: a, transform: .event}\n  - id: b\n    if: .x\n    http: {url: 'https://h/{{ .x }}', body: [1, {a: '{{ .y }}'}]}\n")
	f.Add("a: &a [*a]\n<<: [1]\n? {x: y}\n: !t z\n---\n%YAML 1.1\n---\n...\n")
	f.Add("name: x\nsteps:\n- {id: a, needs: [b], terminate: {status: failed, message: m, output: 1e999}}\n- id: b\n  transform: |2\n     (\n")
	f.Add("\"\\u0000\": >-\n  x\n\n  y\n'': 0x10\n~: .nan\n")
	f.Add("name: x\nsteps:\n- id: a\n  transform: !!str &x \"ä\\u00e4\\\n  \\ud83d | | '\"\n- id: b\n  if: >1\n    é\n\n     | |\n  transform: 'a'' ('\r\n")
	f.Fuzz(func(t *testing.T, src string) {
		documents, err := workflow.ParseAll("f.yaml", []byte(src))
		breaks := 0 // YAML's lines end with all of these
		for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
			breaks += strings.Count(src, end)
		}
		if err != nil {
			problems, ok := errors.AsType[workflow.Problems](err)
			require.True(t, ok)
			for _, p := range problems {
				require.Positive(t, p.Line)
				require.Positive(t, p.Column)
				require.LessOrEqual(t, p.Line, breaks+1)
				if p.Source != "" {
					require.LessOrEqual(t, p.Column, len(p.Source)+1)
					require.True(t, p.Column > len(p.Source) || utf8.RuneStart(p.Source[p.Column-1]))
				}
			}
			return
		}
		for _, document := range documents {
			again, err := workflow.Parse("f.yaml", []byte(document.Source))
			require.NoError(t, err)
			require.Equal(t, document.Definition.Digest(), again.Digest())
			d := document.Definition
			d.Warnings()
			_, err = json.Marshal(d.References())
			require.NoError(t, err)
			_, err = workflow.Compile(d)
			require.NoError(t, err)
		}
	})
}

func TestMissingSecrets(t *testing.T) {
	t.Parallel()
	d := parse(t, `{name: x, concurrency: {limit: 1, key: .secrets.c}, steps: [{id: a, if: .secrets.b, http: {url: "{{ .secrets.a }}"}}]}`)
	require.Empty(t, d.MissingSecrets([]meshhook.VaultSecret{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}))
	require.Equal(t, []string{
		"the secret a does not exist; make it with: meshhook secret set a",
		"the secret c does not exist; make it with: meshhook secret set c",
	}, d.MissingSecrets([]meshhook.VaultSecret{{Name: "b"}}))
}
