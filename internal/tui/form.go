package tui

import (
	"context"
	"errors"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/huh"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// form makes or changes a thing, in steps. Nothing is stored before the last, which says
// what will be.
type form struct {
	ctx    context.Context
	styles styles
	theme  *huh.Theme
	noun   string // webhook or alert
	editor Editor
	draft  Draft
	steps  []step

	step     int     // the one that is shown; behind the last, the summary
	at       *widget // the field under the cursor; nil in the summary
	touched  map[string]bool
	problems []meshhook.Problem
	refused  []meshhook.Problem // what the store said; until that is changed
	failure  string             // what the store said of no setting
	top      int                // the first line of the summary that is shown
	most     int                // how far top can go; known when it has been drawn

	ahead []tea.KeyMsg // what was typed while it was loading

	loading, busy, asks, over bool
}

// mostAhead is how many keys are remembered while a form is loading.
const mostAhead = 200

// draftMsg brings what a form begins with.
type draftMsg struct {
	form  *form
	draft Draft
	err   error
}

// storedMsg tells what came of storing.
type storedMsg struct {
	form *form
	made Made
	err  error
}

func newForm(ctx context.Context, s styles, noun string, e Editor, steps []step, id *meshhook.ID) (overlay, tea.Cmd) {
	f := &form{
		ctx: ctx, styles: s, theme: formTheme(s), noun: noun, editor: e, steps: steps, touched: map[string]bool{}, loading: true,
	}
	return f, func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, loadTimeout)
		defer cancel()
		draft, err := e.Draft(ctx, id)
		return draftMsg{f, draft, err}
	}
}

func (f *form) done() bool { return f.over }

func (f *form) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case draftMsg:
		if msg.form == f {
			return f.begin(msg)
		}
	case storedMsg:
		if msg.form == f {
			return f.stored(msg)
		}
	case tea.KeyMsg:
		return f.press(msg)
	}
	return nil
}

// begin shows the first step.
func (f *form) begin(msg draftMsg) tea.Cmd {
	f.loading = false
	if msg.err != nil {
		f.over = true
		return func() tea.Msg { return didMsg{err: msg.err} }
	}
	f.draft = msg.draft
	f.check()
	f.enter(f.visible(0)[0])
	var cmds []tea.Cmd
	for _, k := range f.ahead {
		cmds = append(cmds, f.press(k))
	}
	return tea.Batch(cmds...)
}

// press does what a key means.
func (f *form) press(k tea.KeyMsg) tea.Cmd {
	switch {
	case f.asks:
		f.asks, f.over = false, k.String() == "y" || k.String() == "Y"
		return nil
	case f.busy || f.over:
		return nil
	case f.loading:
		f.over = k.Type == tea.KeyEsc
		f.ahead = append(f.ahead, k)[:min(len(f.ahead)+1, mostAhead)]
		return nil
	case k.Type == tea.KeyEsc && (f.at == nil || !f.at.filters()):
		f.asks = len(f.draft.Changed()) > 0
		f.over = !f.asks
		return nil
	case f.at == nil:
		return f.pressSummary(k)
	}
	switch k.String() {
	case "tab", "enter", "down":
		if k.String() == "down" && f.at.kind != kindLine && f.at.kind != kindHidden || k.String() == "enter" && f.at.kind == kindText {
			f.typeIn(k)
			return nil
		}
		if f.at.kind == kindPick || f.at.kind == kindMany {
			f.typeIn(tea.KeyMsg{Type: tea.KeyEnter}) // what is searched for is picked
		}
		f.forward()
	case "shift+tab":
		f.back()
	case "up":
		if f.at.kind == kindLine || f.at.kind == kindHidden {
			f.back()
			return nil
		}
		f.typeIn(k)
	case "pgdown":
		f.nextStep()
	case "pgup":
		f.lastStep()
	default:
		f.typeIn(k)
	}
	return nil
}

// typeIn gives a key to the field under the cursor, and takes in what it says then.
func (f *form) typeIn(k tea.KeyMsg) {
	f.at.press(k)
	name, value := f.at.name, f.at.setting()
	if value != f.draft.Now[name] {
		f.draft.Now[name] = value
		f.touched[name] = true
		f.failure = ""
		f.refused = slices.DeleteFunc(f.refused, func(p meshhook.Problem) bool { return p.Path == name })
		if f.at.sets != nil {
			f.at.sets(&f.draft)
		}
		f.check()
	}
	f.at.advise(&f.draft)
}

// check looks for what is wrong. What means nothing now is left as it was.
func (f *form) check() {
	checked := f.meant()
	f.problems = f.editor.Check(&checked)
}

// meant is the draft without what was typed where it means nothing any more.
func (f *form) meant() Draft {
	d := f.draft
	d.Now = map[string]string{}
	for name, value := range f.draft.Now {
		d.Now[name] = value
	}
	for _, s := range f.steps {
		for _, field := range s.fields {
			if field.show != nil && !field.show(&f.draft) {
				d.Now[field.name] = d.Was[field.name]
				if f.draft.Now[field.name] == "" {
					d.Now[field.name] = ""
				}
			}
		}
	}
	return d
}

// visible are the fields of a step that mean something, and those that are set or wrong.
func (f *form) visible(n int) (fields []field) {
	for _, field := range f.steps[n].fields {
		if field.show == nil || field.show(&f.draft) || field.kind != kindHidden && f.draft.Now[field.name] != "" && f.draft.Was[field.name] != "" {
			fields = append(fields, field)
		}
	}
	return fields
}

// wrong is what is wrong with a setting; "" for nothing.
func (f *form) wrong(name string) string {
	for _, p := range slices.Concat(f.refused, f.problems) {
		if p.Path == name {
			return p.Message
		}
	}
	return ""
}

// enter moves the cursor to a field.
func (f *form) enter(to field) { f.at = newWidget(to, &f.draft, f.theme) }

// index is where the cursor stands among the fields of the step.
func (f *form) index(fields []field) int {
	return slices.IndexFunc(fields, func(field field) bool { return f.at != nil && field.name == f.at.name })
}

// forward moves on, unless something is wrong here.
func (f *form) forward() {
	f.touched[f.at.name] = true
	if f.wrong(f.at.name) != "" {
		return
	}
	fields := f.visible(f.step)
	if i := f.index(fields); i+1 < len(fields) {
		f.enter(fields[i+1])
		return
	}
	f.nextStep()
}

// back moves to the field before, or to the end of the step before.
func (f *form) back() {
	if f.at != nil {
		f.touched[f.at.name] = true
		fields := f.visible(f.step)
		if i := f.index(fields); i > 0 {
			f.enter(fields[i-1])
			return
		}
	}
	if f.step == 0 {
		return
	}
	f.step--
	fields := f.visible(f.step)
	f.enter(fields[len(fields)-1])
}

// nextStep moves to the next step, unless something is wrong in this one.
func (f *form) nextStep() {
	fields := f.visible(f.step)
	for _, field := range fields {
		f.touched[field.name] = true
	}
	for _, field := range fields {
		if f.wrong(field.name) != "" {
			f.enter(field)
			return
		}
	}
	f.at, f.top = nil, 0
	f.step++
	if f.step < len(f.steps) {
		f.enter(f.visible(f.step)[0])
	}
}

// lastStep moves to the beginning of the step before.
func (f *form) lastStep() {
	f.step = max(f.step-1, 0)
	f.enter(f.visible(f.step)[0])
}

// pressSummary does what a key means in the last step.
func (f *form) pressSummary(k tea.KeyMsg) tea.Cmd {
	switch k.String() {
	case "shift+tab":
		f.back()
	case "pgup":
		f.lastStep()
	case "down", "tab", "pgdown":
		f.top = min(f.top+1, f.most)
	case "up":
		f.top = max(f.top-1, 0)
	case "enter":
		return f.store()
	}
	return nil
}

// store stores the draft, unless something is wrong with it or nothing changed.
func (f *form) store() tea.Cmd {
	if p := slices.Concat(f.refused, f.problems); len(p) > 0 {
		f.show(p)
		return nil
	}
	draft := f.meant()
	if f.draft.ID != nil && len(draft.Changed()) == 0 {
		f.failure = "nothing was changed; there is nothing to store"
		return nil
	}
	f.busy, f.failure = true, ""
	ctx, editor := f.ctx, f.editor
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, actTimeout)
		defer cancel()
		made, err := editor.Store(ctx, &draft)
		return storedMsg{f, made, err}
	}
}

// show moves the cursor to the first setting that something is wrong with.
func (f *form) show(problems []meshhook.Problem) {
	for n, s := range f.steps {
		for _, field := range s.fields {
			if slices.ContainsFunc(problems, func(p meshhook.Problem) bool { return p.Path == field.name }) {
				f.step, f.touched[field.name] = n, true
				f.enter(field)
				return
			}
		}
	}
}

// stored ends the form, or says why nothing was stored.
func (f *form) stored(msg storedMsg) tea.Cmd {
	f.busy = false
	if e, ok := errors.AsType[*meshhook.Error](msg.err); ok && len(e.Details) > 0 {
		f.refused = e.Details
		f.show(f.refused)
		if f.at != nil {
			return nil
		}
	}
	if msg.err != nil {
		f.failure = reasonOf(msg.err)
		return nil
	}
	f.over = true
	did := didMsg{text: "✓ " + msg.made.Text, box: msg.made.box(f.styles)}
	if did.box != nil {
		did.text = ""
	}
	if f.draft.ID == nil {
		open := to(f.noun, msg.made.ID)
		did.open = &open
	}
	return func() tea.Msg { return did }
}

// name is what the form is about.
func (f *form) name() string {
	if f.draft.ID == nil {
		return "New " + f.noun
	}
	return strings.ToUpper(f.noun[:1]) + f.noun[1:] + " " + f.draft.Name
}
