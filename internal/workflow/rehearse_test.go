package workflow_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// rehearse takes a run of the document to its end, with what was recorded.
func rehearse(t *testing.T, src string, recorded ...meshhook.Step) workflow.Rehearsal {
	t.Helper()
	s := state()
	s.Steps, s.Underway, s.Now = nil, nil, began
	byID := map[string]meshhook.Step{}
	for _, step := range recorded {
		byID[step.ID] = step
	}
	r, err := compile(t, src).Rehearse(t.Context(), s, byID)
	require.NoError(t, err)
	return r
}

// sources are the steps of a rehearsal in short.
func sources(r workflow.Rehearsal) (list []string) {
	for _, step := range r.Steps {
		list = append(list, step.ID+" "+string(step.Status)+" "+string(step.Source))
	}
	return list
}

func step(t *testing.T, r workflow.Rehearsal, id string) workflow.RehearsedStep {
	t.Helper()
	for _, s := range r.Steps {
		if s.ID == id {
			return s
		}
	}
	require.Fail(t, "there is no step "+id)
	return workflow.RehearsedStep{}
}

// answered is the record of a call that got an answer.
func answered(id string, status meshhook.StepStatus, output string) meshhook.Step {
	return done(id, workflow.KindHTTP, status, 5, output)
}

func failing(record meshhook.Step, reason meshhook.FailureReason, message string) meshhook.Step {
	record.Status, record.Error = meshhook.StepFailed, &meshhook.Failure{Reason: reason, Message: message, Step: record.ID}
	return record
}

func TestRehearseSendsNothing(t *testing.T) {
	t.Parallel()
	r := rehearse(t, `
name: x
steps:
  - { id: a, http: { url: "https://h/{{ .event.body.id }}", headers: { X-Token: "{{ .secrets.token }}" }, body: { name: "{{ .event.body.name }}" } } }
  - { id: b, transform: "{was: .steps.a, t: .secrets.token}" }
  - { id: c, if: .steps.a.body.ok, transform: "1" }
  - { id: end, terminate: { output: "{{ .steps.b }}" } }
`)
	require.Equal(t, []string{"a succeeded not_sent", "b succeeded computed", "c skipped computed", "end succeeded computed"}, sources(r))
	require.Equal(t, meshhook.RunSucceeded, r.Status)
	require.JSONEq(t, `{"was": null, "t": "••••••"}`, string(r.Output))
	require.JSONEq(t, `{"method": "POST", "url": "https://h/9007199254740993", "body": {"name": "Octo Cat"}, "headers": {
		"content-type": "application/json", "x-token": "••••••", "idempotency-key": "01890a5d-ac96-774b-bcce-b302099a8057/a"}}`, string(step(t, r, "a").Input))
}

// A recorded status is judged by what the step expects now; other failures stay.
func TestRehearseTakesRecordedAnswers(t *testing.T) {
	t.Parallel()
	const src = `
name: x
steps:
  - { id: a, http: { url: "http://h", expect: [200, 404] } }
  - { id: b, transform: .steps.a.status }
`
	skipped, waiting, other, unasked := answered("a", meshhook.StepSkipped, ""), asleep("a", 9), done("a", "transform", meshhook.StepSucceeded, 1, `{"status":200}`), answered("a", meshhook.StepFailed, "")
	unasked.Attempt = 0
	for name, tt := range map[string]struct {
		was    meshhook.Step
		source workflow.Source
		error  *meshhook.Failure
	}{
		"expected":           {answered("a", meshhook.StepSucceeded, `{"status":200}`), workflow.SourceRecorded, nil},
		"expected by now":    {failing(answered("a", "", `{"status":404}`), meshhook.FailedHTTPStatus, "the answer was 404 Not Found"), workflow.SourceRecorded, nil},
		"not expected":       {answered("a", meshhook.StepSucceeded, `{"status":201}`), workflow.SourceRecorded, &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "the answer was 201 Created", Step: "a"}},
		"failed as it was":   {failing(answered("a", "", `{"status":500}`), meshhook.FailedHTTPStatus, "as it was"), workflow.SourceRecorded, &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "as it was", Step: "a"}},
		"given up":           {failing(answered("a", "", `{"status":500}`), meshhook.FailedCanceled, "given up"), workflow.SourceRecorded, &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "the answer was 500 Internal Server Error", Step: "a"}},
		"no answer":          {failing(answered("a", "", ""), meshhook.FailedConnection, "refused"), workflow.SourceRecorded, &meshhook.Failure{Reason: meshhook.FailedConnection, Message: "refused", Step: "a"}},
		"never sent":         {failing(answered("a", "", ""), meshhook.FailedExpression, "url: no"), workflow.SourceNotSent, nil},
		"too late":           {failing(unasked, meshhook.FailedTimeout, "late"), workflow.SourceNotSent, nil},
		"given up before":    {failing(answered("a", "", ""), meshhook.FailedCanceled, "given up"), workflow.SourceNotSent, nil},
		"skipped":            {skipped, workflow.SourceNotSent, nil},
		"waits":              {waiting, workflow.SourceNotSent, nil},
		"of another kind":    {other, workflow.SourceNotSent, nil},
		"nothing is an end":  {answered("a", meshhook.StepSucceeded, ""), workflow.SourceNotSent, nil},
		"no status, no end ": {answered("a", meshhook.StepSucceeded, `{"status":"x"}`), workflow.SourceNotSent, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rehearse(t, src, tt.was)
			a := step(t, r, "a")
			require.Equal(t, tt.source, a.Source)
			require.Equal(t, tt.error, a.Error)
			require.Equal(t, tt.error, r.Error)
			if tt.source == workflow.SourceRecorded {
				require.Equal(t, string(tt.was.Output), string(a.Output))
			}
			if tt.error == nil {
				require.Equal(t, meshhook.RunSucceeded, r.Status)
			}
		})
	}
}

func TestRehearseNested(t *testing.T) {
	t.Parallel()
	r := rehearse(t, `
name: x
steps:
  - id: each
    foreach:
      in: "[10, 20]"
      steps:
        - { id: send, http: { url: "http://h/{{ .item }}" } }
        - id: way
          branch:
            - { when: .steps.send.status == 200, steps: [{ id: yes, transform: .index }] }
            - else: [{ id: no, delay: { for: 1h } }]
        - { id: last, transform: "[.steps.yes, .steps.no]" }
`, answered("each[1].send", meshhook.StepSucceeded, `{"status":200}`))
	require.Equal(t, []string{
		"each succeeded computed",
		"each[0].send succeeded not_sent", "each[0].way succeeded computed", "each[0].no succeeded computed", "each[0].last succeeded computed", "each[0] succeeded computed",
		"each[1].send succeeded recorded", "each[1].way succeeded computed", "each[1].yes succeeded computed", "each[1].last succeeded computed", "each[1] succeeded computed",
	}, sources(r))
	require.JSONEq(t, `[[null, {"until": "2026-01-02T04:04:05.000Z"}], [1, null]]`, string(step(t, r, "each").Output))
	pause := step(t, r, "each[0].no")
	require.Equal(t, time.Hour, pause.FinishedAt.Sub(pause.StartedAt))
	require.Equal(t, began.Add(time.Hour), step(t, r, "each[1].send").StartedAt, "the clock jumped")
}

func TestRehearseApprovals(t *testing.T) {
	t.Parallel()
	const src = `
name: x
steps:
  - { id: ok, approval: { message: "Pay {{ .event.body.id }}?", timeout: 1h, on_timeout: fail } }
  - { id: b, transform: .steps.ok.by }
`
	decided := func(approved bool) meshhook.Step {
		s := done("ok", workflow.KindApproval, meshhook.StepSucceeded, 9, `{}`)
		s.Decision = &meshhook.Decision{Approved: approved, By: "cli:ann@x", Note: "fine", At: began}
		return s
	}
	r := rehearse(t, src)
	require.Equal(t, []string{"ok succeeded assumed", "b succeeded computed"}, sources(r))
	require.Equal(t, `"dry-run"`, string(step(t, r, "b").Output))
	r = rehearse(t, src, decided(true))
	require.Equal(t, []string{"ok succeeded recorded", "b succeeded computed"}, sources(r))
	require.Equal(t, `"cli:ann@x"`, string(step(t, r, "b").Output))
	r = rehearse(t, src, decided(false))
	require.Equal(t, []string{"ok failed recorded"}, sources(r))
	require.Equal(t, "rejected by cli:ann@x: fine", r.Error.Message)

	late := failing(done("ok", workflow.KindApproval, "", 9, `{"approved":false,"timed_out":true}`), meshhook.FailedRejected, "nobody decided")
	r = rehearse(t, src, late)
	require.Equal(t, []string{"ok failed computed"}, sources(r), "nobody answers now, either")
	require.Equal(t, meshhook.FailedTimeout, r.Error.Reason)
	r = rehearse(t, "name: x\nsteps:\n  - { id: ok, approval: { message: \"Pay?\" } }\n", late)
	require.Equal(t, []string{"ok succeeded assumed"}, sources(r), "it would wait without end")
}

func TestRehearseKeepsTime(t *testing.T) {
	t.Parallel()
	r := rehearse(t, "name: x\ntimeout: 2h\nsteps:\n  - { id: a, delay: { for: 1h } }\n  - { id: b, delay: { for: 90m } }\n")
	require.Equal(t, []string{"a succeeded computed", "b failed computed"}, sources(r))
	require.Equal(t, meshhook.FailedTimeout, r.Error.Reason)
	r = rehearse(t, "name: x\nsteps:\n  - { id: a, transform: .event.body.id | error }\n")
	require.Equal(t, meshhook.FailedExpression, r.Error.Reason)
	require.Equal(t, meshhook.RunFailed, r.Status)
	r = rehearse(t, "name: x\nsteps:\n  - { id: a, terminate: { status: failed, message: no, output: 3 } }\n")
	require.Equal(t, "3", string(r.Output))
	require.Equal(t, meshhook.FailedTerminated, r.Error.Reason)
}

func TestRehearseIsBounded(t *testing.T) {
	t.Parallel()
	s := state()
	p := compile(t, `
name: x
steps:
  - id: outer
    foreach:
      in: "[range(20)]"
      steps:
        - id: inner
          foreach:
            in: "[range(9000)]"
            steps: [{ id: a, transform: "1" }]
`)
	_, err := p.Rehearse(t.Context(), s, nil)
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	require.ErrorContains(t, err, "the run is too large for a dry run: over 100000 steps, or 32 MiB")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.Rehearse(ctx, state(), nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestRecall(t *testing.T) {
	t.Parallel()
	unsent := failing(answered("b", "", ""), meshhook.FailedExpression, "no")
	undecided := done("ok", workflow.KindApproval, meshhook.StepFailed, 1, "")
	decided := undecided
	decided.Decision = &meshhook.Decision{Approved: true}
	first := []meshhook.Step{answered("a", meshhook.StepSucceeded, `{"status":200}`), unsent, undecided, done("t", "transform", meshhook.StepSucceeded, 1, "1")}
	second := []meshhook.Step{answered("a", meshhook.StepSucceeded, `{"status":201}`), answered("b", meshhook.StepSucceeded, `{"status":202}`), decided}
	got := workflow.Recall([]meshhook.Run{{Steps: first}, {Steps: second}})
	require.Equal(t, map[string]meshhook.Step{"a": first[0], "b": second[1], "ok": decided}, got)
}

func TestSettleRecordedWantsACall(t *testing.T) {
	t.Parallel()
	p, was := compile(t, calls), answered("plain", meshhook.StepSucceeded, `{"status":200}`)
	for _, id := range []string{"pure", "gone"} {
		_, ok := p.SettleRecorded(try(id, 1), state(), was)
		require.False(t, ok, id)
	}
	s := state()
	s.Underway["plain"] = true
	was.Attempt, was.Output = 4, json.RawMessage(`{"status":200,"body":"s3cret/+ value"}`)
	got, ok := p.SettleRecorded(try("plain", 1), s, was)
	require.True(t, ok)
	require.Equal(t, 4, got.Attempt)
	require.JSONEq(t, `{"status":200,"body":"••••••"}`, string(got.Output))
	require.Empty(t, s.Underway)
	require.Equal(t, got, s.Steps["plain"])
}

// Whatever the workflow: its rehearsal ends, with every step that began ended; and
// with what was recorded of a run of it, nothing changes.
func TestRehearseComesToTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, err := workflow.Parse("x.yaml", []byte(anyWorkflow(t)))
		require.NoError(t, err)
		p, err := workflow.Compile(d)
		require.NoError(t, err)
		again := func(recorded map[string]meshhook.Step) (r workflow.Rehearsal, run meshhook.Run) {
			s := state()
			s.Now = began
			r, err := p.Rehearse(t.Context(), s, recorded)
			require.NoError(t, err)
			run = meshhook.Run{Status: r.Status, Output: r.Output, Error: r.Error}
			for _, step := range r.Steps {
				require.True(t, step.Status.Ended(), "%s is left %s", step.ID, step.Status)
				run.Steps = append(run.Steps, step.Step)
			}
			return r, run
		}
		recorded := map[string]meshhook.Step{}
		for unsent := true; unsent; {
			unsent = false
			r, _ := again(recorded)
			for _, step := range r.Steps {
				if step.Source == workflow.SourceNotSent {
					unsent = true
					status := rapid.SampledFrom([]string{"200", "404", "503"}).Draw(t, "status")
					recorded[step.ID] = answered(step.ID, meshhook.StepSucceeded, `{"status":`+status+`}`)
				}
			}
		}
		_, was := again(recorded)
		is, _ := again(workflow.Recall([]meshhook.Run{was}))
		require.Empty(t, is.Compare(&was))
	})
}
