package schema

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The drafts, by the URI of $schema.
const (
	d7    = "http://json-schema.org/draft-07/schema#"
	d2019 = "https://json-schema.org/draft/2019-09/schema"
	d2020 = "https://json-schema.org/draft/2020-12/schema"
)

var (
	allDrafts = []string{d7, d2019, d2020}
	since2019 = []string{d2019, d2020}
	upTo2019  = []string{d7, d2019}
	only7     = []string{d7}
	only2019  = []string{d2019}
	only2020  = []string{d2020}
)

// conformance has every keyword of the three drafts, with payloads that fit and
// payloads that do not. The engine is the one that must answer.
var conformance = []struct {
	name, schema string
	drafts       []string
	engine       string
	valid        []string
	invalid      []string
}{
	// Core.
	{"$schema", `{"type":"null"}`, allDrafts, EngineQri, []string{`null`}, []string{`1`}},
	{"$id", `{"$id":"https://example.com/a","$ref":"#/definitions/n","definitions":{"n":{"type":"null"}}}`, allDrafts, EngineStrict, []string{`null`}, []string{`1`}},
	{"$id of a part", `{"properties":{"a":{"$ref":"item"}},"definitions":{"x":{"$id":"item","type":"null"}}}`, allDrafts, EngineStrict, []string{`{"a":null}`}, []string{`{"a":1}`}},
	{"$ref to definitions", `{"items":{"$ref":"#/definitions/n"},"definitions":{"n":{"type":"null"}}}`, allDrafts, EngineQri, []string{`[null]`, `[]`}, []string{`[1]`}},
	{"$ref to $defs", `{"items":{"$ref":"#/$defs/n"},"$defs":{"n":{"type":"null"}}}`, since2019, EngineQri, []string{`[null]`}, []string{`[1]`}},
	{"$ref to $defs, draft-07", `{"items":{"$ref":"#/$defs/n"},"$defs":{"n":{"type":"null"}}}`, only7, EngineStrict, []string{`[null]`}, []string{`[1]`}},
	{"$ref to a property", `{"properties":{"a":{"type":"null"},"b":{"$ref":"#/properties/a"}}}`, allDrafts, EngineStrict, []string{`{"b":null}`}, []string{`{"b":1}`}},
	{"$ref, recursive", `{"properties":{"next":{"$ref":"#"}},"additionalProperties":false}`, allDrafts, EngineStrict, []string{`{"next":{"next":{}}}`}, []string{`{"next":{"x":1}}`}},
	{"$ref to a $ref", `{"items":{"$ref":"#/definitions/a"},"definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/c"},"c":{"enum":[null]}}}`, allDrafts, EngineQri, []string{`[null]`}, []string{`[1]`}},
	{"$ref with escapes", `{"$ref":"#/definitions/a~1b%25","definitions":{"a/b%":{"type":"null"}}}`, allDrafts, EngineStrict, []string{`null`}, []string{`1`}},
	{"$ref, siblings ignored", `{"items":{"$ref":"#/definitions/n","maximum":1},"definitions":{"n":{"type":"number"}}}`, only7, EngineStrict, []string{`[5]`}, []string{`[null]`}},
	{"$ref with siblings", `{"items":{"$ref":"#/$defs/n","maximum":1},"$defs":{"n":{"type":"number"}}}`, since2019, EngineQri, []string{`[1]`}, []string{`[5]`, `[null]`}},
	{"$ref to a meta-schema", `{"$ref":"http://json-schema.org/draft-07/schema#"}`, allDrafts, EngineStrict, []string{`{"minLength":1}`}, []string{`{"minLength":-1}`}},
	{"$anchor", `{"$ref":"#n","$defs":{"x":{"$anchor":"n","type":"null"}}}`, since2019, EngineStrict, []string{`null`}, []string{`1`}},
	{"$id as anchor", `{"$ref":"#n","definitions":{"x":{"$id":"#n","type":"null"}}}`, only7, EngineStrict, []string{`null`}, []string{`1`}},
	{"$recursiveRef", `{"$recursiveAnchor":true,"type":"object","additionalProperties":{"$recursiveRef":"#"}}`, only2019, EngineStrict, []string{`{"a":{"b":{}}}`}, []string{`{"a":{"b":1}}`}},
	{"$dynamicRef", `{"$dynamicAnchor":"node","type":"object","additionalProperties":{"$dynamicRef":"#node"}}`, only2020, EngineStrict, []string{`{"a":{"b":{}}}`}, []string{`{"a":{"b":1}}`}},
	{"$dynamicRef to an outer anchor", `{"$id":"https://example.com/root","$ref":"list","$defs":{
		"texts":{"$dynamicAnchor":"item","type":"string"},
		"list":{"$id":"list","items":{"$dynamicRef":"#item"},"$defs":{"any":{"$dynamicAnchor":"item"}}}}}`, only2020, EngineStrict, []string{`["a"]`}, []string{`[1]`}},
	{"$dynamicAnchor in a default", `{"type":"null","default":{"$dynamicAnchor":"x","type":5}}`, only2020, EngineQri, []string{`null`}, []string{`1`}},
	{"$vocabulary", `{"$vocabulary":{"https://example.com/own":true},"type":"null"}`, since2019, EngineStrict, []string{`null`}, []string{`1`}},
	{"$comment", `{"$comment":"x","type":"null"}`, allDrafts, EngineQri, []string{`null`}, []string{`1`}},
	{"true", `true`, only2020, EngineQri, []string{`null`, `{"a":[1]}`}, nil},
	{"false", `false`, only2020, EngineQri, nil, []string{`null`, `{}`}},

	// Annotations say nothing about the payload.
	{"annotations", `{"title":"t","description":"d","default":7,"examples":[1],"readOnly":true,"writeOnly":false,"type":"null"}`, allDrafts, EngineQri, []string{`null`}, []string{`7`}},
	{"deprecated", `{"deprecated":true,"type":"null"}`, since2019, EngineQri, []string{`null`}, []string{`7`}},
	{"format", `{"format":"email","type":"string"}`, allDrafts, EngineQri, []string{`"not an address"`}, []string{`7`}},
	{"contentEncoding", `{"contentEncoding":"base64","type":"string"}`, allDrafts, EngineStrict, []string{`"%"`}, []string{`7`}},
	{"contentMediaType", `{"contentMediaType":"application/json","type":"string"}`, allDrafts, EngineStrict, []string{`"{"`}, []string{`7`}},
	{"contentSchema", `{"contentMediaType":"application/json","contentSchema":{"type":"null"},"type":"string"}`, since2019, EngineStrict, []string{`"1"`}, []string{`7`}},
	{"unknown keyword", `{"x-source":"github","type":"null"}`, allDrafts, EngineStrict, []string{`null`}, []string{`1`}},

	// Any type.
	{"type null", `{"type":"null"}`, allDrafts, EngineQri, []string{`null`}, []string{`0`, `""`, `false`, `[]`, `{}`}},
	{"type boolean", `{"type":"boolean"}`, allDrafts, EngineQri, []string{`true`, `false`}, []string{`"true"`, `"1"`, `1`, `null`}},
	{"type string", `{"type":"string"}`, allDrafts, EngineQri, []string{`""`, `"1"`}, []string{`1`, `null`, `true`}},
	{"type number", `{"type":"number"}`, allDrafts, EngineQri, []string{`1`, `1.5`, `1e400`}, []string{`"1"`, `null`}},
	{"type integer", `{"type":"integer"}`, allDrafts, EngineQri, []string{`1`, `-1.0`, `1e3`, `123456789012345678901234567890`}, []string{`1.5`, `1e-1`, `"1"`}},
	{"type array", `{"type":"array"}`, allDrafts, EngineQri, []string{`[]`}, []string{`{}`, `"[]"`}},
	{"type object", `{"type":"object"}`, allDrafts, EngineQri, []string{`{}`}, []string{`[]`, `null`}},
	{"type, several", `{"type":["integer","null"]}`, allDrafts, EngineQri, []string{`1`, `null`}, []string{`1.5`, `"x"`, `"null"`}},
	{"enum", `{"enum":["a",1,null,[1,{"k":0}]]}`, allDrafts, EngineQri, []string{`"a"`, `1.0`, `null`, `[1,{"k":0.0}]`}, []string{`"1"`, `2`, `false`, `[1]`, `{}`}},
	{"const", `{"const":{"a":[1]}}`, allDrafts, EngineQri, []string{`{"a":[1.0]}`}, []string{`{"a":[2]}`, `{"a":[1],"b":1}`, `[]`}},
	{"const of 17 digits", `{"const":90071992547409931}`, allDrafts, EngineStrict, []string{`90071992547409931`, `90071992547409931.0`}, []string{`90071992547409932`}},
	{"enum and const", `{"enum":["a","b"],"const":"b"}`, allDrafts, EngineQri, []string{`"b"`}, []string{`"a"`, `"c"`}},

	// Numbers.
	{"minimum", `{"minimum":-1.5}`, allDrafts, EngineQri, []string{`-1.5`, `0`, `"x"`}, []string{`-1.51`, `-1e9`}},
	{"maximum", `{"maximum":3}`, allDrafts, EngineQri, []string{`3`, `3.0`, `-9`}, []string{`3.01`, `9007199254740993`}},
	{"maximum of 16 digits", `{"maximum":9007199254740992}`, allDrafts, EngineStrict, []string{`9007199254740992`}, []string{`9007199254740993`}},
	{"exclusiveMinimum", `{"exclusiveMinimum":1}`, allDrafts, EngineQri, []string{`1.1`}, []string{`1`, `1.0`}},
	{"exclusiveMaximum", `{"exclusiveMaximum":1}`, allDrafts, EngineQri, []string{`0.9`}, []string{`1`, `2`}},
	{"multipleOf", `{"multipleOf":0.01}`, allDrafts, EngineStrict, []string{`19.99`, `0`, `"x"`}, []string{`0.001`}},

	// Strings.
	{"minLength", `{"minLength":2}`, allDrafts, EngineQri, []string{`"éé"`, `"🎉🎉"`, `1`}, []string{`"🎉"`, `""`}},
	{"maxLength", `{"maxLength":2}`, allDrafts, EngineQri, []string{`"🎉🎉"`}, []string{`"abc"`}},
	{"maxLength written 2.0", `{"maxLength":2.0}`, allDrafts, EngineStrict, []string{`"ab"`}, []string{`"abc"`}},
	{"pattern", `{"pattern":"^a+$"}`, allDrafts, EngineQri, []string{`"aa"`, `1`}, []string{`"ab"`, `""`, `"a\n"`}},

	// Arrays.
	{"items", `{"items":{"type":"integer"}}`, allDrafts, EngineQri, []string{`[]`, `[1,2]`, `{}`}, []string{`[1,"2"]`}},
	{"items false", `{"items":false}`, allDrafts, EngineQri, []string{`[]`}, []string{`[1]`}},
	{"items, a list", `{"items":[{"type":"null"},{"type":"integer"}]}`, upTo2019, EngineStrict, []string{`[null,1,"x"]`, `[]`}, []string{`[1]`}},
	{"additionalItems", `{"items":[{}],"additionalItems":{"type":"null"}}`, upTo2019, EngineStrict, []string{`[1,null]`}, []string{`[1,2]`}},
	{"additionalItems false", `{"items":[{}],"additionalItems":false}`, upTo2019, EngineStrict, []string{`[1]`}, []string{`[1,2]`}},
	{"prefixItems", `{"prefixItems":[{"type":"null"}],"items":{"type":"integer"}}`, only2020, EngineStrict, []string{`[null,1]`, `[]`}, []string{`[1]`, `[null,null]`}},
	{"minItems", `{"minItems":1}`, allDrafts, EngineQri, []string{`[1]`, `""`}, []string{`[]`}},
	{"maxItems", `{"maxItems":1}`, allDrafts, EngineQri, []string{`[1]`}, []string{`[1,2]`}},
	{"uniqueItems", `{"uniqueItems":true}`, allDrafts, EngineQri, []string{`[1,2,"1",true,[1],[[1]],{"a":1},{"a":2},null,false,0]`}, []string{`[1,1.0]`, `[{"a":1,"b":2},{"b":2,"a":1}]`, `[[],0,[]]`}},
	{"uniqueItems false", `{"uniqueItems":false}`, allDrafts, EngineQri, []string{`[1,1]`}, nil},
	{"contains", `{"contains":{"const":5}}`, allDrafts, EngineStrict, []string{`[1,5]`, `5`}, []string{`[]`, `[1]`}},
	{"minContains", `{"contains":{"const":5},"minContains":2}`, since2019, EngineStrict, []string{`[5,5]`}, []string{`[5]`}},
	{"minContains 0", `{"contains":{"const":5},"minContains":0}`, since2019, EngineStrict, []string{`[]`}, nil},
	{"maxContains", `{"contains":{"const":5},"maxContains":1}`, since2019, EngineStrict, []string{`[5]`}, []string{`[5,5]`, `[]`}},
	{"unevaluatedItems", `{"prefixItems":[{}],"unevaluatedItems":false}`, only2020, EngineStrict, []string{`[1]`}, []string{`[1,2]`}},
	{"unevaluatedItems", `{"items":[{}],"unevaluatedItems":false}`, only2019, EngineStrict, []string{`[1]`}, []string{`[1,2]`}},

	// Objects.
	{"properties", `{"properties":{"a":{"type":"integer"},"b":false}}`, allDrafts, EngineQri, []string{`{"a":1,"c":1}`, `[]`}, []string{`{"a":"x"}`, `{"b":1}`}},
	{"patternProperties", `{"patternProperties":{"^n":{"type":"integer"}}}`, allDrafts, EngineQri, []string{`{"n1":1,"x":""}`}, []string{`{"n1":""}`}},
	{"additionalProperties false", `{"properties":{"a":{"properties":{"b":{}}}},"additionalProperties":false}`, allDrafts, EngineQri, []string{`{"a":{"b":1}}`, `{}`, `[1]`}, []string{`{"x":1}`, `{"a":{"b":1},"b":1}`}},
	{"additionalProperties", `{"properties":{"a":{}},"additionalProperties":{"type":"null"}}`, allDrafts, EngineStrict, []string{`{"a":1,"b":null}`}, []string{`{"b":1}`}},
	{"additionalProperties beside patternProperties", `{"patternProperties":{"^n":{}},"additionalProperties":false}`, allDrafts, EngineStrict, []string{`{"n":1}`}, []string{`{"x":1}`}},
	{"required", `{"required":["a"]}`, allDrafts, EngineQri, []string{`{"a":null}`, `[]`}, []string{`{}`}},
	{"minProperties", `{"minProperties":1}`, allDrafts, EngineQri, []string{`{"a":1}`}, []string{`{}`}},
	{"maxProperties", `{"maxProperties":1}`, allDrafts, EngineQri, []string{`{"a":1}`}, []string{`{"a":1,"b":1}`}},
	{"propertyNames", `{"propertyNames":{"maxLength":1}}`, allDrafts, EngineQri, []string{`{"a":1}`, `1`}, []string{`{"ab":1}`}},
	{"dependencies, a list", `{"dependencies":{"a":["b"]}}`, upTo2019, EngineStrict, []string{`{"a":1,"b":1}`, `{"b":1}`}, []string{`{"a":1}`}},
	{"dependencies, a schema", `{"dependencies":{"a":{"required":["b"]}}}`, upTo2019, EngineStrict, []string{`{"a":1,"b":1}`}, []string{`{"a":1}`}},
	{"dependentRequired", `{"dependentRequired":{"a":["b"]}}`, since2019, EngineStrict, []string{`{"a":1,"b":1}`, `{}`}, []string{`{"a":1}`}},
	{"dependentSchemas", `{"dependentSchemas":{"a":{"required":["b"]}}}`, since2019, EngineStrict, []string{`{"a":1,"b":1}`, `{}`}, []string{`{"a":1}`}},
	{"unevaluatedProperties", `{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}`, since2019, EngineStrict, []string{`{"a":1}`}, []string{`{"b":1}`}},

	// Applicators.
	{"allOf", `{"allOf":[{"type":"integer"},{"minimum":2}]}`, allDrafts, EngineQri, []string{`2`}, []string{`1`, `2.5`}},
	{"anyOf", `{"anyOf":[{"type":"null"},{"minimum":2}]}`, allDrafts, EngineQri, []string{`null`, `2`, `""`}, []string{`1`}},
	{"oneOf", `{"oneOf":[{"type":"integer"},{"minimum":2}]}`, allDrafts, EngineQri, []string{`1`, `2.5`}, []string{`2`, `1.5`}},
	{"not", `{"not":{"type":"null"}}`, allDrafts, EngineQri, []string{`1`}, []string{`null`}},
	{"if then else", `{"if":{"type":"string"},"then":{"minLength":1},"else":{"type":"null"}}`, allDrafts, EngineQri, []string{`"a"`, `null`}, []string{`""`, `1`}},
	{"if alone", `{"if":{"type":"string"}}`, allDrafts, EngineQri, []string{`1`, `"a"`}, nil},
	{"then alone", `{"then":false,"else":false}`, allDrafts, EngineQri, []string{`1`}, nil},
	{"if in items", `{"items":{"if":{"const":1},"then":false}}`, allDrafts, EngineQri, []string{`[2,3]`}, []string{`[2,1]`, `[1,2]`}},
}

// vocabulary lists the keywords that the drafts define: those of all three, and
// what each of them has beside.
var vocabulary = map[string][]string{
	"": {
		"$schema", "$id", "$ref", "$comment", "title", "description", "default", "examples", "readOnly", "writeOnly",
		"type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
		"maxLength", "minLength", "pattern", "items", "maxItems", "minItems", "uniqueItems", "contains",
		"maxProperties", "minProperties", "required", "properties", "patternProperties", "additionalProperties", "propertyNames",
		"if", "then", "else", "allOf", "anyOf", "oneOf", "not", "format", "contentEncoding", "contentMediaType",
	},
	d7: {"definitions", "dependencies", "additionalItems"},
	d2019: {
		"$anchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary", "$defs", "additionalItems", "unevaluatedItems",
		"unevaluatedProperties", "dependentSchemas", "dependentRequired", "maxContains", "minContains", "deprecated", "contentSchema",
	},
	d2020: {
		"$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "$defs", "prefixItems", "unevaluatedItems",
		"unevaluatedProperties", "dependentSchemas", "dependentRequired", "maxContains", "minContains", "deprecated", "contentSchema",
	},
}

// Every keyword of every draft has a payload above that fits, and one that does not.
func TestConformanceCoversEveryKeyword(t *testing.T) {
	t.Parallel()
	type mark struct {
		draft, keyword string
		valid          bool
	}
	seen := map[mark]bool{}
	var note func(v any, draft string, valid bool)
	note = func(v any, draft string, valid bool) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				note(item, draft, valid)
			}
		case map[string]any:
			for key, value := range v {
				seen[mark{draft, key, valid}] = true
				note(value, draft, valid)
			}
		}
	}
	for _, test := range conformance {
		for _, draft := range test.drafts {
			doc := decode(t, test.schema)
			if object, ok := doc.(map[string]any); ok {
				object["$schema"] = draft
			}
			if len(test.valid) > 0 {
				note(doc, draft, true)
			}
			if len(test.invalid) > 0 {
				note(doc, draft, false)
			}
		}
	}
	for _, draft := range allDrafts {
		for _, keyword := range append(append([]string{}, vocabulary[""]...), vocabulary[draft]...) {
			require.True(t, seen[mark{draft, keyword, true}], "%s in %s has no payload that fits", keyword, draft)
			require.True(t, seen[mark{draft, keyword, false}], "%s in %s has no payload that does not", keyword, draft)
		}
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, test := range conformance {
		for _, draft := range test.drafts {
			text := test.schema
			if strings.HasPrefix(text, "{") {
				text = `{"$schema":"` + draft + `",` + strings.TrimPrefix(text, "{")
			}
			s := compile(t, text, Options{})
			require.Equal(t, test.engine, s.Engine(), "%s in %s: %s", test.name, draft, s.Why())
			strictly := compile(t, text, Options{Engine: EngineStrict})
			for _, payload := range test.valid {
				require.Nil(t, s.Validate(decode(t, payload)), "%s in %s: %s", test.name, draft, payload)
				require.Nil(t, strictly.Validate(decode(t, payload)), "%s in %s: %s", test.name, draft, payload)
			}
			for _, payload := range test.invalid {
				v := decode(t, payload)
				require.NotEmpty(t, s.Validate(v), "%s in %s: %s", test.name, draft, payload)
				require.Equal(t, strictly.Validate(v), s.Validate(v), "%s in %s: %s", test.name, draft, payload)
			}
		}
	}
}

// The quick engine alone, where it would be asked.
func TestConformanceOfQuick(t *testing.T) {
	t.Parallel()
	for _, test := range conformance {
		if test.engine != EngineQri {
			continue
		}
		q := newQuick(t, test.schema)
		judge := func(payload string) (accepted, asked bool) {
			v := decode(t, payload)
			accepted, err := q.accepts(v)
			require.NoError(t, err)
			return accepted, !look(v).inexact
		}
		for _, payload := range test.valid {
			accepted, asked := judge(payload)
			require.True(t, accepted || !asked, "%s: %s", test.name, payload)
		}
		for _, payload := range test.invalid {
			accepted, asked := judge(payload)
			require.False(t, accepted && asked, "%s: %s", test.name, payload)
		}
	}
}

func TestAssertFormats(t *testing.T) {
	t.Parallel()
	for format, pair := range map[string][2]string{
		"date-time":    {"2026-05-15T15:20:41Z", "yesterday"},
		"date":         {"2026-05-15", "2026-13-01"},
		"email":        {"a@example.com", "a"},
		"ipv4":         {"127.0.0.1", "127.0.0.256"},
		"ipv6":         {"::1", "::g"},
		"uri":          {"https://example.com/", "/members{/member}"},
		"uuid":         {"01890a5d-ac96-774b-bcce-b302099a8057", "1"},
		"regex":        {"^a$", "("},
		"json-pointer": {"/a", "a"},
	} {
		for _, draft := range allDrafts {
			text := `{"$schema":"` + draft + `","format":"` + format + `"}`
			asserted := compile(t, text, Options{AssertFormats: true})
			require.Equal(t, EngineStrict, asserted.Engine())
			require.Nil(t, asserted.Validate(pair[0]), format)
			require.Len(t, asserted.Validate(pair[1]), 1, "%s in %s", format, draft)
			require.Nil(t, compile(t, text, Options{}).Validate(pair[1]), format)
			require.Nil(t, compile(t, text, Options{Engine: EngineStrict}).Validate(pair[1]), format)
		}
	}
}
