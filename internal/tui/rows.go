package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// The widths from which Live shows milliseconds, and tables dates.
const (
	wide  = 100
	dated = 120
)

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
	c, l, p := m.columns(), &m.list, m.page()
	names := " " + fit("time", c.time) + "   " + fit("what", c.kind) + " " + fit("of", c.subject) + " facts"
	return m.line([]part{{names, m.styles.faint}}, m.filterPart(p, l.query, len(l.shown), len(l.ring.items), l.skipped))
}

// filterPart says what a filter lets through, and what a jq predicate had no time for.
func (m *model) filterPart(p *page, q query, shown, of, skipped int) part {
	if !q.filters() || p.input.open {
		return part{}
	}
	text := fmt.Sprintf("/%s (%d of %d)", p.input.field.Value(), shown, of)
	if skipped > 0 {
		text += fmt.Sprintf(", %d too slow to judge", skipped)
	}
	return part{text, m.styles.tones[tail.Warn]}
}

// listBody draws the visible rows, or says why there are none.
func (m *model) listBody() []string {
	lines := make([]string, 0, m.listHeight())
	switch l := &m.list; {
	case len(l.shown) > 0:
		c, selected := m.columns(), l.shown[l.sel]
		for _, number := range l.visible() {
			lines = append(lines, m.row(l.ring.at(number), c, number == selected))
		}
	case len(l.ring.items) > 0:
		lines = append(lines, "", m.remark("No entry matches the filter; esc clears it."))
	case m.conn != ended:
		lines = append(lines, "", m.remark("Nothing new so far. Send a request to a webhook."))
	}
	return m.filled(lines)
}

// remark is a line that stands where rows would.
func (m *model) remark(text string) string {
	return m.line([]part{{text, m.styles.faint}}, part{})
}

// filled adds empty lines below the rows of a list.
func (m *model) filled(lines []string) []string {
	lines = lines[:min(len(lines), m.listHeight())]
	return append(lines, make([]string, m.listHeight()-len(lines))...)
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

// widths shares the width of the screen among a table's columns; 0 for one that is not
// shown. What is left over goes to those that have a share of it.
func (m *model) widths(list []column) []int {
	widths := make([]int, len(list))
	left, shares := m.width-len("› x ")-margin, 0
	for i, c := range list {
		if m.width < c.from {
			continue
		}
		widths[i] = c.width
		if c.time {
			widths[i] = len(m.timeFormat(time.Time{}))
		}
		widths[i] = max(widths[i], len(c.name))
		left -= widths[i] + 1
		shares += c.share
	}
	for i, c := range list {
		if widths[i] > 0 && c.share > 0 && left > 0 {
			more := left * c.share / shares
			widths[i] += more
			left -= more
			shares -= c.share
		}
	}
	return widths
}

// timeFormat is how a time of a table is written: where there is room with its date,
// and elsewhere the time of day or, of other days, the day.
func (m *model) timeFormat(at time.Time) string {
	if m.width >= dated {
		return "2006-01-02 15:04:05"
	}
	if at.IsZero() || m.now().Sub(at) < 20*time.Hour {
		return clock
	}
	return "Jan 02  "
}

// tableLine says how many rows there are, and how the reading goes.
func (m *model) tableLine(p *page) string {
	t := p.table
	count := fmt.Sprintf("%d", len(t.rows))
	if t.more {
		count += "+"
	}
	left := []part{{p.title, m.styles.title}, {" " + count, m.styles.faint}}
	if !t.read || t.err != nil && len(t.rows) == 0 {
		left = left[:1]
	}
	right := m.filterPart(p, t.query, len(t.shown), len(t.rows), t.skipped)
	switch {
	case t.err != nil && len(t.rows) == 0:
		right = part{"✗", m.styles.tones[tail.Bad]}
	case t.err != nil:
		right = part{"✗ " + whyNot(strings.ToLower(p.title), t.err), m.styles.tones[tail.Bad]}
	case right.text == "" && t.load.busy && t.more && t.sel+t.height >= len(t.shown):
		right = part{"reading more…", m.styles.faint}
	}
	return m.line(left, right)
}

// tableTitle names the columns.
func (m *model) tableTitle(t *table) string {
	var b strings.Builder
	b.WriteString(space(len("x x ") - margin))
	for i, width := range m.widths(t.noun.columns) {
		if width > 0 {
			b.WriteString(fit(t.noun.columns[i].name, width) + " ")
		}
	}
	return m.line([]part{{b.String(), m.styles.faint}}, part{})
}

// tableBody draws the visible rows, or says why there are none.
func (m *model) tableBody(t *table) []string {
	lines := make([]string, 0, m.listHeight())
	switch {
	case len(t.shown) > 0:
		widths := m.widths(t.noun.columns)
		for i, index := range t.visible() {
			lines = append(lines, m.tableRow(t, &t.rows[index], widths, t.top+i == t.sel))
		}
	case !t.read:
		lines = append(lines, "", m.remark("loading…"))
	case len(t.rows) > 0 && t.more && !t.load.busy:
		lines = append(lines, "", m.remark(fmt.Sprintf("None of the newest %d matches. ↓ reads on, esc clears.", len(t.rows))))
	case len(t.rows) > 0:
		lines = append(lines, "", m.remark("Nothing matches the filter; esc clears it."))
	case t.err != nil:
		lines = append(lines, "")
		for _, line := range paragraphs(whyNot(strings.ToLower(t.noun.title), t.err), m.width-2*margin) {
			lines = append(lines, m.line([]part{{line, m.styles.tones[tail.Bad]}}, part{}))
		}
	default:
		lines = append(lines, "")
		for line := range strings.SplitSeq(t.noun.empty, "\n") {
			lines = append(lines, m.remark(line))
		}
		if t.noun.made && m.opts.Forms != nil {
			lines = append(lines, m.remark("So does the key n, with a form."))
		}
	}
	return m.filled(lines)
}

// tableRow draws one row of a table: the state in its colour, the rest plain.
func (m *model) tableRow(t *table, r *row, widths []int, selected bool) string {
	var b strings.Builder
	tone := m.styles.tones[r.tone]
	for i, width := range widths {
		if width == 0 {
			continue
		}
		c, text := t.noun.columns[i], r.cells[i]
		if c.time {
			text = r.at.In(m.opts.Location).Format(m.timeFormat(r.at))
		}
		text = fit(text, width)
		switch {
		case selected:
		case c.time || c.name == "id":
			text = m.styles.faint.Render(text)
		case c.name == "status" || c.name == "state" || c.name == "why" || c.name == "reason":
			text = tone.Render(text)
		}
		b.WriteString(text + " ")
	}
	if selected {
		return m.styles.selected.Render("› " + r.sign + " " + b.String())
	}
	return "  " + tone.Render(r.sign) + " " + b.String()
}
