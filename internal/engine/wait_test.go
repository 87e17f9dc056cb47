package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// What waits: for a time, or for a person.
func TestWaits(t *testing.T) {
	t.Parallel()
	inOneHouse(t, []story{
		{"a delay sleeps as a row", delayStory},
		{"a delay until what the event says", untilStory},
		{"an approval waits for a person", approvalStory},
		{"a rejection fails the run, and says why", rejectionStory},
		{"nobody answers in time", silenceStory},
		{"an answer reaches a run that is under way", answerUnderwayStory},
		{"a canceled run's call is aborted", abortStory},
		{"several approvals at once", severalApprovalsStory},
	})
}

func delayStory(t *testing.T, h *house) {
	id := h.startOf(t, "steps: [{ id: cool, delay: { for: 700ms } }, { id: end, terminate: { output: '{{ .steps.cool.until }}' } }]")
	g, sleeps := asleep(h)
	d := h.daemon(t, behind(g))
	d.claim(t)
	slept := wait(t, sleeps, "the run to sleep")
	run := h.run(t, id)
	require.Equal(t, meshhook.RunWaiting, run.Status)
	require.Equal(t, meshhook.WaitingForDelay, run.WaitingFor)
	require.InDelta(t, 700*time.Millisecond, slept.move.WakeIn, float64(100*time.Millisecond))
	wait(t, d.Bell().C(), "the bell at the end of the sleep")
	d.Bell().Ring()
	d.finish(t)
	run = h.run(t, id)
	require.Equal(t, meshhook.RunSucceeded, run.Status)
	require.Equal(t, []string{
		"run.queued", "run.started", "step.waiting cool 1 delay", "run.waiting delay", "step.succeeded cool 1", "step.succeeded end 1", "run.succeeded",
	}, h.story(t, id))
	require.WithinDuration(t, run.StartedAt.Add(700*time.Millisecond), *run.FinishedAt, 400*time.Millisecond)
}

func untilStory(t *testing.T, h *house) {
	source := "steps: [{ id: due, delay: { until: '{{ .event.body.at }}' } }]"
	past := h.start(t, h.apply(t, "test", "name: test\n"+source), `{"at": "2020-01-01T00:00:00Z"}`)
	d := h.daemon(t)
	d.finish(t)
	require.Equal(t, meshhook.RunSucceeded, h.run(t, past).Status)

	wrong := h.start(t, h.apply(t, "test", "name: test\n"+source), `{"at": "soon"}`)
	d.finish(t)
	require.Equal(t, &meshhook.Failure{
		Reason:  meshhook.FailedExpression,
		Message: `delay: until: "soon" is not a time; write it like 2026-03-01T09:00:00Z, or as seconds since 1970`, Step: "due",
	}, h.run(t, wrong).Error)

	months := h.start(t, h.apply(t, "test", "name: test\n"+source), fmt.Sprintf(`{"at": %d}`, time.Now().Add(2000*time.Hour).Unix()))
	g, sleeps := asleep(h)
	d = h.daemon(t, behind(g))
	d.claim(t)
	wait(t, sleeps, "the run to sleep")
	require.WithinDuration(t, time.Now().Add(2000*time.Hour), *h.run(t, months).WakeAt, 2*time.Second)
	h.cancel(t, months)
}

const signoff = `
steps:
  - { id: signoff, approval: { message: "Refund {{ .event.body.total }}?" } }
  - { id: end, terminate: { output: "{{ .steps.signoff }}" } }
`

// asleepOn starts a run and drives it until it sleeps on an approval.
func asleepOn(t *testing.T, h *house, source string) (meshhook.ID, *daemon) {
	t.Helper()
	id := h.start(t, h.apply(t, "test", "name: test\n"+source), `{"total": 12}`)
	g, sleeps := asleep(h)
	d := h.daemon(t, behind(g))
	d.claim(t)
	wait(t, sleeps, "the run to sleep")
	require.Equal(t, meshhook.WaitingForApproval, h.run(t, id).WaitingFor)
	return id, d
}

func approvalStory(t *testing.T, h *house) {
	id, d := asleepOn(t, h, signoff)
	run := h.run(t, id)
	require.Nil(t, run.WakeAt, "without a timeout it waits without end")
	require.JSONEq(t, `{"message": "Refund 12?"}`, string(run.Steps[0].Input))
	_, err := h.project.As("cli:me@here").Decide(t.Context(), id, "", true, "fine")
	require.NoError(t, err)
	_, err = h.project.Decide(t.Context(), id, "", false, "")
	require.Equal(t, meshhook.CodeConflict, meshhook.ErrorCode(err))
	d.finish(t)
	run = h.run(t, id)
	at := meshhook.FormatTime(run.Steps[0].Decision.At)
	require.JSONEq(t, `{"approved": true, "by": "cli:me@here", "note": "fine", "at": "`+at+`"}`, string(run.Output))
	require.Contains(t, h.story(t, id), "run.approved signoff 1")
	_, err = h.project.Decide(t.Context(), id, "", true, "")
	require.ErrorContains(t, err, "is over (succeeded)")
}

func rejectionStory(t *testing.T, h *house) {
	id, d := asleepOn(t, h, signoff)
	_, err := h.project.As("token:ops").Decide(t.Context(), id, "signoff", false, "too much")
	require.NoError(t, err)
	d.finish(t)
	run := h.run(t, id)
	require.Equal(t, &meshhook.Failure{Reason: meshhook.FailedRejected, Message: "rejected by token:ops: too much", Step: "signoff"}, run.Error)

	// A retried run asks again.
	_, err = h.project.RetryRun(t.Context(), id, "")
	require.NoError(t, err)
	g, sleeps := asleep(h)
	d = h.daemon(t, behind(g))
	d.claim(t)
	wait(t, sleeps, "the run to sleep again")
	_, err = h.project.Decide(t.Context(), id, "", true, "")
	require.NoError(t, err)
	d.finish(t)
	require.Equal(t, meshhook.RunSucceeded, h.run(t, id).Status)
}

func silenceStory(t *testing.T, h *house) {
	for onTimeout, want := range map[string]struct {
		status meshhook.RunStatus
		reason meshhook.FailureReason
	}{
		"reject":  {meshhook.RunFailed, meshhook.FailedRejected},
		"fail":    {meshhook.RunFailed, meshhook.FailedTimeout},
		"approve": {meshhook.RunSucceeded, ""},
	} {
		id := h.startOf(t, "steps: [{ id: a, approval: { message: ok, timeout: 20ms, on_timeout: "+onTimeout+" } }]")
		h.daemon(t).finish(t)
		run := h.run(t, id)
		require.Equal(t, want.status, run.Status, onTimeout)
		if want.reason != "" {
			require.Equal(t, &meshhook.Failure{Reason: want.reason, Message: "nobody decided within 20ms", Step: "a"}, run.Error)
		}
		require.Contains(t, string(run.Steps[0].Output), `"timed_out":true`)
	}
}

// A run in which something else is under way hears the answer by its heartbeat.
func answerUnderwayStory(t *testing.T, h *house) {
	release := make(chan struct{})
	s := newSink(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		if r.URL.Path == "/slow" {
			pause(release)
		}
	})
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - { id: slow, needs: [], http: { url: "%[1]s/slow" } }
  - { id: ask, needs: [], approval: { message: ok } }
  - { id: then, needs: [ask], http: { url: "%[1]s/then" } }
`, s.URL))
	// The first time, the database is away when the engine asks for the answer.
	var asked atomic.Int64
	heard := make(chan struct{}, 1)
	d := h.daemon(t, behind(&gate{DB: h.db, before: func(c call) error {
		if c.name == "decisions" && asked.Add(1) == 1 {
			heard <- struct{}{}
			return meshhook.Errorf(meshhook.CodeUnavailable, "the database is away")
		}
		return nil
	}}))
	d.claim(t)
	require.Equal(t, "/slow", wait(t, s.came, "the slow call").Path)
	_, err := h.project.Decide(t.Context(), id, "", true, "")
	require.NoError(t, err)
	_, err = d.Heartbeat(t.Context())
	require.NoError(t, err)
	wait(t, heard, "the question for the answer")
	_, err = d.Heartbeat(t.Context())
	require.NoError(t, err)
	require.Equal(t, "/then", wait(t, s.came, "the call after the approval").Path)
	close(release)
	d.finish(t)
	require.Equal(t, meshhook.RunSucceeded, h.run(t, id).Status)
}

func abortStory(t *testing.T, h *house) {
	aborted := make(chan context.Context, 1)
	s := newSink(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		pause(r.Context().Done())
		aborted <- r.Context()
	})
	id := h.startOf(t, fmt.Sprintf(`steps: [{ id: slow, http: { url: "%s", timeout: 10m } }]`, s.URL))
	d := h.daemon(t)
	d.claim(t)
	wait(t, s.came, "the call")
	h.cancel(t, id)
	_, err := d.Heartbeat(t.Context())
	require.NoError(t, err)
	require.Error(t, wait(t, aborted, "the call to be aborted").Err())
	require.Equal(t, meshhook.RunCanceled, h.run(t, id).Status)
}

func severalApprovalsStory(t *testing.T, h *house) {
	id, _ := asleepOn(t, h, `
steps:
  - id: each
    foreach: { in: "range(3)", concurrency: 2, steps: [{ id: ask, approval: { message: "{{ .item }}" } }] }
`)
	_, err := h.project.Decide(t.Context(), id, "", true, "")
	require.EqualError(t, err, "2 steps of run "+id.String()+" wait for an approval; name one of them as the step: each[0].ask, each[1].ask")
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	_, err = h.project.Decide(t.Context(), id, "each[2].ask", true, "")
	require.ErrorContains(t, err, "step each[2].ask of run "+id.String()+" does not wait for an approval; these do: each[0].ask, each[1].ask")
	g, sleeps := asleep(h)
	d := h.daemon(t, behind(g))
	for _, step := range []string{"each[1].ask", "each[0].ask"} {
		_, err := h.project.Decide(t.Context(), id, step, true, "")
		require.NoError(t, err)
		d.claim(t)
		wait(t, sleeps, "the run to sleep again")
	}
	_, err = h.project.Decide(t.Context(), id, "", true, "")
	require.NoError(t, err)
	d.finish(t)
	require.Equal(t, meshhook.RunSucceeded, h.run(t, id).Status)
}
