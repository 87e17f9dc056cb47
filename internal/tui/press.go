package tui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/profullstack/meshhook/internal/tail"
)

// wheel is how many rows one notch of the mouse's wheel moves.
const wheel = 3

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
	if key.Matches(msg, m.keys.abort) {
		return tea.Quit
	}
	if m.overlay != nil {
		return m.pass(msg)
	}
	m.notice = notice{}
	p, k := m.page(), m.keys
	if p.input.open {
		return m.typeFilter(p, msg)
	}
	switch {
	case msg.Paste: // text, and no keys
		return nil
	case key.Matches(msg, k.quit):
		return tea.Quit
	case key.Matches(msg, k.help):
		return m.toggleHelp()
	case key.Matches(msg, k.page):
		return m.visit(int(msg.Runes[0] - '1'))
	case key.Matches(msg, k.nextPage):
		return m.visit(m.at + 1)
	case key.Matches(msg, k.lastPage):
		return m.visit(m.at - 1)
	case key.Matches(msg, k.again):
		return m.refresh()
	}
	if cmd, did := m.pressThing(msg); did {
		return cmd
	}
	if d := p.detail(); d != nil {
		return m.pressDetail(d, msg)
	}
	if p.table == nil {
		return m.pressLive(msg)
	}
	return m.pressTable(p, msg)
}

// setQuery narrows the list of a page.
func (m *model) setQuery(p *page, q query) {
	if p.table == nil {
		m.list.setQuery(q)
		return
	}
	p.table.setQuery(q)
}

// shown returns the thing that keys are about: what is open, or what is selected in a
// table; nil for none.
func (m *model) shown() (*noun, *thing) {
	p := m.page()
	if d := p.detail(); d != nil {
		t := &d.content.thing
		if t.key == "" {
			return m.nounOf(d.target.noun), nil // it is loading
		}
		if s, ok := d.stop(); ok {
			t.step = strings.TrimPrefix(s.fold, "step ")
		}
		return m.nounOf(d.target.noun), t
	}
	if p.table == nil {
		return nil, nil
	}
	if r, ok := p.table.selected(); ok {
		return p.noun, &r.thing
	}
	return p.noun, nil
}

// pressThing does what a key means for the thing that is shown.
func (m *model) pressThing(msg tea.KeyMsg) (cmd tea.Cmd, did bool) {
	n, t := m.shown()
	if n == nil {
		return nil, false
	}
	if n.made && m.opts.Forms != nil {
		if cmd, did := m.pressForm(n, t, msg); did {
			return cmd, true
		}
	}
	if t != nil && key.Matches(msg, m.keys.copyID) {
		m.say("copied: "+t.key, tail.Good)
		return m.copy(t.key), true
	}
	if m.opts.Actions == nil {
		return nil, false
	}
	for _, a := range n.actions {
		if !key.Matches(msg, a.key) {
			continue
		}
		if t == nil && !a.alone {
			return nil, true
		}
		if t == nil {
			t = &thing{}
		}
		return m.act(a, t), true
	}
	return nil, false
}

// pressForm opens the forms of a noun that has some.
func (m *model) pressForm(n *noun, t *thing, msg tea.KeyMsg) (cmd tea.Cmd, did bool) {
	open := m.opts.Forms.webhook
	if n.name == "alert" {
		open = m.opts.Forms.alert
	}
	switch {
	case key.Matches(msg, m.keys.create):
		m.overlay, cmd = open(m.ctx, m.styles, nil)
		return cmd, true
	case key.Matches(msg, m.keys.edit) && t != nil:
		if id, err := idOf(t.key); err == nil {
			m.overlay, cmd = open(m.ctx, m.styles, &id)
		}
		return cmd, true
	}
	return nil, false
}

// linkNoun is the noun that a key leads to; "" for none.
func (m *model) linkNoun(msg tea.KeyMsg) string {
	k := m.keys
	for noun, b := range map[string]key.Binding{"run": k.run, "event": k.event, "webhook": k.webhook, "workflow": k.workflow, "alert": k.alert} {
		if key.Matches(msg, b) {
			return noun
		}
	}
	return ""
}

// pressLive does what a key means in the list of Live.
func (m *model) pressLive(msg tea.KeyMsg) tea.Cmd {
	l, k, p := &m.list, m.keys, m.page()
	switch {
	case key.Matches(msg, k.open):
		return m.openEntry("")
	case key.Matches(msg, k.filter):
		p.input.begin()
	case key.Matches(msg, k.back):
		l.setQuery(p.input.clear())
	case key.Matches(msg, k.pause) && !l.paused:
		l.pause()
	case key.Matches(msg, k.pause, k.bottom):
		l.follow()
	case key.Matches(msg, k.top):
		l.move(-ringSize)
	default:
		if noun := m.linkNoun(msg); noun != "" {
			return m.openEntry(noun)
		}
		l.move(m.distance(msg))
	}
	return nil
}

// pressTable does what a key means in the list of another page.
func (m *model) pressTable(p *page, msg tea.KeyMsg) tea.Cmd {
	t, k := p.table, m.keys
	r, some := t.selected()
	switch {
	case key.Matches(msg, k.open) && some:
		return m.open(r.target)
	case key.Matches(msg, k.filter):
		p.input.begin()
	case key.Matches(msg, k.back):
		t.setQuery(p.input.clear())
	case key.Matches(msg, k.top):
		t.move(-tableSize)
	case key.Matches(msg, k.bottom):
		t.move(tableSize)
	case key.Matches(msg, k.pause):
		t.move(m.listHeight())
	default:
		if noun := m.linkNoun(msg); noun != "" && some {
			if to, ok := r.link(noun); ok {
				return m.open(to)
			}
			m.say("there is nothing to go to from here", tail.Warn)
		}
		t.move(m.distance(msg))
	}
	return m.loadMore(t)
}

// pressDetail does what a key means where something is open.
func (m *model) pressDetail(d *detail, msg tea.KeyMsg) tea.Cmd {
	k := m.keys
	switch {
	case key.Matches(msg, k.back):
		return m.back()
	case key.Matches(msg, k.nextStop):
		d.step(1)
	case key.Matches(msg, k.lastStop):
		d.step(-1)
	case key.Matches(msg, k.open):
		return m.enter(d)
	case key.Matches(msg, k.pause):
		d.scroll(m.detailHeight())
	case key.Matches(msg, k.top):
		d.view.GotoTop()
	case key.Matches(msg, k.bottom):
		d.view.GotoBottom()
	default:
		noun := m.linkNoun(msg)
		if noun == "" {
			d.scroll(m.distance(msg))
			return nil
		}
		if to, ok := d.link(noun); ok {
			return m.open(to)
		}
		m.say(map[bool]string{true: "loading…", false: "there is nothing to go to from here"}[d.load.busy], tail.Warn)
	}
	return nil
}

// enter follows the link under the cursor, or folds and unfolds what is there.
func (m *model) enter(d *detail) tea.Cmd {
	s, ok := d.stop()
	switch {
	case ok && s.fold != "":
		d.fold(s)
	case ok:
		return m.open(s.to)
	case d.load.busy:
		m.say("loading…", tail.Warn)
	default:
		m.say("there is nothing to go to from here", tail.Warn)
	}
	return nil
}

// distance is how many rows a key moves; 0 for a key that moves none.
func (m *model) distance(msg tea.KeyMsg) int {
	k, rows := m.keys, m.listHeight()
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

// mouse does what the wheel and a click mean. A click selects; one on what is selected
// opens it.
func (m *model) mouse(msg tea.MouseMsg) tea.Cmd {
	if m.overlay != nil {
		return m.pass(msg)
	}
	switch {
	case msg.Button == tea.MouseButtonWheelUp:
		return m.roll(-wheel)
	case msg.Button == tea.MouseButtonWheelDown:
		return m.roll(wheel)
	case msg.Button == tea.MouseButtonLeft && msg.Action == tea.MouseActionPress:
		return m.click(msg.X, msg.Y)
	}
	return nil
}

func (m *model) roll(by int) tea.Cmd {
	p := m.page()
	switch d := p.detail(); {
	case d != nil:
		d.scroll(by)
	case p.table == nil:
		m.list.move(by)
	default:
		p.table.move(by)
	}
	return m.loadMore(p.table)
}

func (m *model) click(x, y int) tea.Cmd {
	p := m.page()
	if y == tabLine {
		if n := slices.IndexFunc(m.tabs(), func(t tab) bool { return x >= t.from && x < t.to }); n >= 0 {
			return m.visit(n)
		}
		return nil
	}
	switch d := p.detail(); {
	case d != nil:
		if d.click(y - detailTop) {
			return m.enter(d)
		}
	case p.table == nil:
		if m.list.click(y - listTop) {
			return m.openEntry("")
		}
	case p.table.click(y - listTop):
		if r, ok := p.table.selected(); ok {
			return m.open(r.target)
		}
	}
	return nil
}
