package schema

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The limits of what is proposed, so that a person can read it and it compiles.
const (
	// maxInferDepth is how many levels of a payload are described.
	maxInferDepth = 12
	// maxInferNames is how many properties an object may have that are named in
	// the schema; what has more is a map from ids, say, to values.
	maxInferNames = 100
	// An enum is proposed for strings that were seen at least minEnumSeen times,
	// with at most maxEnum different ones of at most maxEnumLength bytes, each of
	// them more than once.
	minEnumSeen   = 20
	maxEnum       = 6
	maxEnumLength = 40
)

// Infer proposes a schema (2020-12) that all the payloads, which content.Read
// has read, satisfy: the types of values, what objects have and always have, the
// few words that a string is chosen from, and date-time where every string is
// one. It says nothing against other properties. The same payloads give the same
// schema, in any order. Without payloads it is the schema that allows anything.
func Infer(payloads []any) json.RawMessage {
	root := &sample{}
	for _, payload := range payloads {
		root.add(payload, 0)
	}
	incomparable := slices.ContainsFunc(payloads, func(v any) bool { return look(v).incomparable })
	for depth := maxInferDepth; ; depth-- {
		p := proposal{incomparable: incomparable, depth: depth}
		schema := p.schema(root, 0)
		schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
		text, err := json.MarshalIndent(schema, "", "  ")
		if depth == 0 || err == nil && len(text) <= MaxSchemaBytes && p.objects < maxSchemaObjects/2 {
			return text
		}
	}
}

// sample is everything that was seen at one place of the payloads.
type sample struct {
	seen       int
	types      map[string]int
	properties map[string]*sample
	items      *sample
	// words counts different strings; nil once they are too many or too long.
	words map[string]int
	// other tells that a string is no date-time.
	other bool
}

func (s *sample) add(v any, depth int) {
	if s.seen == 0 {
		s.types, s.properties, s.words = map[string]int{}, map[string]*sample{}, map[string]int{}
	}
	s.seen++
	switch v := v.(type) {
	case nil:
		s.types["null"]++
	case bool:
		s.types["boolean"]++
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			s.types["number"]++
		} else {
			s.types["integer"]++
		}
	case string:
		s.types["string"]++
		s.addText(v)
	case []any:
		s.types["array"]++
		if s.items == nil {
			s.items = &sample{}
		}
		for _, item := range v {
			s.items.addBelow(item, depth)
		}
	case map[string]any:
		s.types["object"]++
		for name, value := range v {
			if s.properties[name] == nil {
				s.properties[name] = &sample{}
			}
			s.properties[name].addBelow(value, depth)
		}
	}
}

// addBelow looks no deeper than what is described.
func (s *sample) addBelow(v any, depth int) {
	if depth < maxInferDepth {
		s.add(v, depth+1)
	} else {
		s.seen++
	}
}

func (s *sample) addText(text string) {
	s.other = s.other || !isDateTime(text)
	if s.words == nil {
		return
	}
	s.words[text]++
	if len(s.words) > maxEnum || len(text) > maxEnumLength {
		s.words = nil
	}
}

// dateTime is RFC 3339 as it is written in JSON; whether there is such a day, the
// standard library knows.
var dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)

func isDateTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil && dateTime.MatchString(text)
}

// proposal writes what was seen as a schema.
type proposal struct {
	depth   int
	objects int
	// incomparable tells that a payload has a number that is too large to compare,
	// so that a schema must not look at the value of any.
	incomparable bool
}

func (p *proposal) schema(s *sample, depth int) map[string]any {
	p.objects++
	schema := map[string]any{}
	types := s.typeNames(p.incomparable)
	switch len(types) {
	case 0:
		return schema
	case 1:
		schema["type"] = types[0]
	default:
		schema["type"] = types
	}
	p.text(schema, s, types)
	if depth >= p.depth {
		return schema
	}
	if s.items != nil && s.items.seen > 0 {
		schema["items"] = p.schema(s.items, depth+1)
	}
	if len(s.properties) > 0 && len(s.properties) <= maxInferNames {
		p.properties(schema, s, depth)
	}
	return schema
}

// typeNames lists the types in order; every integer is a number, too.
func (s *sample) typeNames(incomparable bool) []string {
	types := sortedKeys(s.types)
	if slices.Contains(types, "number") {
		return slices.DeleteFunc(types, func(name string) bool { return name == "integer" })
	}
	if i := slices.Index(types, "integer"); i >= 0 && incomparable {
		types[i] = "number"
	}
	return types
}

func (p *proposal) properties(schema map[string]any, s *sample, depth int) {
	properties, required := map[string]any{}, []string{}
	for _, name := range sortedKeys(s.properties) {
		property := s.properties[name]
		properties[name] = p.schema(property, depth+1)
		if property.seen == s.types["object"] {
			required = append(required, name)
		}
	}
	schema["properties"] = properties
	if len(required) > 0 {
		schema["required"] = required
	}
}

// text adds what is known of strings.
func (p *proposal) text(schema map[string]any, s *sample, types []string) {
	if s.types["string"] == 0 {
		return
	}
	if !s.other {
		schema["format"] = "date-time"
		return
	}
	onlyText := !slices.ContainsFunc(types, func(name string) bool { return name != "string" && name != "null" })
	if s.types["string"] < minEnumSeen || s.words == nil || !onlyText || p.incomparable {
		return
	}
	var members []any
	for _, word := range sortedKeys(s.words) {
		if s.words[word] < 2 {
			return
		}
		members = append(members, word)
	}
	if slices.Contains(types, "null") {
		members = append(members, nil)
	}
	schema["enum"] = members
}
