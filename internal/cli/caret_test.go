package cli

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/workflow"
)

// The mark ⌖ stands before the place.
func TestWithCaret(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 20)
	for name, tt := range map[string]struct{ line, text, caret string }{
		"ASCII":             {"a ⌖| b", "a | b", "  ^"},
		"nothing":           {"⌖", "", "^"},
		"the end":           {"a |⌖", "a |", "   ^"},
		"tabs":              {"\ta\t⌖|\tb", " a | b", "   ^"},
		"wide":              {"日本 ⌖| 日", "日本 | 日", "     ^"},
		"combining":         {"e\u0301e\u0301 ⌖|", "e\u0301e\u0301 |", "   ^"},
		"inside of a mark":  {"ae⌖\u0301|", "ae\u0301|", " ^"},
		"emoji":             {"😀 ⌖|", "😀 |", "   ^"},
		"hostile":           {"\x1b[2J\u202e\u0085 ⌖|\a", `\x1b[2J\u202e\u0085 |\x07`, strings.Repeat(" ", 20) + "^"},
		"no UTF-8":          {"\xff\x80 ⌖|\xff", `\xff\x80 |\xff`, "         ^"},
		"just fits":         {long[:99] + "⌖|", long[:99] + "|", strings.Repeat(" ", 99) + "^"},
		"long before":       {long + "⌖|", "…" + long[102:] + "|", strings.Repeat(" ", 99) + "^"},
		"long after":        {"a⌖|" + long, "a|" + long[:97] + "…", " ^"},
		"long on all sides": {long + "⌖|" + long, "…" + long[131:] + "|" + long[:28] + "…", strings.Repeat(" ", 70) + "^"},
		"wide and long":     {strings.Repeat("日", 60) + "⌖|" + long[:40], "…" + strings.Repeat("日", 34) + "|" + long[:29] + "…", strings.Repeat(" ", 69) + "^"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after, _ := strings.Cut(tt.line, "⌖")
			text, caret := withCaret(before+after, len(before))
			require.Equal(t, tt.text, text)
			require.Equal(t, tt.caret, caret)
		})
	}
	for _, at := range []int{-1, 4} { // beside the line
		text, _ := withCaret("abc", at)
		require.Equal(t, "abc", text)
	}
	_, caret := withCaret("日本", 4) // inside of a character
	require.Equal(t, "  ^", caret)
}

func FuzzWithCaret(f *testing.F) {
	f.Add("a\tb\x1b", 2)
	f.Add(strings.Repeat("日e\u0301😀\u200d", 2000), 9000)
	f.Add(strings.Repeat("\u0301", 5000)+strings.Repeat("\xff", 5000), 9999)
	f.Add(strings.Repeat("\x00", 20000), 10000)
	f.Fuzz(func(t *testing.T, line string, at int) {
		text, caret := withCaret(line, at)
		require.True(t, utf8.ValidString(text))
		require.Equal(t, tail.Clean(text), text)
		require.LessOrEqual(t, cells(text), shownCells)
		require.LessOrEqual(t, len(caret), shownCells+1)
		require.Equal(t, "^", strings.TrimLeft(caret, " "))
	})
}

func TestProblemsAreShownWithTheirLine(t *testing.T) {
	t.Parallel()
	problems := workflow.Problems{
		{File: "a\x1b", Line: 7, Column: 3, Message: "bad\a", Source: "\tä| \t"},
		{File: "a", Line: 123456, Column: 1, Message: "worse", Source: "x"},
		{File: "a", Line: 1, Column: 1, Message: "no line"},
	}
	for output, want := range map[string]string{
		"table": "a\\x1b:7:3: bad\\x07\n    7 |  ä|\n      |  ^\na:123456:1: worse\n123456 | x\n       | ^\na:1:1: no line\n",
		"json":  "a\\x1b:7:3: bad\\x07\na:123456:1: worse\na:1:1: no line\n",
	} {
		var err bytes.Buffer
		a := &app{IO: IO{Err: &err}, output: output}
		a.explain(problems)
		require.Equal(t, want, err.String())
	}
}

func TestAFailedExpressionIsShown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		failed *expr.EvalError
		want   string
	}{
		{
			&expr.EvalError{Expr: "1 +\r\n\t\"\x1b\"", Message: "cannot", Reason: expr.ReasonType},
			"error: expression \"1 + \\\"\\x1b\\\"\": cannot\n  1 +\n   \"\\x1b\"\n  reason: type\n",
		},
		{&expr.EvalError{Message: "no", Reason: expr.ReasonTooLarge}, "error: no\n  reason: too_large\n"},
		{
			&expr.EvalError{Expr: strings.Repeat("a\n", 21), Message: "no", Reason: expr.ReasonUser},
			"error: expression \"" + strings.Repeat("a ", 20) + "a\": no\n" + strings.Repeat("  a\n", 20) + "  …\n  reason: user\n",
		},
		{
			&expr.EvalError{Expr: strings.Repeat("a", 20000), Message: "no", Reason: expr.ReasonUser},
			"error: expression \"" + strings.Repeat("a", 79) + "…\": no\n  " + strings.Repeat("a", 99) + "…\n  reason: user\n",
		},
	} {
		var err bytes.Buffer
		(&app{IO: IO{Err: &err}}).explain(tt.failed)
		require.Equal(t, tt.want, err.String())
	}
}
