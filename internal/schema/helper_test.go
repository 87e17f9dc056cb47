package schema

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// compile compiles a schema that must be a good one; the two engines must not
// differ on anything that the test lets it judge.
func compile(t testing.TB, text string, o Options) *Schema {
	t.Helper()
	if o.OnMismatch == nil {
		o.OnMismatch = func(detail string) { t.Errorf("mismatch for %.200s: %s", text, detail) }
	}
	s, err := Compile([]byte(text), o)
	require.NoError(t, err, "schema %.200s", text)
	return s
}

// compileError returns the error of a schema that must be refused.
func compileError(t testing.TB, text string, o Options) *meshhook.Error {
	t.Helper()
	s, err := Compile([]byte(text), o)
	require.Nil(t, s)
	var e *meshhook.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, meshhook.CodeInvalid, e.Code)
	return e
}

func decode(t testing.TB, text string) any {
	t.Helper()
	v, err := content.DecodeOwn([]byte(text))
	require.NoError(t, err, "payload %.200s", text)
	return v
}

// nested puts depth pairs of open and close around the inside.
func nested(open, inside, end string, depth int) string {
	return strings.Repeat(open, depth) + inside + strings.Repeat(end, depth)
}

// newQuick compiles a schema in the quick engine alone, inside its subset or not.
func newQuick(t testing.TB, text string) *quick {
	t.Helper()
	q, err := compileQuick(decode(t, text))
	require.NoError(t, err)
	return q
}
