package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/workflow"
)

// maxShown is how many rows, requests and differences of a dry run a person is shown.
const maxShown = 100

func addDryRun(cmd *cobra.Command, dryRun *bool, help string) {
	cmd.Flags().BoolVar(dryRun, "dry-run", false, help)
}

// printDryRun prints how a run would go, and in what it differs from an earlier one.
func (a *app) printDryRun(d api.DryRun) error {
	return a.print(d, func(w io.Writer) error {
		f := &fields{}
		dryRunFields(f, d)
		if err := a.writeTable(w, &f.table); err != nil {
			return err
		}
		if err := a.writeRehearsed(w, d.Steps); err != nil {
			return err
		}
		var b strings.Builder
		if d.Compared == nil {
			a.addRequests(&b, d.Steps)
		} else {
			a.addChanges(&b, d.Changes)
		}
		_, err := io.WriteString(w, b.String())
		return err
	})
}

func dryRunFields(f *fields, d api.DryRun) {
	f.add("dry run of", named(d.Workflow, d.Version))
	if d.EventID != nil {
		f.add("event", d.EventID)
	}
	f.add("status", state("run", d.Status))
	f.add("error", failure(d.Error))
	f.add("output", string(d.Output))
	unsent := 0
	for _, step := range d.Steps {
		if step.Source == workflow.SourceNotSent {
			unsent++
		}
	}
	if unsent > 0 {
		f.add("not sent", counted(int64(unsent), "call")+"; steps after that see null")
	}
	switch {
	case d.Compared != nil:
		f.add("compared with", fmt.Sprintf("run %s (%s, %s)", d.Compared.ID, named(d.Compared.Workflow, d.Compared.Version), d.Compared.Status))
		changed := "unchanged"
		if len(d.Changes) > 0 {
			changed = "differs: " + changedSteps(d.Changes)
		}
		f.add("result", changed)
	case d.EventID != nil:
		f.add("compared with", "nothing: no run of the event has ended")
	}
}

// named is a workflow and its version, if it has one.
func named(name string, version int) string {
	if version == 0 {
		return name
	}
	return fmt.Sprintf("%s version %d", name, version)
}

// changedSteps names what changed; the run itself comes last.
func changedSteps(changes []workflow.Change) string {
	names := make([]string, 0, len(changes))
	for i, c := range changes {
		if i == 10 && len(changes) > 11 {
			names = append(names, fmt.Sprintf("and %d more", len(changes)-i))
			break
		}
		names = append(names, changeName(c))
	}
	return strings.Join(names, ", ")
}

func changeName(c workflow.Change) string {
	if c.Step == "" {
		return "the run"
	}
	return c.Step
}

// writeRehearsed prints the steps as they would go, but for what is inside items of a
// foreach and holds no news.
func (a *app) writeRehearsed(w io.Writer, steps []workflow.RehearsedStep) error {
	t := &table{columns: []string{"", "step", "kind", "status", "source", "what"}}
	more := 0
	for _, step := range steps {
		news := step.Source == workflow.SourceNotSent || step.Source == workflow.SourceAssumed || step.Status == meshhook.StepFailed
		switch {
		case step.Scope() != "" && !news:
		case len(t.rows) == maxShown:
			more++
		default:
			sign, tone := tail.Look(meshhook.EntryKind("step." + string(step.Status)))
			t.add(cell{sign, tone}, step.ID, step.Kind, state("step", step.Status), strings.ReplaceAll(string(step.Source), "_", " "), remark(step))
		}
	}
	if len(t.rows) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := a.writeTable(w, t); err != nil {
		return err
	}
	if more > 0 {
		a.note("%s left out; -o json prints all", counted(int64(more), "step"))
	}
	return nil
}

// remark says in a few words what a step would do.
func remark(step workflow.RehearsedStep) string {
	switch {
	case step.Error != nil:
		return reason(step.Error)
	case step.Source == workflow.SourceNotSent:
		request := readRequest(step.Input)
		return "would send " + request.Method + " " + request.URL
	case step.Source == workflow.SourceAssumed:
		return "taken to be approved"
	case step.Kind == workflow.KindDelay && step.FinishedAt != nil && step.FinishedAt.After(step.StartedAt):
		return "would wait " + meshhook.Duration(step.FinishedAt.Sub(step.StartedAt).Round(time.Millisecond)).String()
	}
	return ""
}

// sent is the request of an http step as it is recorded.
type sent struct {
	Method        string            `json:"method"`
	URL           string            `json:"url"`
	Headers       map[string]string `json:"headers"`
	Body          json.RawMessage   `json:"body"`
	BodyBase64    string            `json:"body_base64"`
	BodyTruncated bool              `json:"body_truncated"`
}

func readRequest(input json.RawMessage) (r sent) {
	_ = json.Unmarshal(input, &r) // it was written by us
	return r
}

// lines are the request as it stands on the wire, with a body of JSON made legible.
func (r sent) lines() []string {
	lines := []string{r.Method + " " + r.URL}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		lines = append(lines, name+": "+r.Headers[name])
	}
	body := r.BodyBase64
	if len(r.Body) > 0 && json.Unmarshal(r.Body, &body) != nil {
		body = meshhook.IndentJSON(r.Body)
	}
	if body != "" {
		lines = append(append(lines, ""), strings.Split(body, "\n")...)
	}
	if r.BodyTruncated {
		lines = append(lines, "…")
	}
	return lines
}

// addRequests adds what the steps would have sent.
func (a *app) addRequests(b *strings.Builder, steps []workflow.RehearsedStep) {
	shown := 0
	for _, step := range steps {
		if step.Source != workflow.SourceNotSent {
			continue
		}
		if shown++; shown > maxShown {
			return // the table says that there are more
		}
		b.WriteString("\n" + tail.Clean(step.ID) + " would send\n")
		for _, line := range readRequest(step.Input).lines() {
			b.WriteString(strings.TrimRight("  "+tail.Clean(line), " ") + "\n")
		}
	}
}

// addChanges adds what became of each step that changed, old lines and new.
func (a *app) addChanges(b *strings.Builder, changes []workflow.Change) {
	for i, c := range changes {
		if i == maxShown {
			a.note("%s left out; -o json prints all", counted(int64(len(changes)-i), "difference"))
			return
		}
		b.WriteString("\n" + tail.Clean(changeName(c)) + "\n")
		for _, line := range diff(outcomeLines(c.Was), outcomeLines(c.Is)) {
			tone := map[byte]tail.Tone{'-': tail.Bad, '+': tail.Good, '~': tail.Quiet}[line.sign]
			sign := strings.ReplaceAll(string(line.sign), "~", " ")
			b.WriteString(a.paint(strings.TrimRight(sign+" "+tail.Clean(line.text), " "), tone) + "\n")
		}
	}
}

// outcomeLines is what became of a step as lines to compare.
func outcomeLines(o *workflow.Outcome) (lines []string) {
	if o == nil {
		return nil
	}
	switch o.Source {
	case workflow.SourceNotSent:
		lines = append(lines, "not sent")
	case workflow.SourceAssumed:
		lines = append(lines, o.Status+" (assumed)")
	default:
		lines = append(lines, o.Status)
	}
	if o.Error != nil {
		lines = append(lines, failure(o.Error))
	}
	if len(o.Request) > 0 {
		lines = append(append(lines, "request:"), readRequest(o.Request).lines()...)
	}
	if len(o.Output) > 0 {
		lines = append(append(lines, "output:"), strings.Split(meshhook.IndentJSON(o.Output), "\n")...)
	}
	return lines
}
