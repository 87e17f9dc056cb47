package workflow_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// anyWorkflow draws a document of up to eight steps, whose needs may go
// forwards and backwards in the document but never in a circle.
func anyWorkflow(t *rapid.T) string {
	n := rapid.IntRange(1, 8).Draw(t, "steps")
	rank := rapid.Permutation(slices.Collect(func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
		}
	})).Draw(t, "rank")
	inOrder := rapid.Bool().Draw(t, "in order")
	var b strings.Builder
	b.WriteString("name: x\n")
	if rapid.Bool().Draw(t, "run's timeout") {
		b.WriteString("timeout: 5m\n")
	}
	b.WriteString("steps:\n")
	for i := range n {
		fmt.Fprintf(&b, "- id: s%d\n", i)
		if !inOrder {
			var needs []string
			for j := range n {
				if rank[j] < rank[i] && rapid.IntRange(0, 2).Draw(t, "need") == 0 {
					needs = append(needs, fmt.Sprintf("s%d", j))
				}
			}
			fmt.Fprintf(&b, "  needs: [%s]\n", strings.Join(needs, ", "))
		}
		for _, line := range []string{
			rapid.SampledFrom([]string{"if: false", "if: error(\"no\")"}).Draw(t, "if"), "timeout: 20s", "continue_on_error: true",
		} {
			if rapid.IntRange(0, 5).Draw(t, line) == 0 {
				b.WriteString("  " + line + "\n")
			}
		}
		kind := rapid.SampledFrom([]string{
			"transform: .steps", "transform: error(\"no\")",
			"http: { url: 'http://h' }", "http: { url: 'http://h', timeout: 1m, retry: { attempts: 2 } }", "http: { url: 'http://h' }",
			"terminate: {}", "terminate: { status: failed }",
		}).Draw(t, "kind")
		b.WriteString("  " + kind + "\n")
	}
	return b.String()
}

// simulation is an engine that calls nobody: it obeys decisions, answers tasks
// by chance, and dies now and then.
type simulation struct {
	*rapid.T
	program *workflow.Program
	state   *workflow.State
	tasks   map[string]workflow.Task // under way
	deaths  int
}

// record writes a step down; what has ended is never written again.
func (s *simulation) record(step meshhook.Step) {
	require.False(s, s.state.Steps[step.ID].Status.Ended(), "the step %s has ended and was done again", step.ID)
	s.state.Steps[step.ID] = step
}

// mayBegin checks that a step begins after those it needs.
func (s *simulation) mayBegin(id string) {
	for _, step := range s.program.Definition().Steps {
		if step.ID == id {
			for _, need := range step.Needs {
				require.True(s, s.state.Steps[need].Status.Ended(), "%s began before %s had ended", id, need)
			}
		}
	}
}

// obey does what a decision says.
func (s *simulation) obey(d workflow.Decision) {
	for _, step := range d.Steps {
		if _, known := s.state.Steps[step.ID]; !known {
			s.mayBegin(step.ID)
		}
		s.record(step)
	}
	if d.Finish != nil {
		require.Empty(s, d.Perform)
		require.True(s, d.Wake.IsZero())
		require.Empty(s, s.tasks, "the run finished over calls under way")
		return
	}
	for _, task := range d.Perform {
		require.False(s, s.state.Underway[task.Step.ID])
		require.Positive(s, task.Call.Timeout)
		require.Equal(s, max(s.state.Steps[task.Step.ID].Attempt, 0)+1, task.Step.Attempt)
		s.mayBegin(task.Step.ID)
		s.record(task.Step)
		s.tasks[task.Step.ID], s.state.Underway[task.Step.ID] = task, true
	}
	require.True(s, len(s.tasks) > 0 || !d.Wake.IsZero(), "the run hangs: %+v", s.state.Steps)
	s.live(d)
}

// live lets something happen: a task ends, time passes, or the daemon dies.
func (s *simulation) live(d workflow.Decision) {
	if s.deaths > 0 && rapid.IntRange(0, 4).Draw(s.T, "death") == 0 {
		s.deaths--
		s.tasks, s.state.Underway = map[string]workflow.Task{}, map[string]bool{}
		s.state.Now = s.state.Now.Add(15 * time.Second)
		return
	}
	if len(s.tasks) == 0 {
		require.True(s, d.Wake.After(s.state.Now), "wakes in the past")
		s.state.Now = d.Wake
		return
	}
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(s.tasks))).Draw(s.T, "task")
	task := s.tasks[id]
	delete(s.tasks, id)
	delete(s.state.Underway, id)
	s.state.Now = s.state.Now.Add(time.Duration(rapid.Int64Range(0, int64(task.Call.Timeout)).Draw(s.T, "took")))
	result := workflow.Result{Status: rapid.SampledFrom([]int{200, 200, 404, 503}).Draw(s.T, "status")}
	if rapid.IntRange(0, 5).Draw(s.T, "error") == 0 {
		result = workflow.Result{Err: &workflow.ResultError{Reason: meshhook.FailedConnection, Temporary: true}}
	}
	s.record(s.program.Settle(task, s.state, result))
}

// Whatever the workflow and whatever happens: the run ends, what is done is
// never done again, everything begins after what it needs, nothing is left
// half done, and the end stays the end.
func TestNext_EveryRunEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, err := workflow.Parse("x.yaml", []byte(anyWorkflow(t)))
		require.NoError(t, err)
		p, err := workflow.Compile(d)
		require.NoError(t, err)
		s := &simulation{T: t, program: p, state: state(), tasks: map[string]workflow.Task{}, deaths: 3}
		s.state.Random = func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "jitter") }

		for range 200 { // 8 steps × (5 attempts + 3 deaths), twice each, is less
			decision, err := p.Next(t.Context(), s.state)
			require.NoError(t, err)
			s.obey(decision)
			if decision.Finish != nil {
				s.checkEnd(decision)
				return
			}
		}
		require.Fail(t, "the run does not end")
	})
}

// checkEnd checks what is left of a run that has ended.
func (s *simulation) checkEnd(d workflow.Decision) {
	f := d.Finish
	all := len(s.state.Steps) == len(s.program.Definition().Steps)
	terminated := false
	for _, step := range s.state.Steps {
		require.True(s, step.Status.Ended(), "%s is left %s", step.ID, step.Status)
		terminated = terminated || step.Kind == "terminate" && step.Status == meshhook.StepSucceeded
	}
	if f.Status == meshhook.RunSucceeded {
		require.True(s, all || terminated)
		require.Nil(s, f.Failure)
	} else {
		require.NotEmpty(s, f.Failure.Reason)
		if id := f.Failure.Step; id != "" {
			require.Equal(s, meshhook.StepFailed, s.state.Steps[id].Status)
		}
	}
	if slices.ContainsFunc(d.Steps, func(step meshhook.Step) bool {
		return step.Error != nil && strings.HasPrefix(step.Error.Message, "given up")
	}) {
		return // its time is that of the failure which ended the run
	}
	again, err := s.program.Next(s.Context(), s.state)
	require.NoError(s, err)
	require.Equal(s, workflow.Decision{Finish: f}, again)
}
