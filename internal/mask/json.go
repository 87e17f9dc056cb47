package mask

import (
	"encoding/json"
	"slices"
	"strings"
	"unsafe"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// masked is the mask as a JSON document.
const masked = `"` + meshhook.Mask + `"`

// JSON returns the document with the secrets masked that stand in its strings, keys
// among them, and in place of a number that is a secret, sign or not. It stays the
// same JSON in all other bytes; when nothing is found, it is the same slice. Keys that
// become alike stay as many as they were. Of what is no JSON and holds a secret
// nothing is left but the mask.
func (m *Masker) JSON(document json.RawMessage) json.RawMessage {
	if m.Empty() {
		return document
	}
	// A view of the bytes, which nobody changes while it lives, so that nothing is
	// copied of the many documents that hold no secret.
	text := unsafe.String(unsafe.SliceData(document), len(document))
	if !m.holds(text) {
		return document
	}
	if !json.Valid(document) {
		return json.RawMessage(masked)
	}
	return m.replace(document, text)
}

// holds tells whether something in a document may have to be hidden. It reads the
// whole at once, strings and what is between them, so it may see what is not there.
func (m *Masker) holds(text string) bool {
	v := view{text: text}
	if m.escaped(text, backslash) {
		v = v.unescape(backslash)
	}
	return m.found(v)
}

// replace masks the strings and numbers of a valid document one by one.
func (m *Masker) replace(document json.RawMessage, text string) json.RawMessage {
	var out []byte
	copied, end := 0, 0
	for from := 0; from < len(text); from = end {
		end = tokenEnd(text, from)
		token := text[from:end]
		if hidden := m.token(token); hidden != token {
			out = append(append(out, text[copied:from]...), hidden...)
			copied = end
		}
	}
	if copied == 0 {
		return document
	}
	return append(out, text[copied:]...)
}

// token masks a string or a number.
func (m *Masker) token(token string) string {
	switch {
	case token[0] != '"':
		if slices.Contains(m.numbers, token) || slices.Contains(m.numbers, strings.TrimPrefix(token, "-")) {
			return masked
		}
	case len(token) > m.least && m.holds(token): // what is escaped is no shorter
		return `"` + m.hide(token[1:len(token)-1], openString) + `"`
	}
	return token
}

// openString reads what stands between the quotes of a string. Its escapes must be
// taken off in any case: a mask that begins or ends inside one would break the string.
func openString(content string) view { return whole(content).unescape(backslash) }

// tokenEnd returns where the string, number or other byte at from ends.
func tokenEnd(text string, from int) int {
	end := from + 1
	switch c := text[from]; {
	case c == '"':
		for ; text[end] != '"'; end++ {
			if text[end] == '\\' {
				end++
			}
		}
		return end + 1
	case c == '-' || '0' <= c && c <= '9':
		for end < len(text) && strings.IndexByte("0123456789.eE+-", text[end]) >= 0 {
			end++
		}
	}
	return end
}
