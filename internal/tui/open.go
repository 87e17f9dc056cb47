package tui

import (
	"context"
	"errors"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// loadTimeout is how long the store may take to tell about one thing.
const loadTimeout = 10 * time.Second

// loadedMsg brings what a detail asked the store for.
type loadedMsg struct {
	serial  int
	content content
	err     error
}

// targetsOf returns what an entry leads to, its own noun first.
func targetsOf(e meshhook.Entry) []target {
	event, run, delivery := some("event", e.EventID), some("run", e.RunID), some("delivery", e.DeliveryID)
	rest := append(append(some("alert", e.AlertID), named("webhook", e.Webhook)...), named("workflow", e.Workflow)...)
	switch e.Kind.Noun() {
	case "run":
		return append(append(append(run, event...), delivery...), rest...)
	case "alert":
		return append(append(append(delivery, run...), event...), rest...)
	}
	return append(append(append(event, run...), delivery...), rest...)
}

// openEntry opens what the selected entry is about, or the first thing of a noun that
// it leads to.
func (m *model) openEntry(noun string) tea.Cmd {
	it, ok := m.list.selected()
	if !ok {
		return nil
	}
	for _, t := range targetsOf(it.entry) {
		// What an entry names is no thing of its own: Enter does not mean its webhook.
		if t.noun == noun || noun == "" && t.noun != "webhook" && t.noun != "workflow" {
			// Reading takes time: the list must be where it was on the way back.
			m.list.pause()
			return m.open(t)
		}
	}
	m.say("nothing is stored for this entry", tail.Warn)
	return nil
}

// open puts a detail on top and loads it. Going back and forth between an event
// and its run goes back to the one that is there already.
func (m *model) open(to target) tea.Cmd {
	p := m.page()
	if n := len(p.opened); n > 1 && p.opened[n-2].target == to {
		return m.back()
	}
	if d := p.detail(); d != nil && d.target == to {
		return m.load(d)
	}
	return m.load(m.push(to, to.noun+" "+to.key))
}

// back closes the newest detail. What is under it has not heard of what happened
// meanwhile, and is loaded anew.
func (m *model) back() tea.Cmd {
	p := m.page()
	p.opened = p.opened[:len(p.opened)-1]
	if d := p.detail(); d != nil && d.target == (target{}) {
		return nil
	}
	return m.refresh()
}

// push puts an empty detail on top.
func (m *model) push(to target, title string) *detail {
	m.serial++
	d := newDetail(m.serial, to, title)
	d.layout(m.width, m.detailHeight(), m.styles)
	m.page().opened = append(m.page().opened, d)
	return d
}

// load asks the store for a detail's thing.
func (m *model) load(d *detail) tea.Cmd {
	if d.target == (target{}) {
		return nil // the keys
	}
	if wait, ok := m.notYet(&d.load, wakeMsg{serial: d.serial}); !ok {
		return wait
	}
	d.load = loading{busy: true, last: m.now()}
	ctx, o, serial, to := m.ctx, &m.opts, d.serial, d.target
	tell := m.nounOf(to.noun).tell
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, loadTimeout)
		defer cancel()
		c, err := tell(ctx, o, to.key)
		return loadedMsg{serial, c, err}
	}
}

// nounOf returns the noun of a target.
func (m *model) nounOf(name string) *noun {
	for _, p := range m.pages {
		if p.noun != nil && p.noun.name == name {
			return p.noun
		}
	}
	return nil
}

// loaded shows an answer, if its detail is still open.
func (m *model) loaded(msg loadedMsg) tea.Cmd {
	for _, p := range m.pages {
		for _, d := range p.opened {
			if d.serial != msg.serial {
				continue
			}
			d.load.busy = false
			d.show(msg.content, msg.err)
			if d.load.stale {
				return m.load(d)
			}
		}
	}
	return nil
}

// whyNot says in one line why a thing cannot be shown.
func whyNot(title string, err error) string {
	switch {
	case meshhook.ErrorCode(err) == meshhook.CodeNotFound && strings.Contains(title, " "):
		return "the " + tail.Clean(title) + " is not there any more"
	case errors.Is(err, context.DeadlineExceeded):
		return "the database did not answer within " + loadTimeout.String()
	}
	return "cannot load the " + tail.Clean(title) + ": " + tail.Clean(err.Error())
}
