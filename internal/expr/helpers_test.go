package expr

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/itchyny/gojq"
	"github.com/stretchr/testify/require"
)

// decode reads JSON as callers do, with exact numbers.
func decode(tb testing.TB, text string) any {
	tb.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	require.NoError(tb, decoder.Decode(&v))
	return v
}

// encode writes results as JSON, one a line.
func encode(tb testing.TB, values ...any) string {
	tb.Helper()
	var lines []string
	for _, v := range values {
		text, err := json.Marshal(v)
		require.NoError(tb, err)
		lines = append(lines, string(text))
	}
	return strings.Join(lines, "\n")
}

// patient are the default limits with time for a busy machine.
func patient() Limits { return Limits{Time: time.Minute} }

// eval gives all results of an expression as JSON.
func eval(tb testing.TB, src, input string) string {
	tb.Helper()
	p, err := patient().Compile(src)
	require.NoError(tb, err, src)
	results, err := p.All(context.Background(), decode(tb, input))
	require.NoError(tb, err, src)
	return encode(tb, results...)
}

// evalError gives the error of an expression.
func evalError(tb testing.TB, src, input string) *EvalError {
	tb.Helper()
	p, err := patient().Compile(src)
	require.NoError(tb, err, src)
	_, err = p.All(context.Background(), decode(tb, input))
	require.Error(tb, err, src)
	var failed *EvalError
	require.ErrorAs(tb, err, &failed, src)
	return failed
}

// byGojq gives the results of gojq alone, and whether it failed or gave what JSON
// has no value for.
func byGojq(tb testing.TB, src, input string) (string, bool) {
	tb.Helper()
	return runGojq(tb, compileGojq(tb, src), input)
}

func compileGojq(tb testing.TB, src string) *gojq.Code {
	tb.Helper()
	query, err := gojq.Parse(src)
	require.NoError(tb, err, src)
	code, err := gojq.Compile(query)
	require.NoError(tb, err, src)
	return code
}

func runGojq(tb testing.TB, code *gojq.Code, input string) (string, bool) {
	tb.Helper()
	var results []any
	for iter := code.Run(decode(tb, input)); ; {
		v, ok := iter.Next()
		if !ok {
			return encode(tb, results...), false
		}
		if _, err := json.Marshal(v); err != nil {
			return "", true
		} else if _, failed := v.(error); failed {
			return "", true
		}
		results = append(results, v)
	}
}

// caret shows the line that is wrong, with a caret under the place.
func caret(e *SyntaxError) string {
	text, at := e.Line()
	text = strings.Map(func(r rune) rune { return max(r, ' ') }, text)
	return text + "\n" + strings.Repeat(" ", utf8.RuneCountInString(text[:at])) + "^"
}
