package engine_test

import (
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// How calls fail, and are tried again.
func TestRetries(t *testing.T) {
	t.Parallel()
	inOneHouse(t, []story{
		{"a temporary failure is tried again", tellATemporaryFailureIsTriedAgain},
		{"a retry does not wait for other steps", tellARetryDoesNotWaitForOtherSteps},
		{"retry after is honoured", tellRetryAfterIsHonoured},
		{"calls without an answer", tellCallsWithoutAnAnswer},
		{"the runs timeout ends a call", tellTheRunsTimeoutEndsACall},
	})
}

// asleep signals each time that the run goes to sleep.
func asleep(h *house) (*gate, <-chan call) {
	sleeps := make(chan call, 100)
	return &gate{DB: h.db, after: func(c call) error {
		if c.move.Status == meshhook.RunWaiting {
			sleeps <- c
		}
		return nil
	}}, sleeps
}

func tellATemporaryFailureIsTriedAgain(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n < 3 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	id := h.startOf(t, `
steps:
  - id: crm
    http: { url: "`+s.URL+`", retry: { attempts: 3, initial: 60ms, jitter: 0 } }
`)
	g, sleeps := asleep(h)
	d := h.daemon(t, behind(g))
	d.claim(t)
	slept := wait(t, sleeps, "the run to sleep")

	run := h.run(t, id)
	require.Equal(t, meshhook.RunWaiting, run.Status)
	require.Equal(t, meshhook.WaitingForRetry, run.WaitingFor)
	require.Len(t, run.Steps, 1)
	// The run wakes by the clock of the server, which is told how long to wait.
	require.WithinDuration(t, *run.Steps[0].NextAt, *run.WakeAt, time.Second)
	require.InDelta(t, time.Until(*run.WakeAt), slept.move.WakeIn, float64(time.Second))
	require.Equal(t, map[string]outcome{
		"crm": {Status: meshhook.StepWaiting, Attempt: 1, Output: "500 null", Reason: meshhook.FailedHTTPStatus},
	}, outcomes(t, run))

	wait(t, d.Bell().C(), "the bell at the end of the sleep")
	require.False(t, time.Now().Before(*run.WakeAt))
	d.Bell().Ring()
	require.Equal(t, "succeeded", d.finish(t).Status)
	require.Equal(t, map[string]outcome{
		"crm": {Status: meshhook.StepSucceeded, Attempt: 3, Output: "200 null"},
	}, outcomes(t, h.run(t, id)))
	require.Equal(t, map[string]int{id.String() + "/crm": 3}, s.keys())
	require.Equal(t, []string{
		"run.queued", "run.started",
		"step.started crm 1", "step.retrying crm 1 500 http_status", "run.waiting retry",
		"step.started crm 2", "step.retrying crm 2 500 http_status", "run.waiting retry",
		"step.started crm 3", "step.succeeded crm 3 200", "run.succeeded",
	}, h.story(t, id))
	for _, status := range []string{"waiting", "waiting", "succeeded"} {
		require.Equal(t, status, wait(t, d.steps, "a try's outcome").Status)
	}
}

// A step that is due while another is under way is begun in its time.
func tellARetryDoesNotWaitForOtherSteps(t *testing.T, h *house) {
	again := make(chan struct{})
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, n int) {
		switch {
		case r.URL.Path == "/slow":
			select {
			case <-again:
			case <-r.Context().Done():
			}
		case n == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			close(again)
		}
	})
	id := h.startOf(t, `
steps:
  - { id: slow, http: { url: "`+s.URL+`/slow" } }
  - { id: quick, needs: [], http: { url: "`+s.URL+`/quick", retry: { initial: 10ms, jitter: 0 } } }
`)
	g, sleeps := asleep(h)
	require.Equal(t, "succeeded", h.daemon(t, behind(g)).finish(t).Status)
	require.Empty(t, sleeps)
	require.Equal(t, 2, outcomes(t, h.run(t, id))["quick"].Attempt)
}

func tellRetryAfterIsHonoured(t *testing.T, h *house) {
	for name, test := range map[string]struct {
		asked       int // seconds
		least, most time.Duration
	}{
		"a second":                {1, time.Second, 2 * time.Second},
		"longer than is sensible": {7200, time.Hour, time.Hour + time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSink(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Retry-After", strconv.Itoa(test.asked))
				w.WriteHeader(http.StatusTooManyRequests)
			})
			id := h.startOf(t, `
steps:
  - { id: crm, http: { url: "`+s.URL+`", retry: { initial: 1ms } } }
`)
			g, sleeps := asleep(h)
			begin := time.Now()
			h.daemon(t, behind(g)).claim(t)
			wait(t, sleeps, "the run to sleep")
			run := h.run(t, id)
			require.False(t, run.WakeAt.Before(begin.Add(test.least)), "wakes at %s", run.WakeAt)
			require.True(t, run.WakeAt.Before(time.Now().Add(test.most)), "wakes at %s", run.WakeAt)
			h.cancel(t, id)
		})
	}
}

// How a step fails when no answer comes.
func tellCallsWithoutAnAnswer(t *testing.T, h *house) {
	silent := newSink(t, func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() })
	for name, test := range map[string]struct {
		url    string
		http   string
		change func(*engine.Options)
		want   []string
	}{
		"nobody listens": {
			url: "http://" + unusedAddress(t),
			want: []string{
				"step.started crm 1", "step.retrying crm 1 connection", "run.waiting retry",
				"step.started crm 2", "step.failed crm 2 connection", "run.failed crm 1 connection",
			},
		},
		"the address is refused": {
			url:    silent.URL,
			change: func(o *engine.Options) { o.Egress = newClient(t) },
			want:   []string{"step.started crm 1", "step.failed crm 1 refused", "run.failed crm 1 refused"},
		},
		"the other side keeps silent": {
			url: silent.URL, http: "timeout: 20ms,",
			want: []string{
				"step.started crm 1", "step.retrying crm 1 timeout", "run.waiting retry",
				"step.started crm 2", "step.failed crm 2 timeout", "run.failed crm 1 timeout",
			},
		},
	} {
		// One after the other: an engine claims whatever run there is.
		t.Run(name, func(t *testing.T) {
			id := h.start(t, h.apply(t, "calls", `
name: calls
steps:
  - { id: crm, http: { url: "`+test.url+`", `+test.http+` retry: { attempts: 2, initial: 60ms } } }
`), "")
			if test.change == nil {
				test.change = func(*engine.Options) {}
			}
			d := h.daemon(t, test.change)
			require.Equal(t, "failed", d.finish(t).Status)
			require.Equal(t, append([]string{"run.queued", "run.started"}, test.want...), h.story(t, id))
		})
	}
}

// unusedAddress returns an address at which nobody listens.
func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func tellTheRunsTimeoutEndsACall(t *testing.T, h *house) {
	s := newSink(t, func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() })
	id := h.startOf(t, `
timeout: 2s
steps:
  - { id: crm, http: { url: "`+s.URL+`" } }
`)
	require.Equal(t, "failed", h.daemon(t).finish(t).Status)
	run := h.run(t, id)
	require.Equal(t, meshhook.FailedTimeout, run.Error.Reason)
	require.Contains(t, run.Error.Message, "2s")
	require.Less(t, run.FinishedAt.Sub(*run.StartedAt), 10*time.Second)
	require.Equal(t, meshhook.FailedTimeout, outcomes(t, run)["crm"].Reason)
	require.Equal(t, map[string]int{id.String() + "/crm": 1}, s.keys())
}
