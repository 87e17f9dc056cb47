package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/workflow"
)

// treeSource has a step of every kind.
const treeSource = `
name: orders
steps:
  - id: order
    transform: "{total: .event.body.total}"
  - id: crm
    if: ".steps.order.total > 0"
    http: {url: "https://crm.example.com/"}
  - id: kind
    branch:
      - when: ".steps.order.total > 1000"
        steps:
          - id: big
            transform: "1"
          - id: boss
            approval: {message: "Refund?", timeout: 1h}
      - else:
          - id: small
            transform: "2"
  - id: each
    foreach:
      in: ".event.body.lines[]"
      concurrency: 4
      steps:
        - id: send
          http: {url: "https://example.com/"}
        - id: note
          transform: "."
  - id: cool
    delay: {for: 10m}
  - id: end
    terminate: {status: succeeded}
`

var noonOfTree = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// after is a moment some milliseconds after noon.
func after(ms int) time.Time { return noonOfTree.Add(time.Duration(ms) * time.Millisecond) }

func definitionOfTree(t *testing.T, source string) *workflow.Definition {
	t.Helper()
	d, err := workflow.Parse("orders.yaml", []byte(source))
	require.NoError(t, err)
	return d
}

// stepOf is a record that lasted two milliseconds, unless it has not ended.
func stepOf(id, parent, kind string, status meshhook.StepStatus, more ...func(*meshhook.Step)) meshhook.Step {
	s := meshhook.Step{ID: id, Parent: parent, Kind: kind, Status: status, Attempt: 1, StartedAt: after(0)}
	if status.Ended() {
		end := after(2)
		s.FinishedAt = &end
	}
	for _, change := range more {
		change(&s)
	}
	return s
}

func input(text string) func(*meshhook.Step) {
	return func(s *meshhook.Step) { s.Input = json.RawMessage(text) }
}

func output(text string) func(*meshhook.Step) {
	return func(s *meshhook.Step) { s.Output = json.RawMessage(text) }
}

func attempts(n int) func(*meshhook.Step) { return func(s *meshhook.Step) { s.Attempt = n } }

func until(at time.Time) func(*meshhook.Step) { return func(s *meshhook.Step) { s.NextAt = &at } }

func failed(reason meshhook.FailureReason, message string) func(*meshhook.Step) {
	return func(s *meshhook.Step) { s.Error = &meshhook.Failure{Reason: reason, Message: message, Step: s.ID} }
}

func failedBy(inner string) func(*meshhook.Step) {
	return func(s *meshhook.Step) {
		s.Error = &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "the answer was 503", Step: inner}
	}
}

func withItems(counts map[meshhook.StepStatus]int64) func(*meshhook.Step) {
	return func(s *meshhook.Step) { s.Items = counts }
}

// treeRun is a run in the middle of its foreach.
func treeRun() []meshhook.Step {
	return []meshhook.Step{
		stepOf("order", "", "transform", meshhook.StepSucceeded, output(`{"total":5}`)),
		stepOf("crm", "", "http", meshhook.StepSucceeded, attempts(3), output(`{"status":201,"headers":{},"body":null,"duration_ms":2}`)),
		stepOf("kind", "", "branch", meshhook.StepRunning, input(`{"taken":0}`)),
		stepOf("big", "kind", "transform", meshhook.StepSucceeded),
		stepOf("boss", "kind", "approval", meshhook.StepWaiting, input(`{"message":"Refund 100?"}`), until(after(3600_000))),
		stepOf("each", "", "foreach", meshhook.StepRunning, input(`[1,2,3,4,5,6]`),
			withItems(map[meshhook.StepStatus]int64{meshhook.StepSucceeded: 2, meshhook.StepFailed: 1, meshhook.StepRunning: 1})),
		stepOf("each[2].send", "each[2]", "http", meshhook.StepWaiting, attempts(2), until(after(64_000)), failed(meshhook.FailedHTTPStatus, "the answer was 503")),
		stepOf("each[3].send", "each[3]", "http", meshhook.StepFailed, failed(meshhook.FailedHTTPStatus, "the answer was 404 Not Found")),
		stepOf("each[3]", "each", meshhook.StepItem, meshhook.StepFailed, failedBy("each[3].send")),
	}
}

// lines draws without colours, without a trailing newline.
func linesOf(t *testing.T, steps []meshhook.Step, d *workflow.Definition, o treeOptions) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, writeSteps(&b, steps, d, o))
	return b.String()
}

func TestATreeOfSteps(t *testing.T) {
	t.Parallel()
	d := definitionOfTree(t, treeSource)
	require.Equal(t, `✓ order       transform  succeeded  2ms
✓ crm         http       succeeded  3 attempts · HTTP 201 · 2ms
› kind        branch     running    for 4s
├─ when .steps.order.total > 1000
│  ├─ ✓ big   transform  succeeded  2ms
│  └─ ⏸ boss  approval   waiting    waits for approval: Refund 100? (until 13:00:00Z, in 59m)
└─ else: not taken
› each        foreach    running    6 items: 2 succeeded, 1 failed, 1 running, 2 not begun · for 4s
├─ ✗ [3]      item       failed     by each[3].send
│  ├─ ✗ send  http       failed     http_status: the answer was 404 Not Found · 2ms
│  └─ · note  transform  not begun
└─ › [2]      item       running    for 4s
   ├─ ↻ send  http       waiting    waits for attempt 3 at 12:01:04Z, in 1m; the last: http_status: the answer was 503 · 2 attempts
   └─ · note  transform  not begun
· cool        delay      not begun
· end         terminate  not begun
`, linesOf(t, treeRun(), d, treeOptions{now: after(4000)}))
}

func TestATreeInASCII(t *testing.T) {
	t.Parallel()
	steps := []meshhook.Step{
		stepOf("kind", "", "branch", meshhook.StepSucceeded, input(`{"taken":1}`)),
		stepOf("small", "kind", "transform", meshhook.StepSucceeded),
		stepOf("crm", "", "http", meshhook.StepSkipped),
	}
	require.Equal(t, `· order        transform  not begun
- crm          http       skipped    if .steps.order.total > 0
✓ kind         branch     succeeded  2ms
|- when .steps.order.total > 1000: not taken
+- else
   +- ✓ small  transform  succeeded  2ms
· each         foreach    not begun
· cool         delay      not begun
· end          terminate  not begun
`, strings.ReplaceAll(linesOf(t, steps, definitionOfTree(t, treeSource), treeOptions{plain: true}), "`- ", "+- "))
}

func TestATreeWithoutADefinition(t *testing.T) {
	t.Parallel()
	steps := treeRun()
	steps = append(steps, stepOf("odd", "odd", "transform", meshhook.StepSucceeded), stepOf("ring", "ring2", "branch", meshhook.StepRunning),
		stepOf("ring2", "ring", "branch", meshhook.StepRunning), stepOf("lost[x].y", "lost[x]", "http", meshhook.StepRunning))
	require.Equal(t, `✓ order       transform  succeeded  2ms
✓ crm         http       succeeded  3 attempts · HTTP 201 · 2ms
■ kind        branch     canceled
├─ ✓ big      transform  succeeded  2ms
└─ ■ boss     approval   canceled
■ each        foreach    canceled   6 items: 2 succeeded, 1 failed, 1 canceled, 2 not begun
├─ ✗ [3]      item       failed     by each[3].send
│  └─ ✗ send  http       failed     http_status: the answer was 404 Not Found · 2ms
└─ ■ [2]      item       canceled
   └─ ■ send  http       canceled   http_status: the answer was 503 · 2 attempts
`, linesOf(t, steps, nil, treeOptions{ended: true}))
}

// An unknown step of another version is shown behind those that are known.
func TestATreeOfStepsThatTheDefinitionDoesNotKnow(t *testing.T) {
	t.Parallel()
	d := definitionOfTree(t, "name: x\nsteps: [{id: a, transform: .}]\n")
	require.Equal(t, "· a  transform  not begun\n✓ b  transform  succeeded  2ms\n",
		linesOf(t, []meshhook.Step{stepOf("b", "", "transform", meshhook.StepSucceeded)}, d, treeOptions{}))
}

func TestItemsAreListedUpToTwenty(t *testing.T) {
	t.Parallel()
	items := func(n int) []meshhook.Step {
		steps := []meshhook.Step{stepOf("each", "", "foreach", meshhook.StepFailed, failedBy("each[30]"))}
		for i := range n {
			steps = append(steps, stepOf(fmt.Sprintf("each[%d]", i), "each", meshhook.StepItem, meshhook.StepFailed, failedBy("x")))
		}
		return append(steps, stepOf("each[999]", "each", meshhook.StepItem, meshhook.StepSucceeded))
	}
	d := definitionOfTree(t, "name: x\nsteps: [{id: each, foreach: {in: '.[]', steps: [{id: send, transform: .}]}}]\n")
	twenty := linesOf(t, items(20), d, treeOptions{})
	require.Contains(t, twenty, "21 items: 1 succeeded, 20 failed · by each[30]")
	require.Contains(t, twenty, "[19]")
	require.NotContains(t, twenty, "more")
	require.NotContains(t, twenty, "[999]")
	more := linesOf(t, items(21), d, treeOptions{})
	require.Contains(t, more, "└─ … and 1 more (--full)\n")
	require.NotContains(t, more, "[20]")
	full := linesOf(t, items(21), d, treeOptions{full: true})
	require.Contains(t, full, "[20]")
	require.Contains(t, full, "[999]")
	require.NotContains(t, full, "more")
}

func TestNestedItemsStandUnderTheirs(t *testing.T) {
	t.Parallel()
	d := definitionOfTree(t, `
name: x
steps:
  - id: each
    foreach:
      in: ".[]"
      steps:
        - id: either
          branch:
            - when: "true"
              steps:
                - id: inner
                  foreach: {in: ".[]", steps: [{id: send, transform: .}]}
`)
	require.Equal(t, `› each                    foreach    running  1 item: 1 running
└─ › [7]                  item       running
   └─ › either            branch     running
      └─ when true
         └─ › inner       foreach    running  2 items: 1 running, 1 not begun
            └─ › [0]      item       running
               └─ › send  transform  running
`, linesOf(t, []meshhook.Step{
		stepOf("each", "", "foreach", meshhook.StepRunning, input("[1]"), withItems(map[meshhook.StepStatus]int64{meshhook.StepRunning: 1})),
		stepOf("each[7].either", "each[7]", "branch", meshhook.StepRunning, input(`{"taken":0}`)),
		stepOf("each[7].inner", "each[7].either", "foreach", meshhook.StepRunning, input("[1,2]")),
		stepOf("each[7].inner[0].send", "each[7].inner[0]", "transform", meshhook.StepRunning),
	}, d, treeOptions{}))
}

func TestAnswersInAPipe(t *testing.T) {
	t.Parallel()
	said := func(s *meshhook.Step) {
		s.Decision = &meshhook.Decision{Approved: true, By: "cli:ann@desk", Note: "fine"}
	}
	var out bytes.Buffer
	require.NoError(t, (&app{}).writeFlat(&out, meshhook.Run{Status: meshhook.RunWaiting, Steps: []meshhook.Step{
		stepOf("open", "", "approval", meshhook.StepWaiting, input(`{"message":"Go on?"}`)),
		stepOf("answered", "", "approval", meshhook.StepWaiting, input(`{"message":"Go on?"}`), said),
		stepOf("over", "", "approval", meshhook.StepSucceeded, said),
		stepOf("late", "", "approval", meshhook.StepSucceeded, output(`{"approved":true,"timed_out":true}`)),
	}}))
	var facts []string
	for line := range strings.Lines(out.String()) {
		if cells := strings.Split(strings.TrimSpace(line), "\t"); len(cells) == 7 {
			facts = append(facts, cells[1]+": "+cells[6])
		}
	}
	require.Equal(t, []string{
		"open: waits for approval: Go on?", "answered: approved by cli:ann@desk: fine", "over: approved by cli:ann@desk: fine",
		"late: nobody decided in time",
	}, facts)
}

func TestAnswersAndWaits(t *testing.T) {
	t.Parallel()
	said := func(approved bool, note string) func(*meshhook.Step) {
		return func(s *meshhook.Step) {
			s.Decision = &meshhook.Decision{Approved: approved, By: "cli:ann@desk", Note: note}
		}
	}
	o := treeOptions{now: after(0)}
	for want, s := range map[string]meshhook.Step{
		"⏸ a  approval  waiting  waits for approval":                                      stepOf("a", "", "approval", meshhook.StepWaiting),
		"⏸ a  approval  waiting  approved by cli:ann@desk":                                stepOf("a", "", "approval", meshhook.StepWaiting, said(true, "")),
		"✓ a  approval  succeeded  approved by cli:ann@desk: fine\\n · 2ms":               stepOf("a", "", "approval", meshhook.StepSucceeded, said(true, "fine\n")),
		"✗ a  approval  failed  rejected: rejected by cli:ann@desk · 2ms":                 stepOf("a", "", "approval", meshhook.StepFailed, said(false, ""), failed("rejected", "rejected by cli:ann@desk")),
		"✓ a  approval  succeeded  nobody decided in time · 2ms":                          stepOf("a", "", "approval", meshhook.StepSucceeded, output(`{"approved":true,"timed_out":true}`)),
		"⏸ a  delay  waiting  waits until 2026-03-03T13:00:00.000Z, in 2 days":            stepOf("a", "", "delay", meshhook.StepWaiting, until(after(49*3600_000))),
		"⏸ a  delay  waiting  waits until 2026-03-02T00:30:00.000Z, in 12h30m":            stepOf("a", "", "delay", meshhook.StepWaiting, until(after(45_000_000))),
		"⏸ a  delay  waiting  waits until 12:00:00Z, due":                                 stepOf("a", "", "delay", meshhook.StepWaiting, until(after(0))),
		"⏸ a  delay  waiting  waits until 12:00:00Z, in 0s":                               stepOf("a", "", "delay", meshhook.StepWaiting, until(after(900))),
		"⏸ a  delay  waiting  waits":                                                      stepOf("a", "", "delay", meshhook.StepWaiting),
		"↻ a  http  waiting  waits for attempt 2; the last: timeout: too slow":            stepOf("a", "", "http", meshhook.StepWaiting, failed("timeout", "too slow")),
		"✓ a  http  succeeded  2ms":                                                       stepOf("a", "", "http", meshhook.StepSucceeded, output("nonsense")),
		"✗ a  http  failed  http_status: \\x1b[2J" + strings.Repeat("x", 183) + "… · 2ms": stepOf("a", "", "http", meshhook.StepFailed, failed("http_status", "\x1b[2J"+strings.Repeat("x", 500))),
	} {
		require.Equal(t, want+"\n", linesOf(t, []meshhook.Step{s}, nil, o))
	}
	require.Equal(t, "⏸ a  delay  waiting  waits until 2026-03-01T12:00:00.000Z\n",
		linesOf(t, []meshhook.Step{stepOf("a", "", "delay", meshhook.StepWaiting, until(after(0)))}, nil, treeOptions{}))
}

func TestATreeIsCutAndPainted(t *testing.T) {
	t.Parallel()
	paint := func(text string, tone tail.Tone) string { return fmt.Sprintf("<%d %s>", tone, text) }
	steps := []meshhook.Step{stepOf("a", "", "http", meshhook.StepFailed, failed("timeout", "too slow")), stepOf("亀亀", "", "http", meshhook.StepSkipped)}
	require.Equal(t, fmt.Sprintf("<%d ✗ >a     http  <%d failed   ><%d timeo…>\n<%d - ><%d 亀亀  ><%d http  ><%d skipped>\n",
		tail.Bad, tail.Bad, tail.Bad, tail.Quiet, tail.Quiet, tail.Quiet, tail.Quiet), linesOf(t, steps, nil, treeOptions{width: 29, paint: paint}))
	require.Equal(t, "✗ a …\n- 亀…\n", linesOf(t, steps, nil, treeOptions{width: 5}))
}

// Whatever stands in a record, the terminal gets nothing but text.
func FuzzTree(f *testing.F) {
	f.Add("each", "each[3].send", "each[3]", "http", "failed", `{"taken":0}`, "\x1b[2J")
	f.Add("each[0]", "each", "", "foreach", "running", `[1]`, "]")
	f.Add("[", "]", "[]", "item", "waiting", `{"method":"GET","headers":{"a":"b\nc"},"body":"\u001b"}`, "x[")
	d, err := workflow.Parse("orders.yaml", []byte(treeSource))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, id, other, parent, kind, status, input, text string) {
		record := func(id, parent string) meshhook.Step {
			return stepOf(id, parent, kind, meshhook.StepStatus(status), func(s *meshhook.Step) {
				s.Input, s.Output = json.RawMessage(input), json.RawMessage(input)
				s.Error = &meshhook.Failure{Message: text}
			})
		}
		steps := []meshhook.Step{record(id, parent), record(other, id), record("each", text)}
		for _, definition := range []*workflow.Definition{nil, d} {
			for _, full := range []bool{true, false} {
				for line := range strings.SplitSeq(linesOf(t, steps, definition, treeOptions{full: full, width: 60}), "\n") {
					require.Equal(t, line, tail.Clean(line))
					require.LessOrEqual(t, cells(line), 60)
				}
			}
		}
	})
}
