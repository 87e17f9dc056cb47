package schema

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// subset decides whether the quick engine may answer for a schema. That engine
// is sound only for a part of JSON Schema, found by running both engines
// against each other and the official test suite; whatever is not listed here is outside.
type subset struct {
	root          map[string]any
	draft07       bool
	assertFormats bool
	// sizes holds the number of subschemas behind each $ref, 0 while it is
	// being counted.
	sizes map[string]int
}

// maxQuickSize is how many subschemas, with every $ref written out, the quick
// engine is given.
const maxQuickSize = 5000

// quickSize returns the number of subschemas of a document that is inside the
// subset, with every $ref written out, and otherwise the reason why not.
func quickSize(doc any, assertFormats bool) (size int, outside string) {
	root, ok := doc.(map[string]any)
	if !ok {
		return 1, ""
	}
	s := subset{root: root, assertFormats: assertFormats, sizes: map[string]int{}}
	if uri, ok := root["$schema"].(string); ok {
		_, draft, _ := strings.Cut(strings.TrimSuffix(uri, "#"), "://json-schema.org/")
		switch draft {
		case "draft-07/schema":
			s.draft07 = true
		case "draft/2019-09/schema", "draft/2020-12/schema", "schema":
		default:
			return 0, fmt.Sprintf("$schema is %s", shorten(uri))
		}
	}
	size, err := s.schema(root, nil)
	if err == nil && size > maxQuickSize {
		err = fmt.Errorf("it has more than %d subschemas", maxQuickSize)
	}
	if err != nil {
		return 0, err.Error()
	}
	return size, ""
}

// part says how the value of a keyword is to be looked at.
type part int

const (
	annotation part = iota + 1 // says nothing about a payload
	plain                      // a value that needs no look
	amount                     // a count, written as a whole number
	bound                      // a number that float64 keeps
	values                     // numbers in it that float64 keeps
	child                      // a schema
	children                   // a list of schemas
	named                      // schemas by name
	boolean                    // true or false only
	reference                  // a $ref
	formatted                  // an annotation unless formats are asserted
)

var quickKeywords = map[string]part{
	"$schema": annotation, "$comment": annotation, "title": annotation, "description": annotation,
	"default": annotation, "examples": annotation, "readOnly": annotation, "writeOnly": annotation,
	"deprecated": annotation, "format": formatted,
	"$ref": reference, "$defs": named, "definitions": named,
	"type": plain, "enum": values, "const": values,
	"minimum": bound, "maximum": bound, "exclusiveMinimum": bound, "exclusiveMaximum": bound,
	"minLength": amount, "maxLength": amount, "pattern": plain,
	"minItems": amount, "maxItems": amount, "uniqueItems": plain, "items": child,
	"minProperties": amount, "maxProperties": amount, "required": plain,
	"properties": named, "patternProperties": named, "additionalProperties": boolean, "propertyNames": child,
	"allOf": children, "anyOf": children, "oneOf": children, "not": child,
	"if": child, "then": child, "else": child,
}

// schema returns the size of one subschema. The first thing that is outside is
// the error.
func (s *subset) schema(v any, location []string) (int, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return s.booleanSchema(v, location)
	}
	if err := s.neighbours(object, location); err != nil {
		return 0, err
	}
	total := 1
	for _, key := range sortedKeys(object) {
		size, err := s.keyword(key, object[key], append(location, key))
		if err != nil {
			return 0, err
		}
		total = min(total+size, maxQuickSize+1)
	}
	return total, nil
}

func (s *subset) booleanSchema(v any, location []string) (int, error) {
	if _, ok := v.(bool); !ok {
		return 0, outsideAt(location, "has a schema that is none")
	}
	return 1, nil
}

// neighbours looks at keywords that are inside only without each other.
func (s *subset) neighbours(object map[string]any, location []string) error {
	if object["additionalProperties"] == false && object["patternProperties"] != nil {
		return outsideAt(location, "has patternProperties beside additionalProperties")
	}
	if _, ok := object["$ref"]; !ok || !s.draft07 {
		return nil
	}
	for _, key := range sortedKeys(object) {
		harmless := []string{"$ref", "definitions"}
		if quickKeywords[key] != annotation && !slices.Contains(harmless, key) {
			return outsideAt(location, "has %s beside $ref, where draft-07 ignores it", shorten(key))
		}
	}
	return nil
}

func (s *subset) keyword(key string, v any, location []string) (int, error) {
	kind, known := quickKeywords[key]
	if !known || key == "$schema" && len(location) > 1 || key == "$defs" && s.draft07 {
		return 0, outsideAt(location[:len(location)-1], "uses %s", shorten(key))
	}
	switch kind {
	case child:
		return s.schema(v, location)
	case children:
		return s.children(v, location)
	case named:
		return s.named(key, v, location)
	case reference:
		return s.reference(v, location)
	case formatted:
		if s.assertFormats {
			return 0, outsideAt(location, "is asserted")
		}
	case boolean:
		if _, ok := v.(bool); !ok {
			return 0, outsideAt(location, "is neither true nor false")
		}
	case amount:
		if n, ok := v.(json.Number); !ok || strings.ContainsAny(string(n), ".eE-") {
			return 0, outsideAt(location, "is not written as a whole number")
		}
	case bound, values:
		if sv := look(v); sv.inexact {
			return 0, outsideAt(location, "has a number with an exponent or more than %d digits", maxExactDigits)
		}
	}
	return 0, nil
}

func (s *subset) children(v any, location []string) (int, error) {
	array, ok := v.([]any)
	if !ok {
		return 0, outsideAt(location, "is no array")
	}
	total := 0
	for _, item := range array {
		size, err := s.schema(item, location)
		if err != nil {
			return 0, err
		}
		total = min(total+size, maxQuickSize+1)
	}
	return total, nil
}

// named looks into definitions too, used or not, because the quick engine reads
// them all; but only a $ref adds their size.
func (s *subset) named(key string, v any, location []string) (int, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return 0, outsideAt(location, "is no object")
	}
	total := 0
	for _, name := range sortedKeys(object) {
		size, err := s.schema(object[name], append(location, name))
		if err != nil {
			return 0, err
		}
		if key != "$defs" && key != "definitions" {
			total = min(total+size, maxQuickSize+1)
		}
	}
	return total, nil
}

// quickRef is a $ref that the quick engine resolves as it should.
var quickRef = regexp.MustCompile(`^#/(\$defs|definitions)/([A-Za-z0-9_.-]+)$`)

func (s *subset) reference(v any, location []string) (int, error) {
	ref, _ := v.(string)
	match := quickRef.FindStringSubmatch(ref)
	if match == nil {
		return 0, outsideAt(location, "is %s; only #/$defs/NAME and #/definitions/NAME are inside", shorten(ref))
	}
	size, known := s.sizes[ref]
	switch {
	case known && size == 0:
		return 0, outsideAt(location, "is recursive")
	case known:
		return size, nil
	}
	definitions, _ := s.root[match[1]].(map[string]any)
	s.sizes[ref] = 0
	size, err := s.schema(definitions[match[2]], []string{match[1], match[2]})
	s.sizes[ref] = size
	return size, err
}

func outsideAt(location []string, format string, args ...any) error {
	where := pointer(location)
	if where == "" {
		where = "it"
	}
	return fmt.Errorf("%s %s", where, fmt.Sprintf(format, args...))
}
