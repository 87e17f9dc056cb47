package expr

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const scene = `{"event": {"id": 9007199254740993, "body": {"name": "Ada \"Q\"", "tags": ["a", "b"], "none": null, "ok": true}},
	"steps": {"order": {"total": 12.50}}, "secrets": {"token": "s3cret"}}`

func TestTemplate(t *testing.T) {
	template, err := ParseTemplate(map[string]any{
		"order":      "{{ .steps.order }}",
		"id":         "{{ .event.id }}",
		"text":       "order {{ .event.id }} of {{ .event.body.name }}: {{ .event.body.tags }}, {{ .event.body.none }}",
		"tags":       []any{`{{ .event.body.tags[] | select(. == "a") }}`, "{{ empty }}", "plain"},
		"{{ .key }}": "stays",
		"n":          1, "big": uint64(math.MaxUint64), "f": 1.5, "t": true, "z": nil, "empty": "",
		"map":     `{{ {a: {b: "}}"}} }}`,
		"spaced":  " {{ .event.body.ok }}",
		"literal": `{{ "{{" }} .x }}`,
		"lines":   "{{ .event.body.ok }}\n",
		"nothing": map[string]any{}, "list": []any{},
	})
	require.NoError(t, err)
	for range 2 { // it can be rendered again
		got, err := template.Render(t.Context(), decode(t, scene))
		require.NoError(t, err)
		require.Equal(t, map[string]any{
			"order":      map[string]any{"total": json.Number("12.50")},
			"id":         json.Number("9007199254740993"),
			"text":       `order 9007199254740993 of Ada "Q": ["a","b"], null`,
			"tags":       []any{"a", nil, "plain"},
			"{{ .key }}": "stays",
			"n":          1, "big": parseNumber("18446744073709551615"), "f": 1.5, "t": true, "z": nil, "empty": "",
			"map":     map[string]any{"a": map[string]any{"b": "}}"}},
			"spaced":  " true",
			"literal": "{{ .x }}",
			"lines":   "true\n",
			"nothing": map[string]any{}, "list": []any{},
		}, got)
	}
	require.Equal(t, []string{"event.body", "event.id", "steps.order"}, template.References())
	_, err = ParseTemplate([]any{1, "{{ .x }}"})
	require.NoError(t, err)
}

func TestTemplateScalars(t *testing.T) {
	for _, v := range []any{nil, true, 1, 1.5, "text", json.Number("1.10"), int64(5), uint64(7)} {
		template, err := ParseTemplate(v)
		require.NoError(t, err)
		got, err := template.Render(t.Context(), nil)
		require.NoError(t, err)
		require.JSONEq(t, encode(t, v), encode(t, got))
	}
}

func TestTemplateErrors(t *testing.T) {
	_, err := ParseTemplate(map[string]any{
		"a":   "{{ .x",
		"b/c": []any{"fine", "{{ .x + }}"},
		"d":   time.Time{},
		"e":   "x {{ }} y",
		"f":   math.NaN(),
	})
	var failed *meshhook.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, meshhook.CodeInvalid, failed.Code)
	require.Equal(t, `at /a: template "{{ .x": column 1: this {{ has no }}; a literal {{ is written {{ "{{" }}`, failed.Message)
	require.Equal(t, []meshhook.Problem{
		{Path: "/a", Message: `template "{{ .x": column 1: this {{ has no }}; a literal {{ is written {{ "{{" }}`},
		{Path: "/b~1c/1", Message: `template "{{ .x + }}": column 9: the expression is not complete`},
		{Path: "/d", Message: `a time.Time cannot stand in a template; put it in quotes`},
		{Path: "/e", Message: `template "x {{ }} y": column 6: the expression is empty; "." is the whole input`},
		{Path: "/f", Message: `a number is infinite or not a number; JSON has no such value`},
	}, failed.Details)
	var syntax *SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.Equal(t, "{{ .x\n^", caret(syntax))

	_, err = ParseTemplate("{{ now }}")
	require.ErrorContains(t, err, `template "{{ now }}": column 4: now is not available`)
	require.ErrorAs(t, err, &syntax)

	var deep any = 1
	for range maxDepth - 1 {
		deep = []any{deep}
	}
	_, err = ParseTemplate(deep)
	require.NoError(t, err)
	_, err = ParseTemplate([]any{deep})
	require.ErrorContains(t, err, "nested deeper than 1000")
}

func TestTemplateRenderErrors(t *testing.T) {
	for _, c := range []struct {
		template any
		message  string
		reason   Reason
	}{
		{map[string]any{"a": []any{"{{ 1, 2 }}"}}, `at /a/0: expression "1, 2": gave 2 results; wrap it in [ ]`, ReasonResults},
		{map[string]any{"a": "x {{ 1 / 0 }}"}, `at /a: expression "1 / 0": cannot divide by zero`, ReasonType},
		{"{{ error(\"no\") }}", `expression "error(\"no\")": no`, ReasonUser},
		{map[string]any{"b": "{{ 1 / 0 }}", "a": "{{ null / 0 }}"}, `at /a: expression "null / 0": cannot divide: null and number (0)`, ReasonType},
	} {
		template, err := ParseTemplate(c.template)
		require.NoError(t, err)
		_, err = template.Render(t.Context(), nil)
		require.EqualError(t, err, c.message)
		var failed *EvalError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, c.reason, failed.Reason)
	}
}

// TestTemplateLimitsAreShared renders what is small in its parts and too large
// as a whole.
func TestTemplateLimitsAreShared(t *testing.T) {
	render := func(l Limits, v any) error {
		template, err := l.ParseTemplate(v)
		require.NoError(t, err)
		_, err = template.Render(t.Context(), nil)
		return err
	}
	require.NoError(t, render(Limits{Output: 24}, []any{`{{ "12345678" }}`, `1234 {{ 1 }}`}))
	require.EqualError(t, render(Limits{Output: 22}, []any{`{{ "12345678" }}`, `1234 {{ 1 }}`}), `at /1: expression "1": gave more than 22 bytes`)
	require.EqualError(t, render(Limits{Output: 14}, []any{`{{ "12345678" }}`, `1234 {{ 1 }}`}), `at /1: the template gave more than 14 bytes`)
	require.EqualError(t, render(Limits{Output: 20}, []any{"1234567890", "1234567890"}), `the template gave more than 20 bytes`)
	long := "{{ [range(10000)] | length }}"
	require.NoError(t, render(Limits{Time: time.Minute, Steps: 90_000}, []any{long}))
	err := render(Limits{Time: time.Minute, Steps: 90_000}, []any{long, long})
	require.ErrorContains(t, err, "took more than 90000 steps")
}

func TestText(t *testing.T) {
	text, err := ParseText(`{{ .event.body.name }} paid {{ .steps.order.total }} for {{ .event.body.tags }}{{ .event.body.none }}`)
	require.NoError(t, err)
	got, err := text.Render(t.Context(), decode(t, scene))
	require.NoError(t, err)
	require.Equal(t, `Ada "Q" paid 12.50 for ["a","b"]null`, got)
	require.Equal(t, []string{"event.body", "steps.order"}, text.References())
	require.Equal(t, `{{ .event.body.name }} paid {{ .steps.order.total }} for {{ .event.body.tags }}{{ .event.body.none }}`, text.String())

	_, err = ParseText("a\n  {{ .b | }}")
	require.EqualError(t, err, `template "a {{ .b | }}": line 2, column 11: the expression is not complete`)
	var syntax *SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.Equal(t, "  {{ .b | }}\n          ^", caret(syntax))

	text, err = ParseText(`{{ .x.y }}`)
	require.NoError(t, err)
	_, err = text.Render(t.Context(), decode(t, `{"x": 1}`))
	require.EqualError(t, err, `expression ".x.y": expected an object but got: number (1)`)

	text, err = ParseText(strings.Repeat("x", 4<<20+1))
	require.NoError(t, err)
	_, err = text.Render(t.Context(), nil)
	require.EqualError(t, err, `the template gave more than 4 MiB`)
}

func TestHeader(t *testing.T) {
	render := func(source, input string) (string, error) {
		t.Helper()
		header, err := ParseHeader(source)
		require.NoError(t, err)
		return header.Render(t.Context(), decode(t, input))
	}
	got, err := render("Bearer {{ .secrets.token }}\t{{ .n }} ü", `{"secrets": {"token": "s3cret"}, "n": [1]}`)
	require.NoError(t, err)
	require.Equal(t, "Bearer s3cret\t[1] ü", got)

	for _, value := range []string{`"a\nX-Evil: 1"`, `"a\r"`, `"\u0000"`, `"\u001b"`, `"\u007f"`, `"\u000b"`} {
		_, err = render("Bearer {{ .secrets.token }}", `{"secrets": {"token": `+value+`}}`)
		require.Equal(t, &EvalError{
			Expr:    ".secrets.token",
			Message: "gave a line break or control character, which must not stand in a header",
			Reason:  ReasonUnsafe,
		}, err, value)
	}
	_, err = render("Bearer {{ .secrets.tokn }}", `{"secrets": {}}`)
	require.EqualError(t, err, `expression ".secrets.tokn": gave null, which must not stand in a header; write // for a default`)

	_, err = ParseHeader("a\nb")
	require.EqualError(t, err, `header "a b": a header cannot hold a line break or control character`)
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	_, err = ParseHeader("{{ x")
	require.Error(t, err)
}

func TestQuote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.OneOf(rapid.RuneFrom([]rune(`{} "\.a`)), rapid.Rune())).Draw(t, "text")
		text, err := ParseText(Quote(s))
		require.NoError(t, err)
		got, err := text.Render(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, s, got)
	})
}

// TestNoValueLeavesItsPlaceInABody renders any values into a body and looks for
// each where it was put, and for nothing else.
func TestNoValueLeavesItsPlaceInABody(t *testing.T) {
	template, err := ParseTemplate(map[string]any{"whole": "{{ .a }}", "mixed": "<{{ .a }}|{{ .b }}>", "list": []any{"{{ .b }}"}, "fixed": "x"})
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.StringMatching(`[{}"\[\],:\\ a]*`).Draw(t, "b")
		got, err := template.Render(t.Context(), map[string]any{"a": a, "b": b})
		require.NoError(t, err)
		require.Equal(t, map[string]any{"whole": a, "mixed": "<" + a + "|" + b + ">", "list": []any{b}, "fixed": "x"}, got)
		body, err := json.Marshal(got)
		require.NoError(t, err)
		var back map[string]any
		require.NoError(t, json.Unmarshal(body, &back))
		require.Equal(t, got, back)
	})
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"plain", "{{ .a }}", "a {{ .b }} c {{ \"}}\" }}", "{{", "}}", "{{{ .a }}}", "{{ {a: {b: 1}} }}", "{{ # }}\n}}", "{{ \"\\(.a)\" }}", "{{ .. }}"} {
		f.Add(s, `{"a": 1, "b": "x"}`)
	}
	f.Fuzz(func(t *testing.T, s, body string) {
		var input any
		if json.Unmarshal([]byte(body), &input) != nil {
			input = body
		}
		limits := Limits{Time: 50 * time.Millisecond, Steps: 20_000, Memory: 1 << 20}
		template, err := limits.ParseTemplate(map[string]any{"x": []any{s}})
		text, textErr := parseText(s, limits, (*Text).joinPlain)
		require.Equal(t, err == nil, textErr == nil)
		if err != nil {
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.NotEmpty(t, caret(syntax))
			return
		}
		got, err := template.Render(t.Context(), input)
		rendered, textErr := text.Render(t.Context(), input)
		if !strings.Contains(s, "{{") {
			require.NoError(t, errors.Join(err, textErr))
			require.Equal(t, map[string]any{"x": []any{s}}, got)
			require.Equal(t, s, rendered)
			return
		}
		if err != nil {
			var failed *EvalError
			require.ErrorAs(t, err, &failed)
			require.NotEqual(t, ReasonInternal, failed.Reason, "%v", err)
			return
		}
		_, err = json.Marshal(got)
		require.NoError(t, err)
	})
}
