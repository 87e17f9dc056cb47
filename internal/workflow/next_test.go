package workflow_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

var (
	runID = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now   = began.Add(time.Minute)
)

func compile(t testing.TB, src string) *workflow.Program {
	t.Helper()
	p, err := workflow.Compile(parse(t, src))
	require.NoError(t, err)
	return p
}

// state is a run that began a minute ago, with the given steps recorded.
func state(steps ...meshhook.Step) *workflow.State {
	s := &workflow.State{
		Now: now,
		Run: meshhook.Run{
			ID: runID, Workflow: "x", Version: 3, Attempt: 1,
			CreatedAt: began.Add(-time.Second), StartedAt: &began,
			Input: []byte(`{"id": 9007199254740993, "name": "Octo Cat"}`),
		},
		Steps:    map[string]meshhook.Step{},
		Underway: map[string]bool{},
		Secrets:  map[string]meshhook.Secret{"token": meshhook.NewSecret("s3cret/+ value")},
	}
	add(s, steps...)
	return s
}

func add(s *workflow.State, steps ...meshhook.Step) {
	for _, step := range steps {
		s.Steps[step.ID] = step
	}
}

func at(seconds int) *time.Time {
	t := began.Add(time.Duration(seconds) * time.Second)
	return &t
}

func next(t testing.TB, p *workflow.Program, s *workflow.State) workflow.Decision {
	t.Helper()
	d, err := p.Next(t.Context(), s)
	require.NoError(t, err)
	return d
}

// done is the record of a step that ended at the second given.
func done(id, kind string, status meshhook.StepStatus, second int, output string) meshhook.Step {
	s := meshhook.Step{
		RunID: runID, ID: id, Kind: kind, Status: status, Attempt: 1,
		StartedAt: began, FinishedAt: at(second),
	}
	if output != "" {
		s.Output = json.RawMessage(output)
	}
	return s
}

// bad is the record of an http step that failed at the second given.
func bad(id string, second int) meshhook.Step {
	s := done(id, "http", meshhook.StepFailed, second, `{"status":500}`)
	s.Error = &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "the answer was 500", Step: id}
	return s
}

// asleep is the record of an http step that waits for its third try.
func asleep(id string, until int) meshhook.Step {
	s := bad(id, 0)
	s.Status, s.Attempt, s.FinishedAt, s.NextAt = meshhook.StepWaiting, 2, nil, at(until)
	return s
}

// started is the record of an http step that is being performed, or was.
func started(id string) meshhook.Step {
	return meshhook.Step{RunID: runID, ID: id, Kind: "http", Status: meshhook.StepRunning, Attempt: 1, StartedAt: began}
}

// outline is a decision in short: ids and statuses of steps, ids and attempts
// of tasks, when to wake (seconds after the run began), and the end.
type outline struct {
	Steps   []string
	Perform map[string]int
	Wake    int
	Finish  *workflow.Finish
}

func short(d workflow.Decision) outline {
	o := outline{Finish: d.Finish}
	for _, s := range d.Steps {
		o.Steps = append(o.Steps, s.ID+" "+string(s.Status))
	}
	for _, task := range d.Perform {
		if o.Perform == nil {
			o.Perform = map[string]int{}
		}
		o.Perform[task.Step.ID] = task.Step.Attempt
	}
	if !d.Wake.IsZero() {
		o.Wake = int(d.Wake.Sub(began).Seconds())
	}
	return o
}

func failed(reason meshhook.FailureReason, message, step string) *workflow.Finish {
	return &workflow.Finish{
		Status:  meshhook.RunFailed,
		Failure: &meshhook.Failure{Reason: reason, Message: message, Step: step},
	}
}

const (
	chain = `
name: x
steps:
  - { id: a, http: { url: "http://h/a" } }
  - { id: b, transform: .steps.a }
  - { id: c, http: { url: "http://h/c" } }
`
	tolerant = `
name: x
steps:
  - { id: a, continue_on_error: true, http: { url: "http://h/a" } }
  - { id: b, transform: .steps.a }
`
	beside = `
name: x
timeout: 2m
steps:
  - { id: a, needs: [], http: { url: "http://h/a" } }
  - { id: b, needs: [], http: { url: "http://h/b" } }
  - { id: c, needs: [], timeout: 90s, http: { url: "http://h/c" } }
  - { id: d, needs: [a, b, c], transform: .event.body.id }
`
	ending = `
name: x
steps:
  - { id: a, needs: [], http: { url: "http://h/a" } }
  - { id: end, needs: [], if: .steps.a == null, terminate: { output: { n: "{{ .event.body.id }}" } } }
  - { id: late, needs: [], transform: . }
`
)

func TestNext(t *testing.T) {
	t.Parallel()
	ok := &workflow.Finish{Status: meshhook.RunSucceeded}
	a500 := failed(meshhook.FailedHTTPStatus, "the answer was 500", "a")
	ended := &workflow.Finish{Status: meshhook.RunSucceeded, Output: json.RawMessage(`{"n":9007199254740993}`)}
	for name, tt := range map[string]struct {
		workflow string
		steps    []meshhook.Step
		underway string
		late     bool // two minutes later
		want     outline
	}{
		"begins with the first":       {workflow: chain, want: outline{Perform: map[string]int{"a": 1}}},
		"waits for what is under way": {workflow: chain, steps: []meshhook.Step{started("a")}, underway: "a", want: outline{}},
		"unrecorded, but under way":   {workflow: chain, underway: "a", want: outline{}},
		"a dead daemon's step":        {workflow: chain, steps: []meshhook.Step{started("a")}, want: outline{Perform: map[string]int{"a": 2}}},
		"goes on through pure steps": {
			workflow: chain, steps: []meshhook.Step{done("a", "http", meshhook.StepSucceeded, 1, `{"status":200}`)},
			want: outline{Steps: []string{"b succeeded"}, Perform: map[string]int{"c": 1}},
		},
		"comes to the end": {
			workflow: chain, want: outline{Finish: ok},
			steps: []meshhook.Step{
				done("a", "http", meshhook.StepSucceeded, 1, `{}`),
				done("b", "transform", meshhook.StepSucceeded, 1, `{}`),
				done("c", "http", meshhook.StepSucceeded, 1, `{}`),
			},
		},
		"a retry is not due":               {workflow: chain, steps: []meshhook.Step{asleep("a", 61)}, want: outline{Wake: 61}},
		"a retry is due":                   {workflow: chain, steps: []meshhook.Step{asleep("a", 60)}, want: outline{Perform: map[string]int{"a": 3}}},
		"a retry without a time":           {workflow: chain, steps: []meshhook.Step{{ID: "a", Status: meshhook.StepWaiting, Attempt: 2, StartedAt: began}}, want: outline{Perform: map[string]int{"a": 3}}},
		"a failure ends the run":           {workflow: chain, steps: []meshhook.Step{bad("a", 1)}, want: outline{Finish: a500}},
		"a failure that is allowed":        {workflow: tolerant, steps: []meshhook.Step{bad("a", 1)}, want: outline{Steps: []string{"b succeeded"}, Finish: ok}},
		"the first, though one has no end": {workflow: beside, steps: []meshhook.Step{bad("b", 2), bad("a", 1), {ID: "c", Status: meshhook.StepFailed, StartedAt: *at(9)}}, want: outline{Finish: a500}},
		"a secret that is gone": {
			workflow: "name: x\nsteps: [{id: a, http: {url: 'http://h/', headers: {x: '{{ .secrets.gone }}'}}}]", steps: []meshhook.Step{asleep("a", 60)},
			want: outline{Steps: []string{"a failed"}, Finish: failed(meshhook.FailedExpression, "the secret gone does not exist; make it with: meshhook secret set gone", "a")},
		},
		"a failure without a word": {workflow: chain, steps: []meshhook.Step{{ID: "a", Status: meshhook.StepFailed}}, want: outline{Finish: failed(meshhook.FailedInternal, "", "a")}},

		"side by side":           {workflow: beside, want: outline{Perform: map[string]int{"a": 1, "b": 1, "c": 1}}},
		"side by side, one left": {workflow: beside, steps: []meshhook.Step{done("a", "http", meshhook.StepSucceeded, 1, `{}`), asleep("b", 70)}, underway: "c", want: outline{Wake: 70}},
		"wakes at the run's deadline": {
			workflow: beside, want: outline{Wake: 120},
			steps: []meshhook.Step{done("a", "http", meshhook.StepSucceeded, 1, `{}`), done("c", "http", meshhook.StepSucceeded, 1, `{}`), asleep("b", 500)},
		},
		"a failure lets the others end, and no retry wakes": {workflow: beside, steps: []meshhook.Step{bad("a", 1), asleep("c", 70)}, underway: "b", want: outline{}},
		"a failure lets the others end":                     {workflow: beside, steps: []meshhook.Step{bad("a", 1)}, underway: "b", want: outline{}},
		"a failure gives retries up": {
			workflow: beside, steps: []meshhook.Step{bad("a", 1), asleep("b", 70)}, want: outline{Steps: []string{"b failed"}, Finish: a500},
		},
		"a failure does not skip what was begun": {
			workflow: beside, steps: []meshhook.Step{bad("a", 1), started("b")}, want: outline{Perform: map[string]int{"b": 2}},
		},
		"the first failure counts": {workflow: beside, steps: []meshhook.Step{bad("b", 2), bad("a", 1), bad("c", 3)}, want: outline{Finish: a500}},
		"the step's time is up": {
			workflow: beside, steps: []meshhook.Step{
				done("a", "http", meshhook.StepSucceeded, 1, `{}`), done("b", "http", meshhook.StepSucceeded, 1, `{}`),
				{RunID: runID, ID: "c", Status: meshhook.StepWaiting, StartedAt: *at(-30), NextAt: at(60)},
			},
			want: outline{Steps: []string{"c failed"}, Finish: failed(meshhook.FailedTimeout, "the step's time of 1m30s was up", "c")},
		},

		"the run's time is up": {
			workflow: beside, late: true, steps: []meshhook.Step{started("a"), asleep("b", 500)},
			want: outline{Steps: []string{"a failed", "b failed"}, Finish: failed(meshhook.FailedTimeout, "the run's time of 2m0s was up", "a")},
		},
		"the run's time is up before anything begins": {
			workflow: beside, late: true, want: outline{Finish: failed(meshhook.FailedTimeout, "the run took longer than its timeout of 2m0s", "")},
		},
		"the run's time is up, but a call is under way": {
			workflow: beside, late: true, steps: []meshhook.Step{started("a"), asleep("b", 500)}, underway: "a",
			want: outline{Steps: []string{"b failed"}},
		},
		"all was done in time": {
			workflow: beside, late: true, want: outline{Finish: ok},
			steps: []meshhook.Step{
				done("a", "http", meshhook.StepSucceeded, 1, `{}`), done("b", "http", meshhook.StepSkipped, 1, ``),
				done("c", "http", meshhook.StepSucceeded, 1, `{}`), done("d", "transform", meshhook.StepSucceeded, 1, `1`),
			},
		},

		"terminate lets calls end":   {workflow: ending, want: outline{Steps: []string{"end succeeded"}, Perform: map[string]int{"a": 1}}},
		"terminate wins over later":  {workflow: ending, want: outline{Finish: ended}, steps: []meshhook.Step{done("end", "terminate", meshhook.StepSucceeded, 1, `{"n":9007199254740993}`), bad("a", 2)}},
		"terminate wins at once":     {workflow: ending, want: outline{Finish: ended}, steps: []meshhook.Step{done("end", "terminate", meshhook.StepSucceeded, 1, `{"n":9007199254740993}`), bad("a", 1)}},
		"a failure before terminate": {workflow: ending, want: outline{Finish: a500}, steps: []meshhook.Step{done("end", "terminate", meshhook.StepSucceeded, 3, `1`), bad("a", 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := state(tt.steps...)
			if tt.underway != "" {
				s.Underway[tt.underway] = true
			}
			if tt.late {
				s.Now = *at(120)
			}
			require.Equal(t, tt.want, short(next(t, compile(t, tt.workflow), s)))
		})
	}
}

// What a step's work comes to: the record that is written.
func TestNext_Records(t *testing.T) {
	t.Parallel()
	record := func(status meshhook.StepStatus, kind string, attempt int, output string, reason meshhook.FailureReason, message string) meshhook.Step {
		s := done("s", kind, status, 60, output)
		s.Attempt, s.StartedAt = attempt, now
		if reason != "" {
			s.Error = &meshhook.Failure{Reason: reason, Message: message, Step: "s"}
		}
		return s
	}
	for name, tt := range map[string]struct {
		step string
		want meshhook.Step
	}{
		"transform":           {`transform: "{id: .event.body.id, who: .run.workflow, no: .steps.s}"`, record(meshhook.StepSucceeded, "transform", 1, `{"id":9007199254740993,"no":null,"who":"x"}`, "", "")},
		"transform of HTML":   {`transform: '"<&>"'`, record(meshhook.StepSucceeded, "transform", 1, `"<&>"`, "", "")},
		"transform fails":     {`transform: error("no " + .secrets.token)`, record(meshhook.StepFailed, "transform", 1, "", meshhook.FailedExpression, `transform: expression "error(\"no \" + .secrets.token)": no ••••••`)},
		"skipped":             {`{if: .event.body.id == 1, transform: .}`, record(meshhook.StepSkipped, "transform", 0, "", "", "")},
		"never":               {`{if: false, transform: .}`, record(meshhook.StepSkipped, "transform", 0, "", "", "")},
		"not skipped":         {`{if: .event.body.id, transform: "1"}`, record(meshhook.StepSucceeded, "transform", 1, "1", "", "")},
		"if fails":            {`{if: error("oh"), transform: .}`, record(meshhook.StepFailed, "transform", 0, "", meshhook.FailedExpression, `if: expression "error(\"oh\")": oh`)},
		"secret is missing":   {`{if: .secrets.pass, transform: .}`, record(meshhook.StepFailed, "transform", 0, "", meshhook.FailedExpression, "the secret pass does not exist; make it with: meshhook secret set pass")},
		"terminate":           {`terminate: {}`, record(meshhook.StepSucceeded, "terminate", 1, "", "", "")},
		"terminate, output":   {`terminate: {output: ["{{ .event.body.name }}", "a {{ 1 + 1 }}"]}`, record(meshhook.StepSucceeded, "terminate", 1, `["Octo Cat","a 2"]`, "", "")},
		"terminate, failed":   {`terminate: {status: failed, output: 5}`, record(meshhook.StepFailed, "terminate", 1, "5", meshhook.FailedTerminated, "the step s ended the run as failed")},
		"terminate, message":  {`terminate: {status: failed, message: "no {{ .event.body.name }}"}`, record(meshhook.StepFailed, "terminate", 1, "", meshhook.FailedTerminated, "no Octo Cat")},
		"terminate, bad":      {`terminate: {output: "{{ error(\"oh\") }}"}`, record(meshhook.StepFailed, "terminate", 1, "", meshhook.FailedExpression, `terminate: output: expression "error(\"oh\")": oh`)},
		"terminate, bad word": {`terminate: {status: failed, message: "{{ error(\"oh\") }}"}`, record(meshhook.StepFailed, "terminate", 1, "", meshhook.FailedExpression, `terminate: message: expression "error(\"oh\")": oh`)},
		"url fails":           {`http: {url: "{{ error(\"oh\") }}"}`, record(meshhook.StepFailed, "http", 1, "", meshhook.FailedExpression, `url: expression "error(\"oh\")": oh`)},
		"no url":              {`http: {url: "{{ .secrets.token }}"}`, record(meshhook.StepFailed, "http", 1, "", meshhook.FailedExpression, `url: expression ".secrets.token": gave no absolute http or https URL`)},
		"header fails":        {`http: {url: "http://h", headers: {x-a: "{{ error(\"oh\") }}"}}`, record(meshhook.StepFailed, "http", 1, "", meshhook.FailedExpression, `the header X-A: expression "error(\"oh\")": oh`)},
		"body fails":          {`http: {url: "http://h", body: {a: "{{ error(\"oh\") }}"}}`, record(meshhook.StepFailed, "http", 1, "", meshhook.FailedExpression, `body: at /a: expression "error(\"oh\")": oh`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := "name: x\nsteps:\n- id: s\n  " + tt.step
			if tt.step[0] == '{' {
				src = "name: x\nsteps:\n- {id: s, " + tt.step[1:]
			}
			d := next(t, compile(t, src), state())
			require.Equal(t, []meshhook.Step{tt.want}, d.Steps)
			require.NotNil(t, d.Finish)
			if e := tt.want.Error; e != nil {
				want := failed(e.Reason, e.Message, "s")
				if e.Reason == meshhook.FailedTerminated {
					want.Output = tt.want.Output
				}
				require.Equal(t, want, d.Finish)
			}
		})
	}
}

// A terminate step that ends the run as failed does so even with continue_on_error.
func TestNext_TerminateIsFinal(t *testing.T) {
	t.Parallel()
	p := compile(t, `
name: x
steps:
  - { id: end, continue_on_error: true, terminate: { status: failed } }
  - { id: after, transform: . }
`)
	require.Equal(t, outline{
		Steps:  []string{"end failed"},
		Finish: failed(meshhook.FailedTerminated, "the step end ended the run as failed", "end"),
	}, short(next(t, p, state())))
}

// What expressions see of the steps before them, in the same turn and from the record.
func TestNext_StepsContext(t *testing.T) {
	t.Parallel()
	p := compile(t, `
name: x
steps:
  - { id: ok, http: { url: "http://h" } }
  - { id: bad, continue_on_error: true, http: { url: "http://h" } }
  - { id: odd, continue_on_error: true, transform: "error(\"oh\")" }
  - { id: none, if: "false", transform: . }
  - { id: pure, transform: "{n: 1.5}" }
  - { id: all, transform: .steps }
  - { id: later, http: { url: "http://h" } }
`)
	s := state(done("ok", "http", meshhook.StepSucceeded, 1, `{"n":12345678901234567890123}`), bad("bad", 2))
	d := next(t, p, s)
	require.Equal(t, "all", d.Steps[3].ID)
	want := `{"bad":{"error":{"message":"the answer was 500","reason":"http_status"},"status":500},` +
		`"none":null,` +
		`"odd":{"error":{"message":"transform: expression \"error(\\\"oh\\\")\": oh","reason":"expression"}},` +
		`"ok":{"n":12345678901234567890123},` +
		`"pure":{"n":1.5}}`
	require.Equal(t, want, string(d.Steps[3].Output))

	// Another daemon that reads all this from the record decides the same.
	add(s, d.Steps...)
	delete(s.Steps, "all")
	again := next(t, p, state(values(s.Steps)...))
	require.Equal(t, d.Steps[3:], again.Steps)
}

func values(steps map[string]meshhook.Step) []meshhook.Step {
	var all []meshhook.Step
	for _, s := range steps {
		all = append(all, s)
	}
	return all
}

// A turn that is canceled decides nothing; above all no step fails for it.
func TestNext_Canceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d, err := compile(t, chain).Next(ctx, state(done("a", "http", meshhook.StepSucceeded, 1, `{}`)))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, workflow.Decision{}, d)
}

func TestNext_Call(t *testing.T) {
	t.Parallel()
	key := http.Header{"Idempotency-Key": {runID.String() + "/s"}}
	with := func(pairs ...string) http.Header {
		h := key.Clone()
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	const asJSON, asText = "application/json", "text/plain; charset=utf-8"
	for name, tt := range map[string]struct {
		step string
		want workflow.HTTPCall
	}{
		"get":             {`http: {url: "http://h/{{ .event.body.id }}"}`, workflow.HTTPCall{Method: "GET", URL: "http://h/9007199254740993", Header: key, Timeout: 30 * time.Second}},
		"escaped":         {`http: {url: "http://h/{{ .event.body.name }}?q"}`, workflow.HTTPCall{Method: "GET", URL: "http://h/Octo%20Cat?q", Header: key, Timeout: 30 * time.Second}},
		"post":            {`http: {url: "http://h", body: {b: "{{ .event.body }}", a: [1.50, "<{{ 1 }}>"]}}`, workflow.HTTPCall{Method: "POST", URL: "http://h", Header: with("Content-Type", asJSON), Body: []byte(`{"a":[1.50,"<1>"],"b":{"id":9007199254740993,"name":"Octo Cat"}}`), Timeout: 30 * time.Second}},
		"text":            {`http: {url: "http://h", body: "hello {{ .event.body.name }}"}`, workflow.HTTPCall{Method: "POST", URL: "http://h", Header: with("Content-Type", asText), Body: []byte("hello Octo Cat"), Timeout: 30 * time.Second}},
		"null":            {`http: {url: "http://h", body: "{{ .event.body.none }}"}`, workflow.HTTPCall{Method: "POST", URL: "http://h", Header: with("Content-Type", asJSON), Body: []byte("null"), Timeout: 30 * time.Second}},
		"own type":        {`http: {method: put, url: "http://h", headers: {content-type: text/x}, body: [1]}`, workflow.HTTPCall{Method: "PUT", URL: "http://h", Header: with("Content-Type", "text/x"), Body: []byte("[1]"), Timeout: 30 * time.Second}},
		"headers":         {`http: {url: "http://h", headers: {authorization: "Bearer {{ .secrets.token }}", X-N: 5}}`, workflow.HTTPCall{Method: "GET", URL: "http://h", Header: with("Authorization", "Bearer s3cret/+ value", "X-N", "5"), Timeout: 30 * time.Second}},
		"own timeout":     {`http: {url: "http://h", timeout: 45s}`, workflow.HTTPCall{Method: "GET", URL: "http://h", Header: key, Timeout: 45 * time.Second}},
		"step's timeout":  {`{timeout: 5s, http: {url: "http://h"}}`, workflow.HTTPCall{Method: "GET", URL: "http://h", Header: key, Timeout: 5 * time.Second}},
		"a run's timeout": {"http: {url: 'http://h', timeout: 3h}\ntimeout: 61s", workflow.HTTPCall{Method: "GET", URL: "http://h", Header: key, Timeout: time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := "name: x\nsteps:\n- id: s\n  " + tt.step
			if tt.step[0] == '{' {
				src = "name: x\nsteps:\n- {id: s, " + tt.step[1:]
			}
			d := next(t, compile(t, src), state())
			fresh := started("s")
			fresh.StartedAt = now
			require.NotEmpty(t, d.Perform[0].Step.Input) // TestHTTPCall_Shown says what
			d.Perform[0].Step.Input = nil
			require.Equal(t, workflow.Decision{Perform: []workflow.Task{{Step: fresh, Call: tt.want}}}, d)
		})
	}
}

// A retry that will not come is recorded as failed, with what its last try met.
func TestNext_GivesUp(t *testing.T) {
	t.Parallel()
	d := next(t, compile(t, beside), state(bad("a", 1), asleep("b", 70), asleep("c", 80)))
	b, c := bad("b", 60), bad("c", 60)
	b.Attempt, c.Attempt = 2, 2
	b.Error.Message = "given up when the run ended; the last: the answer was 500"
	c.Error.Message = b.Error.Message
	require.Equal(t, []meshhook.Step{b, c}, d.Steps)

	silent := asleep("b", 70)
	silent.Error = nil
	d = next(t, compile(t, beside), state(bad("a", 1), silent))
	require.Equal(t, &meshhook.Failure{
		Reason: meshhook.FailedCanceled, Message: "given up when the run ended", Step: "b",
	}, d.Steps[0].Error)
}

// Every attempt has the same key, begins when the step began, and forgets the
// failure of the one before it.
func TestNext_Attempts(t *testing.T) {
	t.Parallel()
	d := next(t, compile(t, chain), state(asleep("a", 60)))
	want := started("a")
	want.Attempt = 3
	require.Equal(t, want, d.Perform[0].Step)
	require.Equal(t, http.Header{"Idempotency-Key": {runID.String() + "/a"}}, d.Perform[0].Call.Header)
}

// After a retry nothing is recorded of an item that failed at its first step. It is
// done again, although items behind it are done.
func TestNext_ItemsOfWhichNothingIsRecorded(t *testing.T) {
	t.Parallel()
	p := compile(t, `
name: x
steps:
  - id: each
    foreach:
      in: range(5)
      concurrency: 2
      steps: [{id: send, http: {url: https://example.com}}]
`)
	item := func(id, parent, kind string) meshhook.Step {
		step := done(id, kind, meshhook.StepSucceeded, 1, "1")
		step.Parent = parent
		return step
	}
	s := state(
		item("each[0]", "each", meshhook.StepItem), item("each[0].send", "each[0]", "http"),
		item("each[2]", "each", meshhook.StepItem), item("each[2].send", "each[2]", "http"),
	)
	d := next(t, p, s)
	var begun []string
	for _, task := range d.Perform {
		begun = append(begun, task.Step.ID)
	}
	require.Equal(t, []string{"each[1].send", "each[3].send"}, begun)
}
