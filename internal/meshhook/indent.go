package meshhook

import (
	"bytes"
	"encoding/json"
)

// DeepestIndented is how deep JSON may nest to be laid out. Each level indents all that
// is in it: a payload of brackets alone would grow to its square.
const DeepestIndented = 64

// IndentJSON lays JSON out for people. What is no JSON, or nests too deep, is returned
// as it is.
func IndentJSON(raw []byte) string {
	var out bytes.Buffer
	if depth(raw) > DeepestIndented || json.Indent(&out, bytes.TrimSpace(raw), "", "  ") != nil {
		return string(raw)
	}
	return out.String()
}

// depth is how deep the brackets of JSON nest.
func depth(raw []byte) (deepest int) {
	now, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}
