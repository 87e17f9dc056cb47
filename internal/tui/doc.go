package tui

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/profullstack/meshhook/internal/tail"
)

const (
	margin     = 1  // cells left free at either side of a page
	labelWidth = 14 // cells of a field's name and the space after it
	// shownLines bounds one block of text; nobody scrolls further.
	shownLines = 2000
)

// doc is a page being written: lines no wider than width. Every text is
// cleaned here, so that no writer can forget it.
type doc struct {
	styles styles
	width  int
	lines  []string
	at     int             // the stop under the cursor
	stops  []stop          // those that were written
	folds  map[string]bool // what was folded or unfolded by hand
}

// stop is a line at which the cursor can be: a link, or something that unfolds.
type stop struct {
	line int
	to   target // where it leads; the zero target for nowhere
	fold string // what it unfolds; "" for nothing
	open bool   // that is unfolded
}

// same tells whether two stops are about the same, wherever they stand.
func (s stop) same(as stop) bool { return s.to == as.to && s.fold == as.fold }

// stop writes a line at which the cursor can be. A cursor that is there shows by a
// sign and by the background.
func (d *doc) stop(s stop, write func()) {
	s.line = len(d.lines)
	write()
	if len(d.stops) == d.at && s.line < len(d.lines) {
		// One style for all of it: a colour inside would end the background.
		text := strings.TrimPrefix(ansi.Strip(d.lines[s.line]), " ")
		d.lines[s.line] = d.styles.selected.Render(fit("›"+text, d.width+margin))
	}
	d.stops = append(d.stops, s)
}

// link writes a field that leads somewhere, and shows that by a sign.
func (d *doc) link(name, text string, to target) {
	d.stop(stop{to: to}, func() { d.field(name, text+" ›") })
}

// folded writes a line that holds more, and tells whether that is to be written, too.
// It is folded unless somebody unfolded it, or the other way round.
func (d *doc) folded(id string, open bool, write func(mark string)) bool {
	if by, ok := d.folds[id]; ok {
		open = by
	}
	mark := map[bool]string{true: "▾", false: "▸"}[open]
	d.stop(stop{fold: id, open: open}, func() { write(mark) })
	return open
}

// heading begins a section.
func (d *doc) heading(text string) {
	if len(d.lines) > 0 {
		d.lines = append(d.lines, "")
	}
	d.block(0, text, d.styles.title)
}

// field writes a name and its value, which goes on below where it is too long.
func (d *doc) field(name, value string) {
	d.toned(name, value, d.styles.tones[tail.Plain])
}

// toned writes a field whose value has a colour.
func (d *doc) toned(name, value string, style lipgloss.Style) {
	from := len(d.lines)
	d.prose(labelWidth, value, style)
	label := d.styles.faint.Render(fit(tail.Clean(name), labelWidth-1))
	d.lines[from] = space(margin) + label + " " + strings.TrimPrefix(d.lines[from], space(margin+labelWidth))
}

// faint writes what need not be read.
func (d *doc) faint(text string) { d.prose(0, text, d.styles.faint) }

// failure writes what went wrong.
func (d *doc) failure(text string) { d.prose(0, "✗ "+text, d.styles.tones[tail.Bad]) }

// text writes lines as they are, after an indentation.
func (d *doc) text(indent int, text string) { d.block(indent, text, d.styles.tones[tail.Plain]) }

// block writes lines after an indentation, cut where they are too long: at
// least one.
func (d *doc) block(indent int, text string, style lipgloss.Style) {
	d.wrapped(indent, text, style, func(line string, width int) []string {
		return strings.Split(ansi.Hardwrap(line, width, true), "\n")
	})
}

// prose writes sentences, which break between words.
func (d *doc) prose(indent int, text string, style lipgloss.Style) {
	d.wrapped(indent, text, style, words)
}

// wrapped writes lines that wrap breaks.
func (d *doc) wrapped(indent int, text string, style lipgloss.Style, wrap func(line string, width int) []string) {
	width, left := max(d.width-indent, 1), shownLines
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		line = tail.Clean(strings.ReplaceAll(line, "\t", "    "))
		for _, piece := range wrap(line, width) {
			if left--; left < 0 {
				d.lines = append(d.lines, space(margin+indent)+d.styles.faint.Render("… more lines"))
				return
			}
			d.lines = append(d.lines, space(margin+indent)+style.Render(piece))
		}
	}
}

// words breaks a line between words, and inside a word that has no room alone.
func words(line string, width int) []string {
	var lines []string
	now := ""
	for i, word := range strings.Split(line, " ") {
		if i > 0 && ansi.StringWidth(now)+1+ansi.StringWidth(word) <= width {
			now += " " + word
			continue
		}
		if i > 0 {
			lines = append(lines, now)
		}
		pieces := strings.Split(ansi.Hardwrap(word, width, true), "\n")
		lines = append(lines, pieces[:len(pieces)-1]...)
		now = pieces[len(pieces)-1]
	}
	return append(lines, now)
}

// space returns n blanks.
func space(n int) string { return strings.Repeat(" ", max(n, 0)) }

// fit cuts or fills clean text to exactly width cells.
func fit(text string, width int) string {
	text = ansi.Truncate(text, max(width, 0), "…")
	return text + space(width-ansi.StringWidth(text))
}
