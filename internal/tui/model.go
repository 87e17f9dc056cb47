package tui

import (
	"context"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// The smallest terminal on which the screen can be read.
const (
	minWidth  = 60
	minHeight = 15
)

// wheel is how many rows one notch of the mouse's wheel moves.
const wheel = 3

// connection is what is known of the follower.
type connection int

const (
	connecting connection = iota
	connected
	lost
	ended
)

// model is the whole screen: the list, and the pages that were opened on it.
type model struct {
	ctx    context.Context
	opts   Options
	styles styles
	keys   keys
	feed   *feed

	width, height int
	list          list
	pages         []*page // the newest last; empty while the list is shown
	serial        int     // of the page opened last
	input         input   // what is typed after `/`
	notice        string  // one line about the last key, until the next one

	conn    connection
	state   tail.State
	counts  counts
	failure error // why no entries come any more
}

// counts are the numbers of the header, since the screen was opened.
type counts struct{ accepted, rejected, succeeded, failed int64 }

func newModel(ctx context.Context, o Options, s styles) *model {
	if o.Location == nil {
		o.Location = time.Local
	}
	return &model{ctx: ctx, opts: o, styles: s, keys: newKeys(), feed: newFeed(), input: newInput()}
}

// Init starts to wait for entries and for the connection.
func (m *model) Init() tea.Cmd { return tea.Batch(m.feed.next, m.feed.state(m.ctx)) }

// Update takes one message in.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case entriesMsg:
		return m, tea.Batch(m.take(msg), m.feed.next)
	case stateMsg:
		m.state, m.conn = tail.State(msg), connected
		if msg.Lost != nil {
			m.conn = lost
		}
		return m, m.feed.state(m.ctx)
	case endedMsg:
		if msg.err != nil {
			m.failure, m.conn = msg.err, ended
		}
	case loadedMsg:
		return m, m.loaded(msg)
	case tea.KeyMsg:
		return m, m.hear(msg)
	case tea.MouseMsg:
		m.roll(msg)
	}
	return m, nil
}

func (m *model) resize(width, height int) {
	m.width, m.height = width, height
	m.list.resize(m.bodyHeight())
	for _, p := range m.pages {
		p.layout(m.width, m.bodyHeight(), m.styles)
	}
}

// take shows new entries, and reads the open page anew where one concerns it.
func (m *model) take(entries entriesMsg) tea.Cmd {
	m.list.add(entries)
	for _, e := range entries {
		m.counts.add(e)
	}
	p := m.page()
	if p == nil {
		return nil
	}
	for _, e := range entries {
		if p.concerns(e) {
			return m.load(p)
		}
	}
	return nil
}

// add counts an entry.
func (c *counts) add(e meshhook.Entry) {
	switch e.Kind {
	case meshhook.EntryEventAccepted:
		c.accepted++
	case meshhook.EntryEventRejected:
		c.rejected++
	case meshhook.EntryEventSuppressed:
		c.rejected += e.Count
	case meshhook.EntryRunSucceeded:
		c.succeeded++
	case meshhook.EntryRunFailed:
		c.failed++
	}
}

// page returns the page that is shown; nil for the list.
func (m *model) page() *page {
	if len(m.pages) == 0 {
		return nil
	}
	return m.pages[len(m.pages)-1]
}

// hear takes keys apart that came in one piece, as they do over a slow line or
// when one is held down. A paste stays whole: it is text, and no keys.
func (m *model) hear(msg tea.KeyMsg) tea.Cmd {
	if msg.Type != tea.KeyRunes || msg.Paste || len(msg.Runes) < 2 {
		return m.press(msg)
	}
	var cmds []tea.Cmd
	for _, r := range msg.Runes {
		cmds = append(cmds, m.press(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt}))
	}
	return tea.Batch(cmds...)
}

// press does what a key means where it was pressed.
func (m *model) press(msg tea.KeyMsg) tea.Cmd {
	m.notice = ""
	if key.Matches(msg, m.keys.abort) {
		return tea.Quit
	}
	if m.input.open {
		m.list.setQuery(m.input.press(msg))
		return nil
	}
	switch {
	case key.Matches(msg, m.keys.quit):
		return tea.Quit
	case key.Matches(msg, m.keys.help):
		return m.toggleHelp()
	}
	if p := m.page(); p != nil {
		return m.pressPage(p, msg)
	}
	return m.pressList(msg)
}

// pressList does what a key means in the list.
func (m *model) pressList(msg tea.KeyMsg) tea.Cmd {
	l, k := &m.list, m.keys
	switch {
	case key.Matches(msg, k.open):
		return m.openSelected()
	case key.Matches(msg, k.filter):
		m.input.begin()
	case key.Matches(msg, k.back):
		m.list.setQuery(m.input.clear())
	case key.Matches(msg, k.pause) && !l.paused:
		l.pause()
	case key.Matches(msg, k.pause, k.bottom):
		l.follow()
	case key.Matches(msg, k.top):
		l.move(-ringSize)
	case key.Matches(msg, k.run):
		return m.openLinked(runOf)
	case key.Matches(msg, k.event):
		return m.openLinked(eventOf)
	default:
		l.move(m.distance(msg))
	}
	return nil
}

// distance is how many rows a key moves; 0 for a key that moves none.
func (m *model) distance(msg tea.KeyMsg) int {
	k, rows := m.keys, m.bodyHeight()
	switch {
	case key.Matches(msg, k.up):
		return -1
	case key.Matches(msg, k.down):
		return 1
	case key.Matches(msg, k.halfUp):
		return -rows / 2
	case key.Matches(msg, k.halfDown):
		return rows / 2
	case key.Matches(msg, k.pageUp):
		return -rows
	case key.Matches(msg, k.pageDown):
		return rows
	}
	return 0
}

// roll does what the mouse's wheel means.
func (m *model) roll(msg tea.MouseMsg) {
	by := 0
	switch msg.Button {
	case tea.MouseButtonWheelUp:
		by = -wheel
	case tea.MouseButtonWheelDown:
		by = wheel
	}
	if p := m.page(); p != nil {
		p.scroll(by)
		return
	}
	m.list.move(by)
}
