package cli

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// A stranger's bytes reach a file as they came, and a terminal without what it would obey.
func TestBytesOfStrangers(t *testing.T) {
	t.Parallel()
	const came = "Größe 亀\r\n\x1b[2J\x1b]0;title\x07done\n"
	var out, notes bytes.Buffer
	a := &app{IO: IO{Out: &out, Err: &notes}}
	require.NoError(t, a.printBytes([]byte(came)))
	require.Equal(t, came, out.String())
	require.Empty(t, notes.String())

	out.Reset()
	a.OutTTY = true
	require.NoError(t, a.printBytes([]byte(came)))
	require.Equal(t, "Größe 亀\n\\x1b[2J\\x1b]0;title\\x07done\n", out.String())
	require.Contains(t, notes.String(), "shown as a code")

	out.Reset()
	notes.Reset()
	require.NoError(t, a.printBytes([]byte(`{"a": 1}`)))
	require.Equal(t, "{\"a\": 1}\n", out.String())
	require.Empty(t, notes.String())
}
