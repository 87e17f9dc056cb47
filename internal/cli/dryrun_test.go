package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/workflow"
)

// ended records a run of the workflow hello on an event, with its one step a.
func (u *user) ended(project *postgres.Tenant, event meshhook.ID, status meshhook.RunStatus, output string) meshhook.ID {
	u.t.Helper()
	ctx := u.t.Context()
	db := pgtest.Open(u.t, strings.TrimPrefix(u.env[1], "MESHHOOK_DATABASE_URL="))
	v, err := project.Version(ctx, "hello", 1)
	require.NoError(u.t, err)
	run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: v.WorkflowID, Workflow: "hello", Version: 1, EventID: &event, Webhook: "a"}
	require.NoError(u.t, project.StartRun(ctx, run))
	claims, err := db.ClaimRuns(ctx, meshhook.NewID(), 1, time.Minute)
	require.NoError(u.t, err)
	require.Len(u.t, claims, 1)
	at := time.Now().UTC().Truncate(time.Microsecond)
	step := meshhook.Step{ID: "a", Kind: "transform", Status: meshhook.StepSucceeded, Attempt: 1, StartedAt: at, FinishedAt: &at, Output: json.RawMessage(output)}
	move := meshhook.RunMove{RunID: run.ID, ProjectID: project.ID(), Fence: claims[0].Fence, Status: status, FinishedAt: at, Steps: []meshhook.Step{step}}
	if status == meshhook.RunFailed {
		move.Error = &meshhook.Failure{Reason: meshhook.FailedTimeout, Message: "late"}
	}
	require.NoError(u.t, db.Move(ctx, move))
	return run.ID
}

// One line says of each event what would become of it; nothing becomes of it.
func TestReplayingManyDry(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	u.must("workflow apply -f " + u.file("hello.yaml", "name: hello\nsteps: [{id: a, transform: .event.body.n}]\n"))
	u.must("webhook create --path a --workflow hello --verify none --filter .event.body.n")
	n := func(body string) func(*meshhook.Event) {
		return func(e *meshhook.Event) {
			e.Body, e.BodySize, e.ContentType = []byte(body), int64(len(body)), "application/json"
		}
	}
	project, ids := u.log(n(`{"n":1}`), n(`{"n":2}`), n(`{"n":3}`), n("[]"), func(e *meshhook.Event) { e.BodyTruncated, e.BodySize = true, 9 })
	first := u.ended(project, ids[0], meshhook.RunSucceeded, "1")
	u.ended(project, ids[0], meshhook.RunFailed, "7") // a success says more
	u.ended(project, ids[1], meshhook.RunFailed, "7")
	const command = "event replay --webhook a --since 1h --dry-run"
	u.terminal = true
	got := u.runs(command + " --no-color")
	require.Equal(t, 0, got.code)
	require.Equal(t, []string{
		ids[0].String() + "  same  -", ids[1].String() + "  differs  a, the run", ids[2].String() + "  new  -",
		ids[3].String() + "  fails  step a: expression: transform: expression \".event.body.n\": expected an object but got: array ([])",
		ids[4].String() + "  refused  conflict", "",
		"same     1", "differs  1", "fails    1", "new      1", "refused  1 (conflict 1)", "failed   0", "",
	}, strings.Split(got.out, "\n"))
	require.Empty(t, got.err, "there is nothing to ask")

	var many rehearsedMany
	require.NoError(t, json.Unmarshal([]byte(u.must(command+" --json")), &many))
	require.Len(t, many.Events, 5)
	require.Equal(t, rehearsed{Event: ids[0], Verdict: verdictSame, ComparedWith: &first}, many.Events[0])
	require.Equal(t, []string{"a", ""}, many.Events[1].Steps)

	require.Contains(t, u.must("event replay "+ids[1].String()+" --dry-run --no-color"), "\na\n  succeeded\n  output:\n- 7\n+ 2\n\nthe run\n- failed\n- timeout: late\n+ succeeded\n")
	require.Contains(t, u.must("event replay "+ids[1].String()+" --dry-run"), "\n\x1b[31m- 7\x1b[0m\n\x1b[32m+ 2\x1b[0m\n")
	require.Contains(t, u.must("event replay "+ids[0].String()+" --dry-run -o table --no-color"), "\nresult         unchanged\n")
	require.Contains(t, u.must("workflow run hello --version 1 --dry-run --no-color"), "✓  a     transform  succeeded  computed  -\n")
	u.secret = "hush-hush"
	u.must("secret set token")
	got = u.runs("workflow run -f " + u.file("s.yaml", "name: s\nsteps: [{id: a, transform: .secrets.token}, {id: end, terminate: {output: '{{ .steps.a }}'}}]\n") + " --dry-run -o json")
	require.Contains(t, got.out, `"output": "••••••"`)
	require.NotContains(t, got.out, "hush")

	runs, err := project.Runs(t.Context(), meshhook.RunFilter{})
	require.NoError(t, err)
	require.Len(t, runs, 3)
	audit, err := project.AuditLog(t.Context(), meshhook.AuditFilter{Action: meshhook.AuditEventReplayed})
	require.NoError(t, err)
	require.Len(t, audit, 3, "those of the runs above")

	// Nobody can say what a webhook that is gone would start.
	_, ids = u.log(func(e *meshhook.Event) { e.EndpointID = meshhook.NewID() })
	got = u.runs(command + " --cursor " + many.Events[4].Event.String())
	require.Equal(t, 1, got.code)
	require.Contains(t, got.out, "failed   1\n")
	require.Contains(t, got.err, "event "+ids[0].String()+": the webhook a, which took this event, is gone")
	require.Equal(t, 2, u.runs("event replay --webhook a --dry-run").code)
	require.Equal(t, 3, u.runs(command+" --version 9").code)

	// A rejected one is judged again, and what has a run is left out.
	_, ids = u.log(rejected, func(e *meshhook.Event) { rejected(e); n(`{"n":1}`)(e) })
	got = u.runs(command + " --status rejected --no-color")
	require.Contains(t, got.out, ids[0].String()+"  refused  invalid\n"+ids[1].String()+"  new  -\n")
	require.Contains(t, u.must("event replay "+ids[1].String()+" --dry-run"), "nothing: no run of the event has ended")
	require.Equal(t, 1, u.runs("event replay "+ids[0].String()+" --dry-run").code)
	require.Equal(t, 0, u.runs("event replay "+ids[0].String()+" --dry-run --force").code)
}

const dryFile = `name: dry
steps:
  - { id: wait, delay: { for: 90m } }
  - { id: ok, approval: { message: "Go?" } }
  - { id: plain, http: { url: "http://h", method: PUT, body: "a\nb" } }
  - { id: each, foreach: { in: "[range(120)]", steps: [{ id: send, http: { url: "http://h/{{ .item }}" } }] } }
---
name: bad
steps:
  - { id: a, transform: .event.body | error }
`

// A file that nobody applied is tried without a database.
func TestRunningAFileDry(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	file, body := u.file("dry.yaml", dryFile), u.file("body.json", `"no"`)
	got := u.runs("workflow run dry -f " + file + " --dry-run")
	require.Equal(t, 0, got.code)
	require.Contains(t, got.out, "dry run of\tdry\nstatus\tsucceeded\nnot sent\t121 calls; steps after that see null\n\n"+
		"✓\twait\tdelay\tsucceeded\tcomputed\twould wait 1h30m\n"+
		"✓\tok\tapproval\tsucceeded\tassumed\ttaken to be approved\n"+
		"✓\tplain\thttp\tsucceeded\tnot sent\twould send PUT http://h\n"+
		"✓\teach\tforeach\tsucceeded\tcomputed\t\n"+
		"✓\teach[0].send\thttp\tsucceeded\tnot sent\twould send GET http://h/0\n")
	require.Contains(t, got.out, "\nplain would send\n  PUT http://h\n  content-type: text/plain; charset=utf-8\n  idempotency-key: ")
	require.Contains(t, got.out, "/plain\n\n  a\n  b\n")
	require.Equal(t, "24 steps left out; -o json prints all\n", got.err)

	got = u.runs("workflow run bad -f " + file + " --dry-run --body " + body)
	require.Equal(t, 0, got.code, "that it would fail could be told")
	require.Contains(t, got.out, "status\tfailed\nerror\tstep a: expression: ")
	require.Contains(t, u.must("workflow run bad -f "+file+" --dry-run -o yaml"), "dry_run: true\n")
	for command, want := range map[string]result{
		"workflow run":                                {2, "", "ID"},
		"workflow run -f F --dry-run":                 {2, "", "holds several workflows; name one of dry, bad"},
		"workflow run x -f F --dry-run":               {3, "", `holds no workflow "x"; there is dry, bad`},
		"workflow run -f nothing.yaml --dry-run":      {1, "", "nothing.yaml"},
		"workflow run x --dry-run --wait":             {2, "", "leave one out"},
		"workflow run dry -f F --dry-run --version 2": {2, "", "leave one out"},
		"workflow run dry -f - --body - --dry-run":    {2, "", "both"},
		"workflow run dry -f F":                       {2, "", "add --dry-run"},
		"workflow run dry --version 0":                {2, "", "versions count from 1"},
		"workflow run dry --dry-run":                  {5, "", ""},
	} {
		got := u.runs(strings.ReplaceAll(command, "F", file))
		require.Equal(t, want.code, got.code, command)
		require.Contains(t, got.err, want.err, command)
	}
}

// What is too much for a person is left out, and said to be.
func TestALongComparisonIsCut(t *testing.T) {
	t.Parallel()
	var changes []workflow.Change
	for range 102 {
		changes = append(changes, workflow.Change{Step: "s\x1b", Is: &workflow.Outcome{
			Status: "succeeded", Source: workflow.SourceAssumed, Error: &meshhook.Failure{Reason: "x", Message: "y", Step: "s"}, Request: json.RawMessage(`{"method":"GET","url":"u"}`),
		}})
	}
	var err, b strings.Builder
	a := &app{IO: IO{Err: &err}}
	a.addChanges(&b, changes)
	require.Equal(t, strings.Repeat("\ns\\x1b\n+ succeeded (assumed)\n+ step s: x: y\n+ request:\n+ GET u\n", 100), b.String())
	require.Equal(t, "2 differences left out; -o json prints all\n", err.String())
	require.Equal(t, strings.Repeat("s\x1b, ", 10)+"and 92 more", changedSteps(changes))
}

func TestRequestsAreLegible(t *testing.T) {
	t.Parallel()
	for input, want := range map[string][]string{
		`{"method":"POST","url":"u","headers":{"b":"2","a":"1"},"body":{"x":[1]}}`: {"POST u", "a: 1", "b: 2", "", "{", `  "x": [`, "    1", "  ]", "}"},
		`{"method":"POST","url":"u","body":"a\nb","body_truncated":true}`:          {"POST u", "", "a", "b", "…"},
		`{"method":"POST","url":"u","body_base64":"AAE="}`:                         {"POST u", "", "AAE="},
		`{"method":"GET","url":"u"}`:                                               {"GET u"},
	} {
		require.Equal(t, want, readRequest(json.RawMessage(input)).lines(), input)
	}
}
