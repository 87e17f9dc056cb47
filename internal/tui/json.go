package tui

import (
	"encoding/json"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// code writes JSON laid out, with a colour for each kind of token. What is no JSON is
// written as it is.
func (d *doc) code(indent int, raw []byte) {
	text := meshhook.IndentJSON(raw)
	if !json.Valid(raw) {
		d.text(indent, text)
		return
	}
	width, left := max(d.width-indent, 1), shownLines
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		line = tail.Clean(strings.TrimSuffix(line, "\r"))
		spans := d.tokens(line)
		for piece := range strings.SplitSeq(ansi.Hardwrap(line, width, true), "\n") {
			if left--; left < 0 {
				d.lines = append(d.lines, space(margin+indent)+d.styles.faint.Render("… more lines"))
				return
			}
			var colored string
			colored, spans = paint(piece, spans)
			d.lines = append(d.lines, space(margin+indent)+colored)
		}
	}
}

// span is so many bytes of a line with a style.
type span struct {
	length int
	style  lipgloss.Style
}

// paint colours the piece of a line that the first spans are about, and returns the
// spans of what follows it.
func paint(piece string, spans []span) (string, []span) {
	var b strings.Builder
	for piece != "" && len(spans) > 0 {
		n := min(spans[0].length, len(piece))
		b.WriteString(spans[0].style.Render(piece[:n]))
		piece = piece[n:]
		if spans[0].length -= n; spans[0].length == 0 {
			spans = spans[1:]
		}
	}
	return b.String(), spans
}

// tokens takes a line of JSON apart, all of it.
func (d *doc) tokens(line string) (spans []span) {
	plain, tones := d.styles.tones[tail.Plain], d.styles.tones
	for at := 0; at < len(line); {
		length, style := 1, plain
		switch c := line[at]; {
		case c == '"':
			length = quoted(line[at:])
			style = tones[tail.Good]
			if strings.HasPrefix(line[at+length:], ":") {
				style = tones[tail.Busy] // a key
			}
		case strings.IndexByte("{}[],:", c) >= 0:
			style = d.styles.faint
		case c == ' ':
		default:
			length = strings.IndexAny(line[at:]+",", " ,]}:")
			length = max(length, 1)
			if style = tones[tail.Warn]; c == 't' || c == 'f' || c == 'n' {
				style = d.styles.title // true, false, null
			}
		}
		spans = append(spans, span{length, style})
		at += length
	}
	return spans
}

// quoted is the length of the string with which a text begins, its quotes included.
func quoted(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}
