package main

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// The cells of a drawing, in pixels. Every run of text is told its width, so that the
// columns hold with whatever font the reader has.
const (
	cellWidth  = 8.4
	cellHeight = 18
	margin     = 16
)

// look is how a cell is drawn. Colours are those of CSS, "" is the terminal's own.
type look struct {
	front, back           string
	bold, dim, turned, ul bool
}

// palette are the 16 colours of a terminal, on a dark ground.
var palette = [16]string{
	"#1c2128", "#f47067", "#6bc46d", "#daaa3f", "#6cb6ff", "#dcbdfb", "#76d9e6", "#c9d1d9",
	"#768390", "#ff938a", "#8ddb8c", "#eac55f", "#96d0ff", "#e2c5ff", "#a0e9f2", "#f0f6fc",
}

const (
	ground = "#22272e"
	ink    = "#c9d1d9"
)

// drawing makes an SVG of what tmux's capture-pane -e prints: text with SGR, and nothing
// else. It has a ground of its own, so that it is read on light and dark pages.
func drawing(captured string) string {
	lines := strings.Split(strings.TrimRight(captured, "\n"), "\n")
	width := 0
	var body strings.Builder
	at := look{}
	for row, line := range lines {
		column := 0
		for line != "" {
			text, rest, found := strings.Cut(line, "\x1b[")
			body.WriteString(at.run(text, column, row))
			column += utf8.RuneCountInString(text)
			if line = rest; found {
				codes, after, _ := strings.Cut(rest, "m")
				at.set(codes)
				line = after
			}
		}
		width = max(width, column)
	}
	w, h := float64(width)*cellWidth+2*margin, len(lines)*cellHeight+2*margin
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" width="%.0f" height="%d" role="img">
<title>meshhook tail: events, runs, steps and alerts as they happen</title>
<style>svg{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:%s}</style>
<rect width="100%%" height="100%%" rx="8" fill="%s" stroke="#57606a"/>
%s</svg>
`, w, h, w, h, ink, ground, body.String())
}

// phrase is text with single blanks in it: how wide several are is left to no reader.
var phrase = regexp.MustCompile(`\S+(?: \S+)*`)

// run draws text in the cells that begin at a column and row. Blanks without a ground
// need no ink.
func (l look) run(text string, column, row int) string {
	front, back := l.front, l.back
	if l.turned {
		front, back = back, front
		if front == "" {
			front = ground
		}
		if back == "" {
			back = ink
		}
	}
	var b strings.Builder
	if back != "" && text != "" {
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n",
			margin+float64(column)*cellWidth, margin+row*cellHeight, float64(utf8.RuneCountInString(text))*cellWidth, cellHeight, back)
	}
	attributes := ""
	for _, a := range []struct {
		on   bool
		text string
	}{{front != "", ` fill="` + front + `"`}, {l.bold, ` font-weight="bold"`}, {l.dim, ` opacity=".65"`}, {l.ul, ` text-decoration="underline"`}} {
		if a.on {
			attributes += a.text
		}
	}
	for _, at := range phrase.FindAllStringIndex(text, -1) {
		part := text[at[0]:at[1]]
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" textLength="%.1f"%s>%s</text>`+"\n",
			margin+float64(column+utf8.RuneCountInString(text[:at[0]]))*cellWidth, margin+row*cellHeight+13,
			float64(utf8.RuneCountInString(part))*cellWidth, attributes, html.EscapeString(part))
	}
	return b.String()
}

// set takes the codes of one SGR sequence.
func (l *look) set(codes string) {
	list := strings.Split(codes, ";")
	for i := 0; i < len(list); i++ {
		n, _ := strconv.Atoi(list[i]) // nothing is 0
		switch {
		case n == 0:
			*l = look{}
		case n == 1, n == 22:
			l.bold, l.dim = n == 1, false
		case n == 2:
			l.dim = true
		case n == 4, n == 24:
			l.ul = n == 4
		case n == 7, n == 27:
			l.turned = n == 7
		case n >= 30 && n < 38, n >= 90 && n < 98:
			l.front = palette[n%10+n/90*8]
		case n >= 40 && n < 48, n >= 100 && n < 108:
			l.back = palette[n%10+n/100*8]
		case n == 39:
			l.front = ""
		case n == 49:
			l.back = ""
		case n == 38 || n == 48:
			color, used := extended(list[i+1:])
			if i += used; n == 38 {
				l.front = color
			} else {
				l.back = color
			}
		}
	}
}

// extended reads what follows 38 or 48: one of 256 colours, or one of all.
func extended(codes []string) (color string, used int) {
	number := func(i int) int {
		if i >= len(codes) {
			return 0
		}
		n, _ := strconv.Atoi(codes[i]) // nothing is 0
		return n & 255
	}
	if number(0) == 2 {
		return fmt.Sprintf("#%02x%02x%02x", number(1), number(2), number(3)), 4
	}
	switch n := number(1); {
	case n < 16:
		return palette[n], 2
	case n >= 232:
		grey := 8 + (n-232)*10
		return fmt.Sprintf("#%02x%02x%02x", grey, grey, grey), 2
	default:
		level := func(v int) int { return min(v, 1)*55 + v*40 }
		return fmt.Sprintf("#%02x%02x%02x", level((n-16)/36), level((n-16)/6%6), level((n-16)%6)), 2
	}
}

func TestDrawing(t *testing.T) {
	t.Parallel()
	drawn := drawing("\x1b[1mLive\x1b[0m  \x1b[38;5;196m✗ <a&b>\x1b[39m \x1b[7mrow\x1b[27m\n\x1b[48;2;1;2;3;92m  x\x1b[0m\x1b[38;5;244m·\n")
	requireXML(t, drawn)
	for _, part := range []string{
		`viewBox="0 0 175 68"`,
		`<style>svg{font:`, // inherited: a rule for text would win over fill and font-weight
		`<text x="16.0" y="29" textLength="33.6" font-weight="bold">Live</text>`,
		`<text x="66.4" y="29" textLength="58.8" fill="#ff0000">✗ &lt;a&amp;b&gt;</text>`,
		`<rect x="133.6" y="16" width="25.2" height="18" fill="` + ink + `"/>`,
		`<rect x="16.0" y="34" width="25.2" height="18" fill="#010203"/>`,
		`<text x="32.8" y="47" textLength="8.4" fill="#8ddb8c">x</text>`,
		`fill="#808080">·</text>`,
	} {
		require.Contains(t, drawn, part)
	}
	require.Equal(t, drawn, drawing("\x1b[1mLive\x1b[0m  \x1b[38;5;196m✗ <a&b>\x1b[39m \x1b[7mrow\x1b[27m\n\x1b[48;2;1;2;3;92m  x\x1b[0m\x1b[38;5;244m·\n"))
}
