package tui

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/profullstack/meshhook/internal/tail"
)

// The lines of the screen from above: what is followed, the pages, what is counted or
// open, and then a detail, or the names of columns and a list. The last is the footer.
const (
	tabLine   = 1
	detailTop = 3
	listTop   = 4
)

// clock is how times of day are written in the header and in narrow lists.
const clock = "15:04:05"

func (m *model) listHeight() int   { return max(m.height-listTop-1, 1) }
func (m *model) detailHeight() int { return max(m.height-detailTop-1, 1) }

// View draws the screen: exactly as many lines as there are, none too wide.
func (m *model) View() string {
	if m.width == 0 {
		return "" // the size is not known yet
	}
	if m.width < minWidth || m.height < minHeight {
		text := fmt.Sprintf("The screen needs %d×%d; this terminal is %d×%d. q quits.", minWidth, minHeight, m.width, m.height)
		lines := strings.Split(ansi.Wrap(text, m.width, ""), "\n")
		return strings.Join(lines[:min(len(lines), max(m.height, 1))], "\n")
	}
	lines := []string{m.headLine(), m.tabBar()}
	p := m.page()
	switch d := p.detail(); {
	case d != nil:
		lines = append(lines, m.detailTitle(d))
		lines = append(lines, strings.Split(d.view.View(), "\n")...)
	case p.table == nil:
		lines = append(lines, m.countLine(), m.listTitle())
		lines = append(lines, m.listBody()...)
	default:
		lines = append(lines, m.tableLine(p), m.tableTitle(p.table))
		lines = append(lines, m.tableBody(p.table)...)
	}
	if m.overlay != nil {
		block := m.overlay.view(m.width-2, len(lines)-tabLine-1)
		lines = append(lines[:tabLine+1:tabLine+1], over(lines[tabLine+1:], block, m.width, m.styles.faint)...)
	}
	return strings.Join(append(lines, m.footer()), "\n")
}

// part is a piece of a line with its style.
type part struct {
	text  string
	style lipgloss.Style
}

// line lays parts out at the left and the right end of the screen. Where both
// do not fit, the left ones are cut.
func (m *model) line(left []part, right part) string {
	room := m.width - 2*margin
	if right.text != "" {
		right.text = ansi.Truncate(right.text, room, "…")
		room -= ansi.StringWidth(right.text) + 1
	}
	var b strings.Builder
	b.WriteString(space(margin))
	for _, p := range left {
		text := ansi.Truncate(p.text, max(room, 0), "…")
		room -= ansi.StringWidth(text)
		b.WriteString(p.style.Render(text))
	}
	if right.text != "" {
		b.WriteString(space(room + 1))
		b.WriteString(right.style.Render(right.text))
	}
	return b.String()
}

// headLine says what is followed, and how the connection is.
func (m *model) headLine() string {
	what := " · " + tail.Clean(m.opts.Project)
	if m.opts.Scope != "" {
		what += " · " + tail.Clean(m.opts.Scope)
	}
	tones, since := m.styles.tones, m.state.Since.In(m.opts.Location).Format(clock)
	right := map[connection]part{
		connecting: {"↻ connecting…", m.styles.faint},
		connected:  {"● live", tones[tail.Good]},
		lost:       {"↻ reconnecting… since " + since, tones[tail.Warn]},
		ended:      {"✗ ended", tones[tail.Bad]},
	}[m.conn]
	return m.line([]part{{"meshhook", m.styles.title}, {what, tones[tail.Plain]}}, right)
}

// tab is the name of a page in the bar, and the cells that it takes.
type tab struct {
	text     string
	from, to int
}

// tabs lays the pages out, with their numbers where there is room for them.
func (m *model) tabs() []tab {
	list, gap := make([]tab, len(m.pages)), "  "
	numbered := m.width >= 80
	if !numbered {
		gap = " "
	}
	at := 0
	for i, p := range m.pages {
		text := p.title
		if numbered {
			text = strconv.Itoa(i+1) + " " + text
		}
		list[i] = tab{text, at + margin, at + margin + len(text)}
		at += len(text) + len(gap)
	}
	return list
}

// tabBar names the pages. The one that is shown has brackets where there is no colour.
func (m *model) tabBar() string {
	var b strings.Builder
	at := 0
	for i, t := range m.tabs() {
		style := m.styles.faint
		if i == m.at {
			style = m.styles.tab
			// The gap beside a name is free for a sign that needs no colour.
			b.WriteString(space(t.from-at-1) + m.styles.title.Render("▸") + style.Render(t.text))
		} else {
			b.WriteString(space(t.from-at) + style.Render(t.text))
		}
		at = t.to
	}
	return b.String()
}

// countLine says how many of what came, at what rate, and whether the list follows.
func (m *model) countLine() string {
	tones, c := m.styles.tones, m.counts
	count := func(sign string, n int64, tone tail.Tone) part {
		if n == 0 {
			return part{sign + " 0", m.styles.faint}
		}
		return part{sign + " " + strconv.FormatInt(n, 10), tones[tone]}
	}
	right := part{"▶ following", tones[tail.Good]}
	if m.list.paused {
		right = part{fmt.Sprintf("⏸ paused, %d new", m.list.news()), tones[tail.Warn]}
	}
	plain := func(text string) part { return part{text, m.styles.faint} }
	left := []part{
		plain("events "), count("✓", c.accepted, tail.Good), plain(" "), count("✗", c.rejected, tail.Bad),
		plain("  runs "), count("✓", c.succeeded, tail.Good), plain(" "), count("✗", c.failed, tail.Bad),
	}
	if m.width >= 80 {
		left = append(left, plain("  alerts "), count("✓", c.delivered, tail.Good), plain(" "), count("✗", c.exhausted, tail.Bad))
	}
	room := m.width - 2*margin - ansi.StringWidth(right.text) - 4
	for _, p := range left {
		room -= ansi.StringWidth(p.text)
	}
	now := m.rate.now()
	switch room -= len(now); {
	case room > 5:
		left = append(left, plain("  "), part{m.rate.spark(min(room-1, 30)), tones[tail.Busy]}, plain(" "+now))
	case room >= 0: // the number says more than a few bars do
		left = append(left, plain("  "+now))
	}
	return m.line(left, right)
}

// footer is the filter being typed, the last notice, why no entries come, or
// the keys: the first that there is.
func (m *model) footer() string {
	bad := m.styles.tones[tail.Warn]
	one := func(text string, style lipgloss.Style) string { return m.line([]part{{text, style}}, part{}) }
	p := m.page()
	switch {
	case m.overlay != nil:
		return one("", m.styles.faint)
	case p.input.open:
		return m.inputLine(p)
	case m.notice.text != "":
		return one(m.notice.text, m.styles.tones[m.notice.tone])
	case m.conn == ended:
		return one("✗ "+tail.Clean(m.failure.Error()), m.styles.tones[tail.Bad])
	case m.conn == lost:
		return one("connection lost: "+tail.Clean(m.state.Lost.Error()), bad)
	}
	return one(m.hints(p), m.styles.faint)
}

// inputLine is the filter that is being typed, with what is wrong with it.
func (m *model) inputLine(p *page) string {
	wrong := p.input.query().wrong()
	if wrong == "" {
		return m.line([]part{{p.input.view(m.width - 2*margin), m.styles.tones[tail.Plain]}}, part{})
	}
	wrong = "✗ " + ansi.Truncate(tail.Clean(wrong), m.width/2, "…")
	room := m.width - 2*margin - ansi.StringWidth(wrong) - 1
	return m.line([]part{{p.input.view(room), m.styles.tones[tail.Plain]}}, part{wrong, m.styles.tones[tail.Bad]})
}

// hints are the keys that matter here, as many as fit.
func (m *model) hints(p *page) string {
	var list []string
	d := p.detail()
	switch {
	case d != nil:
		list = append(list, "esc back")
		if len(d.stops) > 0 {
			list = append(list, "→ next", "enter open")
		}
	case p.table == nil:
		list = append(list, "enter open", "/ filter", "space pause")
	default:
		list = append(list, "enter open", "/ filter")
	}
	n, t := m.shown()
	for _, b := range m.doable(n, t) {
		list = append(list, b.Help().Key+" "+b.Help().Desc)
	}
	const last = "? keys  q quit"
	text := ""
	for _, hint := range list {
		if ansi.StringWidth(text)+ansi.StringWidth(hint)+2+len(last) > m.width-2*margin {
			break
		}
		text += hint + "  "
	}
	return text + last
}

// detailTitle names what is open and says how far it is scrolled.
func (m *model) detailTitle(d *detail) string {
	var where part
	if d.view.TotalLineCount() > d.view.Height {
		where = part{fmt.Sprintf("%d %%", int(d.view.ScrollPercent()*100)), m.styles.faint}
	}
	left := []part{{tail.Clean(d.title), m.styles.title}}
	if t := d.content.thing; t.name != "" && t.name != t.key {
		left = []part{{d.target.noun + " " + tail.Clean(t.name), m.styles.title}}
	}
	return m.line(left, where)
}
