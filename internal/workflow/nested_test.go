package workflow_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// play takes a run as far as it goes without anybody's help: tasks are answered
// with 200 and no body, and time passes. It returns the last decision.
func play(t *testing.T, p *workflow.Program, s *workflow.State) (last workflow.Decision, log []string) {
	t.Helper()
	for range 1000 {
		last = next(t, p, s)
		for _, step := range last.Steps {
			log = append(log, step.ID+" "+string(step.Status))
		}
		for _, task := range last.Perform {
			step := p.Settle(task, s, workflow.Result{Status: 200})
			log = append(log, step.ID+" called "+string(step.Status))
		}
		switch {
		case last.Finish != nil, len(last.Perform) == 0 && !last.More && last.Wake.IsZero():
			return last, log
		case len(last.Perform) == 0 && !last.More:
			s.Now = last.Wake
		}
	}
	require.Fail(t, "it does not end")
	return last, log
}

func TestNested_Order(t *testing.T) {
	t.Parallel()
	p := compile(t, `
name: x
steps:
  - id: each
    foreach:
      in: '"a", "b", "c"'
      concurrency: 2
      steps:
        - id: choose
          branch:
            - { when: .item == "b", steps: [{ id: skip, if: false, transform: . }] }
            - else:
                - id: inner
                  foreach: { in: "[.index, 7]", steps: [{ id: add, transform: "[.item, .index, .steps.before]" }] }
        - { id: out, transform: "{item, index, inner: .steps.inner, add: .steps.add, skip: .steps.skip}" }
  - { id: end, terminate: { output: "{{ .steps.each }}" } }
`)
	d, log := play(t, p, state())
	require.Equal(t, []string{
		"each running",
		"each[0].choose running", "each[0].inner running",
		"each[0].inner[0].add succeeded", "each[0].inner[0] succeeded", "each[0].inner[1].add succeeded", "each[0].inner[1] succeeded",
		"each[0].inner succeeded", "each[0].choose succeeded", "each[0].out succeeded", "each[0] succeeded",
		"each[1].choose running", "each[1].skip skipped", "each[1].choose succeeded", "each[1].out succeeded", "each[1] succeeded",
		"each[2].choose running", "each[2].inner running",
		"each[2].inner[0].add succeeded", "each[2].inner[0] succeeded", "each[2].inner[1].add succeeded", "each[2].inner[1] succeeded",
		"each[2].inner succeeded", "each[2].choose succeeded", "each[2].out succeeded", "each[2] succeeded",
		"each succeeded", "end succeeded",
	}, log)
	require.JSONEq(t, `[
		{"item": "a", "index": 0, "inner": [[0, 0, null], [7, 1, null]], "add": null, "skip": null},
		{"item": "b", "index": 1, "inner": null, "add": null, "skip": null},
		{"item": "c", "index": 2, "inner": [[2, 0, null], [7, 1, null]], "add": null, "skip": null}]`, string(d.Finish.Output))
}

func TestForeach_Items(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		".event.body.list":             `[1,2]`,
		".event.body.list[]":           `[1,2]`,
		".event.body.lists[]":          `[[3]]`, // one result, and still not the list itself
		"[.event.body.lists[] | .[0]]": `[3]`,
		"empty":                        `in: gave null; a list is wanted, or several results, as of .lines[]`,
		".event.body.list[] | empty":   `[]`,
		"[]":                           `[]`,
		".event.body.missing":          `in: gave null; a list is wanted, or several results, as of .lines[]`,
		".event.body.missing // []":    `[]`,
		".event.body":                  `in: gave an object; a list is wanted, or several results, as of .lines[]`,
		".event.body.list[0]":          `in: gave a number; a list is wanted, or several results, as of .lines[]`,
		"\"x\"":                        `in: gave a string; a list is wanted, or several results, as of .lines[]`,
		"true":                         `in: gave a boolean; a list is wanted, or several results, as of .lines[]`,
		"[range(10001)]":               `in: gave 10001 items; a foreach may have at most 10000`,
		".event.body.list | .[\"a\"]":  `in: expression ".event.body.list | .[\"a\"]": expected an object but got: array ([1,2])`,
	} {
		p := compile(t, "name: x\nsteps: [{id: each, foreach: {in: '"+in+"', steps: [{id: same, transform: .item}]}}]")
		s := state()
		s.Run.Input = []byte(`{"list": [1, 2], "lists": [[3]]}`)
		d, _ := play(t, p, s)
		if !strings.HasPrefix(want, "[") {
			require.Equal(t, &meshhook.Failure{Reason: meshhook.FailedExpression, Message: want, Step: "each"}, d.Finish.Failure, in)
			continue
		}
		require.Equal(t, meshhook.RunSucceeded, d.Finish.Status, in)
		require.Equal(t, want, string(s.Steps["each"].Output), in)
	}
}

// As many items as there may be, and what is kept of their outputs.
func TestForeach_Limits(t *testing.T) {
	t.Parallel()
	p := compile(t, `name: x
steps: [{id: each, foreach: {in: "[range(10000)]", steps: [{id: pad, transform: '"x" * 1000'}]}}]`)
	s := state()
	decisions := 0
	for ; ; decisions++ {
		d := next(t, p, s)
		require.LessOrEqual(t, len(d.Steps), 503, "a decision is of bounded size")
		if d.Finish != nil {
			break
		}
		require.True(t, d.More)
		require.Less(t, len(s.Steps), 10_010, "what is inside items that have ended is forgotten")
	}
	require.Greater(t, decisions, 10)
	var outputs []json.RawMessage
	require.NoError(t, json.Unmarshal(s.Steps["each"].Output, &outputs))
	require.Len(t, outputs, 10_000)
	whole := 0
	for _, output := range outputs {
		if string(output) != `{"truncated":true}` {
			whole++
		}
	}
	require.Equal(t, (4<<20)/1002, whole)
	require.Len(t, s.Steps, 1)
}

// A graph may have more steps that are ready than calls are made at once.
func TestNext_CallsAtOnce(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("name: x\nsteps:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "- {id: s%d, needs: [], http: {url: 'http://h'}}\n", i)
	}
	p, s := compile(t, b.String()), state()
	d := next(t, p, s)
	require.Len(t, d.Perform, 64)
	require.Empty(t, next(t, p, s).Perform)
	p.Settle(d.Perform[3], s, workflow.Result{Status: 200})
	require.Len(t, next(t, p, s).Perform, 1)
}

// The time of a step holds for all that is inside it.
func TestNested_Timeouts(t *testing.T) {
	t.Parallel()
	const inner = "[{id: ask, approval: {message: ok}}, {id: late, transform: .}]"
	for source, want := range map[string]meshhook.Failure{
		"timeout: 30s, branch: [{else: " + inner + "}]":                                        {Message: "the step outer's time of 30s was up", Step: "ask"},
		"branch: [{else: [{id: ask, timeout: 20s, approval: {message: ok, timeout: 1h}}]}]":    {Message: "the step's time of 20s was up", Step: "ask"},
		"timeout: 30s, foreach: {in: '[1]', steps: [{id: cool, delay: {for: 1h}}]}":            {Message: "the step outer's time of 30s was up", Step: "outer[0].cool"},
		"timeout: 1h, foreach: {in: '[1]', steps: [{id: ask, timeout: 5s, delay: {for: 1h}}]}": {Message: "the step's time of 5s was up", Step: "outer[0].ask"},
	} {
		want.Reason = meshhook.FailedTimeout
		d, _ := play(t, compile(t, "name: x\nsteps: [{id: outer, "+source+"}]"), state())
		require.NotNil(t, d.Finish, source)
		require.Equal(t, &want, d.Finish.Failure, source)
	}
}

// A call inside gets no more time than what is around it has.
func TestNested_CallTimeout(t *testing.T) {
	t.Parallel()
	p := compile(t, `name: x
timeout: 5m
steps: [{id: outer, timeout: 10s, foreach: {in: "[1]", steps: [{id: call, timeout: 20s, http: {url: "http://h"}}]}}]`)
	require.Equal(t, 10*time.Second, next(t, p, state()).Perform[0].Call.Timeout)
}

// What is tolerated where: a step, or all of what it stands in.
func TestNested_ContinueOnError(t *testing.T) {
	t.Parallel()
	p := compile(t, `
name: x
steps:
  - id: kind
    continue_on_error: true
    branch: [{ else: [{ id: bad, transform: error("no") }, { id: never, transform: . }] }]
  - id: each
    foreach: { in: "[1, 2]", steps: [{ id: odd, continue_on_error: true, transform: 'if .item == 1 then error("odd") else .item end' }] }
  - { id: end, terminate: { output: { kind: "{{ .steps.kind.error }}", each: "{{ .steps.each }}", never: "{{ .steps.never }}" } } }
`)
	d, _ := play(t, p, state())
	require.Equal(t, meshhook.RunSucceeded, d.Finish.Status)
	require.JSONEq(t, `{
		"kind": {"reason": "expression", "message": "transform: expression \"error(\\\"no\\\")\": no"},
		"each": [{"error": {"reason": "expression", "message": "transform: expression \"if .item == 1 then error(\\\"odd\\\") else .item end\": odd"}}, 2],
		"never": null}`, string(d.Finish.Output))
}

// A version that was not made by this one's rules must not panic.
func TestNested_UnreadableRecords(t *testing.T) {
	t.Parallel()
	p := compile(t, `name: x
steps: [{id: b, branch: [{else: [{id: i, transform: .}]}]}, {id: f, foreach: {in: "[1]", steps: [{id: j, transform: .}]}}]`)
	for id, input := range map[string]string{"b": `{"taken": 4}`, "f": `{"items": 1}`} {
		record := meshhook.Step{RunID: runID, ID: id, Status: meshhook.StepRunning, Attempt: 1, StartedAt: began, Input: json.RawMessage(input)}
		s := state(record, done("b", "branch", meshhook.StepSucceeded, 1, "null"), record)
		d := next(t, p, s)
		require.Equal(t, meshhook.FailedInternal, d.Finish.Failure.Reason)
	}
	s := state(meshhook.Step{ID: "f[x].j", Status: meshhook.StepRunning})
	require.NotNil(t, next(t, p, s).Finish)
}

func TestDelay(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"for: 90s":                              "2026-01-02T03:06:35.000Z",
		"for: 1.5":                              "2026-01-02T03:05:06.500Z",
		`for: "{{ .event.body.wait }}"`:         "2026-01-02T03:05:07.000Z",
		`for: "{{ .event.body.wait }}0ms"`:      "2026-01-02T03:05:05.020Z",
		"for: 0s":                               "2026-01-02T03:05:05.000Z",
		"until: 2027-01-01":                     "2027-01-01T00:00:00.000Z",
		"until: 2026-01-02T04:05:05.5+01:00":    "2026-01-02T03:05:05.500Z",
		"until: 1767323105":                     "2026-01-02T03:05:05.000Z",
		"until: 1767323105.25":                  "2026-01-02T03:05:05.250Z",
		`until: "{{ .event.body.id }}"`:         "until: 9007199254740993 is not a time; write it like 2026-03-01T09:00:00Z, or as seconds since 1970",
		`until: "{{ .event.body.name }}"`:       `until: "Octo Cat" is not a time; write it like 2026-03-01T09:00:00Z, or as seconds since 1970`,
		`until: "{{ .event.body.nothing }}"`:    "until: null is not a time; write it like 2026-03-01T09:00:00Z, or as seconds since 1970",
		`for: "{{ -(.event.body.wait) }}"`:      "for: -2 is not a duration; write it like 90s, 1m30s or 24h, or as seconds",
		`for: "{{ [.event.body.wait] }}"`:       "for: [2] is not a duration; write it like 90s, 1m30s or 24h, or as seconds",
		`for: "{{ .event.body.id }}"`:           "for: 9007199254740993 is longer than ten years",
		`for: "{{ .event.body.name + 1 }}"`:     `for: expression ".event.body.name + 1": cannot add: string ("Octo Cat") and number (1)`,
		`until: '{{ "2999-01-01" }}'`:           "until: 2999-01-01T00:00:00.000Z is more than ten years away",
		`until: "{{ .run.started_at[0:4] }}-1"`: `until: "2026-1" is not a time; write it like 2026-03-01T09:00:00Z, or as seconds since 1970`,
	} {
		s := state()
		s.Run.Input = []byte(`{"id": 9007199254740993, "name": "Octo Cat", "wait": 2}`)
		d, _ := play(t, compile(t, "name: x\nsteps: [{id: cool, delay: {"+source+"}}, {id: end, terminate: {output: '{{ .steps.cool.until }}'}}]"), s)
		if d.Finish.Failure != nil {
			require.Equal(t, "delay: "+want, d.Finish.Failure.Message, source)
			continue
		}
		require.Equal(t, `"`+want+`"`, string(d.Finish.Output), source)
	}
}

func TestApproval_Message(t *testing.T) {
	t.Parallel()
	p := compile(t, "name: x\nsteps: [{id: ask, approval: {message: 'Refund {{ .event.body.name }} {{ .secrets.token }}?'}}]")
	d := next(t, p, state())
	require.JSONEq(t, `{"message": "Refund Octo Cat ••••••?"}`, string(d.Steps[0].Input))
	require.Equal(t, meshhook.WaitingForApproval, d.WaitingFor)
	require.True(t, d.Wake.IsZero())
	p = compile(t, "name: x\nsteps: [{id: ask, approval: {message: '{{ .event.body.name + 1 }}'}}]")
	require.Contains(t, next(t, p, state()).Finish.Failure.Message, "message: expression")
}

func TestNesting_Limit(t *testing.T) {
	t.Parallel()
	source := func(depth int) string {
		steps := "[{id: s, transform: .}]"
		for i := range depth {
			steps = fmt.Sprintf("[{id: b%d, branch: [{else: %s}]}]", i, steps)
		}
		return "name: x\nsteps: " + steps
	}
	compile(t, source(7))
	_, err := workflow.Parse("x.yaml", []byte(source(8)))
	require.ErrorContains(t, err, "steps are nested too deeply: more than 8 levels")
	many := strings.Repeat("{id: ID, transform: .}, ", 600)
	n := 0
	for strings.Contains(many, "ID") {
		many = strings.Replace(many, "ID", fmt.Sprintf("s%d", n), 1)
		n++
	}
	_, err = workflow.Parse("x.yaml", []byte("name: x\nsteps: [{id: b, branch: [{else: ["+many+"]}]}, {id: c, branch: [{else: ["+strings.ReplaceAll(many, "s", "t")+"]}]}]"))
	require.ErrorContains(t, err, "at most 1000 steps")
}

func TestWarnings_Nested(t *testing.T) {
	t.Parallel()
	d := parse(t, `name: x
steps:
  - { id: unread, transform: .event }
  - id: kind
    if: .item.x
    branch: [{ else: [{ id: inner, transform: .steps.unread2 }] }]
  - id: each
    foreach: { in: .steps.inner, steps: [{ id: a, transform: .secrets.token }, { id: b, transform: "[.item, .index, .steps.a, .steps.inner]" }] }
  - { id: end, terminate: { output: "{{ .steps.b }}" } }
`)
	var lines []string
	for _, w := range d.Warnings() {
		lines = append(lines, w.String())
	}
	require.Equal(t, []string{
		`workflow.yaml:3:11: no expression reads .steps.unread, so that the step has no effect`,
		`workflow.yaml:5:9: .item is null here: "kind" does not stand in a foreach`,
		`workflow.yaml:6:47: there is no step "unread2", so that .steps.unread2 is null; did you mean "unread"?`,
		`workflow.yaml:8:62: the output of a step is recorded without secrets: who reads .steps.a will not see the value of .secrets.token; read it where it is needed`,
		`workflow.yaml:9:37: the step "b" stands in the foreach "each", so that .steps.b is null here; .steps.each is the list of what its items gave out`,
	}, lines)
}

func TestWarnings_Assignment(t *testing.T) {
	t.Parallel()
	d := parse(t, `name: x
steps:
  - { id: a, if: .event.body.x = 1, terminate: {} }
  - { id: b, branch: [{ when: .event.body.x |= 2, steps: [{ id: c, if: .event.body.x == 1, terminate: {} }] }] }
`)
	var lines []string
	for _, w := range d.Warnings() {
		lines = append(lines, w.String())
	}
	require.Equal(t, []string{
		`workflow.yaml:3:18: if: = assigns, so that this always holds; == compares`,
		`workflow.yaml:4:31: when: = assigns, so that this always holds; == compares`,
	}, lines)
}
