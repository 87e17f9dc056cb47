package cli

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/tail"
)

const nasty = "\x1b[31m\x1b]52;c;eA==\a \u009b31m \u202eabc \u200b \ufeff \x7f \U000e0041 日本 é\n\ty"

// JSON and YAML on a terminal hold nothing that it obeys, and mean what they meant.
func TestNothingRawInJSONAndYAML(t *testing.T) {
	t.Parallel()
	for _, value := range []any{
		map[string]any{"text": nasty, nasty: []any{nasty, "plain", "=", nil, true}}, nasty, "a\nb\n", "\U0001f469\u200d\U0001f467 says", "\u2028 \u2029 \u0085",
	} {
		for _, output := range []string{"json", "yaml"} {
			var out bytes.Buffer
			require.NoError(t, (&app{IO: IO{Out: &out}, output: output}).printForMachine(value))
			requireTame(t, out.String())
			var back any
			if output == "json" {
				require.NoError(t, json.Unmarshal(out.Bytes(), &back))
			} else {
				require.NoError(t, yaml.Unmarshal(out.Bytes(), &back), "%s", out.String())
			}
			require.Equal(t, value, back, "%s", out.String())
		}
	}
}

func requireTame(t *testing.T, text string) {
	t.Helper()
	for line := range bytes.SplitSeq([]byte(text), []byte("\n")) {
		require.Equal(t, tail.Clean(string(line)), string(line))
	}
}

func FuzzNothingRawInJSONAndYAML(f *testing.F) {
	f.Add(nasty)
	f.Add("a: b\n- #")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip("JSON is text")
		}
		var out bytes.Buffer
		require.NoError(t, jsonTo(&out).Encode(text))
		requireTame(t, out.String())
		var back string
		require.NoError(t, json.Unmarshal(out.Bytes(), &back))
		require.Equal(t, text, back)
		out.Reset()
		require.NoError(t, writeYAML(&out, map[string]string{"text": text}))
		requireTame(t, out.String())
		var fields map[string]string
		require.NoError(t, yaml.Unmarshal(out.Bytes(), &fields), "%s", out.String())
		require.Equal(t, text, fields["text"], "%s", out.String())
	})
}

// What is asked for byte for byte is so where no terminal obeys it.
func TestABodyOnATerminal(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"{\r\n\t\"a\": 1\r\n}\n": "{\r\n\t\"a\": 1\r\n}\n",
		"a\x1b]52;c;eA==\a\n\tb": "a\\x1b]52;c;eA==\\x07\n\tb",
		"\xff\xfe":               `\xff\xfe`,
	} {
		var out, err bytes.Buffer
		a := &app{IO: IO{Out: &out, Err: &err, OutTTY: true}}
		require.NoError(t, a.writeBody([]byte(body)))
		require.Equal(t, want, out.String())
		require.Equal(t, body != want, err.Len() > 0, "%s", err.String())

		out.Reset()
		a.OutTTY = false
		require.NoError(t, a.writeBody([]byte(body)))
		require.Equal(t, body, out.String())
	}
}
