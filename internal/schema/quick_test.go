package schema

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// generator draws schemas with every keyword that the subset lets through, and
// payloads that are likely to meet them: few names, few values.
type generator struct {
	t       *rapid.T
	draft07 bool
	defs    []string // that a $ref may name
}

func (g generator) pick(choices ...string) string {
	return rapid.SampledFrom(choices).Draw(g.t, "pick")
}

func (g generator) upTo(n int) int { return rapid.IntRange(0, n).Draw(g.t, "upTo") }

func (g generator) number() any {
	return json.Number(g.pick("0", "-0", "1", "2", "-1", "1.0", "1.5", "0.1", "0.10", "3", "100", "123456789012345"))
}

func (g generator) text() string {
	return g.pick("", "a", "b", "ab", "abc", "true", "1", "null", "é", "🎉🎉", "a\nb", "A")
}

func (g generator) name() string { return g.pick("a", "b", "c", "$ref") }

func (g generator) value(depth int) any {
	switch n := g.upTo(9); {
	case n < 2 && depth > 0:
		array := []any{}
		for range g.upTo(3) {
			array = append(array, g.value(depth-1))
		}
		return array
	case n < 5 && depth > 0:
		object := map[string]any{}
		for range g.upTo(3) {
			object[g.name()] = g.value(depth - 1)
		}
		return object
	case n == 5:
		return nil
	case n == 6:
		return g.upTo(1) == 1
	case n == 7:
		return g.text()
	}
	return g.number()
}

func (g generator) schema(depth int) any {
	if depth == 0 || g.upTo(15) == 0 {
		return g.upTo(4) > 0
	}
	if len(g.defs) > 0 && g.upTo(5) == 0 {
		ref := map[string]any{"$ref": g.ref()}
		if !g.draft07 && g.upTo(1) == 0 {
			g.keyword(ref, depth)
		}
		return ref
	}
	schema := map[string]any{}
	for range 1 + g.upTo(3) {
		g.keyword(schema, depth)
	}
	return schema
}

func (g generator) schemas(depth int) []any {
	list := []any{g.schema(depth)}
	for range g.upTo(2) {
		list = append(list, g.schema(depth))
	}
	return list
}

func (g generator) byName(depth int, name func() string) map[string]any {
	named := map[string]any{}
	for range g.upTo(3) {
		named[name()] = g.schema(depth)
	}
	return named
}

// generated are the keywords that the generator draws from, the more telling ones
// more often. "closed" is properties with additionalProperties.
var generated = []string{
	"type", "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
	"minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "items", "minProperties",
	"maxProperties", "required", "properties", "properties", "properties", "patternProperties",
	"additionalProperties", "closed", "closed", "propertyNames", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
	"title", "description", "$comment", "format", "default", "examples", "readOnly", "writeOnly", "deprecated",
}

// keyword adds one keyword, or a few that work together.
func (g generator) keyword(schema map[string]any, depth int) {
	keyword := g.pick(generated...)
	switch keyword {
	case "type":
		schema[keyword] = g.types()
	case "enum":
		schema[keyword] = []any{g.value(2), g.value(1), g.value(0)}
	case "const", "default":
		schema[keyword] = g.value(2)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		schema[keyword] = g.number()
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		schema[keyword] = json.Number(strconv.Itoa(g.upTo(3)))
	case "pattern":
		schema[keyword] = g.pattern()
	case "uniqueItems", "readOnly", "writeOnly", "deprecated":
		schema[keyword] = g.upTo(3) > 0
	case "examples":
		schema[keyword] = []any{g.value(2)}
	case "required":
		schema[keyword] = []any{g.name()}
		if second := g.name(); g.upTo(2) == 0 && second != schema[keyword].([]any)[0] {
			schema[keyword] = append(schema[keyword].([]any), second)
		}
	case "properties":
		schema[keyword] = g.byName(depth-1, g.name)
	case "patternProperties":
		schema[keyword] = g.byName(depth-1, g.pattern)
	case "closed":
		schema["properties"] = g.byName(depth-1, g.name)
		schema["additionalProperties"] = false
	case "additionalProperties":
		schema[keyword] = g.upTo(3) == 0
	case "allOf", "anyOf", "oneOf":
		schema[keyword] = g.schemas(depth - 1)
	case "title", "description", "$comment", "format":
		schema[keyword] = g.pick("email", "uri", "t")
	default: // items, propertyNames, not, if, then, else
		schema[keyword] = g.schema(depth - 1)
	}
}

func (g generator) types() any {
	types := []string{"null", "boolean", "integer", "number", "string", "array", "object"}
	one, other := g.pick(types...), g.pick(types...)
	if one == other || g.upTo(1) == 0 {
		return one
	}
	return []any{one, other}
}

func (g generator) pattern() string { return g.pick("^a", "b$", ".", "^$", "[0-9]+", "^(a|b)$", "é") }

// ref draws a $ref to a definition, which since 2019-09 stands in $defs too.
func (g generator) ref() string {
	if !g.draft07 && g.upTo(1) == 0 {
		return "#/$defs/" + g.pick(g.defs...)
	}
	return "#/definitions/" + g.pick(g.defs...)
}

// document draws a whole schema; a definition may use those before it.
func (g generator) document() map[string]any {
	definitions := map[string]any{}
	for _, name := range []string{"x", "y", "Z.1-_"}[:g.upTo(3)] {
		definitions[name] = g.schema(2)
		g.defs = append(g.defs, name)
	}
	root := map[string]any{}
	for range 1 + g.upTo(3) {
		g.keyword(root, 4)
	}
	if len(g.defs) > 0 && g.upTo(3) == 0 {
		root = map[string]any{"$ref": g.ref()}
	}
	root["definitions"] = definitions
	if !g.draft07 {
		root["$defs"] = definitions
	}
	root["$schema"] = d2020
	if g.draft07 {
		root["$schema"] = d7
	}
	return root
}

// payload draws a value that goes some way into a schema of the document.
func (g generator) payload(doc map[string]any, v any, depth int) any {
	schema, _ := v.(map[string]any)
	if ref, ok := schema["$ref"].(string); ok {
		definitions, _ := doc["definitions"].(map[string]any)
		return g.payload(doc, definitions[ref[strings.LastIndexByte(ref, '/')+1:]], depth)
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		if list, ok := schema[keyword].([]any); ok && g.upTo(1) == 0 {
			return g.payload(doc, list[g.upTo(len(list)-1)], depth)
		}
	}
	properties, isObject := schema["properties"].(map[string]any)
	items, isArray := schema["items"]
	switch choice := g.upTo(5); {
	case depth == 0 || choice == 0:
		return g.value(depth)
	case isObject:
		object := map[string]any{}
		for _, name := range sortedKeys(properties) {
			if g.upTo(2) > 0 {
				object[name] = g.payload(doc, properties[name], depth-1)
			}
		}
		if g.upTo(2) == 0 {
			object[g.name()] = g.value(1)
		}
		return object
	case isArray:
		return []any{g.payload(doc, items, depth-1), g.payload(doc, items, depth-1)}[:g.upTo(2)]
	}
	return g.value(depth)
}

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
