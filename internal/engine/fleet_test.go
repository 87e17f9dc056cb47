package engine_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// Many runs, and more daemons than one.
func TestFleet(t *testing.T) {
	t.Parallel()
	inOneHouse(t, []story{
		{"concurrency is bounded", tellConcurrencyIsBounded},
		{"a claim is bounded", tellAClaimIsBounded},
		{"two daemons share the runs", tellTwoDaemonsShareTheRuns},
	})
}

// An engine drives no more runs at once than it may, and asks for others when
// one has ended.
func tellConcurrencyIsBounded(t *testing.T, h *house) {
	s, let, _ := blocking(t)
	w := h.apply(t, "calls", `
name: calls
steps: [{ id: crm, http: { url: "`+s.URL+`" } }]
`)
	for range 5 {
		h.start(t, w, "")
	}
	limits := make(chan int, 100)
	d := h.daemon(t, func(o *engine.Options) { o.Concurrency = 2 }, behind(&gate{DB: h.db, before: func(c call) error {
		if c.name == "claim" {
			limits <- c.limit
		}
		return nil
	}}))
	require.True(t, d.claim(t), "there may be more")
	require.Equal(t, 2, wait(t, limits, "the claim"))
	for range 2 {
		wait(t, s.came, "a call")
	}
	require.Equal(t, 2, d.Active())
	require.False(t, d.claim(t), "there is no place")
	require.Empty(t, limits)

	let <- struct{}{}
	wait(t, d.runs, "a run's end")
	wait(t, d.Bell().C(), "the bell of a place that is free")
	require.True(t, d.claim(t))
	require.Equal(t, 1, wait(t, limits, "the claim"))
	wait(t, s.came, "the third call")
	require.Equal(t, 2, d.Active())
	require.Len(t, s.keys(), 3)
	close(let)
	for range 4 {
		require.Equal(t, "succeeded", d.finish(t).Status)
	}
	require.Len(t, s.keys(), 5)
}

// One claim takes 64 runs at most, whatever the places.
func tellAClaimIsBounded(t *testing.T, h *house) {
	w := h.apply(t, "many", `
name: many
steps: [{ id: a, transform: "1" }]
`)
	for range 65 {
		h.start(t, w, "")
	}
	limits := make(chan int, 100)
	d := h.daemon(t, func(o *engine.Options) { o.Concurrency = 1000 }, behind(&gate{DB: h.db, before: func(c call) error {
		if c.name == "claim" {
			limits <- c.limit
		}
		return nil
	}}))
	require.True(t, d.claim(t))
	require.Equal(t, 64, wait(t, limits, "the first claim"))
	for range 64 {
		wait(t, d.runs, "a run's end")
	}
	require.Empty(t, d.runs)
	require.False(t, d.claim(t))
	require.Equal(t, 64, wait(t, limits, "the second claim"))
	wait(t, d.runs, "the last run's end")

	require.False(t, h.daemon(t).claim(t), "an engine without options has 64 places")
}

// Two daemons on one database share the runs, and no run is driven by both.
func tellTwoDaemonsShareTheRuns(t *testing.T, h *house) {
	const runs = 100
	all := make(chan struct{})
	var s *sink
	var once sync.Once
	s = newSink(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		// Nobody is answered before every run is under way: half of them in each daemon.
		if len(s.keys()) == runs {
			once.Do(func() { close(all) })
		}
		select {
		case <-all:
		case <-r.Context().Done():
		}
	})
	w := h.apply(t, "shared", `
name: shared
steps:
  - { id: first, transform: ".event.body.n" }
  - { id: crm, http: { url: "`+s.URL+`" } }
  - { id: end, terminate: { output: "{{ .steps.first }}" } }
`)
	half := func(o *engine.Options) { o.Concurrency = runs / 2 }
	one, two := h.daemon(t, half), h.daemon(t, half, func(o *engine.Options) { o.Store = pgtest.Open(t, h.url) })
	one.work(t, h)
	two.work(t, h)
	want := map[string]int{}
	ids := make([]meshhook.ID, runs)
	for i := range ids {
		ids[i] = h.start(t, w, fmt.Sprintf(`{"n":%d}`, i))
		want[ids[i].String()+"/crm"] = 1
	}
	h.db.Ring(postgres.BellRuns)
	for range runs / 2 {
		require.Equal(t, "succeeded", wait(t, one.runs, "a run of the first").Status)
		require.Equal(t, "succeeded", wait(t, two.runs, "a run of the second").Status)
	}
	require.Equal(t, want, s.keys())
	for i, id := range ids {
		require.Equal(t, fmt.Sprint(i), string(h.run(t, id).Output))
	}
	require.Empty(t, one.runs)
	require.Empty(t, two.runs)
}
