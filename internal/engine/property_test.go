package engine_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// plan is a small workflow and what must come of it. Every step adds the sums of
// the steps that it needs; transforms add one and hand the sum on.
type plan struct {
	steps []planned
	// fatal tells that some step must fail the run.
	fatal bool
}

type planned struct {
	id, kind string
	needs    []int
	skipped  bool
	sum      int // of the steps that it needs
	given    int // what it hands on
}

// The kinds of planned steps, and how each ends.
var planKinds = map[string]struct {
	status   meshhook.StepStatus
	attempts int
}{
	"transform": {meshhook.StepSucceeded, 1},
	"good":      {meshhook.StepSucceeded, 1},
	"flaky":     {meshhook.StepSucceeded, 2}, // answered 503 at first
	"bad":       {meshhook.StepFailed, 1},    // answered 404, and continued
	"fatal":     {meshhook.StepFailed, 1},    // answered 404
	"delay":     {meshhook.StepSucceeded, 1},
	"branch":    {meshhook.StepSucceeded, 1}, // with a call in it
	"foreach":   {meshhook.StepSucceeded, 1}, // of two calls, the second of which is flaky
}

func drawPlan(t *rapid.T) plan {
	var p plan
	for i := range rapid.IntRange(1, 6).Draw(t, "steps") {
		s := planned{
			id:      fmt.Sprintf("s%d", i),
			kind:    rapid.SampledFrom([]string{"transform", "transform", "good", "good", "flaky", "bad", "fatal", "delay", "branch", "foreach", "foreach"}).Draw(t, "kind"),
			skipped: rapid.IntRange(0, 4).Draw(t, "if") == 0,
		}
		for j := range i {
			if rapid.Bool().Draw(t, "needs") {
				s.needs = append(s.needs, j)
				s.sum += p.steps[j].given
			}
		}
		if s.kind == "transform" && !s.skipped {
			s.given = s.sum + 1
		}
		p.fatal = p.fatal || s.kind == "fatal" && !s.skipped
		p.steps = append(p.steps, s)
	}
	return p
}

// source writes the plan as a workflow; a step that terminates it ends it.
func (p plan) source(url string) string {
	var b strings.Builder
	b.WriteString("name: plan\nsteps:\n")
	var all []string
	for _, s := range p.steps {
		var needs []string
		sum := "0"
		for _, j := range s.needs {
			needs = append(needs, p.steps[j].id)
			sum += fmt.Sprintf(" + (.steps.%s.sum? // 0)", p.steps[j].id)
		}
		fmt.Fprintf(&b, "  - id: %s\n    needs: [%s]\n    if: %t\n", s.id, strings.Join(needs, ", "), !s.skipped)
		call := fmt.Sprintf("- { id: %s_in, http: { url: %q, body: \"{{ %s }}\" } }", s.id, url+"/good", sum)
		switch s.kind {
		case "transform":
			fmt.Fprintf(&b, "    transform: \"{sum: (%s + 1)}\"\n", sum)
		case "delay":
			b.WriteString("    delay: { for: 1ms }\n")
		case "branch":
			b.WriteString("    branch:\n      - when: false\n        steps: [{ id: " + s.id + "_not, transform: . }]\n      - else:\n          " + call + "\n")
		case "foreach":
			b.WriteString("    foreach:\n      in: '\"good\", \"flaky\"'\n      concurrency: 2\n      steps:\n        " +
				strings.NewReplacer("/good", "/{{ .item }}", " } }", ", retry: { initial: 1ms, jitter: 0 } } }").Replace(call) + "\n")
		default:
			fmt.Fprintf(&b, "    continue_on_error: %t\n    http: { url: %q, body: \"{{ %s }}\", retry: { initial: 1ms, jitter: 0 } }\n",
				s.kind == "bad", url+"/"+s.kind, sum)
		}
		all = append(all, s.id)
	}
	ids := strings.Join(all, ", ")
	fmt.Fprintf(&b, "  - { id: end, needs: [%[1]s], terminate: { output: \"{{ .steps | {%[1]s} | map_values(.sum? // 0) }}\" } }\n", ids)
	return b.String()
}

// Any workflow, with its daemon dying any number of times between any two calls
// to the store, comes to its end: what is recorded as done is not done again,
// what was under way is done again with the same key and the same body, nothing
// goes out before it is recorded, and nothing begins before what it needs.
func TestAnyRunSurvivesAnyCrash(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, n int) {
		switch {
		case r.URL.Path == "/flaky" && n == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/bad", r.URL.Path == "/fatal":
			w.WriteHeader(http.StatusNotFound)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		id := h.start(t, h.apply(t, "plan", p.source(s.URL)), "")
		crashes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) crash {
			return crash{rapid.IntRange(1, 8).Draw(t, "call"), rapid.Bool().Draw(t, "answered")}
		}), 0, 3).Draw(t, "crashes")
		ended := false
		for _, c := range crashes {
			g, died := mortal(h, c.call, c.answered)
			d := h.daemon(t, behind(g))
			d.live(t, died)
			d.kill()
			h.abandon(t)
			if ended = h.run(t, id).Status.Ended(); ended {
				break
			}
		}
		if !ended {
			h.daemon(t).finish(t)
		}
		p.requireEnd(t, h.run(t, id), h.story(t, id), s.of(id))
	})
}

type crash struct {
	call     int
	answered bool
}

// of returns the bodies that came for each step of a run.
func (s *sink) of(run meshhook.ID) map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	bodies := map[string][]string{}
	for _, h := range s.hits {
		if step, ours := strings.CutPrefix(h.Key, run.String()+"/"); ours {
			bodies[step] = append(bodies[step], h.Body)
		}
	}
	return bodies
}

func (p plan) requireEnd(t *rapid.T, run meshhook.Run, story []string, bodies map[string][]string) {
	t.Helper()
	end := "run.succeeded"
	if p.fatal {
		end = "run.failed"
	}
	last, _, _ := strings.Cut(story[len(story)-1], " ")
	require.Equal(t, end, last, "%q %+v", story, run.Error)
	require.Equal(t, 1, count(story, end), "%q", story)
	require.Equal(t, 1, count(story, "run.started"), "%q", story)
	got := outcomes(t, run)
	sums := []string{}
	for _, s := range p.steps {
		p.requireStep(t, s, got[s.id], story, bodies)
		sums = append(sums, fmt.Sprintf(`"%s":%d`, s.id, s.given))
	}
	if !p.fatal {
		require.Equal(t, "{"+strings.Join(sums, ",")+"}", string(run.Output))
		require.Equal(t, meshhook.StepSucceeded, got["end"].Status)
	}
}

func (p plan) requireStep(t *rapid.T, s planned, got outcome, story []string, all map[string][]string) {
	t.Helper()
	began := slices.IndexFunc(story, func(line string) bool { return about(line, s.id) })
	ended := slices.IndexFunc(story, func(line string) bool { return about(line, s.id) && endsStep(line) })
	if began < 0 {
		require.True(t, p.fatal, "%s never began: %q", s.id, story)
		require.Equal(t, outcome{}, got)
		require.Empty(t, all[s.id])
		return
	}
	require.GreaterOrEqual(t, ended, 0, "%s did not end: %q", s.id, story)
	for i, line := range story {
		require.False(t, i > ended && about(line, s.id), "%s goes on after its end: %q", s.id, story)
		for _, j := range s.needs {
			require.False(t, i > began && about(line, p.steps[j].id), "%s begins before what it needs has ended: %q", s.id, story)
		}
	}
	want := planKinds[s.kind]
	switch {
	case s.skipped:
		require.Equal(t, outcome{Status: meshhook.StepSkipped}, got)
	case p.fatal && slices.Contains([]string{"flaky", "delay", "branch", "foreach"}, s.kind) && got.Status == meshhook.StepFailed: // given up when the run ended
	default:
		require.Equal(t, want.status, got.Status)
		require.GreaterOrEqual(t, got.Attempt, want.attempts)
	}
	if p.inside(t, s, story, all) {
		return
	}
	bodies := all[s.id]
	begun := count(story, "step.started "+s.id+" ")
	require.LessOrEqual(t, len(bodies), begun, "%s went out before it was recorded: %q", s.id, story)
	require.Equal(t, !s.skipped && s.kind != "transform" && s.kind != "delay", len(bodies) > 0, "%s: %q", s.id, story)
	for _, body := range bodies {
		require.Equal(t, fmt.Sprint(s.sum), body)
	}
}

// inside checks the calls of a step that holds steps.
func (p plan) inside(t *rapid.T, s planned, story []string, all map[string][]string) bool {
	t.Helper()
	names := map[string][]string{"branch": {s.id + "_in"}, "foreach": {s.id + "[0]." + s.id + "_in", s.id + "[1]." + s.id + "_in"}}[s.kind]
	for _, name := range names {
		require.True(t, p.fatal || s.skipped == (len(all[name]) == 0), "%s: %q", name, story)
		require.LessOrEqual(t, len(all[name]), count(story, "step.started "+name+" "))
		for _, body := range all[name] {
			require.Equal(t, fmt.Sprint(s.sum), body)
		}
	}
	return names != nil
}

// about tells whether a line of a story is about the step.
func about(line, step string) bool {
	words := strings.Fields(line)
	return len(words) > 1 && words[1] == step && strings.HasPrefix(line, "step.")
}

func endsStep(line string) bool {
	return !slices.ContainsFunc([]string{"step.started ", "step.retrying ", "step.waiting "}, func(kind string) bool { return strings.HasPrefix(line, kind) })
}

// count counts the lines that begin so.
func count(story []string, prefix string) (n int) {
	for _, line := range story {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}
