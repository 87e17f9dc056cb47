package engine_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Runs that are done again, told with a real database and real calls.
func TestRetriedRuns(t *testing.T) {
	t.Parallel()
	inOneHouse(t, []story{
		{"an item that failed at once among others is done", lostItemStory},
		{"an arm and items that were decided stay decided", decidedStory},
		{"a foreach that was retried can be done again", retriedTwiceStory},
		{"a container's time begins anew", timeAnewStory},
		{"what failed in something that succeeded is history", historyStory},
		{"what began after a step is done again, wherever it stands", besideStory},
	})
}

// lostItemStory: of the items under way, the one that fails leaves nothing behind.
func lostItemStory(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if r.URL.Path == "/1" && n == 1 {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - id: each
    foreach: { in: "range(5)", concurrency: 3, steps: [{ id: send, http: { url: "%s/{{ .item }}" } }] }
  - { id: end, terminate: { output: "{{ .steps.each | map(.status) }}" } }
`, s.URL))
	d := h.daemon(t)
	d.finish(t)
	require.Equal(t, meshhook.RunFailed, h.run(t, id).Status)
	_, err := h.project.RetryRun(t.Context(), id, "")
	require.NoError(t, err)
	d.finish(t)
	require.Equal(t, `[200,200,200,200,200]`, string(h.run(t, id).Output))
	require.Equal(t, 2, s.keys()[id.String()+"/each[1].send"])
	require.Equal(t, 1, s.keys()[id.String()+"/each[0].send"])
}

func decidedStory(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if r.URL.Path == "/1" && n == 1 {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - id: first
    branch:
      - when: .run.attempt == 1
        steps:
          - id: each
            foreach: { in: '[range(3) + 10 * (.run.attempt - 1)]', steps: [{ id: send, http: { url: "%s/{{ .item }}" } }] }
      - else: [{ id: other, transform: . }]
  - { id: end, terminate: { output: "{{ [.steps.first.taken, (.steps.each | map(.status))] }}" } }
`, s.URL))
	d := h.daemon(t)
	d.finish(t)
	_, err := h.project.RetryRun(t.Context(), id, "")
	require.NoError(t, err)
	d.finish(t)
	require.Equal(t, `[0,[200,200,200]]`, string(h.run(t, id).Output))
}

func retriedTwiceStory(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if r.URL.Path == "/last" && n < 3 {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - id: each
    foreach: { in: "range(3)", steps: [{ id: send, http: { url: "%[1]s/{{ .item }}" } }] }
  - { id: last, http: { url: "%[1]s/last" } }
`, s.URL))
	d := h.daemon(t)
	d.finish(t)
	for _, from := range []string{"each[1].send", "each"} {
		_, err := h.project.RetryRun(t.Context(), id, from)
		require.NoError(t, err)
		d.finish(t)
	}
	require.Equal(t, meshhook.RunSucceeded, h.run(t, id).Status)
	require.Equal(t, map[string]int{
		id.String() + "/each[0].send": 2, id.String() + "/each[1].send": 3, id.String() + "/each[2].send": 3, id.String() + "/last": 3,
	}, s.keys())
	require.Equal(t, []string{"each", "last"}, ids(h.run(t, id)))
}

func timeAnewStory(t *testing.T, h *house) {
	id := h.startOf(t, `
steps:
  - id: all
    timeout: 30m
    branch: [{ else: [{ id: ask, approval: { message: ok } }] }]
`)
	g, sleeps := asleep(h)
	d := h.daemon(t, behind(g))
	d.claim(t)
	wait(t, sleeps, "the run to sleep")
	// Long ago.
	_, err := h.raw.Exec(t.Context(), `UPDATE run_steps SET started_at = now() - interval '1h' WHERE run_id = $1`, id)
	require.NoError(t, err)
	_, err = h.raw.Exec(t.Context(), `UPDATE runs SET wake_at = now() WHERE id = $1`, id)
	require.NoError(t, err)
	d.finish(t)
	require.Equal(t, meshhook.FailedTimeout, h.run(t, id).Error.Reason)
	_, err = h.project.RetryRun(t.Context(), id, "")
	require.NoError(t, err)
	d.claim(t)
	wait(t, sleeps, "the run to sleep again")
	h.cancel(t, id)
}

func historyStory(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if r.URL.Path == "/last" && n == 1 || r.URL.Path == "/never" {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - id: kind
    branch:
      - else:
          - id: inner
            continue_on_error: true
            foreach: { in: "[1]", steps: [{ id: send, http: { url: "%[1]s/never" } }] }
  - { id: last, http: { url: "%[1]s/last" } }
`, s.URL))
	d := h.daemon(t)
	d.finish(t)
	_, err := h.project.RetryRun(t.Context(), id, "")
	require.NoError(t, err)
	d.finish(t)
	run := h.run(t, id)
	require.Equal(t, meshhook.RunSucceeded, run.Status)
	require.Equal(t, []string{"kind", "inner", "inner[0].send", "inner[0]", "last"}, ids(run))
	require.Equal(t, meshhook.StepFailed, run.Steps[1].Status)
	require.Equal(t, map[string]int{id.String() + "/inner[0].send": 1, id.String() + "/last": 2}, s.keys())
}

func besideStory(t *testing.T, h *house) {
	released := make(chan struct{})
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, n int) {
		switch {
		case r.URL.Path == "/slow" && n == 1:
			pause(released) // until all that is beside it is done
		case r.URL.Path == "/last" && n == 1:
			w.WriteHeader(http.StatusForbidden)
		}
	})
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - { id: each, needs: [], foreach: { in: "range(2)", steps: [{ id: send, http: { url: "%[1]s/{{ .item }}" } }] } }
  - { id: slow, needs: [], http: { url: "%[1]s/slow" } }
  - { id: last, needs: [each, slow], http: { url: "%[1]s/last" } }
`, s.URL))
	d := h.daemon(t)
	d.claim(t)
	for range 3 {
		wait(t, s.came, "the calls that are side by side")
	}
	close(released)
	d.finish(t)
	_, err := h.project.RetryRun(t.Context(), id, "slow")
	require.NoError(t, err)
	d.finish(t)
	run := h.run(t, id)
	require.Equal(t, meshhook.RunSucceeded, run.Status)
	require.Equal(t, map[string]int{
		id.String() + "/each[0].send": 1, id.String() + "/each[1].send": 2, id.String() + "/slow": 2, id.String() + "/last": 2,
	}, s.keys())
}
