package tui

import (
	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
)

// queryLength bounds what can be typed as a filter, in characters.
const queryLength = 200

// input is the line in which a filter is typed. The list follows every key.
type input struct {
	open  bool
	field textinput.Model
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
