package schema

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// Each of these once killed, hung or fooled one of the engines.
func TestHostileSchemasAreRefused(t *testing.T) {
	t.Parallel()
	const circle = "refers to itself for the same value, so that checking would never end"
	for text, want := range map[string]string{
		`{"$ref":"#"}`: "the schema " + circle,
		`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`: "the schema at /$defs/a " + circle,
		`{"allOf":[{"$ref":"#"}]}`: "the schema " + circle,
		`{"$schema":"` + d7 + `","properties":{"x":{"$ref":"#/properties/x"}}}`:           "the schema at /properties/x " + circle,
		`{"if":{"type":"string"},"then":{"$ref":"#"}}`:                                    "the schema " + circle,
		`{"$dynamicAnchor":"a","$dynamicRef":"#a"}`:                                       "the schema " + circle,
		`{"$schema":"` + d2019 + `","$recursiveAnchor":true,"not":{"$recursiveRef":"#"}}`: "the schema " + circle,
		`{"type":[]}`:                      `the schema at /type must be one of "array", "boolean", "integer", "null", "number", "object", "string"`,
		`{"type":"strng"}`:                 `the schema at /type must be one of "array", "boolean", "integer", "null", "number", "object", "string"`,
		`{"properties":{"a":null}}`:        "the schema at /properties/a must be boolean or object, not null",
		`{"$id":"#foo"}`:                   "the schema at /$id must match the pattern ^[^#]*#?$",
		`{"$ref":"#/patternProperties/x"}`: `the schema at /$ref refers to "#/patternProperties/x", which is not in the schema`,
		`{"properties":{"a b":{"$ref":"#/$defs/no%20thing"}}}`: `the schema at /properties/a b/$ref refers to "#/$defs/no%20thing", which is not in the schema`,
		`{"allOf":[{"$ref":"#nowhere"}]}`:                      `the schema at /allOf/0/$ref refers to "#nowhere", which is not in the schema`,
		`{"items":{"pattern":"(?=a)"}}`:                        "the schema at /items/pattern must be a valid regex",
		`{"patternProperties":{"(":{}}}`:                       `the schema at /patternProperties must not have a property with the name "("`,
		`{"minLength":1e1000000000}`:                           "the schema at /minLength is a number with more than 1000 digits or an exponent beyond 500",
		`{"const":[1e501]}`:                                    "the schema at /const/0 is a number with more than 1000 digits or an exponent beyond 500",
		`{"maxItems":18446744073709551616}`:                    "the schema at /maxItems is more than 2147483647; leave the bound out",
		`{"$schema":"https://example.com/my-own"}`:             `the schema at /$schema names "https://example.com/my-own", which is not known; use draft-07, 2019-09 or 2020-12`,
		`{"$anchor":"a","$defs":{"x":{"$anchor":"a"}}}`:        `the schema at /$defs/x gives the name "a" a second time`,
		`{"properties":{"a":{"$id":"https://example.com/x"},"b":{"$id":"https://example.com/x"}}}`: `the schema at /properties/b gives the name "https://example.com/x" a second time`,
		`{"$ref":"http://[::1"}`: "the schema at /$ref must be a valid uri-reference",
		`[]`:                     "the schema must be boolean or object, not array",
		`null`:                   "the schema must be boolean or object, not null",
		``:                       "the schema is not valid JSON: byte 0 ends too early; expected a value",
		`{"type":"null",}`:       "the schema is not valid JSON: byte 15 has '}'; expected a key in double quotes",
	} {
		require.Equal(t, want, compileError(t, text, Options{}).Message, text)
	}
	require.NotNil(t, compile(t, `{"enum":[]}`, Options{}).Validate(nil), "an empty enum is allowed and matches nothing")
}

func TestNothingIsLoaded(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the schema was fetched")
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "schema.json")
	require.NoError(t, os.WriteFile(file, []byte(`{}`), 0o600))

	const inline = `, which is not loaded; inline it: copy that schema into "$defs" and refer to it as "#/$defs/NAME"`
	for text, want := range map[string]string{
		`{"properties":{"a":{"$ref":"` + server.URL + `/s.json#/x"}}}`: `the schema at /properties/a/$ref refers to "` + server.URL + `/s.json"` + inline,
		`{"$id":"::","$ref":"file:///x"}`:                              `the schema at /$id is no URI reference (RFC 3986)`,
		`{"$ref":"file:///etc/hostname"}`:                              `the schema at /$ref refers to "file:///etc/hostname"` + inline,
		`{"$id":"` + server.URL + `/a/b","items":{"$ref":"c"}}`:        `the schema at /items/$ref refers to "` + server.URL + `/a/c"` + inline,
		`{"$ref":"other.json"}`:                                        `the schema at /$ref refers to "meshhook:///other.json"` + inline,
		`{"$id":"file:///","allOf":[{"$dynamicRef":"x"}]}`:             `the schema at /allOf/0/$dynamicRef refers to "file:///x"` + inline,
	} {
		require.Equal(t, want, compileError(t, text, Options{}).Message)
	}
	require.Contains(t, compileError(t, `{"$ref":"file://`+file+`"}`, Options{}).Message, "inline it")
	require.Contains(t, compileError(t, `{"$schema":"`+server.URL+`"}`, Options{}).Message, "not known")
}

func TestHostilePayloads(t *testing.T) {
	t.Parallel()
	const tooMuch = "takes more than 500000 steps to check; send it in smaller parts, or make the schema simpler"
	const incomparable = "has a number with more than 1000 digits or an exponent beyond 500, which cannot be compared"
	twice := `{"allOf":[{"properties":{"x":{"$ref":"#"}}},{"properties":{"x":{"$ref":"#"}}}]}`
	for _, test := range []struct {
		name, schema, payload string
		want                  []meshhook.Problem
	}{
		{"work doubles with the depth", twice, nested(`{"x":`, "1", "}", 100), []meshhook.Problem{{Message: tooMuch}}},
		{"the same, in a shallow payload", twice, nested(`{"x":`, "1", "}", 10), nil},
		{"huge exponents, compared", `{"items":{"maximum":5}}`, `[1e1000000000]`, []meshhook.Problem{{Message: incomparable}}},
		{"many digits, compared", `{"type":"integer"}`, strings.Repeat("7", 1001), []meshhook.Problem{{Message: incomparable}}},
		{"in an enum", `{"enum":[1]}`, `-1e-501`, []meshhook.Problem{{Message: incomparable}}},
		{"huge exponents, not compared", `{"items":{"type":"number"}}`, `[1e1000000000]`, nil},
		{"exponents at the edge", `{"minimum":0}`, `1e500`, nil},
		{"digits at the edge", `{"type":"integer"}`, strings.Repeat("7", 1000), nil},
		{
			"backtracking pattern", `{"pattern":"^(a+)+$"}`, `"` + strings.Repeat("a", 100_000) + `!"`,
			[]meshhook.Problem{{Message: "must match the pattern ^(a+)+$", Keyword: "pattern"}},
		},
		{"deep recursion", `{"items":{"$ref":"#"}}`, nested("[", "", "]", content.MaxDepth), nil},
	} {
		require.Equal(t, test.want, compile(t, test.schema, Options{}).Validate(decode(t, test.payload)), test.name)
	}
}

func TestManyFailures(t *testing.T) {
	t.Parallel()
	payload := make([]any, 20_000)
	for i := range payload {
		payload[i] = json.Number("1")
	}
	problems := compile(t, `{"items":{"type":"string"}}`, Options{}).Validate(payload)
	require.Len(t, problems, maxProblems)
	require.Equal(t, meshhook.Problem{Path: "/0", Message: "must be string, not number", Keyword: "type"}, problems[0])
	require.Equal(t, "/19", problems[19].Path)

	each := strings.TrimSuffix(strings.Repeat("true,", 30), ",")
	problems = compile(t, `{"items":{"allOf":[`+each+`]}}`, Options{}).Validate(payload)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Message, "more than 500000 steps")
}

// The library's own hash for uniqueItems is the same for all of these items, as
// it does not say where one string ends.
func TestUniqueItemsIsLinear(t *testing.T) {
	t.Parallel()
	payload := make([]any, 1<<12)
	for i := range payload {
		item := []any{}
		text := ""
		for bit := range 12 {
			if i>>bit&1 == 0 {
				text += "\x04"
			} else {
				item, text = append(item, text), ""
			}
		}
		payload[i] = append(item, text)
	}
	for _, engine := range []string{EngineQri, EngineStrict} {
		s := compile(t, `{"uniqueItems":true}`, Options{Engine: engine})
		require.Nil(t, s.Validate(payload))
		require.Equal(t, []meshhook.Problem{{Message: "must not have equal items, but 0 and 4096 are", Keyword: "uniqueItems"}},
			s.Validate(append(payload, payload[0])))
	}
}

func TestSchemaLimits(t *testing.T) {
	t.Parallel()
	objects := func(n int) string { return `{"enum":[` + strings.TrimSuffix(strings.Repeat(`{},`, n-1), ",") + `]}` }
	doubling := func(levels int) string {
		var b strings.Builder
		b.WriteString(`{"$ref":"#/$defs/d0","$defs":{`)
		for i := range levels {
			fmt.Fprintf(&b, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
		}
		fmt.Fprintf(&b, `"d%d":true}}`, levels)
		return b.String()
	}
	chain := func(links int) string {
		var b strings.Builder
		b.WriteString(`{"$ref":"#/$defs/c1","$defs":{`)
		for i := 1; i < links-1; i++ {
			fmt.Fprintf(&b, `"c%d":{"$ref":"#/$defs/c%d"},`, i, i+1)
		}
		fmt.Fprintf(&b, `"c%d":{"type":"null"}}}`, links-1)
		return b.String()
	}
	padded := func(size int) string { return `{"title":"` + strings.Repeat("x", size-12) + `"}` }
	for _, test := range []struct{ name, good, bad, want string }{
		{"size", padded(MaxSchemaBytes), padded(MaxSchemaBytes + 1), "the schema has 262145 bytes; at most 262144 are allowed"},
		{"depth", nested(`{"not":`, "true", "}", 64), nested(`{"not":`, "true", "}", 65), "nests deeper than 64 levels"},
		{"depth of arrays", `{"const":` + nested("[", "", "]", 63) + "}", `{"const":` + nested("[", "", "]", 64) + "}", "nests deeper than 64 levels"},
		{"objects", objects(maxSchemaObjects), objects(maxSchemaObjects + 1), "a schema may have 5000 objects"},
		{"doubling", doubling(8), doubling(20), "applies more than 2000 subschemas to one value"},
		{"chain", chain(maxChain), chain(maxChain + 1), "the schema leads through more than 100 subschemas for one value"},
		{"count", `{"minLength":2147483647}`, `{"minLength":2147483648}`, "the schema at /minLength is more than 2147483647"},
	} {
		_, err := Compile([]byte(test.good), Options{})
		require.NoError(t, err, test.name)
		require.Contains(t, compileError(t, test.bad, Options{}).Message, test.want, test.name)
	}
}

func TestPayloadDepth(t *testing.T) {
	t.Parallel()
	var payload any = json.Number("1")
	for range content.MaxDepth {
		payload = []any{payload}
	}
	s := compile(t, `{"items":{"$ref":"#"}}`, Options{})
	require.Nil(t, s.Validate(payload))
	want := []meshhook.Problem{{Message: "nests deeper than 128 levels"}}
	require.Equal(t, want, s.Validate([]any{payload}))
	require.Equal(t, want, s.Validate(map[string]any{"a": payload}))
}

func FuzzCompile(f *testing.F) {
	for _, test := range conformance {
		for i, payload := range append(test.valid, test.invalid...) {
			f.Add([]byte(test.schema), []byte(payload), i%2 == 0)
		}
	}
	f.Add([]byte(`{"$ref":"#"}`), []byte(`1`), false)
	f.Fuzz(func(t *testing.T, schema, payload []byte, assertFormats bool) {
		var details []string
		o := Options{AssertFormats: assertFormats, OnMismatch: func(detail string) { details = append(details, detail) }}
		s, err := Compile(schema, o)
		if err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			return
		}
		v, err := content.Decode(payload)
		if err != nil {
			return
		}
		problems := s.Validate(v)
		require.Equal(t, problems, s.Validate(v))
		require.LessOrEqual(t, len(problems), maxProblems)
		for _, p := range problems {
			require.LessOrEqual(t, len(p.Message), 4000)
		}
		require.Empty(t, details)
	})
}
