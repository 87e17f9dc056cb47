package workflow_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/workflow"
)

const beforeStep = "name: x\nsteps:\n- id: a\n"

// In each document the mark ⌖ stands before what is wrong; it is taken out. What
// is wrong is told by its line and its byte there, however the text is written.
func TestProblem_Place(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"plain":                    "  transform: .a | ⌖| .b",
		"plain, unicode before":    "  transform: '\"ä€😀\" | ⌖| .b'",
		"unicode before the text":  "  http: {headers: {x-a: ä😀}, url: \"ä{{ ⌖] }}\"}",
		"plain, several lines":     "  transform: .a\n    | .b\n\n    | ⌖| .c",
		"comment after":            "  transform: .a | ⌖| .b # | ] ]",
		"at the end":               "  transform: .a |⌖",
		"at the end, CRLF":         "  transform: .a |⌖\r\n  timeout: 1s\r",
		"single quotes":            "  transform: '.a | ⌖| .b'",
		"single quotes, doubled":   "  transform: '\"it''s\" | ⌖| .b'",
		"single quotes, folded":    "  transform: '.a |\n\n\n      .b | ⌖| .c'",
		"double quotes":            "  transform: \".a | ⌖| .b\"",
		"double quotes, folded":    "  transform: \".a |  \n\t .b | ⌖| .c\"",
		"double quotes, joined":    "  transform: \".a | \\\n   \\ .b | ⌖| .c\"",
		"every escape":             `  transform: "\"ä \u00e4\x41\U0001f600\N\_\L\P\\\\\"\t|\n\x20.a | ⌖| .b"`,
		"anchor":                   "  transform: &x .a | ⌖| .b",
		"anchor on a line":         "  transform: &x   \n    !!str # a comment\n    \".a | ⌖| .b\"",
		"tag":                      "  transform: !!str '.a | ⌖| .b'",
		"literal":                  "  transform: |\n    .a\n\n      | .b\n    | ⌖| .c\n",
		"literal, the first line":  "  transform: |\n    .a | ⌖| .c\n",
		"literal, blank first":     "  transform: |\n\n   \n    .a | ⌖| .c\n",
		"literal, indented so":     "  transform: |2\n     .a | ⌖| .c\n",
		"literal, tag and comment": "  transform: &x !!str |- # why\n    .a\n    | ⌖| .c",
		"literal, tabs":            "  transform: |\n    .a\n    \t| ⌖| .c\n",
		"literal, at the end":      "  transform: |\n    .a\n    | .b |⌖\n\n\n  timeout: 1s\n",
		"literal, CRLF":            "  transform: |\r\n    .a\r\n\r\n    | ⌖| .c\r\n",
		"literal, unicode":         "  transform: |\n    \"ä😀\u0301\"\n    | \"日本\" | ⌖| .c\n",
		"folded":                   "  transform: >\n    .a\n    | .b | ⌖| .c\n",
		"folded, blank lines":      "  transform: >-\n    .a\n\n\n    | .b\n    | ⌖| .c\n",
		"folded, indented more":    "  transform: >\n    .a\n      | .b\n      | .c\n    | ⌖| .c\n",
		"folded, blank first":      "  transform: >\n\n    .a\n    | ⌖| .c\n",
		"template":                 "  http: {url: \"https://h/ä/{{ .a }}/{{ .b | ⌖}}\"}",
		"template, not closed":     "  http: {url: 'https://h/{{ .a }}/⌖{{ .b'}",
		"template, literal":        "  http:\n    url: https://h\n    body: |\n      Dear {{ .a }},\n      it is {{ ⌖] }}!\n",
		"template, folded":         "  http:\n    url: https://h\n    body: >\n      Dear {{ .a }},\n      it is {{ ⌖] }}!\n",
		"template in a line":       "  http: {url: https://h, body: [é, {ä: [\"é {{ .a }}{{ ⌖] }}\"]}]}",
		"a long line":              "  http: {url: https://h, body: [" + strings.Repeat("é,", 1000) + "\"{{ ⌖] }}\"]}",
		"a long line of ASCII":     "  http: {url: https://h, body: [" + strings.Repeat("e,", 1000) + "\"{{ ⌖] }}\"]}",
		"a key after unicode":      "  http: {url: \"https://h/ä{{ .a }}\", ⌖zzzzzzzz: 2}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requirePlace(t, beforeStep+text)
		})
	}
}

func TestProblem_Place_Documents(t *testing.T) {
	t.Parallel()
	for name, marked := range map[string]string{
		"JSON":              "{\"name\": \"x\",\r\n\"steps\": [{\"id\": \"a\",\r\n \"transform\": \"\\\"ä\\ud83d\\ude00\\ud83d\\/\u2028\\\" | ⌖| .b\"}]}",
		"JSON, odd breaks":  "{\"name\": \"x\", \"description\": \"\u2028\",\n\"steps\": [{\"id\": \"a\", \"transform\": \"⌖] .b\"}]}",
		"several documents": "# one\n" + beforeStep + "  transform: .\n---\nname: y\nsteps:\n- id: b\n  transform: >\n    .a\n    | \"é\" | ⌖| .c\n",
		"an alias":          beforeStep + "  http: {url: https://h, body: &x \"ä{{ ⌖] }}\"}\n- id: b\n  http: {url: https://h, body: *x}\n",
		"no workflow":       "⌖# nothing\n",
		"no YAML":           "name: x\n⌖steps: [\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requirePlace(t, marked)
		})
	}
}

// What YAML takes for a line, editors may not; the text shown is that of the line
// which is named.
func TestProblem_Place_OddBreaks(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\r", "\u0085", "\u2028", "\u2029"} {
		_, err := workflow.Parse("f", []byte("# a"+end+strings.ReplaceAll(beforeStep+"  transform: .a[\"é\"] | | .b\n", "\n", end)))
		problems, ok := errors.AsType[workflow.Problems](err)
		require.True(t, ok, "%q", end)
		require.Equal(t, "f:5:25", problems[0].Place())
		require.Equal(t, "  transform: .a[\"é\"] | | .b", problems[0].Source)
	}
}

// requirePlace parses a document and compares the place of its first problem with
// that of the mark.
func requirePlace(t *testing.T, marked string) {
	t.Helper()
	before, after, _ := strings.Cut(marked, "⌖")
	_, err := workflow.Parse("f", []byte(before+after))
	problems, ok := errors.AsType[workflow.Problems](err)
	require.True(t, ok, "no problem in %q: %v", before+after, err)
	start := strings.LastIndexByte(before, '\n') + 1
	rest, _, _ := strings.Cut(after, "\n")
	require.Equal(t, fmt.Sprintf("f:%d:%d", strings.Count(before, "\n")+1, len(before)-start+1), problems[0].Place(), "%v", problems[0].Message)
	require.Equal(t, strings.TrimSuffix(before[start:]+rest, "\r"), problems[0].Source)
}

func TestProblems_Quote(t *testing.T) {
	t.Parallel()
	const text = "\ufeffname: x\r\nsteps:\n- {id: \"a\", transform: \"[.steps.c, .steps.b]\"}"
	d := parse(t, text)
	for _, tt := range []struct{ src, want string }{
		{text, `- {id: "a", transform: "[.steps.c, .steps.b]"}`},
		{"name: x\n", ""},
		{strings.ReplaceAll(text, "\n", "\r"), ""},
	} {
		problems := workflow.Problems(d.Warnings())
		require.NotEmpty(t, problems)
		problems.Quote([]byte(tt.src))
		require.Equal(t, tt.want, problems[0].Source)
	}
	workflow.Problems(nil).Quote(nil)
	first := workflow.Problems{{Line: 1}, {Line: 0}}
	first.Quote([]byte(text))
	require.Equal(t, workflow.Problems{{Line: 1, Source: "name: x"}, {}}, first)
}
