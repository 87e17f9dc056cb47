package tui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// reread is the shortest time between two questions to the store about the same list
// or thing: what happens a thousand times a second is read four times.
const reread = 250 * time.Millisecond

// page is one of the seven: a list with its filter, and what was opened on it.
type page struct {
	title  string
	noun   *noun  // nil for Live
	table  *table // nil for Live
	input  input  // what is typed after `/`
	opened []*detail
}

func newPages(k keys) []*page {
	pages := []*page{{title: "Live", input: newInput()}}
	for _, n := range nouns(k) {
		pages = append(pages, &page{title: n.title, noun: n, table: &table{noun: n}, input: newInput()})
	}
	return pages
}

// detail returns what is open on the page; nil while its list is shown.
func (p *page) detail() *detail {
	if len(p.opened) == 0 {
		return nil
	}
	return p.opened[len(p.opened)-1]
}

// rowsMsg brings rows that a table asked for.
type rowsMsg struct {
	noun   string
	rows   []row
	before meshhook.ID
	limit  int
	err    error
}

// wakeMsg says that it is time to ask the store again: about the detail with this
// serial, or about the list of the noun.
type wakeMsg struct {
	serial int
	noun   string
}

// page returns the page that is shown.
func (m *model) page() *page { return m.pages[m.at] }

// visit shows a page. What happened while it was not shown, it has not heard of.
func (m *model) visit(n int) tea.Cmd {
	m.at = (n + len(m.pages)) % len(m.pages)
	m.notice = notice{}
	m.layout()
	return m.refresh()
}

// refresh reads what is shown anew.
func (m *model) refresh() tea.Cmd {
	p := m.page()
	if d := p.detail(); d != nil {
		return m.load(d)
	}
	if p.table == nil {
		return nil
	}
	return m.loadTable(p.table)
}

// loadTable asks for the newest rows of a table, and for as many again as it has.
func (m *model) loadTable(t *table) tea.Cmd {
	if wait, ok := m.notYet(&t.load, wakeMsg{noun: t.noun.name}); !ok {
		return wait
	}
	limit := tablePage
	if t.noun.paged {
		limit = min(max(tablePage, len(t.rows)), anew)
	}
	return m.readRows(t, meshhook.ID{}, limit)
}

// loadMore asks for the rows behind those that a table has, if they are wanted.
func (m *model) loadMore(t *table) tea.Cmd {
	if t == nil || t.load.busy || !t.wants() {
		return nil
	}
	return m.readRows(t, t.oldest(), tablePage)
}

func (m *model) readRows(t *table, before meshhook.ID, limit int) tea.Cmd {
	t.load = loading{busy: true, last: m.now(), waits: t.load.waits, stale: t.load.stale && before != (meshhook.ID{})}
	ctx, o, n := m.ctx, &m.opts, t.noun
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, loadTimeout)
		defer cancel()
		rows, err := n.list(ctx, o, before, limit)
		return rowsMsg{n.name, rows, before, limit, err}
	}
}

// rowsCame shows rows that were read.
func (m *model) rowsCame(msg rowsMsg) tea.Cmd {
	for _, p := range m.pages {
		t := p.table
		if t == nil || t.noun.name != msg.noun {
			continue
		}
		t.load.busy = false
		if t.err = msg.err; msg.err == nil {
			t.put(msg.rows, msg.before, msg.limit)
		}
		t.read = true
		if t.load.stale {
			return m.loadTable(t)
		}
		if p == m.page() {
			return m.loadMore(t)
		}
	}
	return nil
}

// notYet tells whether the store may be asked now. While an answer is awaited no second
// question is asked, but remembered; and one that comes too soon after the last waits.
func (m *model) notYet(l *loading, wake wakeMsg) (wait tea.Cmd, ok bool) {
	switch {
	case l.busy:
		l.stale = true
		return nil, false
	case l.waits:
		return nil, false
	}
	if rest := reread - m.now().Sub(l.last); rest > 0 && !l.last.IsZero() {
		l.waits = true
		return m.after(rest, wake), false
	}
	return nil, true
}

// wake asks again what was put off.
func (m *model) wake(msg wakeMsg) tea.Cmd {
	for _, p := range m.pages {
		for _, d := range p.opened {
			if msg.noun == "" && d.serial == msg.serial {
				d.load.waits, d.load.last = false, time.Time{}
				return m.load(d)
			}
		}
		if p.table != nil && p.noun.name == msg.noun {
			p.table.load.waits, p.table.load.last = false, time.Time{}
			if p == m.page() {
				return m.loadTable(p.table)
			}
		}
	}
	return nil
}
