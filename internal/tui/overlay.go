package tui

import (
	"context"
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// overlay is what stands over a page until it is done: a question, a note being
// typed, a box of text, a form. While it is there it gets every key, click and
// paste, and every message that nobody else knows, so that it may have commands of
// its own.
type overlay interface {
	// update takes a message in. What is to be done when it is over is the command
	// that it returns then; that ends in a didMsg.
	update(msg tea.Msg) tea.Cmd
	// view draws it, frame and all: no wider and no higher than this many cells.
	view(width, height int) string
	// done tells that it is over, and can be taken away.
	done() bool
}

// didMsg tells what came of something that somebody wanted done.
type didMsg struct {
	// text is the sentence for the notice line; "" for none.
	text string
	// err is why it was not done; nil when it was.
	err error
	// box holds what is too long for a line, or must not be missed; nil for nothing.
	box *box
	// copied is what goes into the clipboard, too; "" for nothing.
	copied string
	// open is what is to be looked at now; nil for what is there.
	open *target
	// gone is what is there no more; nil for nothing.
	gone *target
}

// Forms opens the forms by which webhooks and alerts are made and changed. A nil id
// is a new one. The command is the form's first, and may be nil.
type Forms interface {
	webhook(ctx context.Context, s styles, id *meshhook.ID) (overlay, tea.Cmd)
	alert(ctx context.Context, s styles, id *meshhook.ID) (overlay, tea.Cmd)
}

// readable is how wide sentences get, in cells, however wide the screen is.
const readable = 68

// framed draws a frame around lines that are clean already, as narrow as they let it
// be. The keys that it takes stand at its bottom.
func framed(s styles, title, keys string, lines []string, width, height int) string {
	inner := max(ansi.StringWidth(title), ansi.StringWidth(keys))
	for _, line := range lines {
		inner = max(inner, ansi.StringWidth(line))
	}
	inner = max(min(inner, width-4), 1)
	room := max(height-4, 1) // the frame, the title, the keys
	rows := []string{s.title.Render(fit(title, inner))}
	for _, line := range lines[:min(len(lines), room)] {
		rows = append(rows, ansi.Truncate(line, inner, "…")+space(inner-ansi.StringWidth(line)))
	}
	rows = append(rows, s.faint.Render(fit(keys, inner)))
	return s.frame.Padding(0, 1).Render(strings.Join(rows, "\n"))
}

// over lays a block in the middle of a background, which fades.
func over(background []string, block string, width int, faint lipgloss.Style) []string {
	rows := strings.Split(block, "\n")
	left := max((width-lipgloss.Width(block))/2, 0)
	top := max((len(background)-len(rows))/2, 0)
	lines := slices.Clone(background)
	for i, row := range rows {
		if top+i >= len(lines) {
			break
		}
		under, from := fit(ansi.Strip(lines[top+i]), width), left+ansi.StringWidth(row)
		before, behind := ansi.Truncate(under, left, ""), ansi.TruncateLeft(under, from, "")
		// A wide character that the block covers half is left out.
		before += space(left - ansi.StringWidth(before))
		behind = space(width-from-ansi.StringWidth(behind)) + behind
		lines[top+i] = faint.Render(before) + row + faint.Render(behind)
	}
	return lines
}

// copyMsg asks for a text to be copied.
type copyMsg string

// question asks before something that cannot be undone. Its default is no.
type question struct {
	styles styles
	text   string // what will happen, with the name of the thing
	yes    tea.Cmd
	over   bool
}

func (q *question) update(msg tea.Msg) tea.Cmd {
	k, ok := msg.(tea.KeyMsg)
	if !ok {
		return nil
	}
	switch k.String() {
	case "y", "Y":
		q.over = true
		return q.yes
	case "n", "N", "esc", "enter", "q":
		q.over = true
	}
	return nil
}

func (q *question) view(width, height int) string {
	return framed(q.styles, "Are you sure?", "y yes · n no (enter)", paragraphs(q.text, min(width-4, readable)), width, height)
}

func (q *question) done() bool { return q.over }

// note is a line that is typed for something that is about to be done.
type note struct {
	styles styles
	title  string
	text   string // what will happen
	field  textinput.Model
	then   func(typed string) tea.Cmd
	over   bool
}

func newNote(s styles, title, text string, most int, then func(string) tea.Cmd) *note {
	field := textinput.New()
	field.CharLimit = most
	field.Focus()
	return &note{styles: s, title: title, text: text, field: field, then: then}
}

func (n *note) update(msg tea.Msg) tea.Cmd {
	k, ok := msg.(tea.KeyMsg)
	if !ok {
		return nil
	}
	switch k.Type {
	case tea.KeyEsc:
		n.over = true
	case tea.KeyEnter:
		n.over = true
		return n.then(n.field.Value())
	default:
		n.field, _ = n.field.Update(cleanKey(k)) // its only command blinks a cursor that is not drawn
	}
	return nil
}

func (n *note) view(width, height int) string {
	inner := min(width-4, readable)
	lines := append(paragraphs(n.text, inner), "", typed("› ", n.field, inner))
	return framed(n.styles, n.title, "enter does it · esc does not", lines, width, height)
}

func (n *note) done() bool { return n.over }

// box shows text until it is put away.
type box struct {
	styles styles
	title  string
	text   string
	copy   string // what `c` copies; "" for nothing
	top    int    // the first line that is shown
	over   bool
	most   int // how far top can go; known when it has been drawn
}

func (b *box) update(msg tea.Msg) tea.Cmd {
	k, ok := msg.(tea.KeyMsg)
	if !ok {
		return nil
	}
	switch k.String() {
	case "esc", "enter", "q":
		b.over = true
	case "c":
		if text := b.copy; text != "" {
			return func() tea.Msg { return copyMsg(text) }
		}
	case "down", "j":
		b.top = min(b.top+1, b.most)
	case "up", "k":
		b.top = max(b.top-1, 0)
	case "pgdown", " ", "ctrl+d":
		b.top = min(b.top+5, b.most)
	case "pgup", "ctrl+u":
		b.top = max(b.top-5, 0)
	}
	return nil
}

func (b *box) view(width, height int) string {
	lines, room := paragraphs(b.text, width-4), max(height-4, 1)
	b.most = max(len(lines)-room, 0)
	b.top = min(b.top, b.most)
	keys := "enter closes it"
	if b.copy != "" {
		keys += " · c copies it"
	}
	if b.most > 0 {
		keys += " · ↑↓ scroll"
	}
	return framed(b.styles, b.title, keys, lines[b.top:], width, height)
}

func (b *box) done() bool { return b.over }

// paragraphs cleans a text and breaks it into lines. A line without blanks, like a
// secret or a URL, stays whole where it fits.
func paragraphs(text string, width int) (lines []string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		lines = append(lines, words(tail.Clean(strings.TrimSuffix(line, "\r")), max(width, 1))...)
	}
	return lines
}

// cleanKey takes out of a key, or of what was pasted, what a terminal would obey: it
// may be a stranger's, too.
func cleanKey(k tea.KeyMsg) tea.KeyMsg {
	k.Runes = slices.Clone(k.Runes)
	for i, r := range k.Runes {
		if tail.Clean(string(r)) != string(r) {
			k.Runes[i] = ' '
		}
	}
	return k
}

// typed draws a line that is being typed, with its cursor, which stays in sight.
func typed(prompt string, field textinput.Model, width int) string {
	value := []rune(field.Value())
	before, after := string(value[:field.Position()]), string(value[field.Position():])
	head := prompt + before + "▏"
	if over := ansi.StringWidth(head) - width; over > 0 {
		head = ansi.TruncateLeft(head, over+1, "…")
	}
	return fit(head+after, width)
}
