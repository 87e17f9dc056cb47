package tui

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// runContent tells everything about a run.
func runContent(r meshhook.Run, loc *time.Location) content {
	c := content{draw: func(d *doc, _ int) { drawRun(d, r, loc) }}
	if r.EventID != nil {
		c.links = []target{{"event", *r.EventID}}
	}
	return c
}

func drawRun(d *doc, r meshhook.Run, loc *time.Location) {
	d.field("id", r.ID.String())
	d.field("workflow", fmt.Sprintf("%s, version %d", r.Workflow, r.Version))
	d.optional("webhook", r.Webhook)
	d.status("run", string(r.Status))
	if r.WaitingFor != "" {
		d.field("waiting for", string(r.WaitingFor))
	}
	if r.Blocked {
		d.field("waiting for", "a place of its workflow's concurrency")
	}
	d.moment("goes on at", r.WakeAt, loc)
	d.field("attempt", strconv.Itoa(r.Attempt))
	d.field("created", moment(r.CreatedAt, loc))
	d.moment("started", r.StartedAt, loc)
	d.moment("finished", r.FinishedAt, loc)
	if r.StartedAt != nil {
		d.optional("took", took(*r.StartedAt, r.FinishedAt))
	}
	d.why(0, r.Error)
	if r.EventID != nil {
		d.link("event", *r.EventID, true)
	}
	d.heading(fmt.Sprintf("steps (%d)", len(r.Steps)))
	for _, s := range nested(r.Steps) {
		d.step(s, loc)
	}
	if len(r.Output) > 0 {
		d.heading("output")
		d.json(0, r.Output)
	}
	if len(r.Input) > 0 {
		d.heading("input · " + bytesOf(int64(len(r.Input))))
		d.body(r.Input)
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

// step writes one step: a line of columns, then what came of it.
func (d *doc) step(s nestedStep, loc *time.Location) {
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
	d.block(indent, strings.TrimRight(strings.Join(columns, " "), " "), d.styles.tones[tone])
	d.why(indent+2, s.Error)
	if waits := awaited(&s.Step, loc); waits != "" {
		d.prose(indent+2, waits, d.styles.tones[tail.Plain])
	}
	if s.Decision != nil {
		word := map[bool]string{true: "approved", false: "rejected"}[s.Decision.Approved]
		d.prose(indent+2, strings.TrimSuffix(word+" by "+string(s.Decision.By)+": "+s.Decision.Note, ": "), d.styles.tones[tail.Plain])
	}
	if len(s.Output) > 0 && s.Kind != meshhook.StepItem {
		d.json(indent+2, s.Output)
	}
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
	return to.Sub(from).Round(time.Millisecond).String()
}

// helpContent lists the keys, and how to filter.
func helpContent(k keys) content {
	return content{draw: func(d *doc, _ int) { drawHelp(d, k.all()) }}
}

func drawHelp(d *doc, bindings []key.Binding) {
	for _, b := range bindings {
		d.field(b.Help().Key, b.Help().Desc)
	}
	plain := d.styles.tones[tail.Plain]
	d.heading("filter")
	d.prose(0, "Words match any column; eight characters or more, ids as well. A word with - in front must not match.", plain)
	for _, f := range [][2]string{
		{"status:failed", "accepted rejected … queued running waiting succeeded …"},
		{"webhook:git", "part of a webhook's path"},
		{"workflow:chat", "part of a workflow's name"},
		{"kind:run", "event, run (with its steps), step, alert, circuit, or a whole kind"},
	} {
		d.field(f[0], f[1])
	}
	d.heading("mouse")
	d.prose(0, "The wheel scrolls. Hold shift to select text.", plain)
}
