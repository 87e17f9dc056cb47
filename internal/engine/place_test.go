package engine_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// How many runs of a workflow are under way at once.
func TestPlaces(t *testing.T) {
	t.Parallel()
	inOneHouse(t, []story{
		{"one at a time, in order", tellOneAtATime},
		{"three at a time", tellThreeAtATime},
		{"a limit for each key", tellALimitForEachKey},
		{"a canceled run frees its place", tellACanceledRunFreesItsPlace},
		{"a dead daemons run keeps its place", tellADeadDaemonsRunKeepsItsPlace},
		{"a sleeping run keeps its place", tellASleepingRunKeepsItsPlace},
		{"a key that fails", tellAKeyThatFails},
		{"the database is away while a place is taken", tellTheDatabaseIsAwayWhileAPlaceIsTaken},
		{"nothing is asked for nothing", tellNothingIsAskedForNothing},
	})
}

// requireBlocked waits until so many runs wait for their place.
func (h *house) requireBlocked(t tester, count int) {
	t.Helper()
	require.Eventually(t, func() bool {
		status, err := h.project.Status(t.Context())
		require.NoError(t, err)
		return status.Blocked == int64(count)
	}, patience, tick)
}

// turnstile is a sink that counts who is between a call to /in and one to /out.
type turnstile struct {
	*sink
	mu    sync.Mutex
	now   int
	most  int
	order []string
	// first keeps the first of all waiting until it is closed.
	first chan struct{}
}

func newTurnstile(t *testing.T) *turnstile {
	c := &turnstile{first: make(chan struct{})}
	c.sink = newSink(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		c.mu.Lock()
		if r.URL.Path == "/in" {
			c.now++
			c.most = max(c.most, c.now)
			c.order = append(c.order, strings.TrimSuffix(r.Header.Get("Idempotency-Key"), "/in"))
		} else {
			c.now--
		}
		first := len(c.order) == 1
		c.mu.Unlock()
		if first {
			pause(c.first)
		}
	})
	return c
}

func (c *turnstile) workflow(name, concurrency string) string {
	return fmt.Sprintf("name: %s\nconcurrency: %s\nsteps:\n  - { id: in, http: { url: \"%s/in\" } }\n  - { id: out, http: { url: \"%s/out\" } }\n",
		name, concurrency, c.URL, c.URL)
}

// pair is two daemons that work with connections of their own, and hear each other.
func (h *house) pair(t *testing.T) (one, two *daemon) {
	t.Helper()
	other := pgtest.Open(t, h.url)
	one, two = h.daemon(t), h.daemon(t, func(o *engine.Options) { o.Store = other })
	for _, d := range []*daemon{one, two} {
		d.work(t, h)
		other.OnRing(postgres.BellRuns, d.Bell().Ring)
	}
	return one, two
}

// requireEnds waits for the ends of so many runs, of either daemon.
func requireEnds(t *testing.T, count int, one, two *daemon) {
	t.Helper()
	for range count {
		var o engine.Outcome
		select {
		case o = <-one.runs:
		case o = <-two.runs:
		case <-time.After(patience):
			require.Fail(t, "waited in vain for a run's end")
		}
		require.Equal(t, "succeeded", o.Status)
	}
}

func tellOneAtATime(t *testing.T, h *house) {
	const runs = 100
	s := newTurnstile(t)
	w := h.apply(t, "single", s.workflow("single", "{ limit: 1 }"))
	one, two := h.pair(t)
	want := []string{h.start(t, w, "{}").String()}
	wait(t, s.came, "the first call")
	for range runs - 1 {
		want = append(want, h.start(t, w, "{}").String())
	}
	h.requireBlocked(t, runs-1)
	close(s.first)
	requireEnds(t, runs, one, two)
	require.Equal(t, 1, s.most)
	require.Equal(t, want, s.order)
}

func tellThreeAtATime(t *testing.T, h *house) {
	const runs = 100
	s := newTurnstile(t)
	close(s.first)
	w := h.apply(t, "three", s.workflow("three", "{ limit: 3 }"))
	one, two := h.pair(t)
	for range runs {
		h.start(t, w, "{}")
	}
	requireEnds(t, runs, one, two)
	require.LessOrEqual(t, s.most, 3)
	require.Len(t, s.order, runs)
	require.Zero(t, s.now)
}

func tellALimitForEachKey(t *testing.T, h *house) {
	s := newTurnstile(t)
	w := h.apply(t, "keyed", s.workflow("keyed", `{ limit: 1, key: ".event.body.customer" }`))
	d := h.daemon(t)
	first := h.start(t, w, `{"customer":"a"}`)
	d.claim(t)
	wait(t, s.came, "the call for a")
	second := h.start(t, w, `{"customer":"a"}`)
	others := []meshhook.ID{h.start(t, w, `{"customer":{"name":"b"}}`), h.start(t, w, `{}`)}
	for range others {
		require.Equal(t, "succeeded", d.finish(t).Status)
	}
	for _, id := range others {
		require.Equal(t, meshhook.RunSucceeded, h.run(t, id).Status)
	}
	blocked := h.run(t, second)
	require.True(t, blocked.Blocked)
	require.Nil(t, blocked.StartedAt, "its time counts from when it begins")
	close(s.first)
	for range 2 {
		require.Equal(t, "succeeded", d.finish(t).Status)
	}
	require.Equal(t, meshhook.RunSucceeded, h.run(t, first).Status)
	require.Equal(t, []string{
		"run.queued", "run.started", "run.queued concurrency", "run.started",
		"step.started in 1", "step.succeeded in 1 200", "step.started out 1", "step.succeeded out 1 200", "run.succeeded",
	}, h.story(t, second))
}

func tellACanceledRunFreesItsPlace(t *testing.T, h *house) {
	s := newTurnstile(t)
	w := h.apply(t, "canceled", s.workflow("canceled", "{ limit: 1 }"))
	d := h.daemon(t)
	first := h.start(t, w, "{}")
	d.claim(t)
	wait(t, s.came, "the call of the first")
	second, third := h.start(t, w, "{}"), h.start(t, w, "{}")
	d.claim(t)
	h.requireBlocked(t, 2)
	h.cancel(t, second)
	h.cancel(t, first)
	close(s.first)
	require.Equal(t, "succeeded", d.finish(t).Status)
	require.Equal(t, meshhook.RunSucceeded, h.run(t, third).Status)
	require.False(t, h.run(t, second).Blocked)
}

func tellADeadDaemonsRunKeepsItsPlace(t *testing.T, h *house) {
	s := newTurnstile(t)
	w := h.apply(t, "dead", s.workflow("dead", "{ limit: 1 }"))
	var dead atomic.Bool
	fails := func(call) error {
		if dead.Load() {
			return errDead
		}
		return nil
	}
	first := h.daemon(t, behind(&gate{DB: h.db, before: fails}))
	held := h.start(t, w, "{}")
	first.claim(t)
	wait(t, s.came, "the call of the first daemon")
	blocked := h.start(t, w, "{}")
	first.claim(t)
	h.requireBlocked(t, 1)
	dead.Store(true)
	close(s.first)
	first.left(t)
	h.abandon(t)

	asked := make(chan string, 100)
	second := h.daemon(t, behind(&gate{DB: h.db, before: func(c call) error {
		asked <- c.name
		return nil
	}}))
	require.Equal(t, "succeeded", second.finish(t).Status)
	require.Equal(t, meshhook.RunSucceeded, h.run(t, held).Status)
	require.Equal(t, meshhook.RunQueued, h.run(t, blocked).Status)
	for len(asked) > 0 {
		require.NotEqual(t, "place", <-asked, "it has its place")
	}
	require.Equal(t, "succeeded", second.finish(t).Status)
	require.Equal(t, meshhook.RunSucceeded, h.run(t, blocked).Status)
}

func tellASleepingRunKeepsItsPlace(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	for name, sleep := range map[string]string{
		"approval": `approval: { message: "go on?" }`,
		"retry":    `http: { url: "` + s.URL + `", retry: { initial: 1h, jitter: 0 } }`,
	} {
		t.Run(name, func(t *testing.T) {
			w := h.apply(t, "sleeping", "name: sleeping\nconcurrency: { limit: 1 }\nsteps: [{ id: sleep, if: .event.body, "+sleep+" }]\n")
			g, sleeps := asleep(h)
			d := h.daemon(t, behind(g))
			held := h.start(t, w, "true")
			d.claim(t)
			wait(t, sleeps, "the run to sleep")
			blocked := h.start(t, w, "false")
			d.claim(t)
			h.requireBlocked(t, 1)
			if name == "approval" {
				_, err := h.project.Decide(t.Context(), held, "", true, "")
				require.NoError(t, err)
			} else {
				_, err := h.raw.Exec(t.Context(), `UPDATE runs SET wake_at = now() WHERE id = $1`, held)
				require.NoError(t, err)
				_, err = h.raw.Exec(t.Context(), `UPDATE run_steps SET next_at = now() WHERE run_id = $1`, held)
				require.NoError(t, err)
			}
			require.Equal(t, "succeeded", d.finish(t).Status)
			require.Equal(t, meshhook.RunSucceeded, h.run(t, held).Status)
			require.Equal(t, "succeeded", d.finish(t).Status)
			require.Equal(t, meshhook.RunSucceeded, h.run(t, blocked).Status)
		})
	}
}

func tellAKeyThatFails(t *testing.T, h *house) {
	id := h.startOf(t, `
concurrency: { limit: 1, key: ".event.body.customer | ascii_downcase" }
steps: [{ id: a, transform: "1" }]
`)
	require.Equal(t, "failed", h.daemon(t).finish(t).Status)
	run := h.run(t, id)
	require.Equal(t, meshhook.FailedExpression, run.Error.Reason)
	require.Regexp(t, "^concurrency: key: .*ascii_downcase", run.Error.Message)
	require.Empty(t, run.Steps)
}

// A place whose answer did not come through is asked for again.
func tellTheDatabaseIsAwayWhileAPlaceIsTaken(t *testing.T, h *house) {
	for name, hide := range map[string]func(g *gate, fail func(call) error){
		"before": func(g *gate, fail func(call) error) { g.before = fail },
		"after":  func(g *gate, fail func(call) error) { g.after = fail },
	} {
		t.Run(name, func(t *testing.T) {
			id := h.startOf(t, "concurrency: { limit: 1 }\nsteps: [{ id: a, transform: \"1\" }]")
			failures := 2
			g := &gate{DB: h.db}
			hide(g, func(c call) error {
				if c.name == "place" && failures > 0 {
					failures--
					return meshhook.Errorf(meshhook.CodeUnavailable, "nothing answers; is Postgres running there?")
				}
				return nil
			})
			require.Equal(t, "succeeded", h.daemon(t, behind(g)).finish(t).Status)
			require.Zero(t, failures)
			require.Equal(t, []string{"run.queued", "run.started", "step.succeeded a 1", "run.succeeded"}, h.story(t, id))
		})
	}
}

// Workflows without concurrency ask for no place, and the others once.
func tellNothingIsAskedForNothing(t *testing.T, h *house) {
	var asked atomic.Int64
	g := &gate{DB: h.db, before: func(c call) error {
		if c.name == "place" {
			asked.Add(1)
		}
		return nil
	}}
	d := h.daemon(t, behind(g))
	for i, head := range []string{"", "concurrency: { limit: 5 }\n"} {
		h.startOf(t, head+`steps: [{ id: a, transform: "1" }]`)
		require.Equal(t, "succeeded", d.finish(t).Status)
		require.Equal(t, int64(i), asked.Load())
	}
}
