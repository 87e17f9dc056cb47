package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/profullstack/meshhook/internal/tail"
)

// jsonTo returns an encoder of JSON in which whatever a terminal would not show as itself
// is escaped: JSON lets most of it stand raw, C1 and bidirectional controls among it. To a
// program it means the same.
func jsonTo(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(escapingJSON{w})
	encoder.SetEscapeHTML(false)
	return encoder
}

// escapingJSON takes whole documents in, as json.Encoder writes them.
type escapingJSON struct{ io.Writer }

func (e escapingJSON) Write(text []byte) (int, error) {
	if _, err := io.WriteString(e.Writer, tail.Escaped(string(text), escapeJSON)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// escapeJSON writes a rune by RFC 8259, 7.
func escapeJSON(r rune) string {
	if high, low := utf16.EncodeRune(r); high != '\uFFFD' {
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// escapeYAML writes a rune as double quotes allow (YAML 1.2.2, 5.7).
func escapeYAML(r rune) string {
	if r > '\uFFFF' {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// needsEscapes tells whether a terminal would not show a text as itself.
func needsEscapes(text string) bool {
	found := false
	tail.Escaped(text, func(rune) string { found = true; return "" })
	return found
}

// writeBody writes a body byte for byte; on a terminal what that would obey, and not
// show, becomes an escape that can be seen.
func (a *app) writeBody(body []byte) error {
	if a.OutTTY {
		lines := strings.Split(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n")
		for i, line := range lines {
			parts := strings.Split(line, "\t")
			for j, part := range parts {
				parts[j] = tail.Clean(part)
			}
			lines[i] = strings.Join(parts, "\t")
		}
		if clean := strings.Join(lines, "\n"); clean != strings.ReplaceAll(string(body), "\r\n", "\n") {
			a.warn("what a terminal would not show as itself is escaped here; a pipe or a file gets the body byte for byte")
			body = []byte(clean)
		}
	}
	_, err := io.Copy(a.Out, bytes.NewReader(body))
	return err
}
