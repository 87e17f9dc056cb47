package schema

import (
	"net/url"
	"strconv"
	"strings"
)

// refKeywords lead from one schema to another.
var refKeywords = []string{"$ref", "$dynamicRef", "$recursiveRef"}

// findRef returns the location of the first reference whose absolute target
// satisfies wanted: the compiler names what it could not find, but not where it
// was asked for.
func findRef(doc any, wanted func(target string) bool) (location []string) {
	base, err := url.Parse(schemaURL)
	if err != nil {
		return nil
	}
	location, _ = findRefFrom(doc, base, nil, wanted)
	return location
}

func findRefFrom(v any, base *url.URL, location []string, wanted func(string) bool) ([]string, bool) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			if at, found := findRefFrom(item, base, append(location, strconv.Itoa(i)), wanted); found {
				return at, true
			}
		}
	case map[string]any:
		if id, ok := v["$id"].(string); ok {
			base = resolve(base, id)
		}
		for _, keyword := range refKeywords {
			ref, ok := v[keyword].(string)
			if ok && wanted(resolve(base, ref).String()) {
				return append(location, keyword), true
			}
		}
		for _, key := range sortedKeys(v) {
			if at, found := findRefFrom(v[key], base, append(location, key), wanted); found {
				return at, true
			}
		}
	}
	return nil, false
}

// resolve returns base where ref is no URL: the compiler reports that.
func resolve(base *url.URL, ref string) *url.URL {
	target, err := base.Parse(ref)
	if err != nil {
		return base
	}
	return target
}

// findSchemaURI returns the location of the first $schema that names address.
func findSchemaURI(v any, address string, location []string) (at []string, found bool) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	// The compiler leaves an empty fragment away.
	if uri, ok := object["$schema"].(string); ok && strings.TrimSuffix(uri, "#") == strings.TrimSuffix(address, "#") {
		return append(location, "$schema"), true
	}
	for _, key := range sortedKeys(object) {
		if at, found := findSchemaURI(object[key], address, append(location, key)); found {
			return at, true
		}
	}
	return nil, false
}
