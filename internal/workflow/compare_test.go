package workflow_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	const src = `
name: x
steps:
  - { id: same, transform: "{a: 1.5, b: [2]}" }
  - { id: sum, transform: 1 + 1 }
  - { id: pause, delay: { for: 1h } }
  - { id: long, delay: { for: 2h } }
  - { id: crm, http: { url: "http://h/new" } }
  - { id: note, http: { url: "http://h/note" } }
  - { id: each, foreach: { in: "[1]", steps: [{ id: in_it, transform: .item }] } }
  - { id: end, terminate: { output: "{{ .steps.sum }}" } }
`
	crm := answered("crm", meshhook.StepSucceeded, `{"status":200}`)
	crm.Input = json.RawMessage(`{"method":"GET","url":"http://h/old","headers":{}}`)
	item := done("each[0]", meshhook.StepItem, meshhook.StepSucceeded, 1, "9")
	run := meshhook.Run{Status: meshhook.RunSucceeded, Output: json.RawMessage("3"), Steps: []meshhook.Step{
		done("same", "transform", meshhook.StepSucceeded, 1, `{"b": [2], "a": 1.5}`),
		done("sum", "transform", meshhook.StepSucceeded, 1, "3"),
		done("pause", "delay", meshhook.StepSucceeded, 1, `{"until":"2026-01-02T04:04:05.001Z"}`),
		done("long", "delay", meshhook.StepSucceeded, 1, `{"until":"2026-01-02T04:04:05.000Z"}`),
		crm, done("gone", "transform", meshhook.StepSucceeded, 1, "1"),
		done("each", "foreach", meshhook.StepSucceeded, 1, "[1]"), item, done("each[0].in_it", "transform", meshhook.StepSucceeded, 1, "1"),
		done("end", "terminate", meshhook.StepSucceeded, 1, "3"),
	}}
	r := rehearse(t, src, crm)
	changes := r.Compare(&run)
	var steps []string
	byStep := map[string]workflow.Change{}
	for _, c := range changes {
		steps = append(steps, c.Step)
		byStep[c.Step] = c
	}
	require.Equal(t, []string{"sum", "long", "crm", "note", "end", "gone", ""}, steps)
	require.Equal(t, workflow.Change{
		Step: "sum", Was: &workflow.Outcome{Status: "succeeded", Output: json.RawMessage("3")}, Is: &workflow.Outcome{Status: "succeeded", Output: json.RawMessage("2")},
	}, byStep["sum"])
	require.Contains(t, string(byStep["crm"].Was.Request), "http://h/old")
	require.Contains(t, string(byStep["crm"].Is.Request), "http://h/new")
	require.Nil(t, byStep["note"].Was)
	require.Equal(t, workflow.SourceNotSent, byStep["note"].Is.Source)
	require.Nil(t, byStep["gone"].Is)
	require.Equal(t, "3", string(byStep[""].Was.Output))

	// Compared with itself, nothing changed.
	run = meshhook.Run{Status: r.Status, Output: r.Output, Error: r.Error}
	for _, s := range r.Steps {
		run.Steps = append(run.Steps, s.Step)
	}
	note := answered("note", meshhook.StepSucceeded, `{"status":204}`)
	require.Equal(t, []string{"note"}, func() (ids []string) {
		for _, c := range r.Compare(&run) {
			ids = append(ids, c.Step)
		}
		return ids
	}(), "what is not sent is no answer, even of null")
	r = rehearse(t, src, crm, note)
	run.Steps = nil
	for _, s := range r.Steps {
		run.Steps = append(run.Steps, s.Step)
	}
	require.Empty(t, r.Compare(&run))
	run.Steps[2].Output = json.RawMessage(`"x"`)
	require.Len(t, r.Compare(&run), 1, "a delay that cannot be read")
	run.Steps[2].Output = json.RawMessage(`{"until":"x"}`)
	require.Len(t, r.Compare(&run), 1)
}
