package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// wide is the width from which rows show milliseconds.
const wide = 100

// stepArrow stands between workflow and step in tail.Subject.
const stepArrow = " › "

// columns are the widths of the list's columns, in cells.
type columns struct {
	clock                      string // the format of the time
	time, kind, subject, facts int
}

// columns shares the width of the screen: the first ones take what they need,
// the last two what is left.
func (m *model) columns() columns {
	c := columns{clock: clock, time: len(clock), kind: len(meshhook.EntryEventSuppressed)}
	if m.width >= wide {
		c.clock = clock + ".000"
		c.time = len(c.clock)
	}
	left := m.width - len("› ") - c.time - len(" x ") - c.kind - 2 - margin
	c.subject = min(max(left*2/5, 12), 40)
	c.facts = left - c.subject
	return c
}

// listTitle names the columns, and says what the filter lets through.
func (m *model) listTitle() string {
	c := m.columns()
	var filter part
	if len(m.list.query) > 0 && !m.input.open {
		filter = part{
			fmt.Sprintf("/%s (%d of %d)", m.input.field.Value(), len(m.list.shown), len(m.list.ring.items)),
			m.styles.tones[tail.Warn],
		}
	}
	names := " " + fit("time", c.time) + "   " + fit("what", c.kind) + " " + fit("of", c.subject) + " facts"
	return m.line([]part{{names, m.styles.faint}}, filter)
}

// listBody draws the visible rows, or says why there are none.
func (m *model) listBody() string {
	height := m.bodyHeight()
	lines := make([]string, 0, height)
	switch l := &m.list; {
	case len(l.shown) > 0:
		c, selected := m.columns(), l.shown[l.sel]
		for _, number := range l.visible() {
			lines = append(lines, m.row(l.ring.at(number), c, number == selected))
		}
	case len(l.ring.items) > 0:
		lines = append(lines, "", m.line([]part{{"No entry matches the filter; esc clears it.", m.styles.faint}}, part{}))
	case m.conn != ended:
		lines = append(lines, "", m.line([]part{{"Nothing has happened yet. Send a request to a webhook.", m.styles.faint}}, part{}))
	}
	return strings.Join(append(lines, make([]string, height-len(lines))...), "\n")
}

// row draws one entry.
func (m *model) row(it *item, c columns, selected bool) string {
	sign, tone := tail.Look(it.entry.Kind)
	at := fit(it.entry.At.In(m.opts.Location).Format(c.clock), c.time)
	kind, subject := fit(tail.Clean(string(it.entry.Kind)), c.kind), fitSubject(it.subject, c.subject)
	facts := fit(it.facts, c.facts)
	if selected {
		// One style for all of it: a colour inside would end the background.
		return m.styles.selected.Render("› " + at + " " + sign + " " + kind + " " + subject + " " + facts)
	}
	style := m.styles.tones[tone]
	return "  " + m.styles.faint.Render(at) + " " + style.Render(sign+" "+kind) + " " + subject + " " + style.Render(facts)
}

// fitSubject cuts or fills a subject. Of "workflow › step" the step stays: the
// rows around it tell the workflow.
func fitSubject(subject string, width int) string {
	at := strings.LastIndex(subject, stepArrow)
	if at < 0 || ansi.StringWidth(subject) <= width {
		return fit(subject, width)
	}
	room := max(width-ansi.StringWidth(subject[at:]), 1)
	return fit(ansi.Truncate(subject[:at], room, "…")+subject[at:], width)
}
