package tui

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// nestedRun is a run with steps inside others, and waits of all kinds.
func nestedRun() []meshhook.Step {
	end := noon.Add(2 * time.Millisecond)
	later := noon.Add(time.Hour)
	step := func(id, parent, kind string, status meshhook.StepStatus) meshhook.Step {
		s := meshhook.Step{ID: id, Parent: parent, Kind: kind, Status: status, Attempt: 1, StartedAt: noon}
		if status.Ended() {
			s.FinishedAt = &end
		}
		return s
	}
	steps := []meshhook.Step{
		step("each", "", "foreach", meshhook.StepRunning),
		step("each[1].either", "each[1]", "branch", meshhook.StepRunning),
		step("each[1].boss", "each[1].either", "approval", meshhook.StepWaiting),
		step("each[2]", "each", meshhook.StepItem, meshhook.StepFailed),
		step("each[2].send", "each[2]", "http", meshhook.StepFailed),
		step("cool", "", "delay", meshhook.StepWaiting),
		step("open", "", "approval", meshhook.StepWaiting),
		step("lazy", "", "delay", meshhook.StepWaiting),
		step("said", "", "approval", meshhook.StepSucceeded),
		step("ring", "gnir", "branch", meshhook.StepRunning),
		step("gnir", "ring", "branch", meshhook.StepRunning),
	}
	steps[0].Items = map[meshhook.StepStatus]int64{meshhook.StepSucceeded: 5, meshhook.StepFailed: 1, meshhook.StepRunning: 1}
	steps[2].Input, steps[2].NextAt = json.RawMessage(`{"message":"Refund \u001b?"}`), &later
	steps[4].Error = &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "the answer was 503"}
	steps[4].Attempt = 5
	steps[5].NextAt = &later
	steps[6].Input, steps[6].Decision = steps[2].Input, &meshhook.Decision{Approved: true, By: "cli:ann@desk"}
	steps[8].Decision = &meshhook.Decision{By: "token:ci", Note: "no\n"}
	return steps
}

func TestStepsStandBelowTheirs(t *testing.T) {
	t.Parallel()
	d := &doc{styles: newStyles(newRenderer(io.Discard, true)), width: 80}
	for _, s := range nested(nestedRun()) {
		d.step(s, nil, time.UTC)
	}
	require.Equal(t, strings.TrimPrefix(`
   › each                 foreach    running   5 succeeded, 1 failed, 1 running
     ✗ [2]                item       failed    2ms
       ✗ send             http       failed    attempt 5 2ms
         ✗ http_status: the answer was 503
     › [1]                item       running
       › either           branch     running
›      ▸ ⏸ boss           approval   waiting                                     
           waits for approval: Refund \x1b? (until 2026-01-02T13:00:00.000Z)
   ⏸ cool                 delay      waiting
     goes on at 2026-01-02T13:00:00.000Z
 ▸ ⏸ open                 approval   waiting
     approved by cli:ann@desk
   ⏸ lazy                 delay      waiting
   ✓ said                 approval   succeeded 2ms
     rejected by token:ci: no
`, "\n"), strings.ReplaceAll(strings.Join(d.lines, "\n")+"\n", `\n`, ""))
}
