package tui

import (
	"context"
	"errors"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// loadTimeout is how long the store may take to tell about one thing.
const loadTimeout = 10 * time.Second

// loadedMsg brings what a page asked the store for.
type loadedMsg struct {
	serial  int
	content content
	err     error
}

// target is what a page tells about.
type target struct {
	noun string // event or run
	id   meshhook.ID
}

// runOf and eventOf return what an entry is linked to; nil for nothing.
func runOf(e meshhook.Entry) *target   { return linked("run", e.RunID) }
func eventOf(e meshhook.Entry) *target { return linked("event", e.EventID) }

func linked(noun string, id *meshhook.ID) *target {
	if id == nil {
		return nil
	}
	return &target{noun, *id}
}

// openSelected opens what the selected entry is about: its own noun first.
func (m *model) openSelected() tea.Cmd {
	return m.openLinked(func(e meshhook.Entry) *target {
		first, second := eventOf(e), runOf(e)
		if e.Kind.Noun() == "run" {
			first, second = second, first
		}
		if first != nil {
			return first
		}
		return second
	})
}

// openLinked opens what link finds in the selected entry.
func (m *model) openLinked(link func(meshhook.Entry) *target) tea.Cmd {
	it, ok := m.list.selected()
	if !ok {
		return nil
	}
	to := link(it.entry)
	if to == nil {
		m.notice = "nothing is stored for this entry"
		return nil
	}
	// Reading takes time: the list must be where it was on the way back.
	m.list.pause()
	return m.open(*to)
}

// open puts a page on top and loads it. Going back and forth between an event
// and its run goes back to the page that is there already.
func (m *model) open(to target) tea.Cmd {
	if n := len(m.pages); n > 1 && m.pages[n-2].target == to {
		return m.back()
	}
	p := m.push(to, to.noun+" "+to.id.String())
	return m.load(p)
}

// back closes the newest page. What is under it has not heard of what happened
// meanwhile, and is loaded anew.
func (m *model) back() tea.Cmd {
	m.pages = m.pages[:len(m.pages)-1]
	if p := m.page(); p != nil && p.target != (target{}) {
		return m.load(p)
	}
	return nil
}

// push puts an empty page on top.
func (m *model) push(to target, title string) *page {
	m.serial++
	p := newPage(m.serial, to, title)
	p.layout(m.width, m.bodyHeight(), m.styles)
	m.pages = append(m.pages, p)
	return p
}

// toggleHelp shows the keys, or closes their page.
func (m *model) toggleHelp() tea.Cmd {
	if p := m.page(); p != nil && p.target == (target{}) {
		return m.back()
	}
	p := m.push(target{}, "keys")
	p.show(helpContent(m.keys), nil)
	return nil
}

// load asks the store for a page's thing. While an answer is awaited no second
// question is asked, but remembered.
func (m *model) load(p *page) tea.Cmd {
	if p.loading {
		p.stale = true
		return nil
	}
	p.loading, p.stale = true, false
	ctx, store, loc, serial, to := m.ctx, m.opts.Store, m.opts.Location, p.serial, p.target
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, loadTimeout)
		defer cancel()
		c, err := fetch(ctx, store, to, loc)
		return loadedMsg{serial, c, err}
	}
}

// fetch asks the store.
func fetch(ctx context.Context, store Store, to target, loc *time.Location) (content, error) {
	if to.noun == "event" {
		e, err := store.Event(ctx, to.id)
		return eventContent(e, loc), err
	}
	r, err := store.Run(ctx, to.id)
	return runContent(r, loc), err
}

// loaded shows an answer, if its page is still open.
func (m *model) loaded(msg loadedMsg) tea.Cmd {
	for _, p := range m.pages {
		if p.serial != msg.serial {
			continue
		}
		p.loading = false
		p.show(msg.content, msg.err)
		if p.stale {
			return m.load(p)
		}
	}
	return nil
}

// whyNot says in one line why a thing cannot be shown.
func whyNot(title string, err error) string {
	switch {
	case meshhook.ErrorCode(err) == meshhook.CodeNotFound:
		return "the " + title + " is not there any more"
	case errors.Is(err, context.DeadlineExceeded):
		return "the database did not answer within " + loadTimeout.String()
	}
	return "cannot load the " + title + ": " + tail.Clean(err.Error())
}

// pressPage does what a key means on a page.
func (m *model) pressPage(p *page, msg tea.KeyMsg) tea.Cmd {
	k := m.keys
	switch {
	case key.Matches(msg, k.back):
		return m.back()
	case key.Matches(msg, k.next):
		p.nextLink()
	case key.Matches(msg, k.run, k.event, k.open):
		noun := map[string]string{"r": "run", "e": "event"}[msg.String()] // enter: any
		if to, ok := p.link(noun); ok {
			return m.open(to)
		}
		m.notice = "there is nothing to go to from here"
		if p.loading {
			m.notice = "loading…"
		}
	case key.Matches(msg, k.pause):
		p.scroll(m.bodyHeight())
	case key.Matches(msg, k.top):
		p.view.GotoTop()
	case key.Matches(msg, k.bottom):
		p.view.GotoBottom()
	default:
		p.scroll(m.distance(msg))
	}
	return nil
}
