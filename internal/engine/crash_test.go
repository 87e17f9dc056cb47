package engine_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// What outlives a daemon, and its database.
func TestCrashes(t *testing.T) {
	t.Parallel()
	inOneHouse(t, []story{
		{"a lost lease records nothing", tellALostLeaseRecordsNothing},
		{"a crash at any moment", tellACrashAtAnyMoment},
		{"the database is away for a while", tellTheDatabaseIsAwayForAWhile},
		{"a fault of the store leaves the run", tellAFaultOfTheStoreLeavesTheRun},
		{"a vault that cannot be read fails nothing", tellAVaultThatCannotBeReadFailsNothing},
	})
}

var errDead = errors.New("the daemon is dead")

// A daemon stalls after its call went out and before the answer was recorded. Its
// lease runs out and another one goes on. When the first comes back to itself,
// it changes nothing any more.
func tellALostLeaseRecordsNothing(t *testing.T, h *house) {
	s := newSink(t, nil)
	id := h.startOf(t, `
steps:
  - { id: order, transform: "[.run.started_at]" }
  - { id: crm, http: { url: "`+s.URL+`", method: POST, body: "{{ .steps.order }}" } }
`)
	stalled, resume, late := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	first := h.daemon(t, behind(&gate{
		DB: h.db,
		before: func(c call) error {
			if c.completes("crm") {
				close(stalled)
				pause(resume)
				late <- h.db.Move(t.Context(), c.move)
			}
			return nil
		},
	}))
	first.claim(t)
	wait(t, stalled, "the first daemon to stall")
	h.abandon(t)
	require.Equal(t, "succeeded", h.daemon(t).finish(t).Status)
	run, story := h.run(t, id), h.story(t, id)

	close(resume)
	require.Equal(t, meshhook.CodeLeaseLost, meshhook.ErrorCode(wait(t, late, "the late move")))
	require.NoError(t, first.Stop(t.Context()))
	require.Empty(t, first.runs)
	require.NotContains(t, first.log.String(), "level=ERROR")
	require.Equal(t, run, h.run(t, id))
	require.Equal(t, story, h.story(t, id))

	require.Equal(t, []string{
		"run.queued", "run.started", "step.succeeded order 1", "step.started crm 1",
		"run.recovered", "step.started crm 2", "step.succeeded crm 2 200", "run.succeeded",
	}, story)
	require.Equal(t, map[string]int{id.String() + "/crm": 2}, s.keys())
	one, two := wait(t, s.came, "the first request"), wait(t, s.came, "the second request")
	require.Equal(t, one, two, "what is sent again is what was sent before")
}

// mortal is a gate whose daemon dies at its nth call to the store: before the
// call reaches the database, or when the answer is on its way. died is closed then.
func mortal(h *house, n int, answered bool) (g *gate, died chan struct{}) {
	g, died = &gate{DB: h.db}, make(chan struct{})
	var mu sync.Mutex
	calls, dead := 0, false
	g.before = func(call) error {
		mu.Lock()
		defer mu.Unlock()
		if !dead {
			calls++
			dead = calls == n && !answered
			if dead {
				close(died)
			}
		}
		if dead {
			return errDead
		}
		return nil
	}
	g.after = func(call) error {
		mu.Lock()
		defer mu.Unlock()
		if !dead && answered && calls >= n {
			dead = true
			close(died)
		}
		if dead {
			return errDead
		}
		return nil
	}
	return g, died
}

// live drives runs until one has ended or the daemon has died, and returns
// whether it died.
func (d *daemon) live(t tester, died chan struct{}) bool {
	t.Helper()
	for {
		if _, err := d.Claim(t.Context()); err != nil {
			require.ErrorIs(t, err, errDead)
			return true
		}
		select {
		case <-d.runs:
			return false
		case <-died:
			return true
		case <-d.Bell().C():
		}
	}
}

// Whatever the moment between two calls to the store at which the daemon dies,
// another one brings the run to the same end.
func tellACrashAtAnyMoment(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if r.URL.Path == "/twice" && n == 1 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	w := h.apply(t, "crash", `
name: crash
steps:
  - { id: first, transform: "1" }
  - { id: twice, http: { url: "`+s.URL+`/twice", retry: { initial: 30ms, jitter: 0 } } }
  - { id: left, http: { url: "`+s.URL+`/left" } }
  - { id: right, needs: [twice], http: { url: "`+s.URL+`/right" } }
  - { id: sum, needs: [left, right], transform: ".steps.first + 1" }
  - { id: end, terminate: { output: "{{ .steps.sum }}" } }
`)
	successor := h.daemon(t)
	for _, answered := range []bool{false, true} {
		crashed := true
		for n := 1; crashed; n++ {
			t.Run(fmt.Sprintf("call %d, answered %t", n, answered), func(t *testing.T) {
				id := h.start(t, w, "")
				g, died := mortal(h, n, answered)
				d := h.daemon(t, behind(g))
				if crashed = d.live(t, died); crashed {
					d.kill()
					h.abandon(t)
					if run := h.run(t, id); !run.Status.Ended() {
						successor.finish(t)
					}
				} else {
					require.Greater(t, n, 8)
				}
				h.requireOneOfEach(t, id, s)
			})
		}
	}
}

// requireOneOfEach checks the end of a run of TestACrashAtAnyMoment.
func (h *house) requireOneOfEach(t tester, id meshhook.ID, s *sink) {
	t.Helper()
	run := h.run(t, id)
	require.Equal(t, meshhook.RunSucceeded, run.Status)
	require.Equal(t, "2", string(run.Output))
	got := map[string]string{}
	for step, o := range outcomes(t, run) {
		require.Equal(t, meshhook.StepSucceeded, o.Status, step)
		got[step] = o.Output
	}
	require.Equal(t, map[string]string{
		"first": "1", "twice": "200 null", "left": "200 null", "right": "200 null", "sum": "2", "end": "2",
	}, got)

	story := strings.Join(h.story(t, id), "\n") + "\n"
	for step := range got {
		require.Equal(t, 1, strings.Count(story, "step.succeeded "+step+" "), "%s in\n%s", step, story)
	}
	require.Equal(t, 1, strings.Count(story, "run.started\n"), story)
	require.Equal(t, 1, strings.Count(story, "run.succeeded\n"), story)
	for _, step := range []string{"twice", "left", "right"} {
		calls, begun := s.keys()[id.String()+"/"+step], strings.Count(story, "step.started "+step+" ")
		require.Positive(t, calls, step)
		require.LessOrEqual(t, calls, begun, "%s: nothing goes out that is not recorded:\n%s", step, story)
		require.LessOrEqual(t, begun, 3, "%s is begun again by its successor only:\n%s", step, story)
	}
}

// While the database is away, the engine keeps what came of a call.
func tellTheDatabaseIsAwayForAWhile(t *testing.T, h *house) {
	s := newSink(t, nil)
	w := h.apply(t, "away", `
name: away
steps:
  - { id: crm, http: { url: "`+s.URL+`" } }
  - { id: after, transform: ".steps.crm.status" }
  - { id: more, http: { url: "`+s.URL+`" } }
`)
	away := meshhook.Errorf(meshhook.CodeUnavailable, "nothing answers; is Postgres running there?")
	for name, hide := range map[string]func(g *gate, fail func(call) error){
		"before it heard of the move":    func(g *gate, fail func(call) error) { g.before = fail },
		"before its answer came through": func(g *gate, fail func(call) error) { g.after = fail },
	} {
		t.Run(name, func(t *testing.T) {
			id := h.start(t, w, "")
			failures := 3
			g := &gate{DB: h.db}
			hide(g, func(c call) error {
				if c.completes("crm") && failures > 0 {
					failures--
					return away
				}
				return nil
			})
			d := h.daemon(t, behind(g))
			require.Equal(t, "succeeded", d.finish(t).Status)
			require.Zero(t, failures)
			require.Equal(t, map[string]outcome{
				"crm":   {Status: meshhook.StepSucceeded, Attempt: 1, Output: "200 null"},
				"after": {Status: meshhook.StepSucceeded, Attempt: 1, Output: "200"},
				"more":  {Status: meshhook.StepSucceeded, Attempt: 1, Output: "200 null"},
			}, outcomes(t, h.run(t, id)))
			// A move whose answer got lost is recorded again, and its entries with it.
			require.Equal(t, []string{
				"run.queued", "run.started", "step.started crm 1", "step.succeeded crm 1 200", "step.succeeded after 1",
				"step.started more 1", "step.succeeded more 1 200", "run.succeeded",
			}, unique(h.story(t, id)))
			require.Equal(t, 1, s.keys()[id.String()+"/crm"])
			require.Equal(t, 1, s.keys()[id.String()+"/more"])
		})
	}
}

// unique leaves out what stands in the list before.
func unique(lines []string) (once []string) {
	for _, line := range lines {
		if !slices.Contains(once, line) {
			once = append(once, line)
		}
	}
	return once
}

// When the database fails otherwise, the run is left for whoever goes on.
func tellAFaultOfTheStoreLeavesTheRun(t *testing.T, h *house) {
	id := h.startOf(t, `steps: [{ id: a, transform: "1" }]`)
	d := h.daemon(t, behind(&gate{DB: h.db, before: func(c call) error {
		if c.name == "version" || c.name == "secrets" {
			return meshhook.Errorf(meshhook.CodeUnavailable, "the %s cannot be read", c.name)
		}
		return nil
	}}))
	d.claim(t)
	d.left(t)
	require.Contains(t, d.log.String(), "it goes on when its lease has run out")
	require.Equal(t, meshhook.RunRunning, h.run(t, id).Status)
	h.abandon(t)
	require.Equal(t, "succeeded", h.daemon(t).finish(t).Status)
	require.Equal(t, []string{"run.queued", "run.started", "run.recovered", "step.succeeded a 1", "run.succeeded"}, h.story(t, id))
}

// A vault that cannot be read is another such fault, not a missing secret.
func tellAVaultThatCannotBeReadFailsNothing(t *testing.T, h *house) {
	id := h.startOf(t, `steps: [{ id: a, transform: ".secrets.token | length" }]`)
	g, died := mortal(h, 3, false)
	d := h.daemon(t, behind(g))
	d.claim(t)
	wait(t, died, "the third call: claim, version, secrets")
	d.left(t)
	require.Equal(t, meshhook.RunRunning, h.run(t, id).Status)
	_, err := d.Claim(t.Context())
	require.ErrorIs(t, err, errDead)
	h.cancel(t, id)
}

// left waits until the engine drives nothing.
func (d *daemon) left(t tester) {
	t.Helper()
	require.Eventually(t, func() bool { return d.Active() == 0 }, patience, tick)
}
