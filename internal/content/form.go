package content

import (
	"bytes"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// pair is one name and value of a form or query, as bytes.
type pair struct{ name, value string }

// readForm reads a form as an object: name → value, or a list of values where
// the name is repeated. Names are taken as they are: a[b] and a[] are names like
// any other, since what they mean differs between languages.
func readForm(contentType string, body []byte) (map[string]any, error) {
	if bytes.ContainsFunc(body, mustBeEscaped) {
		return nil, malformedForm("it has control characters that are not escaped")
	}
	pairs, ok := splitPairs(string(body))
	if !ok {
		return nil, malformedForm("it has a % without two hexadecimal digits behind it")
	}
	if charset := formCharset(contentType, pairs); charset != "" {
		if pairs, ok = decodePairs(pairs, charset); !ok {
			return nil, malformedForm("it is not " + meshhook.Clip(charset, mostQuoted))
		}
	}
	return object(pairs), nil
}

func malformedForm(what string) error {
	return meshhook.Errorf(meshhook.CodeMalformedPayload, "the body is not the form that its content type says: %s", what)
}

// mustBeEscaped tells whether no form has the character as it is. Line breaks and tabs
// stand in forms that people write by hand.
func mustBeEscaped(r rune) bool { return r < ' ' && r != '\r' && r != '\n' && r != '\t' }

// Query reads a query string as readForm does a form. Pairs that are not
// well-formed are left out, and bytes that are not UTF-8 made legible.
func Query(encoded string) map[string]any {
	pairs, _ := splitPairs(encoded)
	for i, p := range pairs {
		pairs[i] = pair{Legible(p.name), Legible(p.value)}
	}
	return object(pairs)
}

// splitPairs splits and unescapes as the URL Standard does; but it tells
// whether all the pairs were well-formed. A semicolon is a character.
func splitPairs(encoded string) (pairs []pair, ok bool) {
	ok = true
	for part := range strings.SplitSeq(encoded, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			ok = false
			continue
		}
		pairs = append(pairs, pair{name, value})
	}
	return pairs, ok
}

// formCharset returns the charset of a form: what the content type says, or a
// field: _charset_, as HTML has it, or charset, as PayPal sends it, which counts
// only where the form is not UTF-8. "" is for a form that is sound as it is.
func formCharset(contentType string, pairs []pair) string {
	charset := parameter(contentType, "charset")
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
	default:
		return charset
	}
	valid := true
	for _, p := range pairs {
		valid = valid && utf8.ValidString(p.name) && utf8.ValidString(p.value)
	}
	if valid {
		return ""
	}
	for _, name := range []string{"_charset_", "charset"} {
		for _, p := range pairs {
			if p.name == name && charset == "" && p.value != "" {
				return Legible(p.value)
			}
		}
	}
	return "utf-8" // which it is not
}

func decodePairs(pairs []pair, charset string) ([]pair, bool) {
	decoded := make([]pair, len(pairs))
	for i, p := range pairs {
		name, named := decodeText([]byte(p.name), charset)
		value, valued := decodeText([]byte(p.value), charset)
		if !named || !valued {
			return nil, false
		}
		decoded[i] = pair{name, value}
	}
	return decoded, true
}

// object collects pairs by name.
func object(pairs []pair) map[string]any {
	fields := make(map[string]any, len(pairs))
	for _, p := range pairs {
		add(fields, p.name, p.value)
	}
	return fields
}

// add adds a value to a name: the second one makes a list of them.
func add(fields map[string]any, name string, value any) {
	switch known := fields[name].(type) {
	case nil:
		fields[name] = value
	case []any:
		fields[name] = append(known, value)
	default:
		fields[name] = []any{known, value}
	}
}
