package engine_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// Who may drive a run, and for how long.
func TestLeases(t *testing.T) {
	t.Parallel()
	inOneHouse(t, []story{
		{"the heartbeat keeps the lease", tellTheHeartbeatKeepsTheLease},
		{"a failed heartbeat stops nothing", tellAFailedHeartbeatStopsNothing},
		{"a canceled run stops its calls", tellACanceledRunStopsItsCalls},
		{"a run that is claimed again is held", tellARunThatIsClaimedAgainIsHeld},
		{"a heartbeat spares a later claim", tellAHeartbeatSparesALaterClaim},
		{"stop waits for what is under way", tellStopWaitsForWhatIsUnderWay},
		{"stop gives back what takes too long", tellStopGivesBackWhatTakesTooLong},
		{"stop gives back what was just claimed", tellStopGivesBackWhatWasJustClaimed},
		{"stop cuts off a claim", tellStopCutsOffAClaim},
	})
}

// blocking starts a sink that answers only when let; gone signals callers that
// did not wait for that.
func blocking(t *testing.T) (s *sink, let chan struct{}, gone chan struct{}) {
	let, gone = make(chan struct{}), make(chan struct{}, 100)
	s = newSink(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		select {
		case <-let:
		case <-r.Context().Done():
			gone <- struct{}{}
		}
	})
	return s, let, gone
}

func (h *house) leaseUntil(t tester, run meshhook.ID) (until time.Time) {
	t.Helper()
	require.NoError(t, h.raw.QueryRow(t.Context(), `SELECT lease_until FROM runs WHERE id = $1`, run).Scan(&until))
	return until
}

func (d *daemon) beat(t tester) {
	t.Helper()
	more, err := d.Heartbeat(t.Context())
	require.NoError(t, err)
	require.False(t, more)
}

func tellTheHeartbeatKeepsTheLease(t *testing.T, h *house) {
	s, let, _ := blocking(t)
	id := h.startOf(t, `steps: [{ id: crm, http: { url: "`+s.URL+`" } }]`)
	d := h.daemon(t)
	d.beat(t) // nothing is held
	begin := time.Now()
	d.claim(t)
	wait(t, s.came, "the call")
	require.Equal(t, 1, d.Active())
	require.WithinDuration(t, begin.Add(engine.Lease), h.leaseUntil(t, id), patience)

	_, err := h.raw.Exec(t.Context(), `UPDATE runs SET lease_until = now() - interval '1s' WHERE id = $1`, id)
	require.NoError(t, err)
	d.beat(t)
	require.Greater(t, time.Until(h.leaseUntil(t, id)), engine.Lease/2)
	recovered, err := h.db.RecoverRuns(t.Context(), 10)
	require.NoError(t, err)
	require.Zero(t, recovered)
	close(let)
	require.Equal(t, "succeeded", wait(t, d.runs, "the run's end").Status)
}

// A heartbeat that fails proves nothing: the runs go on.
func tellAFailedHeartbeatStopsNothing(t *testing.T, h *house) {
	s, let, _ := blocking(t)
	h.startOf(t, `steps: [{ id: crm, http: { url: "`+s.URL+`" } }]`)
	d := h.daemon(t, behind(&gate{DB: h.db, before: func(c call) error {
		if c.name == "extend" {
			return errDead
		}
		return nil
	}}))
	d.claim(t)
	wait(t, s.came, "the call")
	_, err := d.Heartbeat(t.Context())
	require.ErrorIs(t, err, errDead)
	close(let)
	require.Equal(t, "succeeded", wait(t, d.runs, "the run's end").Status)
}

func tellACanceledRunStopsItsCalls(t *testing.T, h *house) {
	s, _, gone := blocking(t)
	id := h.startOf(t, `
steps:
  - { id: crm, http: { url: "`+s.URL+`" } }
  - { id: after, transform: "1" }
`)
	d := h.daemon(t)
	d.claim(t)
	wait(t, s.came, "the call")
	h.cancel(t, id)
	run := h.run(t, id)
	d.beat(t)
	wait(t, gone, "the call to be given up")
	require.NoError(t, d.Stop(t.Context()))

	require.Equal(t, meshhook.RunCanceled, run.Status)
	require.Equal(t, run, h.run(t, id))
	require.Equal(t, []string{"run.queued", "run.started", "step.started crm 1", "run.canceled"}, h.story(t, id))
	require.Empty(t, d.runs)
	require.Empty(t, d.steps)
	require.NotContains(t, d.log.String(), "level=ERROR")
}

// napper is a workflow whose run sleeps once, for a moment.
func napper(t *testing.T) (s *sink, source string) {
	s = newSink(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	return s, `steps: [{ id: crm, http: { url: "` + s.URL + `", retry: { initial: 60ms, jitter: 0 } } }]`
}

// A run may be claimed again before its former claim has been dropped: it is
// held all the same.
func tellARunThatIsClaimedAgainIsHeld(t *testing.T, h *house) {
	_, source := napper(t)
	id := h.startOf(t, source)
	asleep, dropped, again, release := make(chan (<-chan struct{}), 1), make(chan struct{}), make(chan struct{}), make(chan struct{})
	extended := make(chan []meshhook.ID, 1)
	g := &gate{DB: h.db}
	g.after = func(c call) error {
		if c.move.Status == meshhook.RunWaiting {
			asleep <- c.gone
			pause(dropped)
		}
		return nil
	}
	g.before = func(c call) error {
		switch {
		case c.name == "extend":
			extended <- c.runs
		case c.completes("crm"):
			close(again)
			pause(release)
		}
		return nil
	}
	d := h.daemon(t, behind(g), func(o *engine.Options) { o.Concurrency = 2 })
	d.claim(t)
	gone := wait(t, asleep, "the run to sleep")
	require.Eventually(t, func() bool { // it is asleep for a moment
		d.claim(t)
		return h.run(t, id).Status == meshhook.RunRunning
	}, patience, tick)
	wait(t, again, "the second call to be answered")
	close(dropped)
	wait(t, gone, "the first claim to be dropped")
	h.run(t, id) // a moment passes
	d.beat(t)
	require.Equal(t, []meshhook.ID{id}, wait(t, extended, "the lease to be extended"))
	require.Equal(t, 1, d.Active())
	close(release)
	require.Equal(t, "succeeded", wait(t, d.runs, "the run's end").Status)
}

// A heartbeat that finds a sleeping run not held does not take from the daemon
// the claim that it made in the meantime.
func tellAHeartbeatSparesALaterClaim(t *testing.T, h *house) {
	first, answer, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			close(first)
			pause(answer)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		pause(release)
	})
	h.startOf(t, `steps: [{ id: crm, http: { url: "`+s.URL+`", retry: { initial: 60ms, jitter: 0 } } }]`)
	g, sleeps := asleep(h)
	var d *daemon
	g.before = func(c call) error {
		if c.name == "extend" { // the run is in hand; let it sleep before the database is asked
			close(answer)
			wait(t, sleeps, "the run to sleep")
		}
		return nil
	}
	sleeping := g.after
	g.after = func(c call) error {
		if c.name == "extend" { // the run was not held; let it be claimed again before the answer
			wait(t, d.Bell().C(), "the bell at the end of the sleep")
			d.claim(t)
			wait(t, s.came, "the second call")
		}
		return sleeping(c)
	}
	d = h.daemon(t, behind(g))
	d.claim(t)
	wait(t, first, "the first call")
	wait(t, s.came, "the first call")
	d.beat(t)
	close(release)
	require.Equal(t, "succeeded", wait(t, d.runs, "the run's end").Status)
}

// awaitClosing waits until the engine asks for no more runs.
func (d *daemon) awaitClosing(t tester, g *gate) {
	t.Helper()
	require.Eventually(t, func() bool {
		before := g.claims.Load()
		d.claim(t)
		return g.claims.Load() == before
	}, patience, tick)
}

func tellStopWaitsForWhatIsUnderWay(t *testing.T, h *house) {
	s, let, _ := blocking(t)
	id := h.startOf(t, `
steps:
  - { id: crm, http: { url: "`+s.URL+`" } }
  - { id: after, transform: "1" }
`)
	g := &gate{DB: h.db}
	d := h.daemon(t, behind(g))
	ctx, endLoop := context.WithCancel(t.Context())
	_, err := d.Claim(ctx)
	require.NoError(t, err)
	wait(t, s.came, "the call")
	endLoop() // what was claimed goes on
	stopped := make(chan error, 1)
	go func() { stopped <- d.Stop(t.Context()) }()
	d.awaitClosing(t, g)
	waiting := h.startOf(t, `steps: [{ id: a, transform: "1" }]`)
	require.False(t, d.claim(t))
	close(let)
	require.NoError(t, wait(t, stopped, "the stop"))
	require.Equal(t, meshhook.RunSucceeded, h.run(t, id).Status)
	require.Equal(t, meshhook.RunQueued, h.run(t, waiting).Status)
	require.NotContains(t, h.story(t, id), "run.released")
	h.cancel(t, waiting)
}

func tellStopGivesBackWhatTakesTooLong(t *testing.T, h *house) {
	s := newSink(t, func(_ http.ResponseWriter, r *http.Request, n int) {
		if n == 1 {
			<-r.Context().Done()
		}
	})
	id := h.startOf(t, `
steps:
  - { id: before, transform: "1" }
  - { id: crm, http: { url: "`+s.URL+`" } }
`)
	d := h.daemon(t)
	d.claim(t)
	wait(t, s.came, "the call")
	d.kill()
	require.Equal(t, meshhook.RunQueued, h.run(t, id).Status)
	require.Contains(t, d.log.String(), "gave runs back for others to go on with")
	require.NotContains(t, d.log.String(), "level=ERROR")
	require.Equal(t, "succeeded", h.daemon(t).finish(t).Status)
	require.Equal(t, []string{
		"run.queued", "run.started", "step.succeeded before 1", "step.started crm 1",
		"run.released", "step.started crm 2", "step.succeeded crm 2 200", "run.succeeded",
	}, h.story(t, id))
	require.Equal(t, map[string]int{id.String() + "/crm": 2}, s.keys())
}

// A claim that is under way when the daemon stops takes nothing behind its back.
func tellStopGivesBackWhatWasJustClaimed(t *testing.T, h *house) {
	id := h.startOf(t, `steps: [{ id: a, transform: "1" }]`)
	claimed, proceed := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	first.Store(true)
	g := &gate{DB: h.db, after: func(c call) error {
		if c.name == "claim" && first.CompareAndSwap(true, false) {
			close(claimed)
			pause(proceed)
		}
		return nil
	}}
	d := h.daemon(t, behind(g))
	ended, stopped := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := d.Claim(t.Context())
		ended <- err
	}()
	wait(t, claimed, "the claim")
	go func() { stopped <- d.Stop(t.Context()) }()
	d.awaitClosing(t, g)
	close(proceed)
	require.NoError(t, wait(t, ended, "the claim's end"))
	require.NoError(t, wait(t, stopped, "the stop"))
	require.Equal(t, meshhook.RunQueued, h.run(t, id).Status)
	require.Equal(t, []string{"run.queued", "run.started", "run.released"}, h.story(t, id))
	h.cancel(t, id)
}

// A claim that hangs does not outlast the grace.
func tellStopCutsOffAClaim(t *testing.T, h *house) {
	_, err := h.raw.Exec(t.Context(), `BEGIN; LOCK TABLE runs IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	asked := make(chan struct{})
	d := h.daemon(t, behind(&gate{DB: h.db, before: func(c call) error {
		switch c.name {
		case "claim":
			close(asked)
		case "release":
			return errors.New("the table is locked")
		}
		return nil
	}}))
	ended := make(chan error, 1)
	go func() {
		_, err := d.Claim(t.Context())
		ended <- err
	}()
	wait(t, asked, "the claim")
	d.kill()
	require.Equal(t, meshhook.CodeUnavailable, meshhook.ErrorCode(wait(t, ended, "the claim's end")))
	require.EqualError(t, d.Stop(t.Context()), "the table is locked")
	_, err = h.raw.Exec(t.Context(), `ROLLBACK`)
	require.NoError(t, err)
}
