package workflow_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// A run that is retried begins with what succeeded in it. Of the items that were under
// way at once, one that failed in its first step has left no record.
func TestForeach_RetriedItems(t *testing.T) {
	t.Parallel()
	p := compile(t, `
name: x
steps: [{id: each, foreach: {in: "[range(6)]", concurrency: 3, steps: [{id: send, http: {url: "http://x/"}}]}}]
`)
	s := state()
	for i, task := range next(t, p, s).Perform {
		p.Settle(task, s, workflow.Result{Status: []int{200, 403, 200}[i]})
	}
	require.Equal(t, meshhook.RunFailed, next(t, p, s).Finish.Status)

	again := state()
	for id, record := range s.Steps {
		if record.Status == meshhook.StepSucceeded {
			again.Steps[id] = record
		}
	}
	again.Steps["each"] = meshhook.Step{ID: "each", Kind: workflow.KindForeach, Status: meshhook.StepRunning, Attempt: 1, Input: s.Steps["each"].Input}
	d, log := play(t, p, again)
	require.Equal(t, meshhook.RunSucceeded, d.Finish.Status)
	require.Equal(t, []string{
		"each[1].send called succeeded", "each[3].send called succeeded", "each[4].send called succeeded",
		"each[1] succeeded", "each[3] succeeded", "each[4] succeeded", "each[5].send called succeeded", "each[5] succeeded", "each succeeded",
	}, log)
}
