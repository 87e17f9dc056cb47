package schema

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// dispute is a schema inside the subset, and payloads to judge by it.
type dispute struct {
	doc      map[string]any
	payloads []any
}

func drawDispute(t *rapid.T) dispute {
	g := generator{t: t, draft07: rapid.Bool().Draw(t, "draft07")}
	d := dispute{doc: g.document()}
	for range 10 {
		d.payloads = append(d.payloads, g.payload(d.doc, d.doc, 4))
	}
	return d
}

// settle lets both engines judge, who must agree. It returns how often they did.
func (d dispute) settle(t require.TestingT) (agreed int) {
	size, outside := quickSize(d.doc, false)
	strictly, err := compileStrict(d.doc, false)
	if err != nil || outside != "" {
		return 0 // patternProperties beside additionalProperties, and the like
	}
	q, err := compileQuick(d.doc)
	require.NoError(t, err)
	require.Positive(t, size)
	for _, payload := range d.payloads {
		accepted, err := q.accepts(payload)
		require.NoError(t, err)
		problems, err := strictly.problems(payload)
		require.NoError(t, err)
		require.Equal(t, problems == nil, accepted, "schema %s\npayload %s\nstrict %v", asText(d.doc), asText(payload), problems)
		agreed++
	}
	return agreed
}

// The proof of the subset: on whatever is inside, the engines agree. These are the
// same cases every time.
func TestEnginesAgree(t *testing.T) {
	t.Parallel()
	disputes, agreed := rapid.Custom(drawDispute), 0
	for seed := range 2000 {
		agreed += disputes.Example(seed).settle(t)
	}
	require.Greater(t, agreed, 10_000)
}

// These are other ones every time.
func TestEnginesAgreeOnNewCases(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { drawDispute(t).settle(t) })
}

func FuzzEnginesAgree(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { drawDispute(t).settle(t) }))
}

// The cases are made of everything that the subset lets through.
func TestGeneratedKeywordsAreThoseOfTheSubset(t *testing.T) {
	t.Parallel()
	drawn := map[string]bool{"$schema": true, "$ref": true, "$defs": true, "definitions": true} // by document and schema
	for _, keyword := range generated {
		drawn[keyword] = true
	}
	delete(drawn, "closed")
	require.Equal(t, sortedKeys(quickKeywords), sortedKeys(drawn))
}

func asText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// What the repairs are for: each of these fooled the library as it comes.
func TestRepairsOfQuick(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		schema, payload string
		want            bool
	}{
		{`{"type":"boolean"}`, `"true"`, false},
		{`{"type":"integer"}`, `"1"`, false},
		{`{"type":["null","integer"]}`, `1.5`, false},
		{`{"uniqueItems":false}`, `[1,1]`, true},
		{`{"format":"email"}`, `"x"`, true},
		{`{"items":{"$ref":"#/definitions/n"},"definitions":{"n":{"type":"null"}}}`, `[1]`, false},
		{`{"items":{"$ref":"#/definitions/n"},"definitions":{"n":{"type":"null"}}}`, `[null]`, true},
		{`{"properties":{"a":{"properties":{"b":{}}}},"additionalProperties":false}`, `{"a":{"b":1},"b":2}`, false},
		{`{"allOf":[{"properties":{"a":{}}}],"additionalProperties":false}`, `{"a":1}`, false},
		{`{"properties":{"a":{}},"allOf":[{"additionalProperties":false}]}`, `{"a":1}`, false},
		{`{"additionalProperties":true}`, `{"a":1}`, true},
	} {
		accepted, err := newQuick(t, test.schema).accepts(decode(t, test.payload))
		require.NoError(t, err)
		require.Equal(t, test.want, accepted, "%s for %s", test.schema, test.payload)
	}
}

func TestQuickLeavesThePayloadAlone(t *testing.T) {
	t.Parallel()
	payload := decode(t, `{"a":[1,{"b":2.5}],"c":["x","y"],"d":"z"}`)
	_, err := newQuick(t, `{}`).accepts(payload)
	require.NoError(t, err)
	require.Equal(t, decode(t, `{"a":[1,{"b":2.5}],"c":["x","y"],"d":"z"}`), payload)
	accepted, err := newQuick(t, `{"minimum":1}`).accepts(json.Number("1e999"))
	require.NoError(t, err)
	require.False(t, accepted, "never asked for, but no panic either")
}

func TestQuickFaultsAreErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"pattern":"("}`:     "reading the schema in the quick engine: error unmarshaling pattern from json",
		`{"type":5}`:          "reading the schema in the quick engine: error unmarshaling type from json",
		`{"uniqueItems":"x"}`: "reading the schema in the quick engine: error unmarshaling uniqueItems from json",
	} {
		_, err := compileQuick(decode(t, text))
		require.ErrorContains(t, err, want)
	}
	_, err := compileQuick(func() {})
	require.ErrorContains(t, err, "writing the schema for the quick engine")
	require.Error(t, new(enumKeyword).UnmarshalJSON([]byte("x")))
	require.Error(t, new(constKeyword).UnmarshalJSON([]byte("x")))

	accepted, err := newQuick(t, `{"allOf":[null]}`).accepts(nil)
	require.ErrorContains(t, err, "the quick engine failed: runtime error")
	require.False(t, accepted)
}

func TestSubset(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"$schema":"http://json-schema.org/draft-06/schema#"}`: "$schema is http://json-schema.org/draft-06/schema#",
		`{"properties":{"a":{"$id":"x"}}}`:                      "/properties/a uses $id",
		`{"properties":{"a":{"$schema":"` + d2020 + `"}}}`:      "/properties/a uses $schema",
		`{"$ID":"x"}`:                                           "it uses $ID",
		`{"contains":{}}`:                                       "it uses contains",
		`{"items":{"multipleOf":2}}`:                            "/items uses multipleOf",
		`{"anyOf":[{"unevaluatedItems":false}]}`:                "/anyOf uses unevaluatedItems",
		`{"$defs":{"unused":{"$anchor":"a"}}}`:                  "/$defs/unused uses $anchor",
		`{"$schema":"` + d7 + `","$defs":{}}`:                   "it uses $defs",
		`{"$schema":"` + d7 + `","items":[{}]}`:                 "/items has a schema that is none",
		`{"items":{"$ref":"#"}}`:                                "/items/$ref is #; only #/$defs/NAME and #/definitions/NAME are inside",
		`{"items":{"$ref":"#/$defs/a%20b"},"$defs":{"a b":{}}}`: "/items/$ref is #/$defs/a%20b; only #/$defs/NAME and #/definitions/NAME are inside",
		`{"items":{"$ref":"#/$defs/a"},"$defs":{"a":{"items":{"$ref":"#/$defs/a"}}}}`:                  "/$defs/a/items/$ref is recursive",
		`{"$schema":"` + d7 + `","not":{"$ref":"#/definitions/a","minimum":1},"definitions":{"a":{}}}`: "/not has minimum beside $ref, where draft-07 ignores it",
		`{"additionalProperties":{"type":"null"}}`:                                                     "/additionalProperties is neither true nor false",
		`{"additionalProperties":false,"patternProperties":{"a":{}}}`:                                  "it has patternProperties beside additionalProperties",
		`{"maximum":1e3}`:                   "/maximum has a number with an exponent or more than 15 digits",
		`{"enum":[{"a":1234567890123456}]}`: "/enum has a number with an exponent or more than 15 digits",
		`{"maxItems":2.0}`:                  "/maxItems is not written as a whole number",
		`{"format":"email"}`:                "/format is asserted",
	} {
		_, outside := quickSize(decode(t, text), true)
		require.Equal(t, want, outside, text)
	}
}

func TestQuickSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		`true`:                            1,
		`{}`:                              1,
		`{"items":{"not":false}}`:         3,
		`{"anyOf":[{},{}],"not":{}}`:      4,
		`{"$defs":{"unused":{"not":{}}}}`: 1,
		`{"properties":{"a":{"$ref":"#/$defs/x"},"b":{"$ref":"#/$defs/x"}},"$defs":{"x":{"items":{}}}}`: 7,
	} {
		size, outside := quickSize(decode(t, text), false)
		require.Empty(t, outside, text)
		require.Equal(t, want, size, text)
	}
	doubling := map[string]any{"d0": map[string]any{}}
	for i := range 40 {
		ref := map[string]any{"$ref": "#/$defs/d" + strconv.Itoa(i)}
		doubling["d"+strconv.Itoa(i+1)] = map[string]any{"properties": map[string]any{"a": ref, "b": ref}}
	}
	_, outside := quickSize(map[string]any{"$defs": doubling, "$ref": "#/$defs/d40"}, false)
	require.Equal(t, "it has more than 5000 subschemas", outside)
}
