package engine_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Steps in steps, told with a real database and real calls.
func TestNested(t *testing.T) {
	t.Parallel()
	inOneHouse(t, []story{
		{"a branch does one arm", branchStory},
		{"a foreach does its steps for each item", foreachStory},
		{"an item that fails fails the foreach", failingItemStory},
		{"a failed foreach goes on where it stopped", retriedItemStory},
		{"a whole foreach can be done again", fromStepStory},
		{"terminate ends the run from within", terminateStory},
	})
}

func branchStory(t *testing.T, h *house) {
	s := newSink(t, nil)
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - id: kind
    branch:
      - when: .event.body.total > 100
        steps: [{ id: big, http: { url: "%[1]s/big", body: 1 } }]
      - else:
          - { id: small, http: { url: "%[1]s/small", body: 2 } }
          - { id: noted, transform: .steps.small.body + 1 }
  - { id: end, terminate: { output: { took: "{{ .steps.kind.taken }}", big: "{{ .steps.big }}", noted: "{{ .steps.noted }}" } } }
`, s.URL))
	h.daemon(t).finish(t)
	run := h.run(t, id)
	require.JSONEq(t, `{"took": 1, "big": null, "noted": 3}`, string(run.Output))
	require.Equal(t, map[string]int{id.String() + "/small": 1}, s.keys())
	var parents []string
	for _, step := range run.Steps {
		parents = append(parents, step.ID+" in "+step.Parent)
	}
	require.Equal(t, []string{"kind in ", "small in kind", "noted in kind", "end in "}, parents)
}

func foreachStory(t *testing.T, h *house) {
	s := newSink(t, nil)
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - id: each
    foreach:
      in: "[3, 1, 2]"
      concurrency: 2
      steps:
        - { id: double, transform: "{n: (.item * 2), at: .index}" }
        - { id: send, http: { url: "%s/{{ .index }}", body: "{{ .steps.double.n }}" } }
        - { id: got, transform: .steps.send.body }
  - { id: end, terminate: { output: "{{ .steps.each }}" } }
`, s.URL))
	h.daemon(t).finish(t)
	run := h.run(t, id)
	require.Equal(t, `[6,2,4]`, string(run.Output))
	keys := map[string]int{}
	for i := range 3 {
		keys[fmt.Sprintf("%s/each[%d].send", id, i)] = 1
	}
	require.Equal(t, keys, s.keys())
	require.Len(t, run.Steps, 2, "items that succeeded are left out")
	full, err := h.project.FullRun(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, full.Steps, 2+3*4)
}

func failingItemStory(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if r.URL.Path == "/1" {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - id: each
    foreach: { in: "range(5)", steps: [{ id: send, http: { url: "%s/{{ .item }}" } }] }
`, s.URL))
	h.daemon(t).finish(t)
	run := h.run(t, id)
	require.Equal(t, &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "the answer was 404 Not Found", Step: "each[1].send"}, run.Error)
	require.Len(t, s.keys(), 2, "nothing begins after a failure")
	require.Equal(t, []string{"each", "each[1].send", "each[1]"}, ids(run))
}

func ids(run meshhook.Run) (list []string) {
	for _, step := range run.Steps {
		list = append(list, step.ID)
	}
	return list
}

func retriedItemStory(t *testing.T, h *house) {
	broken := true
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if r.URL.Path == "/2" && broken {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - id: each
    foreach:
      in: "range(4)"
      steps:
        - { id: before, http: { url: "%[1]s/before/{{ .item }}" } }
        - { id: send, http: { url: "%[1]s/{{ .item }}" } }
  - { id: end, terminate: { output: "{{ .steps.each | map(.status) }}" } }
`, s.URL))
	d := h.daemon(t)
	d.finish(t)
	broken = false
	_, err := h.project.RetryRun(t.Context(), id, "")
	require.NoError(t, err)
	d.finish(t)
	require.Equal(t, `[200,200,200,200]`, string(h.run(t, id).Output))
	for key, n := range s.keys() {
		want := 1
		if strings.HasSuffix(key, "each[2].send") {
			want = 2
		}
		require.Equal(t, want, n, key)
	}
}

func fromStepStory(t *testing.T, h *house) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if r.URL.Path == "/last" && n == 1 {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - { id: first, http: { url: "%[1]s/first" } }
  - id: kind
    branch:
      - else:
          - id: each
            foreach: { in: "range(2)", steps: [{ id: send, http: { url: "%[1]s/{{ .item }}" } }] }
  - { id: last, http: { url: "%[1]s/last" } }
`, s.URL))
	d := h.daemon(t)
	d.finish(t)
	_, err := h.project.RetryRun(t.Context(), id, "each[1].send")
	require.NoError(t, err)
	d.finish(t)
	require.Equal(t, meshhook.RunSucceeded, h.run(t, id).Status)
	require.Equal(t, map[string]int{
		id.String() + "/first": 1, id.String() + "/each[0].send": 1, id.String() + "/each[1].send": 2, id.String() + "/last": 2,
	}, s.keys())
}

func terminateStory(t *testing.T, h *house) {
	s := newSink(t, nil)
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - id: each
    foreach:
      in: "range(100)"
      concurrency: 3
      steps:
        - { id: send, http: { url: "%s/{{ .item }}" } }
        - id: enough
          branch: [{ when: .item == 4, steps: [{ id: stop, terminate: { output: "{{ .item }}" } }] }]
  - { id: never, transform: . }
`, s.URL))
	h.daemon(t).finish(t)
	run := h.run(t, id)
	require.Equal(t, meshhook.RunSucceeded, run.Status, "%+v", run.Error)
	require.Equal(t, "4", string(run.Output))
	require.Less(t, len(s.keys()), 10)
	for _, step := range run.Steps {
		require.True(t, step.Status.Ended(), "%s is left %s", step.ID, step.Status)
	}
}

// A foreach over as many items as there may be, with a call for each, and a graph
// of a thousand steps: both end, in bounded memory.
func TestManySteps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	server := newCounter(t)
	items := h.startOf(t, fmt.Sprintf(`
steps:
  - id: each
    foreach:
      in: "[range(10000)]"
      concurrency: 50
      steps:
        - { id: send, http: { url: "%s", body: "{{ .item }}" } }
        - { id: pad, transform: "{n: .item, pad: (\"x\" * 1000)}" }
  - { id: end, terminate: { output: "{{ .steps.each | [length, (map(select(.truncated)) | length) > 0, .[7].n] }}" } }
`, server.url))
	var graph strings.Builder
	graph.WriteString("steps:\n- {id: s0, needs: [], transform: '0'}\n")
	for i := 1; i < 999; i++ {
		fmt.Fprintf(&graph, "- {id: s%d, needs: [s%d], transform: '.steps.s%d + 1'}\n", i, i/2, i/2)
	}
	graph.WriteString("- {id: end, needs: [s998], terminate: {output: '{{ .steps.s998 }}'}}\n")
	steps := h.start(t, h.apply(t, "graph", "name: graph\n"+graph.String()), "{}")

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d := h.daemon(t)
	for range 2 {
		d.finishWithin(t, 4*time.Minute)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	run := h.run(t, items)
	require.Equal(t, `[10000,true,7]`, string(run.Output), "%+v", run.Error)
	require.Equal(t, int64(10000), server.count.Load())
	require.LessOrEqual(t, server.most.Load(), int64(50))
	require.Equal(t, `10`, string(h.run(t, steps).Output))
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(64<<20))
	var rows int
	require.NoError(t, h.raw.QueryRow(t.Context(), `SELECT count(*) FROM run_steps WHERE run_id = $1`, items).Scan(&rows))
	require.Equal(t, 2+3*10000, rows)
	var output []json.RawMessage
	require.NoError(t, json.Unmarshal(run.Steps[0].Output, &output))
	require.Len(t, output, 10000)
}
