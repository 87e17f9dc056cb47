package workflow_test

import (
	"encoding/json"
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

// author draws documents.
type author struct {
	*rapid.T
	b    strings.Builder
	next int // the number of the next step's id
}

// anyWorkflow draws a document of steps of all kinds, up to three deep, whose
// needs may go forwards and backwards in a list but never in a circle.
func anyWorkflow(t *rapid.T) string {
	a := &author{T: t}
	a.b.WriteString("name: x\n")
	if rapid.Bool().Draw(t, "run's timeout") {
		a.b.WriteString("timeout: 5m\n")
	}
	a.b.WriteString("steps:\n")
	a.steps("", 0)
	return a.b.String()
}

func (a *author) steps(indent string, depth int) {
	n := rapid.IntRange(1, 6-2*depth).Draw(a.T, "steps")
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("s%d", a.next)
		a.next++
	}
	rank := rapid.Permutation(slices.Collect(func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
		}
	})).Draw(a.T, "rank")
	inOrder := rapid.Bool().Draw(a.T, "in order")
	for i, id := range ids {
		fmt.Fprintf(&a.b, "%s- id: %s\n", indent, id)
		if !inOrder {
			var needs []string
			for j := range n {
				if rank[j] < rank[i] && rapid.IntRange(0, 2).Draw(a.T, "need") == 0 {
					needs = append(needs, ids[j])
				}
			}
			fmt.Fprintf(&a.b, "%s  needs: [%s]\n", indent, strings.Join(needs, ", "))
		}
		for _, line := range []string{
			rapid.SampledFrom([]string{"if: false", "if: error(\"no\")"}).Draw(a.T, "if"), "timeout: 20s", "continue_on_error: true",
		} {
			if rapid.IntRange(0, 5).Draw(a.T, line) == 0 {
				a.b.WriteString(indent + "  " + line + "\n")
			}
		}
		a.kind(indent+"  ", depth)
	}
}

func (a *author) kind(indent string, depth int) {
	kinds := []string{
		"transform: .steps", "transform: error(\"no\")",
		"http: { url: 'http://h' }", "http: { url: 'http://h', timeout: 1m, retry: { attempts: 2 } }", "http: { url: 'http://h' }",
		"terminate: {}", "terminate: { status: failed }",
		"delay: { for: 5s }", "delay: { for: 10m }", "delay: { for: 0 }",
		"approval: { message: ok }", "approval: { message: ok, timeout: 1m, on_timeout: approve }", "approval: { message: ok, timeout: 10s }",
	}
	if depth < 2 {
		kinds = append(kinds, "branch", "branch", "foreach", "foreach")
	}
	switch kind := rapid.SampledFrom(kinds).Draw(a.T, "kind"); kind {
	case "branch":
		a.b.WriteString(indent + "branch:\n")
		for range rapid.IntRange(0, 2).Draw(a.T, "arms") {
			fmt.Fprintf(&a.b, "%s- when: %t\n%s  steps:\n", indent, rapid.Bool().Draw(a.T, "when"), indent)
			a.steps(indent+"  ", depth+1)
		}
		a.b.WriteString(indent + "- else:\n")
		a.steps(indent+"  ", depth+1)
	case "foreach":
		fmt.Fprintf(&a.b, "%sforeach:\n%s  in: range(%d)\n%s  concurrency: %d\n%s  steps:\n", indent,
			indent, rapid.IntRange(0, 4).Draw(a.T, "items"), indent, rapid.IntRange(1, 3).Draw(a.T, "concurrency"), indent)
		a.steps(indent+"  ", depth+1)
	default:
		a.b.WriteString(indent + kind + "\n")
	}
}

// simulation is an engine that calls nobody: it obeys decisions, answers tasks
// by chance, and dies now and then.
type simulation struct {
	*rapid.T
	program  *workflow.Program
	state    *workflow.State
	recorded map[string]meshhook.Step
	order    []string                 // in which the records were first made
	tasks    map[string]workflow.Task // under way
	deaths   int
	retries  int
}

// record writes a step down; what has ended is never written again.
func (s *simulation) record(step meshhook.Step) {
	require.False(s, s.recorded[step.ID].Status.Ended(), "the step %s has ended and was done again", step.ID)
	if step.Scope() != "" {
		require.False(s, s.recorded[step.Scope()].Status.Ended(), "%s was done in an item that has ended", step.ID)
	}
	if _, known := s.recorded[step.ID]; !known {
		s.order = append(s.order, step.ID)
	}
	s.recorded[step.ID] = step
}

// mayBegin checks that a step begins after those it needs.
func (s *simulation) mayBegin(id string) {
	prefix := id[:strings.LastIndexByte(id, '.')+1]
	for step := range s.program.Definition().All() {
		if prefix+step.ID == id {
			for _, need := range step.Needs {
				require.True(s, s.recorded[prefix+need].Status.Ended(), "%s began before %s had ended", id, need)
			}
		}
	}
}

// obey does what a decision says.
func (s *simulation) obey(d workflow.Decision) {
	for _, step := range d.Steps {
		if _, known := s.recorded[step.ID]; !known {
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
		require.True(s, s.state.Underway[task.Step.ID])
		require.Positive(s, task.Call.Timeout)
		require.Equal(s, s.recorded[task.Step.ID].Attempt+1, task.Step.Attempt)
		s.mayBegin(task.Step.ID)
		s.record(task.Step)
		s.tasks[task.Step.ID] = task
	}
	s.live(d)
}

// live lets something happen: a task ends, a person answers, time passes, or the
// daemon dies.
func (s *simulation) live(d workflow.Decision) {
	if s.deaths > 0 && rapid.IntRange(0, 4).Draw(s.T, "death") == 0 {
		s.deaths--
		s.reload(s.state.Now.Add(15 * time.Second))
		return
	}
	asked := s.asked()
	switch {
	case len(s.tasks) > 0:
		s.end()
	case len(asked) > 0 && (d.Wake.IsZero() || rapid.Bool().Draw(s.T, "answer")):
		require.Equal(s, meshhook.WaitingForApproval, d.WaitingFor)
		step := s.recorded[rapid.SampledFrom(asked).Draw(s.T, "asked")]
		step.Decision = &meshhook.Decision{Approved: rapid.Bool().Draw(s.T, "approved"), By: "me", At: s.state.Now}
		s.recorded[step.ID], s.state.Steps[step.ID] = step, step
	default:
		require.False(s, d.Wake.IsZero(), "the run hangs: %+v", s.recorded)
		require.True(s, d.Wake.After(s.state.Now), "wakes in the past")
		require.NotEmpty(s, d.WaitingFor)
		s.state.Now = d.Wake
		if rapid.Bool().Draw(s.T, "asleep") {
			s.reload(d.Wake)
		}
	}
}

// reload makes the state that another daemon has of the run: without what is
// inside items that have ended, and of foreaches that have.
func (s *simulation) reload(now time.Time) {
	s.tasks = map[string]workflow.Task{}
	old := s.state
	s.state = state()
	s.state.Now, s.state.Random, s.state.Run = now, old.Random, old.Run
	for id, step := range s.recorded {
		if scope := step.Scope(); scope == "" || !s.recorded[scope].Status.Ended() {
			s.state.Steps[id] = step
		}
	}
}

// asked returns the approvals that wait.
func (s *simulation) asked() (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(s.recorded)) {
		if step := s.recorded[id]; step.Kind == workflow.KindApproval && step.Status == meshhook.StepWaiting && step.Decision == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// end lets a task end.
func (s *simulation) end() {
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(s.tasks))).Draw(s.T, "task")
	task := s.tasks[id]
	delete(s.tasks, id)
	s.state.Now = s.state.Now.Add(time.Duration(rapid.Int64Range(1, int64(task.Call.Timeout)).Draw(s.T, "took")))
	result := workflow.Result{Status: rapid.SampledFrom([]int{200, 200, 404, 503}).Draw(s.T, "status")}
	if rapid.IntRange(0, 5).Draw(s.T, "error") == 0 {
		result = workflow.Result{Err: &workflow.ResultError{Reason: meshhook.FailedConnection, Temporary: true}}
	}
	s.record(s.program.Settle(task, s.state, result))
}

// Whatever the workflow and whatever happens: the run ends, what is done is
// never done again but in another attempt, no item is lost, everything begins after what it needs, nothing is left
// half done, and the end stays the end.
func TestNext_EveryRunEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, err := workflow.Parse("x.yaml", []byte(anyWorkflow(t)))
		require.NoError(t, err)
		p, err := workflow.Compile(d)
		require.NoError(t, err)
		s := &simulation{T: t, program: p, state: state(), recorded: map[string]meshhook.Step{}, tasks: map[string]workflow.Task{}, deaths: 3, retries: 3}
		s.state.Random = func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "jitter") }

		for range 5000 { // more than any drawn workflow can take
			decision, err := p.Next(t.Context(), s.state)
			require.NoError(t, err)
			s.obey(decision)
			if f := decision.Finish; f != nil {
				s.checkEnd(decision)
				if f.Status == meshhook.RunSucceeded || s.retries == 0 {
					return
				}
				s.retry()
			}
		}
		require.Fail(t, "the run does not end")
	})
}

// checkItems checks that no item was lost of a foreach that succeeded, but for a run
// that was terminated inside it.
func (s *simulation) checkItems(foreach meshhook.Step) {
	if foreach.Output == nil {
		return
	}
	var items []any
	require.NoError(s, json.Unmarshal(foreach.Input, &items))
	for i := range items {
		item := s.recorded[fmt.Sprintf("%s[%d]", foreach.ID, i)]
		require.Equal(s, meshhook.StepSucceeded, item.Status, "%s[%d]", foreach.ID, i)
	}
}

// retry begins another attempt of the run, as the store does: of what failed, or from
// a step on.
func (s *simulation) retry() {
	s.retries--
	first, now := len(s.order), s.state.Now.Add(time.Second)
	if first > 0 && rapid.Bool().Draw(s.T, "from a step") {
		first = rapid.IntRange(0, first-1).Draw(s.T, "from")
	}
	around := map[string]bool{}
	for _, id := range s.order[first:] {
		for at := s.recorded[id].Parent; at != ""; at = s.recorded[at].Parent {
			around[at] = true
		}
		delete(s.recorded, id)
	}
	old := s.recorded
	s.recorded = map[string]meshhook.Step{}
	var kept []string
	for _, id := range s.order[:first] {
		step, inside := old[id], false
		for at := step.Parent; at != ""; at = old[at].Parent {
			inside = inside || old[at].Status == meshhook.StepSucceeded && !around[at]
		}
		again := around[id] || !inside && step.Status != meshhook.StepSucceeded && step.Status != meshhook.StepSkipped
		if again && (step.Kind != workflow.KindBranch && step.Kind != workflow.KindForeach || step.Input == nil) {
			continue
		}
		if again {
			step.Status, step.StartedAt, step.FinishedAt, step.Output, step.Error = meshhook.StepRunning, now, nil, nil, nil
		}
		s.recorded[id] = step
		kept = append(kept, id)
	}
	s.order = kept
	s.state.Run.StartedAt = &now
	s.reload(now)
}

// checkEnd checks what is left of a run that has ended.
func (s *simulation) checkEnd(d workflow.Decision) {
	f := d.Finish
	missing, terminated, nested := 0, false, false
	for _, step := range s.program.Definition().Steps {
		if _, known := s.recorded[step.ID]; !known {
			missing++
		}
	}
	for _, step := range s.recorded {
		require.True(s, step.Status.Ended(), "%s is left %s", step.ID, step.Status)
		if step.Kind == workflow.KindForeach && step.Status == meshhook.StepSucceeded {
			s.checkItems(step)
		}
		if step.Kind == workflow.KindTerminate && step.Status != meshhook.StepSkipped {
			terminated, nested = terminated || step.Status == meshhook.StepSucceeded, nested || step.Parent != ""
		}
	}
	if f.Status == meshhook.RunSucceeded {
		require.True(s, missing == 0 || terminated)
		require.Nil(s, f.Failure)
	} else {
		require.NotEmpty(s, f.Failure.Reason)
		if id := f.Failure.Step; id != "" {
			require.Equal(s, meshhook.StepFailed, s.recorded[id].Status)
		}
	}
	if f.Failure != nil && f.Failure.Reason == meshhook.FailedTimeout && f.Failure.Step == "" {
		return // what its time cut off has ended now, too
	}
	if nested || slices.ContainsFunc(d.Steps, func(step meshhook.Step) bool {
		return step.Error != nil && strings.HasPrefix(step.Error.Message, "given up")
	}) {
		return // its time is that of the failure which ended the run
	}
	s.reload(s.state.Now)
	again, err := s.program.Next(s.Context(), s.state)
	require.NoError(s, err)
	require.Equal(s, workflow.Decision{Finish: f}, again)
}
