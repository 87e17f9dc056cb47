package tui

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// runContent tells everything about a run.
func runContent(r meshhook.Run, history []meshhook.Entry, loc *time.Location) content {
	tries := triesOf(history)
	return content{
		thing:    runThing(r),
		draw:     func(d *doc) { drawRun(d, r, tries, loc) },
		concerns: func(e meshhook.Entry) bool { return e.RunID != nil && *e.RunID == r.ID },
	}
}

func drawRun(d *doc, r meshhook.Run, tries map[string][]try, loc *time.Location) {
	d.status("run", string(r.Status))
	if r.WaitingFor != "" {
		d.field("waiting for", string(r.WaitingFor))
	}
	if r.Blocked {
		d.field("waiting for", "a place of its workflow's concurrency")
	}
	d.moment("goes on at", r.WakeAt, loc)
	d.why(0, r.Error)
	d.field("id", r.ID.String())
	d.links("workflow", named("workflow", r.Workflow))
	d.field("version", strconv.Itoa(r.Version))
	d.links("webhook", named("webhook", r.Webhook))
	if r.EventID != nil {
		d.link("event", r.EventID.String(), to("event", *r.EventID))
	}
	d.field("attempt", strconv.Itoa(r.Attempt))
	d.field("created", moment(r.CreatedAt, loc))
	d.moment("started", r.StartedAt, loc)
	d.moment("finished", r.FinishedAt, loc)
	if r.StartedAt != nil {
		d.optional("took", took(*r.StartedAt, r.FinishedAt))
	}
	d.heading(fmt.Sprintf("steps (%d)", len(r.Steps)))
	for _, s := range nested(r.Steps) {
		d.step(s, tries[s.ID], loc)
	}
	if len(r.Output) > 0 {
		d.heading("output")
		d.body(0, r.Output)
	}
	if len(r.Input) > 0 {
		d.heading("input · " + meshhook.AboutSize(int64(len(r.Input))))
		d.body(0, r.Input)
	}
}

// nestedStep is a step and how deep it stands in others.
type nestedStep struct {
	meshhook.Step
	depth int
}

// nested puts every step below the one that it stands in, deeper by one. An item of
// a foreach that has not ended has no record, and gets one here.
func nested(steps []meshhook.Step) (list []nestedStep) {
	below := map[string][]meshhook.Step{}
	for _, s := range steps {
		below[s.Parent] = append(below[s.Parent], s)
	}
	for _, id := range slices.Sorted(maps.Keys(meshhook.OpenItems(steps))) {
		foreach := meshhook.ScopeOf(id)
		below[foreach] = append(below[foreach], meshhook.Step{ID: id, Parent: foreach, Kind: meshhook.StepItem, Status: meshhook.StepRunning})
	}
	var add func(parent string, depth int)
	add = func(parent string, depth int) {
		inside := below[parent]
		delete(below, parent) // once: a ring of steps would never end
		for _, s := range inside {
			list = append(list, nestedStep{s, depth})
			add(s.ID, depth+1)
		}
	}
	add("", 0)
	return list
}

// deepestStep is how far steps are indented; deeper ones stand below each other.
const deepestStep = 8

// step writes one step: a line of columns, then what came of it. Unfolded, it shows
// its attempts, and what went in and came out.
func (d *doc) step(s nestedStep, tries []try, loc *time.Location) {
	sign, tone := tail.Look(meshhook.EntryKind("step." + string(s.Status)))
	indent := 2 * min(s.depth, deepestStep)
	name := s.ID
	if scope := s.Scope(); scope != "" {
		name = strings.TrimPrefix(s.ID[len(scope):], ".")
	}
	columns := []string{sign, fit(tail.Clean(name), max(20-indent, 8)), fit(tail.Clean(s.Kind), 10), fit(tail.Clean(string(s.Status)), 9)}
	if s.Attempt > 1 {
		columns = append(columns, fmt.Sprintf("attempt %d", s.Attempt))
	}
	if t := took(s.StartedAt, s.FinishedAt); t != "" {
		columns = append(columns, t)
	}
	columns = append(columns, counted(s.Items))
	unfolded := false
	line := func(mark string) {
		d.block(indent, strings.TrimRight(mark+" "+strings.Join(columns, " "), " "), d.styles.tones[tone])
	}
	if holds := len(tries) > 0 || len(s.Input) > 0 || len(s.Output) > 0; holds && s.Kind != meshhook.StepItem {
		unfolded = d.folded("step "+s.ID, false, line)
	} else {
		line(" ")
	}
	d.why(indent+4, s.Error)
	if waits := awaited(&s.Step, loc); waits != "" {
		d.prose(indent+4, waits, d.styles.tones[tail.Plain])
	}
	if s.Decision != nil {
		word := map[bool]string{true: "approved", false: "rejected"}[s.Decision.Approved]
		d.prose(indent+4, strings.TrimSuffix(word+" by "+string(s.Decision.By)+": "+s.Decision.Note, ": "), d.styles.tones[tail.Plain])
	}
	if !unfolded {
		return
	}
	for _, t := range tries {
		d.try(indent+4, t, loc)
	}
	d.value(indent+4, "input", s.Input)
	d.value(indent+4, "output", s.Output)
}

// value writes what went into a step or came out of it.
func (d *doc) value(indent int, name string, raw json.RawMessage) {
	if len(raw) > 0 {
		d.block(indent, name, d.styles.title)
		d.body(indent, raw)
	}
}

// try is one attempt of a step.
type try struct {
	began meshhook.Entry
	ended meshhook.Entry // the zero entry while it lasts
}

// triesOf finds the attempts of steps in what the journal keeps of their run.
func triesOf(history []meshhook.Entry) map[string][]try {
	tries := map[string][]try{}
	for _, e := range history {
		list := tries[e.Step]
		switch e.Kind {
		case meshhook.EntryStepStarted:
			tries[e.Step] = append(list, try{began: e})
		case meshhook.EntryStepRetrying, meshhook.EntryStepSucceeded, meshhook.EntryStepFailed:
			if len(list) > 0 && list[len(list)-1].ended.Kind == "" {
				list[len(list)-1].ended = e
			}
		}
	}
	return tries
}

// try writes an attempt in one line.
func (d *doc) try(indent int, t try, loc *time.Location) {
	last := t.began
	if t.ended.Kind != "" {
		last = t.ended
	}
	sign, tone := tail.Look(last.Kind)
	parts := []string{fmt.Sprintf("attempt %d", max(t.began.Attempt, 1)), t.began.At.In(loc).Format(clock + ".000")}
	if last.HTTPStatus != 0 {
		parts = append(parts, "HTTP "+strconv.Itoa(last.HTTPStatus))
	}
	if t.ended.Kind != "" {
		parts = append(parts, t.ended.At.Sub(t.began.At).Round(time.Millisecond).String())
	}
	if t.ended.Kind != meshhook.EntryStepSucceeded && last.Code != "" {
		parts = append(parts, last.Code+": "+last.Detail)
	}
	d.prose(indent, sign+" "+strings.Join(parts, " · "), d.styles.tones[tone])
}

// counted says how many items of a foreach are in which state.
func counted(items map[meshhook.StepStatus]int64) string {
	var parts []string
	for _, status := range meshhook.ItemStatuses() {
		if items[status] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", items[status], status))
		}
	}
	return strings.Join(parts, ", ")
}

// awaited says what a waiting step waits for, and until when.
func awaited(s *meshhook.Step, loc *time.Location) string {
	if s.Status != meshhook.StepWaiting || s.Decision != nil {
		return ""
	}
	var input struct{ Message string }
	if json.Unmarshal(s.Input, &input) == nil && input.Message != "" {
		text := "waits for approval: " + input.Message
		if s.NextAt != nil {
			text += " (until " + moment(*s.NextAt, loc) + ")"
		}
		return text
	}
	if s.NextAt == nil {
		return ""
	}
	return "goes on at " + moment(*s.NextAt, loc)
}

// why writes a failure, if there is one.
func (d *doc) why(indent int, f *meshhook.Failure) {
	if f == nil {
		return
	}
	text := string(f.Reason) + ": " + f.Message
	if indent > 0 {
		d.prose(indent, "✗ "+text, d.styles.tones[tail.Bad])
		return
	}
	if f.Step != "" {
		text = "in step " + f.Step + ": " + text
	}
	d.toned("error", text, d.styles.tones[tail.Bad])
}

// moment writes a time that is there.
func (d *doc) moment(name string, t *time.Time, loc *time.Location) {
	if t != nil {
		d.field(name, moment(*t, loc))
	}
}

// took returns how long something lasted, or "" while it does and for what took
// no time.
func took(from time.Time, to *time.Time) string {
	if to == nil || from.IsZero() || to.Equal(from) {
		return ""
	}
	if to.Sub(from) < time.Millisecond {
		return "<1ms"
	}
	return to.Sub(from).Round(time.Millisecond).String()
}
