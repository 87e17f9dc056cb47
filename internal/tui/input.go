package tui

import (
	"slices"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"github.com/profullstack/meshhook/internal/tail"
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
	return nil
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
	// What is pasted may be a stranger's, too.
	msg.Runes = slices.Clone(msg.Runes)
	for i, r := range msg.Runes {
		if tail.Clean(string(r)) != string(r) {
			msg.Runes[i] = ' '
		}
	}
	in.field, _ = in.field.Update(msg) // its only command blinks a cursor that is not drawn
	return in.query()
}

func (in *input) query() query { return parseQuery(in.field.Value()) }

// view draws the line with its cursor, which stays in sight.
func (in *input) view(width int) string {
	value := []rune(in.field.Value())
	before, after := string(value[:in.field.Position()]), string(value[in.field.Position():])
	head := "/" + before + "▏"
	if over := ansi.StringWidth(head) - width; over > 0 {
		head = ansi.TruncateLeft(head, over+1, "…")
	}
	return fit(head+after, width)
}
