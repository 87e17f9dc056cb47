package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/content"
)

// inferred is the schema proposed for payloads, without its $schema.
func inferred(t testing.TB, payloads ...string) string {
	t.Helper()
	values := make([]any, len(payloads))
	for i, payload := range payloads {
		values[i] = decode(t, payload)
	}
	var schema map[string]any
	require.NoError(t, json.Unmarshal(Infer(values), &schema))
	require.Equal(t, d2020, schema["$schema"])
	delete(schema, "$schema")
	return asText(schema)
}

func repeat(times int, payloads ...string) (all []string) {
	for range times {
		all = append(all, payloads...)
	}
	return all
}

func TestInfer(t *testing.T) {
	t.Parallel()
	for want, payloads := range map[string][]string{
		`{}`:                           nil,
		`{"type":"null"}`:              {`null`},
		`{"type":["boolean","null"]}`:  {`true`, `null`},
		`{"type":"integer"}`:           {`1`, `-2`},
		`{"type":"number"}`:            {`1`, `2.0`},
		`{"type":["number","string"]}`: {`1e3`, `"1e3"`},
		`{"type":"array"}`:             {`[]`},
		`{"items":{"type":["integer","null"]},"type":"array"}`: {`[1]`, `[]`, `[null]`},
		`{"type":"object"}`: {`{}`},
		`{"properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"],"type":"object"}`:          {`{"a":1,"b":"x"}`, `{"a":2}`},
		`{"properties":{"a":{"type":"integer"}},"type":"object"}`:                                                 {`{"a":1}`, `{}`},
		`{"items":{"properties":{"a":{"type":"integer"}},"type":["null","object"]},"type":["array","object"]}`:    {`[{"a":1},null,{}]`, `{}`},
		`{"properties":{"at":{"format":"date-time","type":["null","string"]}},"required":["at"],"type":"object"}`: {`{"at":"2026-05-15T15:20:41.123Z"}`, `{"at":"2026-05-15T15:20:41+02:00"}`, `{"at":null}`},
		`{"properties":{"at":{"type":"string"}},"required":["at"],"type":"object"}`:                               {`{"at":"2026-05-15T15:20:41Z"}`, `{"at":"soon"}`},
		`{"properties":{"at":{"type":"string"}},"type":"object","required":["at"]}`:                               {`{"at":"2026-02-30T15:20:41Z"}`},
		`{"enum":["closed","open"],"type":"string"}`:                                                              repeat(10, `"open"`, `"closed"`),
		`{"enum":["closed","open",null],"type":["null","string"]}`:                                                repeat(10, `"open"`, `"closed"`, `null`),
		`{"type":["integer","string"]}`:                                                                           append(repeat(10, `"open"`, `"closed"`), `1`),
		`{"type":"string"}`:                                                                                       append(repeat(10, `"open"`, `"closed"`), `"once"`),
	} {
		require.JSONEq(t, want, inferred(t, payloads...), "%q", payloads)
	}
	require.JSONEq(t, `{"type":"string"}`, inferred(t, repeat(9, `"open"`, `"closed"`)...), "too few")
	require.JSONEq(t, `{"type":"string"}`, inferred(t, repeat(3, `"1"`, `"2"`, `"3"`, `"4"`, `"5"`, `"6"`, `"7"`)...), "too many different ones")
	require.JSONEq(t, `{"type":"string"}`, inferred(t, repeat(20, `"`+strings.Repeat("x", maxEnumLength+1)+`"`)...), "too long")
	require.JSONEq(t, `{"items":{"type":"number"},"type":"array"}`, inferred(t, `[1,1e600]`))
	require.JSONEq(t, `{"properties":{"a":{"type":"number"},"b":{"type":"number"}},"required":["a","b"],"type":"object"}`, inferred(t, `{"a":1,"b":1e600}`))
}

// What cannot be described whole is described less deeply.
func TestInferKeepsTheLimits(t *testing.T) {
	t.Parallel()
	var names, wide strings.Builder
	for i := range maxInferNames + 1 {
		fmt.Fprintf(&names, `,"%d":1`, i)
	}
	require.JSONEq(t, `{"type":"object"}`, inferred(t, "{"+names.String()[1:]+"}"))
	for i := range maxInferNames {
		fmt.Fprintf(&wide, `,"%s%d":{"x":{}}`, strings.Repeat("n", 90), i)
	}
	row := "{" + wide.String()[1:] + "}"
	three := `{"a":` + row + `,"b":[` + strings.ReplaceAll(row, `{"x":{}}`, row) + `]}`
	for _, payload := range []string{three, nested(`{"a":[`, "1", "]}", 60), nested("[", "", "]", 128)} {
		v := decode(t, payload)
		s := compile(t, string(Infer([]any{v})), Options{Engine: EngineStrict})
		require.Nil(t, s.Validate(v), "%.100s", payload)
	}
}

// Every payload satisfies what was inferred from it, in whatever order they came.
func TestInferredSchemasHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := generator{t: t}
		payloads := make([]any, rapid.IntRange(1, 8).Draw(t, "payloads"))
		for i := range payloads {
			payloads[i] = g.value(4)
		}
		if rapid.Bool().Draw(t, "huge") {
			payloads = append(payloads, json.Number("1e501"))
		}
		if rapid.Bool().Draw(t, "many") {
			for range minEnumSeen / 2 {
				payloads = append(payloads, payloads...)
				if len(payloads) > 100 {
					break
				}
			}
		}
		text := Infer(payloads)
		for _, o := range []Options{{}, {AssertFormats: true}, {Engine: EngineStrict}} {
			s, err := Compile(text, o)
			require.NoError(t, err, "%s", text)
			for _, payload := range payloads {
				require.Nil(t, s.Validate(payload), "%s for %s", asText(payload), text)
			}
		}
		shuffled := rapid.Permutation(payloads).Draw(t, "order")
		require.Equal(t, string(text), string(Infer(shuffled)))
	})
}

func FuzzInfer(f *testing.F) {
	f.Add([]byte(`[{"a":1,"at":"2026-05-15T15:20:41Z"},{"a":2.5}]`))
	f.Add([]byte(`[1e600,1,"x"]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := content.Decode(body)
		payloads, ok := v.([]any)
		if err != nil || !ok {
			return
		}
		s, err := Compile(Infer(payloads), Options{})
		require.NoError(t, err)
		for _, payload := range payloads {
			require.Nil(t, s.Validate(payload))
		}
	})
}
