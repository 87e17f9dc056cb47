package schema

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestProblems(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 100)
	cut := strings.Repeat("ü", maxShown) + "…"
	for _, test := range []struct {
		schema, payload string
		want            []meshhook.Problem
	}{
		{`{"type":["string","null"]}`, `1`, []meshhook.Problem{{Message: "must be null or string, not number", Keyword: "type"}}},
		{
			`{"properties":{"a/b":{"items":{"properties":{"~":{"type":"null"}}}}}}`, `{"a/b":[0,{"~":1}]}`,
			[]meshhook.Problem{{Path: "/a~1b/1/~0", Message: "must be null, not number", Keyword: "type"}},
		},
		{`{"required":["b","a"]}`, `{}`, []meshhook.Problem{{Message: `must have "b", "a"`, Keyword: "required"}}},
		{`{"enum":["a",1,{"b":[]}]}`, `2`, []meshhook.Problem{{Message: `must be one of "a", 1, {"b":[]}`, Keyword: "enum"}}},
		{`{"enum":[0,1,2,3,4,5,6,7,8,9,10,11]}`, `12`, []meshhook.Problem{{Message: "must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2 more", Keyword: "enum"}}},
		{`{"const":"` + long + `"}`, `1`, []meshhook.Problem{{Message: `must be "` + strings.Repeat("ü", maxShown-1) + "…", Keyword: "const"}}},
		{`{"const":"<a>"}`, `1`, []meshhook.Problem{{Message: `must be "<a>"`, Keyword: "const"}}},
		{`{"enum":[1,2],"const":3}`, `1`, []meshhook.Problem{{Message: "must be 3", Keyword: "const"}}},
		{`{"minimum":0.1}`, `0`, []meshhook.Problem{{Message: "must be at least 0.1", Keyword: "minimum"}}},
		{`{"maximum":-5e3}`, `0`, []meshhook.Problem{{Message: "must be at most -5000", Keyword: "maximum"}}},
		{`{"exclusiveMinimum":1e100}`, `0`, []meshhook.Problem{{Message: "must be more than 1" + strings.Repeat("0", 59) + "…", Keyword: "exclusiveMinimum"}}},
		{`{"exclusiveMaximum":0}`, `0`, []meshhook.Problem{{Message: "must be less than 0", Keyword: "exclusiveMaximum"}}},
		{`{"multipleOf":0.25}`, `0.3`, []meshhook.Problem{{Message: "must be a multiple of 0.25", Keyword: "multipleOf"}}},
		{`{"minLength":3}`, `"é"`, []meshhook.Problem{{Message: "must have at least 3 characters, not 1", Keyword: "minLength"}}},
		{`{"maxLength":1}`, `"ab"`, []meshhook.Problem{{Message: "must have at most 1 characters, not 2", Keyword: "maxLength"}}},
		{`{"pattern":"^a"}`, `"secret"`, []meshhook.Problem{{Message: "must match the pattern ^a", Keyword: "pattern"}}},
		{`{"minItems":1}`, `[]`, []meshhook.Problem{{Message: "must have at least 1 items, not 0", Keyword: "minItems"}}},
		{`{"maxItems":0}`, `[1]`, []meshhook.Problem{{Message: "must have at most 0 items, not 1", Keyword: "maxItems"}}},
		{`{"uniqueItems":true}`, `[0,1,1]`, []meshhook.Problem{{Message: "must not have equal items, but 1 and 2 are", Keyword: "uniqueItems"}}},
		{`{"contains":{"const":1}}`, `[2,3]`, []meshhook.Problem{{Message: `must have an item that matches "contains"`, Keyword: "contains"}}},
		{`{"contains":{"const":1},"minContains":2}`, `[1,3]`, []meshhook.Problem{{Message: `must have at least 2 items that match "contains", not 1`, Keyword: "minContains"}}},
		{`{"contains":{"const":1},"maxContains":1}`, `[1,1]`, []meshhook.Problem{{Message: `must have at most 1 items that match "contains", not 2`, Keyword: "maxContains"}}},
		{`{"$schema":"` + d7 + `","items":[{}],"additionalItems":false}`, `[1,2,3]`, []meshhook.Problem{{Message: "must not have its last 2 items", Keyword: "additionalItems"}}},
		{`{"minProperties":1}`, `{}`, []meshhook.Problem{{Message: "must have at least 1 properties, not 0", Keyword: "minProperties"}}},
		{`{"maxProperties":0}`, `{"a":1}`, []meshhook.Problem{{Message: "must have at most 0 properties, not 1", Keyword: "maxProperties"}}},
		{
			`{"additionalProperties":false}`, `{"b":1,"a":1,"` + long + `":1}`,
			[]meshhook.Problem{{Message: `must not have "a", "b", "` + strings.Repeat("ü", maxShown-1) + "…", Keyword: "additionalProperties"}},
		},
		{`{"unevaluatedProperties":false}`, `{"` + long + `":1}`, []meshhook.Problem{{Path: "/" + cut, Message: "must not be there", Keyword: "unevaluatedProperties"}}},
		{`{"properties":{"a":false}}`, `{"a":1}`, []meshhook.Problem{{Path: "/a", Message: "must not be there", Keyword: "properties"}}},
		{`false`, `1`, []meshhook.Problem{{Message: "must not be there"}}},
		{`{"$schema":"` + d7 + `","dependencies":{"a":["b"]}}`, `{"a":1}`, []meshhook.Problem{{Message: `must have "b", because it has "a"`, Keyword: "dependencies"}}},
		{`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, []meshhook.Problem{{Message: `must have "b", because it has "a"`, Keyword: "dependentRequired"}}},
		{`{"not":{"type":"null"}}`, `null`, []meshhook.Problem{{Message: `must not match the schema in "not"`, Keyword: "not"}}},
		{`{"oneOf":[{},{"type":"null"},{}]}`, `1`, []meshhook.Problem{{Message: `must match one schema in "oneOf", but matches number 0 and 2`, Keyword: "oneOf"}}},
		{`{"allOf":[{"type":"null"},{"minimum":2}]}`, `1`, []meshhook.Problem{
			{Message: "must be at least 2", Keyword: "minimum"},
			{Message: "must be null, not number", Keyword: "type"},
		}},
		{`{"properties":{"x":{"oneOf":[{"type":"null"},{"required":["a"]}]}}}`, `{"x":{}}`, []meshhook.Problem{
			{Path: "/x", Message: `must match one of the schemas in "oneOf"`, Keyword: "oneOf"},
			{Path: "/x", Message: `must have "a"`, Keyword: "required"},
			{Path: "/x", Message: "must be null, not object", Keyword: "type"},
		}},
		{`{"anyOf":[{"items":{"type":"null"}},{"items":{"type":"null"}}]}`, `[1]`, []meshhook.Problem{
			{Message: `must match one of the schemas in "anyOf"`, Keyword: "anyOf"},
			{Path: "/0", Message: "must be null, not number", Keyword: "type"},
		}},
		{`{"items":{"type":"null"}}`, `[null,null,1,0,null,null,null,null,null,null,5]`, []meshhook.Problem{
			{Path: "/2", Message: "must be null, not number", Keyword: "type"},
			{Path: "/3", Message: "must be null, not number", Keyword: "type"},
			{Path: "/10", Message: "must be null, not number", Keyword: "type"},
		}},
		{`{"additionalProperties":{"propertyNames":{"maxLength":1}}}`, `{"a":{"bad":1},"b":{"bad":1},"c":{"x":1}}`, []meshhook.Problem{
			{Path: "/a", Message: `must not have a property with the name "bad"`, Keyword: "propertyNames"},
			{Path: "/b", Message: `must not have a property with the name "bad"`, Keyword: "propertyNames"},
		}},
	} {
		s := compile(t, test.schema, Options{})
		for range 5 { // the libraries walk maps at random
			require.Equal(t, test.want, s.Validate(decode(t, test.payload)), "%s for %s", test.schema, test.payload)
		}
	}
}

func TestProblemOfFormat(t *testing.T) {
	t.Parallel()
	s := compile(t, `{"format":"email"}`, Options{AssertFormats: true})
	require.Equal(t, []meshhook.Problem{{Message: "must be a valid email", Keyword: "format"}}, s.Validate("top secret"))
}

// The first 20 by path stay, however many fail and in whatever order.
func TestProblemsAreTheFirstOnes(t *testing.T) {
	t.Parallel()
	object := map[string]any{}
	var want []meshhook.Problem
	for _, a := range "zyxwvutsrqponmlkjihgfedcba" {
		object[string(a)] = "x"
	}
	for _, a := range "abcdefghijklmnopqrst" {
		want = append(want, meshhook.Problem{Path: "/" + string(a), Message: "must be null, not string", Keyword: "type"})
	}
	s := compile(t, `{"additionalProperties":{"type":"null"}}`, Options{})
	for range 20 {
		require.Equal(t, want, s.Validate(object))
	}
}

func TestProblemsNeverShowValues(t *testing.T) {
	t.Parallel()
	secret := "hunter2-" + strings.Repeat("s", 1000)
	s := compile(t, `{"items":{"allOf":[
		{"type":"null"},{"const":1},{"enum":[1]},{"maxLength":1},{"pattern":"^x"},{"not":{}},{"oneOf":[{"type":"null"}]}]}}`, Options{})
	for _, p := range s.Validate([]any{secret}) {
		require.NotContains(t, p.Message, "hunter2")
		require.Less(t, len(p.Message), 100)
	}
}

func TestUnknownFailures(t *testing.T) {
	t.Parallel()
	failure := &jsonschema.ValidationError{ErrorKind: &kind.ContentSchema{}}
	require.Equal(t, []meshhook.Problem{{Message: "must match the schema", Keyword: "contentSchema"}}, describe(failure))
	require.Equal(t, "a value", shown(func() {}))
}

func TestCompileErrorDetails(t *testing.T) {
	t.Parallel()
	e := compileError(t, `{"properties":{"a":{"type":"strng","minLength":-1}}}`, Options{})
	require.Equal(t, `the schema at /properties/a/minLength must be at least 0`, e.Message)
	require.Equal(t, []meshhook.Problem{
		{Path: "/properties/a/minLength", Message: "must be at least 0", Keyword: "minimum"},
		{Path: "/properties/a/type", Message: `must match one of the schemas in "anyOf"`, Keyword: "anyOf"},
		{Path: "/properties/a/type", Message: `must be one of "array", "boolean", "integer", "null", "number", "object", "string"`, Keyword: "enum"},
		{Path: "/properties/a/type", Message: "must be array, not string", Keyword: "type"},
	}, e.Details)
}

func TestEqualValues(t *testing.T) {
	t.Parallel()
	for _, group := range [][]string{
		{`0`, `-0`, `0.0`, `0e5`, `-0.00E-7`},
		{`1`, `1.0`, `10e-1`, `0.01e+2`, `1E0`},
		{`-1`, `-1.0`},
		{`10`, `1e1`},
		{`0.1`, `1e-1`},
		{`1e500`, `10e499`},
		{`"1"`},
		{`true`},
		{`false`},
		{`null`},
		{`""`},
		{`[]`},
		{`{}`},
		{`[[]]`},
		{`[[],[]]`},
		{`["ab"]`},
		{`["a","b"]`},
		{`"e"`},
		{`{"a":1,"b":2}`, `{"b":2.0,"a":1}`},
		{`{"a":2,"b":1}`},
		{`{"a":{"b":2}}`},
		{`["a",1,"b",2]`},
	} {
		set := newValueSet([]any{decode(t, group[0])})
		for _, other := range group {
			require.True(t, set.has(decode(t, other), nil), "%s is %s", group[0], other)
		}
		for _, strange := range []string{`2`, `"x"`, `["x"]`, `{"x":1}`, `11`, `-10`} {
			require.False(t, set.has(decode(t, strange), nil), "%s is not %s", group[0], strange)
		}
	}
	require.Equal(t, "?", string(appendKey(nil, struct{}{})))
}
