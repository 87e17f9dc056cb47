package tui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/huh"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"github.com/profullstack/meshhook/internal/tail"
)

// step is a part of a form that stands on the screen at once.
type step struct {
	title  string
	fields []field
}

// kind is how a setting is edited.
type kind int

const (
	kindLine   kind = iota // a line is typed
	kindHidden             // a line is typed that nobody shall see
	kindText               // lines are typed
	kindPick               // one of some is picked
	kindMany               // some of some are picked, one a line
)

// field is a setting on a form.
type field struct {
	name  string // of the setting
	label string // fits into labelWidth
	help  string
	kind  kind
	// show tells whether it means something now; nil for always. What is set or wrong
	// is shown nevertheless.
	show func(d *Draft) bool
	// sets makes the rest of a draft fit a new value; it may be nil.
	sets func(d *Draft)
}

// widget is the field that is being edited. It is made when the cursor comes, so that it
// offers what the others let it offer then.
type widget struct {
	field
	huh   huh.Field
	text  string   // of a line or lines
	value string   // of a pick
	some  []string // of many
	shown string   // what it began with
	hint  string   // below the label
	raw   string   // what that stands for: the setting, with what a terminal would obey
}

// newWidget makes the field of a draft editable.
func newWidget(f field, d *Draft, theme *huh.Theme) *widget {
	w := &widget{field: f, raw: d.Now[f.name]}
	w.hint = hintOf(f, d)
	help := w.hint
	switch f.kind {
	case kindPick:
		w.value = w.raw
		w.huh = huh.NewSelect[string]().Title(f.label).Description(help).Options(optionsOf(f, d)...).Value(&w.value)
	case kindMany:
		w.some = strings.Fields(w.raw)
		w.huh = huh.NewMultiSelect[string]().Title(f.label).Description(help).Options(optionsOf(f, d)...).Value(&w.some)
	case kindText:
		w.text = cleanLines(w.raw)
		w.huh = huh.NewText().Title(f.label).Description(help).ExternalEditor(false).ShowLineNumbers(false).Placeholder(placeholder(f, d)).Value(&w.text)
	default:
		w.text = tail.Clean(w.raw)
		input := huh.NewInput().Title(f.label).Description(help).Prompt("").Placeholder(placeholder(f, d)).Value(&w.text)
		if f.kind == kindHidden {
			input.EchoMode(huh.EchoModePassword)
		}
		w.huh = input
	}
	w.huh = w.huh.WithTheme(theme).WithKeyMap(formKeys())
	w.huh.Init()
	w.huh.Focus() // its command blinks a cursor, which need not blink
	w.press(nil)
	w.advise(d)
	w.shown = w.read()
	return w
}

// formKeys are the keys inside a field. Those that leave it are the form's.
func formKeys() *huh.KeyMap {
	k := huh.NewDefaultKeyMap()
	k.Text.NewLine = key.NewBinding(key.WithKeys("enter", "ctrl+j", "alt+enter"))
	for _, b := range []*key.Binding{&k.Text.Next, &k.Text.Prev, &k.Text.Submit, &k.Text.Editor, &k.Input.Next, &k.Input.Prev, &k.Input.Submit} {
		b.SetEnabled(false)
	}
	return k
}

// press takes a message in.
func (w *widget) press(msg tea.Msg) {
	if k, ok := msg.(tea.KeyMsg); ok {
		clean := cleanKey(k)
		if w.kind == kindText {
			clean.Runes = []rune(cleanLines(string(k.Runes)))
		}
		msg = clean
	}
	m, _ := w.huh.Update(msg) // its commands blink, and go to where the form goes by itself
	if f, ok := m.(huh.Field); ok {
		w.huh = f
	}
}

// advise says more about what is picked.
func (w *widget) advise(d *Draft) {
	list, ok := w.huh.(*huh.Select[string])
	if !ok {
		return
	}
	w.hint = w.help
	for _, c := range choicesOf(w.field, d) {
		if c.Value == w.value && c.Hint != "" {
			w.hint = tail.Clean(c.Hint)
		}
	}
	list.Description(w.hint)
}

// read returns the setting as it is on the screen.
func (w *widget) read() string {
	switch w.kind {
	case kindPick:
		return w.value
	case kindMany:
		return strings.Join(w.some, "\n")
	default:
		return w.text
	}
}

// setting is what the field says: as it was, where it still shows what it began with.
func (w *widget) setting() string {
	if now := w.read(); now != w.shown {
		return now
	}
	return w.raw
}

// filters tells whether a list is being searched, so that esc belongs to it.
func (w *widget) filters() bool {
	return slices.ContainsFunc(w.huh.KeyBinds(), func(b key.Binding) bool { return b.Enabled() && b.Help().Desc == "set filter" })
}

// optionsOf are the choices of a field; those of the way to a secret depend on what it
// is for.
func optionsOf(f field, d *Draft) (list []huh.Option[string]) {
	for _, c := range choicesOf(f, d) {
		list = append(list, huh.NewOption(c.label(), c.Value))
	}
	return list
}

func choicesOf(f field, d *Draft) []Choice {
	if f.name != SecretFrom {
		return d.Choices[f.name]
	}
	ways := append(d.choice("verify").Secrets, d.choice("signing").Secrets...)
	return slices.DeleteFunc(slices.Clone(d.Choices[f.name]), func(c Choice) bool { return !slices.Contains(ways, c.Value) })
}

// label is what is shown for a choice.
func (c Choice) label() string {
	if c.Text != "" {
		return tail.Clean(c.Text)
	}
	return tail.Clean(c.Value)
}

// hintOf says what a field is for, and what is known of the choice that it depends on.
func hintOf(f field, d *Draft) string {
	if f.name == Secret {
		return strings.TrimSpace(tail.Clean(d.choice("verify").Hint + d.choice("signing").Hint))
	}
	if now, ok := d.Sealed[f.name]; ok {
		return strings.TrimSpace(f.help + " Now: " + tail.Clean(now))
	}
	return f.help
}

// placeholder stands in an empty field.
func placeholder(f field, d *Draft) string {
	_, sealed := d.Sealed[f.name]
	switch {
	case !sealed:
		return ""
	case f.kind == kindText:
		return "as it is; " + Nothing + " takes it away"
	}
	return "as it is"
}

// cleanLines cleans text that may have several lines.
func cleanLines(text string) string {
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")
	for i, l := range lines {
		lines[i] = tail.Clean(strings.ReplaceAll(l, "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// formTheme is how fields look in the styles of the screen.
func formTheme(s styles) *huh.Theme {
	t := huh.ThemeBase()
	none := s.renderer.NewStyle()
	cursor := none
	if s.renderer.ColorProfile() == termenv.Ascii {
		cursor = none.Transform(func(char string) string { return "▏" + char })
	}
	t.Focused = huh.FieldStyles{
		Base: none.PaddingLeft(1).BorderStyle(lipgloss.ThickBorder()).BorderLeft(true).BorderForeground(s.frame.GetBorderTopForeground()),

		Title: s.title, Description: s.faint, ErrorIndicator: none, ErrorMessage: none,
		SelectSelector: none.SetString("› "), MultiSelectSelector: none.SetString("› "),
		SelectedOption: s.selected, UnselectedOption: none, SelectedPrefix: none.SetString("[x] "), UnselectedPrefix: none.SetString("[ ] "),
		TextInput: huh.TextInputStyles{Cursor: cursor, Placeholder: s.faint, CursorText: none, Prompt: none, Text: none},
	}
	t.Blurred = t.Focused
	return t
}

// lines draws the field in at most room lines, with what is wrong below it.
func (w *widget) lines(s styles, wrong []string, width, room int) []string {
	width-- // the bar at the left, which huh does not count
	head := 1 + len(words(w.hint, max(width-1, 1)))
	w.huh = w.huh.WithWidth(width)
	if t, ok := w.huh.(*huh.Text); ok {
		t.Lines(min(max(room-head-len(wrong), 2), 8))
	}
	drawn := strings.Split(strings.TrimRight(w.huh.View(), "\n"), "\n")
	if s.renderer.ColorProfile() == termenv.Ascii {
		for i := range drawn { // the fields' own parts do not know that there is no colour
			drawn[i] = ansi.Strip(drawn[i])
		}
	}
	if over := len(drawn) + len(wrong) - room; over > 0 && len(drawn) > head && (w.kind == kindPick || w.kind == kindMany) {
		options := drawn[head:]
		keep := max(len(options)-over, 1)
		at := max(slices.IndexFunc(options, func(l string) bool { return strings.Contains(ansi.Strip(l), "› ") }), 0)
		from := min(max(at-keep/2, 0), len(options)-keep)
		drawn = append(slices.Clone(drawn[:head]), options[from:from+keep]...)
	}
	return append(drawn, wrong...)
}
