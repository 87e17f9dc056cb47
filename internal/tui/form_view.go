package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/profullstack/meshhook/internal/tail"
)

// The largest that a form gets, in cells inside its frame, however large the screen is.
const (
	formWidth  = 84
	formHeight = 22
)

func (f *form) view(width, height int) string {
	inner, room := max(min(width-4, formWidth), 1), max(min(height-4, formHeight), 1)
	title, keys, lines := f.name(), "", []string(nil)
	switch {
	case f.loading:
		keys, lines = "esc leaves", []string{"loading…"}
	case f.asks:
		keys, lines = "y leaves · any other key goes on", words("Leave the form? What was typed is lost, and nothing is stored.", inner)
	case f.at == nil:
		lines = f.summary(inner)
		f.most = max(len(lines)-room, 0)
		f.top = min(f.top, f.most)
		title, keys = f.stepTitle("Store it"), f.summaryKeys()
		lines = lines[f.top:]
	default:
		title, keys, lines = f.stepTitle(f.steps[f.step].title), f.keys(), f.fields(inner, room)
	}
	lines = append([]string{}, lines[:min(len(lines), room)]...)
	for len(lines) < room {
		lines = append(lines, "")
	}
	lines[0] = fit(lines[0], inner)
	return framed(f.styles, ansi.Truncate(tail.Clean(title), inner, "…"), keys, lines, width, height)
}

func (f *form) stepTitle(title string) string {
	return fmt.Sprintf("%d of %d: %s · %s", f.step+1, len(f.steps)+1, title, f.name())
}

// keys are those that matter in the field under the cursor.
func (f *form) keys() string {
	switch {
	case f.at.filters():
		return "type to search · enter picks · esc ends the search"
	case f.at.kind == kindPick:
		return "↑↓ / pick · enter next · ⇧tab back · PgDn step · esc"
	case f.at.kind == kindMany:
		return "↑↓ space pick · enter next · ⇧tab back · PgDn step"
	case f.at.kind == kindText:
		return "tab next · ⇧tab back · enter new line · PgDn step"
	}
	return "enter next · ⇧tab back · PgDn step · esc leaves"
}

func (f *form) summaryKeys() string {
	switch {
	case f.busy:
		return "storing…"
	case f.most > 0:
		return "enter stores it · ⇧tab back · ↑↓ scroll · esc leaves"
	}
	return "enter stores it · ⇧tab back · esc leaves"
}

// fields draws a step: a line for each field, and the one under the cursor whole.
func (f *form) fields(width, room int) (lines []string) {
	from, to := 0, 0
	for _, field := range f.visible(f.step) {
		wrong := f.complaint(field.name, width)
		if f.at.name != field.name {
			lines = append(append(lines, f.valueLine(field, "  ", width)), wrong...)
			continue
		}
		from = len(lines)
		lines = append(lines, f.at.lines(f.styles, wrong, width, room)...)
		to = len(lines)
	}
	if f.index(f.visible(f.step)) < 0 { // something is wrong with what means nothing now
		lines = append(f.at.lines(f.styles, f.complaint(f.at.name, width), width, room), lines...)
		from, to = 0, len(lines)
	}
	if len(lines) <= room {
		return lines
	}
	top := min(max(from-(room-(to-from))/2, 0), len(lines)-room)
	return lines[top:]
}

// complaint is what is wrong with a setting, once somebody was there.
func (f *form) complaint(name string, width int) (lines []string) {
	wrong := f.wrong(name)
	if wrong == "" || !f.touched[name] {
		return nil
	}
	for i, l := range paragraphs(wrong, width-4) {
		sign := "  "
		if i == 0 {
			sign = "✗ "
		}
		lines = append(lines, "  "+f.styles.tones[tail.Bad].Render(sign+l))
	}
	return lines
}

// valueLine is a setting in one line.
func (f *form) valueLine(field field, lead string, width int) string {
	value := f.value(field, f.draft.Now[field.name])
	return lead + f.styles.faint.Render(fit(field.label, labelWidth)) + ansi.Truncate(value, max(width-labelWidth-len(lead), 1), "…")
}

// value is how a setting is shown in a line.
func (f *form) value(field field, value string) string {
	now, sealed := f.draft.Sealed[field.name]
	switch {
	case field.kind == kindHidden:
		return strings.Repeat("•", min(len([]rune(value)), 8))
	case sealed && value == "":
		return strings.TrimSpace("as it is " + tail.Clean(now))
	case sealed && value == Nothing:
		return "taken away"
	case field.kind == kindPick:
		for _, c := range f.draft.Choices[field.name] {
			if c.Value == value {
				return c.label()
			}
		}
	}
	return tail.Clean(strings.ReplaceAll(value, "\n", " "))
}

// summary says what will be stored, and what of it is new.
func (f *form) summary(width int) (lines []string) {
	bad := f.styles.tones[tail.Bad]
	complain := func(text string) {
		for _, l := range paragraphs("✗ "+text, width) {
			lines = append(lines, bad.Render(l))
		}
	}
	if f.failure != "" {
		complain(f.failure)
	}
	for _, p := range slices.Concat(f.refused, f.problems) {
		complain(strings.TrimPrefix(p.Path+": "+p.Message, ": "))
	}
	lines = append(lines, f.settings(width, true)...)
	lines = append(lines, f.settings(width, false)...)
	return append(lines, "", f.styles.faint.Render("+ is new, - goes. Nothing is stored yet."))
}

// settings are the lines of those that changed, or of those that stay and say something.
func (f *form) settings(width int, changed bool) (lines []string) {
	for n := range f.steps {
		for _, field := range f.visible(n) {
			now := f.draft.Now[field.name]
			_, sealed := f.draft.Sealed[field.name]
			nothing := now == "" && !f.means(field)
			switch {
			case changed != (now != f.draft.Was[field.name]) || !changed && nothing && !sealed:
			case !changed:
				lines = append(lines, f.valueLine(field, "  ", width))
			case nothing || sealed && now == Nothing:
				lines = append(lines, "- "+f.styles.faint.Render(fit(field.label, labelWidth))+"taken away")
			default:
				lines = append(lines, f.valueLine(field, "+ ", width))
			}
		}
	}
	return lines
}

// means tells whether nothing is a value of a field that says something, as that an
// alert is about all workflows.
func (f *form) means(field field) bool { return f.draft.choice(field.name).Hint != "" }
