package tui

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/profullstack/meshhook/internal/tail"
)

// chrome is how many lines of the screen are no list: two of header, one of
// titles, one of footer.
const chrome = 4

// clock is how times of day are written in the header and in narrow lists.
const clock = "15:04:05"

func (m *model) bodyHeight() int { return max(m.height-chrome, 1) }

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
	lines := []string{m.headLine(), m.countLine()}
	if p := m.page(); p != nil {
		lines = append(lines, m.pageTitle(p), p.view.View())
	} else {
		lines = append(lines, m.listTitle(), m.listBody())
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
	return m.line([]part{{"meshhook tail", m.styles.title}, {what, tones[tail.Plain]}}, right)
}

// countLine says how many of what came, and whether the list follows.
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
	return m.line([]part{
		plain("events "), count("✓", c.accepted, tail.Good), plain(" "), count("✗", c.rejected, tail.Bad),
		plain("   runs "), count("✓", c.succeeded, tail.Good), plain(" "), count("✗", c.failed, tail.Bad),
	}, right)
}

// footer is the filter being typed, the last notice, why no entries come, or
// the keys: the first that there is.
func (m *model) footer() string {
	bad := m.styles.tones[tail.Warn]
	one := func(text string, style lipgloss.Style) string { return m.line([]part{{text, style}}, part{}) }
	switch {
	case m.input.open:
		return one(m.input.view(m.width-2*margin), m.styles.tones[tail.Plain])
	case m.notice != "":
		return one(m.notice, bad)
	case m.conn == ended:
		return one("✗ "+tail.Clean(m.failure.Error()), m.styles.tones[tail.Bad])
	case m.conn == lost:
		return one("connection lost: "+tail.Clean(m.state.Lost.Error()), bad)
	case m.page() != nil:
		return one("esc back  r run  e event  tab next run  ? keys  q quit", m.styles.faint)
	}
	return one("enter open  / filter  space pause  ? keys  q quit", m.styles.faint)
}

// pageTitle names the open page and says how far it is scrolled.
func (m *model) pageTitle(p *page) string {
	var where part
	if p.view.TotalLineCount() > p.view.Height {
		where = part{fmt.Sprintf("%d %%", int(p.view.ScrollPercent()*100)), m.styles.faint}
	}
	return m.line([]part{{p.title, m.styles.title}}, where)
}
