package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
)

const (
	minValue   = 4  // bytes of a value that is hidden
	minLine    = 16 // bytes of a line that is hidden alone
	minEncoded = 6  // characters of base64 that are hidden
)

// pattern is a text to be hidden.
type pattern struct {
	text string
	// before and after tell that the character there holds bits of the value, too,
	// next to bits of something else. It is hidden where it is one of base64.
	before, after bool
}

// values are the texts that must not be seen of a secret: itself without white space
// around it, which editors add and workflows trim, and its long lines.
func values(secret string) []string {
	value := strings.TrimSpace(secret)
	if len(value) < minValue {
		return nil
	}
	all := []string{value}
	if !strings.ContainsAny(value, "\r\n") {
		return all
	}
	for _, line := range strings.FieldsFunc(value, func(r rune) bool { return r == '\r' || r == '\n' }) {
		line = strings.TrimSpace(line)
		if len(line) >= minLine && !strings.HasPrefix(line, "-----BEGIN ") && !strings.HasPrefix(line, "-----END ") {
			all = append(all, line)
		}
	}
	return all
}

// appendForms adds how a value may be written, escapes apart: those are taken off the
// text, since there are too many ways to spell them.
func appendForms(patterns []pattern, value string) []pattern {
	plain := []string{
		value,
		string([]rune(value)), // as an encoder of JSON mends invalid UTF-8
		strings.ReplaceAll(value, " ", "+"),
		strings.ReplaceAll(value, `"`, `""`),
		strings.ReplaceAll(value, `'`, `'\''`),
	}
	for i, text := range plain {
		if i == 0 || text != value {
			patterns = append(patterns, pattern{text: text})
		}
	}
	patterns = appendEncoded(patterns, value)
	if quoted := quote(value); quoted != value {
		patterns = appendEncoded(patterns, quoted)
	}
	return patterns
}

// appendEncoded adds a value in hex and in base64. What base64 looks like depends on
// how many bytes stand before the value, modulo three.
func appendEncoded(patterns []pattern, value string) []pattern {
	digits := hex.EncodeToString([]byte(value))
	patterns = append(patterns, pattern{text: digits}, pattern{text: strings.ToUpper(digits)})
	for shift := range 3 {
		text := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:shift] + value))
		p := pattern{before: shift > 0, after: (shift+len(value))%3 > 0}
		if p.before {
			text = text[shift+1:]
		}
		if p.after {
			text = text[:len(text)-1]
		}
		if len(text) < minEncoded {
			continue
		}
		p.text = text
		patterns = append(patterns, p)
		if strings.ContainsAny(text, "+/") {
			p.text = strings.NewReplacer("+", "-", "/", "_").Replace(text)
			patterns = append(patterns, p)
		}
	}
	return patterns
}

// quote returns a value as it stands between the quotes of JSON.
func quote(value string) string {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return value // no string fails
	}
	return string(buffer.Bytes()[1 : buffer.Len()-2]) // quotes and the line break
}

// isNumber tells whether a value may stand in JSON without quotes.
func isNumber(value string) bool {
	return (value[0] == '-' || '0' <= value[0] && value[0] <= '9') && json.Valid([]byte(value))
}

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// isBase64 tells whether a character is one of base64, standard or of URLs.
func isBase64(c byte) bool { return strings.IndexByte(alphanumeric+"+/-_", c) >= 0 }
