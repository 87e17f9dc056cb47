package tui

import (
	"time"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
)

// queryLength bounds what can be typed as a filter, in characters.
const queryLength = 200

// typing is how long a jq predicate rests before the list follows it. Judging thousands
// of rows takes up to a fifth of a second, which no key may wait for.
const typing = 150 * time.Millisecond

// restedMsg says that no key has come on a page for typing, if keys is still their number.
type restedMsg struct {
	page *page
	keys int
}

// input is the line in which a filter is typed. The list follows every key, and a jq
// predicate once the keys rest.
type input struct {
	open  bool
	field textinput.Model
	keys  int // pressed so far
}

// typeFilter takes a key of the filter in.
func (m *model) typeFilter(p *page, msg tea.KeyMsg) tea.Cmd {
	q := p.input.press(msg)
	if q.program != nil && p.input.open {
		return m.after(typing, restedMsg{p, p.input.keys})
	}
	m.setQuery(p, q)
	return m.loadMore(p.table)
}

// rested lets the list follow what was typed.
func (m *model) rested(msg restedMsg) tea.Cmd {
	if in := &msg.page.input; !in.open || in.keys != msg.keys {
		return nil
	}
	m.setQuery(msg.page, msg.page.input.query())
	return m.loadMore(msg.page.table)
}

func newInput() input {
	field := textinput.New()
	field.CharLimit = queryLength
	return input{field: field}
}

// begin opens the line; what was typed before is there.
func (in *input) begin() {
	in.open = true
	in.field.Focus()
	in.field.CursorEnd()
}

// clear closes the line and forgets what was typed.
func (in *input) clear() query {
	in.open = false
	in.field.Reset()
	return query{}
}

// press takes a key in and returns the query as it is now.
func (in *input) press(msg tea.KeyMsg) query {
	in.keys++
	switch msg.Type {
	case tea.KeyEsc:
		return in.clear()
	case tea.KeyEnter:
		in.open = false
		return in.query()
	}
	in.field, _ = in.field.Update(cleanKey(msg)) // its only command blinks a cursor that is not drawn
	return in.query()
}

func (in *input) query() query { return parseQuery(in.field.Value()) }

// view draws the line with its cursor, which stays in sight.
func (in *input) view(width int) string { return typed("/", in.field, width) }
