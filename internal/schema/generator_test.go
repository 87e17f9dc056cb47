package schema

import (
	"encoding/json"
	"strconv"
	"strings"

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
		names := []any{g.name()}
		if second := g.name(); g.upTo(2) == 0 && second != names[0] {
			names = append(names, second)
		}
		schema[keyword] = names
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
