package tui

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// shownBody bounds what is shown of a body, in bytes; of a binary one less,
	// because a whole line of hex says sixteen.
	shownBody   = 64 << 10
	shownBinary = 4 << 10
)

// body writes bytes after an indentation, the way they can be read: JSON laid out
// and coloured, text as it is, anything else in hex.
func (d *doc) body(indent int, body []byte) {
	shown := body[:min(len(body), shownBody)]
	switch {
	case len(body) == 0:
		d.block(indent, "(empty)", d.styles.faint)
		return
	case isText(shown, len(shown) < len(body)):
		d.code(indent, shown)
	default:
		shown = body[:min(len(body), shownBinary)]
		d.text(indent, hexDump(shown, d.width-indent))
	}
	if more := len(body) - len(shown); more > 0 {
		d.block(indent, fmt.Sprintf("… %s more", meshhook.AboutSize(int64(more))), d.styles.faint)
	}
}

// isText tells whether bytes are UTF-8 without NUL. Of text that was cut, the
// last character may be incomplete.
func isText(b []byte, cut bool) bool {
	if bytes.IndexByte(b, 0) >= 0 {
		return false
	}
	for tries := 0; cut && tries < utf8.UTFMax-1 && len(b) > 0 && !utf8.Valid(b); tries++ {
		b = b[:len(b)-1]
	}
	return utf8.Valid(b)
}

// hexDump writes bytes as offset, hex and ASCII, as many in a line as fit.
func hexDump(b []byte, width int) string {
	each := 16
	if width < len("00000000  ")+3*each+len(" ||")+each {
		each = 8
	}
	var out strings.Builder
	for from := 0; from < len(b); from += each {
		row := b[from:min(from+each, len(b))]
		text := slices.Clone(row)
		for i, c := range text {
			if c < ' ' || c > '~' {
				text[i] = '.'
			}
		}
		fmt.Fprintf(&out, "%08x  %-*s |%s|\n", from, 3*each, fmt.Sprintf("% x", row), text)
	}
	return out.String()
}
