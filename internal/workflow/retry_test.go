package workflow_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// What is in items that have ended is not kept, however they ended.
func TestForeach_KeepsNothingOfEndedItems(t *testing.T) {
	t.Parallel()
	p := compile(t, `
name: x
steps:
  - id: each
    foreach:
      in: "[range(50)]"
      steps:
        - id: inner
          continue_on_error: true
          timeout: 1h
          foreach:
            in: "[range(20)]"
            concurrency: 10
            steps: [{id: wait, delay: {for: 1}}, {id: bad, if: .item == 15, transform: "error(\"no\")"}]
        - { id: out, transform: .steps.inner.error.message }
`)
	s := state()
	most := 0
	for {
		d := next(t, p, s)
		most = max(most, len(s.Steps))
		if d.Finish != nil {
			require.Equal(t, meshhook.RunSucceeded, d.Finish.Status)
			break
		}
		if !d.More {
			s.Now = d.Wake
		}
	}
	require.Len(t, s.Steps, 1)
	require.Less(t, most, 50+3*20, "the items that have ended, and what is in one")
}

// A run that is retried begins with what succeeded in it. Of the items that were under
// way at once, one that failed in its first step has left no record.
func TestForeach_RetriedItems(t *testing.T) {
	t.Parallel()
	p := compile(t, `
name: x
steps: [{id: each, foreach: {in: "[range(6)]", concurrency: 3, steps: [{id: send, http: {url: "http://x/"}}]}}]
`)
	s := state()
	d := next(t, p, s)
	records := d.Steps // the foreach has begun
	for i, task := range d.Perform {
		records = append(records, p.Settle(task, s, workflow.Result{Status: []int{200, 403, 200}[i]}))
	}
	d = next(t, p, s)
	require.Equal(t, meshhook.RunFailed, d.Finish.Status)

	again := state()
	for _, record := range append(records, d.Steps...) {
		if record.Status == meshhook.StepSucceeded || record.Status == meshhook.StepRunning {
			again.Steps[record.ID] = record
		}
	}
	d, log := play(t, p, again)
	require.Equal(t, meshhook.RunSucceeded, d.Finish.Status)
	require.Equal(t, []string{
		"each[1].send called succeeded", "each[3].send called succeeded", "each[4].send called succeeded",
		"each[1] succeeded", "each[3] succeeded", "each[4] succeeded", "each[5].send called succeeded", "each[5] succeeded", "each succeeded",
	}, log)
}
