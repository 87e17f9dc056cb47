package tui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// The smallest terminal on which the screen can be read.
const (
	minWidth  = 60
	minHeight = 15
)

// connection is what is known of the follower.
type connection int

const (
	connecting connection = iota
	connected
	lost
	ended
)

// notice is one line about the last key, until the next one.
type notice struct {
	text string
	tone tail.Tone
}

// tickMsg says that a second has passed, and the rate is another.
type tickMsg struct{}

// model is the whole screen: the pages, the list of Live, and what stands over them.
type model struct {
	ctx    context.Context
	opts   Options
	styles styles
	keys   keys
	feed   *feed

	width, height int
	list          list // of the page Live
	pages         []*page
	at            int // the page that is shown
	serial        int // of the detail opened last
	overlay       overlay
	notice        notice

	conn    connection
	state   tail.State
	counts  counts
	rate    rate
	ticks   int   // seconds since the screen was opened
	failure error // why no entries come any more

	now   func() time.Time
	after func(d time.Duration, msg tea.Msg) tea.Cmd
}

// counts are the numbers of the header, since the screen was opened.
type counts struct{ accepted, rejected, succeeded, failed, delivered, exhausted int64 }

func newModel(ctx context.Context, o Options, s styles) *model {
	if o.Location == nil {
		o.Location = time.Local
	}
	k := newKeys()
	m := &model{
		ctx: ctx, opts: o, styles: s, keys: k, feed: newFeed(), pages: newPages(k), now: time.Now,
		after: func(d time.Duration, msg tea.Msg) tea.Cmd {
			return tea.Tick(d, func(time.Time) tea.Msg { return msg })
		},
	}
	if !o.OnLive {
		m.at = 1
	}
	return m
}

// Init starts to wait for entries and for the connection, and reads the first page.
func (m *model) Init() tea.Cmd {
	return tea.Batch(m.feed.next, m.feed.state(m.ctx), m.after(time.Second, tickMsg{}), m.refresh())
}

// Update takes one message in.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
		return m, tea.Batch(m.pass(msg), m.loadMore(m.page().table))
	case entriesMsg:
		return m, tea.Batch(m.take(msg), m.feed.next)
	case stateMsg:
		return m, tea.Batch(m.connection(tail.State(msg)), m.feed.state(m.ctx))
	case endedMsg:
		if msg.err != nil {
			m.failure, m.conn = msg.err, ended
		}
	case tickMsg:
		return m, tea.Batch(m.tick(), m.after(time.Second, tickMsg{}))
	case loadedMsg:
		return m, m.loaded(msg)
	case rowsMsg:
		return m, m.rowsCame(msg)
	case wakeMsg:
		return m, m.wake(msg)
	case restedMsg:
		return m, m.rested(msg)
	case typedMsg:
		return m, m.ask(msg.action, msg.thing, msg.typed)
	case didMsg:
		return m, m.did(msg)
	case copyMsg:
		return m, m.copy(string(msg))
	case tea.KeyMsg:
		return m, m.hear(msg)
	case tea.MouseMsg:
		return m, m.mouse(msg)
	default:
		return m, m.pass(msg)
	}
	return m, nil
}

// polled is how often a list is read that nothing was heard of, in seconds: what others
// configure has no entry in the journal.
const polled = 5

// tick moves what moves by itself.
func (m *model) tick() tea.Cmd {
	m.rate.advance(m.now())
	m.ticks++
	if m.ticks%polled == 0 && m.page().detail() == nil && m.conn != ended {
		return m.refresh()
	}
	return nil
}

// pass hands a message to what stands over the page, and takes that away when it is
// done.
func (m *model) pass(msg tea.Msg) tea.Cmd {
	o := m.overlay
	if o == nil {
		return nil
	}
	cmd := o.update(msg)
	if o.done() && m.overlay == o {
		m.overlay = nil
	}
	return cmd
}

// connection takes in that the connection stands or is lost. Whatever happened in
// between is read when it stands again.
func (m *model) connection(s tail.State) tea.Cmd {
	was := m.conn
	m.state, m.conn = s, connected
	if s.Lost != nil {
		m.conn = lost
		return nil
	}
	if was == lost {
		return m.refresh()
	}
	return nil
}

func (m *model) resize(width, height int) {
	m.width, m.height = width, height
	m.layout()
}

// layout fits everything into the window.
func (m *model) layout() {
	m.list.resize(m.listHeight())
	for _, p := range m.pages {
		if p.table != nil {
			p.table.resize(m.listHeight())
		}
		for _, d := range p.opened {
			d.layout(m.width, m.detailHeight(), m.styles)
		}
	}
}

// take shows new entries, and reads anew what they concern.
func (m *model) take(entries entriesMsg) tea.Cmd {
	m.list.add(entries)
	now := m.now()
	for _, e := range entries {
		m.counts.add(e)
		m.rate.add(e, now)
	}
	p := m.page()
	d := p.detail()
	for _, e := range entries {
		switch {
		case d != nil && d.concerns(e):
			return m.load(d)
		case d == nil && p.table != nil && p.noun.touched != nil && p.noun.touched(e):
			return m.loadTable(p.table)
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
	case meshhook.EntryAlertDelivered:
		c.delivered++
	case meshhook.EntryAlertExhausted:
		c.exhausted++
	}
}

// say puts a sentence on the notice line; one that does not fit there into a box.
func (m *model) say(text string, tone tail.Tone) {
	if clean := tail.Clean(text); len([]rune(clean)) > max(m.width, minWidth)-2*margin && m.overlay == nil {
		m.overlay = &box{styles: m.styles, title: map[bool]string{true: "It was not done", false: "Done"}[tone == tail.Bad], text: text}
		return
	}
	m.notice = notice{tail.Clean(text), tone}
}
