package engine_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/backoff"
	"github.com/profullstack/meshhook/internal/circuit"
	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/loop"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// What a run sees of the circuit of the host that it calls.
func TestCircuits(t *testing.T) {
	t.Parallel()
	inOneHouse(t, []story{
		{"a dead host is left alone until it revives", tellADeadHostIsLeftAlone},
		{"a refused call is an attempt", tellARefusedCallIsAnAttempt},
		{"what was not sent is nobody's fault", tellWhatWasNotSentIsNobodysFault},
		{"a daemon that stops gives its probe back", tellAStoppedDaemonGivesItsProbeBack},
	})
}

// guarded gives an engine circuits that open for so long, which learn of the others'
// as a daemon's do.
func guarded(t *testing.T, h *house, waits backoff.Policy) (*circuit.Breaker, func(*engine.Options)) {
	t.Helper()
	db := pgtest.Open(t, h.url)
	breaker := circuit.New(circuit.Options{Store: db, Waits: waits})
	bell := loop.NewBell()
	db.OnRing(postgres.BellCircuits, bell.Ring)
	ctx, cancel := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() { db.Hear(ctx) })
	background.Go(func() {
		l := loop.Loop{Name: "circuits", Bell: bell.C(), Every: poll, Work: breaker.Refresh}
		_ = l.Run(ctx) // fails only for a loop without Work
	})
	t.Cleanup(func() {
		cancel()
		background.Wait()
	})
	return breaker, func(o *engine.Options) { o.Circuits, o.Concurrency = breaker, 8 }
}

// Fifty runs of two daemons call a host that is dead. It gets the calls that were
// under way when the circuit opened, and a probe now and then. When it revives, all
// runs go on.
func tellADeadHostIsLeftAlone(t *testing.T, h *house) {
	const runs = 50
	var alive atomic.Bool
	var calls atomic.Int64
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		if !alive.Load() {
			calls.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	w := h.apply(t, "dead", `
name: dead
steps:
  - { id: crm, http: { url: "`+s.URL+`", retry: { attempts: 100, initial: 1ms, multiplier: 1, jitter: 0 } } }
`)
	ids := make([]meshhook.ID, runs)
	for i := range ids {
		ids[i] = h.start(t, w, "")
	}
	waits := backoff.Policy{Initial: 100 * time.Millisecond, Max: 400 * time.Millisecond, Multiplier: 2, Jitter: 0.2}
	var daemons []*daemon
	for range 2 {
		_, change := guarded(t, h, waits)
		d := h.daemon(t, change)
		d.work(t, h)
		daemons = append(daemons, d)
	}
	var trips int
	require.Eventually(t, func() bool {
		var refused int
		require.NoError(t, h.raw.QueryRow(t.Context(), `
			SELECT (SELECT count(DISTINCT run_id) FROM journal WHERE kind = 'step.retrying' AND code = 'circuit_open'),
			       coalesce((SELECT trips FROM circuits), 0)`).Scan(&refused, &trips))
		return refused == runs && trips >= 4
	}, patience, tick)
	// Each daemon makes five calls that fail, while at most seven others are under
	// way; what comes after them are probes.
	require.LessOrEqual(t, calls.Load(), int64(2*(5+7)+trips+1))
	var tries int
	require.NoError(t, h.raw.QueryRow(t.Context(), `SELECT count(*) FROM journal WHERE kind = 'step.retrying'`).Scan(&tries))
	require.Greater(t, tries, runs)

	alive.Store(true)
	for range runs {
		select {
		case o := <-daemons[0].runs:
			require.Equal(t, "succeeded", o.Status)
		case o := <-daemons[1].runs:
			require.Equal(t, "succeeded", o.Status)
		case <-time.After(patience):
			require.Fail(t, "waited in vain for a run's end")
		}
	}
	status, err := h.project.Status(t.Context())
	require.NoError(t, err)
	require.Empty(t, status.Circuits)
}

// A call that does not go out is an attempt of its step, and the step waits until
// the circuit lets the next one through.
func tellARefusedCallIsAnAttempt(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusBadGateway) })
	g, sleeps := asleep(h)
	breaker, change := guarded(t, h, backoff.Policy{})
	id := h.startOf(t, `
steps:
  - { id: crm, http: { url: "`+s.URL+`", retry: { attempts: 6, initial: 1h } } }
`)
	d := h.daemon(t, behind(g), change)
	for range 5 {
		d.claim(t)
		wait(t, sleeps, "the run to sleep")
		d.left(t)
		_, err := h.raw.Exec(t.Context(), `UPDATE runs SET wake_at = now() WHERE id = $1 AND status = 'waiting'`, id)
		require.NoError(t, err)
		_, err = h.raw.Exec(t.Context(), `UPDATE run_steps SET next_at = now() WHERE run_id = $1`, id)
		require.NoError(t, err)
	}
	require.Equal(t, 1, breaker.Open())
	require.Equal(t, "failed", d.finish(t).Status)
	require.Equal(t, []string{
		"step.started crm 5", "step.retrying crm 5 502 http_status", "run.waiting retry",
		"step.started crm 6", "step.failed crm 6 circuit_open", "run.failed crm 1 circuit_open",
	}, tailOf(h.story(t, id), 6))
	run := h.run(t, id)
	host := strings.TrimPrefix(s.URL, "http://")
	require.Contains(t, run.Error.Message, "the circuit of "+host+" is open since its last 5 calls failed (502); it lets a call through at ")
	require.Equal(t, 5, s.keys()[id.String()+"/crm"])

	// One that has attempts left sleeps for as long as the circuit is open.
	id = h.startOf(t, `
steps:
  - { id: crm, http: { url: "`+s.URL+`", retry: { initial: 1ms } } }
`)
	d.claim(t)
	wait(t, sleeps, "the run to sleep")
	require.Greater(t, time.Until(*h.run(t, id).WakeAt), 15*time.Second)
	require.Zero(t, s.keys()[id.String()+"/crm"])
	h.cancel(t, id)
	_, err := h.raw.Exec(t.Context(), `DELETE FROM circuits`)
	require.NoError(t, err)
}

func tailOf(lines []string, count int) []string { return lines[max(len(lines)-count, 0):] }

// A URL that cannot be called and an address that is refused open no circuit.
func tellWhatWasNotSentIsNobodysFault(t *testing.T, h *house) {
	breaker, change := guarded(t, h, backoff.Policy{})
	d := h.daemon(t, change, func(o *engine.Options) { o.Egress = newClient(t) })
	for range 6 {
		h.startOf(t, `
steps:
  - { id: crm, http: { url: "http://127.0.0.1:1/" } }
`)
		require.Equal(t, "failed", d.finish(t).Status)
	}
	require.Zero(t, breaker.Open())
}

// A daemon that stops while its call is the probe hands it on.
func tellAStoppedDaemonGivesItsProbeBack(t *testing.T, h *house) {
	var silent atomic.Bool
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if silent.Load() {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	})
	breaker, change := guarded(t, h, backoff.Policy{Initial: time.Millisecond, Max: time.Millisecond, Multiplier: 1})
	for range 5 {
		report, refused := breaker.Allow(t.Context(), h.project.ID(), s.URL)
		require.Nil(t, refused)
		report(meshhook.CallOutcome{Verdict: meshhook.CallFailed, Reason: "502"})
	}
	silent.Store(true)
	id := h.startOf(t, `
steps:
  - { id: crm, http: { url: "`+s.URL+`", retry: { attempts: 100, initial: 1ms, multiplier: 1, jitter: 0 } } }
`)
	d := h.daemon(t, change)
	d.claim(t)
	wait(t, s.came, "the probe")
	require.Equal(t, meshhook.CircuitHalfOpen, h.circuit(t).State)
	d.kill()
	require.Eventually(t, func() bool { return h.circuit(t).State == meshhook.CircuitOpen }, patience, tick)
	require.True(t, h.circuit(t).RetryAt.Before(time.Now().Add(time.Second)))
	h.cancel(t, id)
}

// circuit is the only one that is not closed.
func (h *house) circuit(t tester) meshhook.Circuit {
	t.Helper()
	status, err := h.project.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, status.Circuits, 1)
	return status.Circuits[0]
}
