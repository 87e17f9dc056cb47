package schema

import (
	"maps"
	"slices"
	"strings"
)

// escapeToken and unescapeToken write and read one token of a JSON Pointer (RFC 6901, section 3).
var (
	escapeToken   = strings.NewReplacer("~", "~0", "/", "~1").Replace
	unescapeToken = strings.NewReplacer("~1", "/", "~0", "~").Replace
)

// pointer writes the JSON Pointer of a location. A token longer than maxShown
// is cut: keys are the sender's, and paths go into answers and logs.
func pointer(location []string) string {
	var b strings.Builder
	for _, token := range location {
		b.WriteByte('/')
		b.WriteString(escapeToken(shorten(token)))
	}
	return b.String()
}

// splitPointer returns the tokens of a JSON Pointer.
func splitPointer(pointer string) []string {
	if pointer == "" {
		return nil
	}
	tokens := strings.Split(pointer, "/")[1:]
	for i, token := range tokens {
		tokens[i] = unescapeToken(token)
	}
	return tokens
}

// sortedKeys returns the keys of an object in order, so that the first error
// of a walk is always the same one.
func sortedKeys[V any](object map[string]V) []string {
	return slices.Sorted(maps.Keys(object))
}

// shorten cuts a text to maxShown characters.
func shorten(text string) string {
	count := 0
	for i := range text {
		if count == maxShown {
			return text[:i] + "…"
		}
		count++
	}
	return text
}
