package postgres_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestRunLifecycle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	started := h.start(t, "nul \x00, no JSON")

	queued, err := h.project.Run(ctx, started.ID)
	require.NoError(t, err)
	want := started
	want.ProjectID, want.Status, want.Attempt = h.project.ID(), meshhook.RunQueued, 1
	want.CreatedAt, want.WakeAt = meshhook.IDTime(started.ID), queued.WakeAt
	require.Equal(t, want, queued)
	require.WithinDuration(t, time.Now(), *queued.WakeAt, time.Minute)

	// Claimed: the daemon has all that it needs to go on.
	owner := meshhook.NewID()
	claim := h.claim(t, owner)
	want.Status, want.WakeAt, want.StartedAt = meshhook.RunRunning, nil, claim.Run.StartedAt
	require.WithinDuration(t, *claim.Run.StartedAt, claim.Now, 0)
	require.Equal(t, meshhook.RunClaim{Run: want, Fence: 1, Now: claim.Now}, claim)
	running, err := h.project.Run(ctx, started.ID)
	require.NoError(t, err)
	require.Equal(t, want, running)

	// Asleep on a retry, with a step done and one that waits.
	at := time.Now()
	done, waits := step("fetch", meshhook.StepSucceeded, `{"a":1}`, at), step("send", meshhook.StepWaiting, "", at.Add(time.Millisecond))
	asleep := move(claim, meshhook.RunWaiting, done, waits)
	asleep.WaitingFor, asleep.WakeIn = meshhook.WaitingForRetry, time.Hour
	require.NoError(t, h.db.Move(ctx, asleep))
	waiting, err := h.project.Run(ctx, started.ID)
	require.NoError(t, err)
	want.Status, want.WaitingFor, want.WakeAt = meshhook.RunWaiting, meshhook.WaitingForRetry, waiting.WakeAt
	done.RunID, waits.RunID = started.ID, started.ID
	want.Steps = []meshhook.Step{done, waits}
	require.Equal(t, want, waiting)
	require.WithinDuration(t, time.Now().Add(time.Hour), *waiting.WakeAt, time.Minute) // by the clock of the server
	none, err := h.db.ClaimRuns(ctx, owner, 10, lease)
	require.NoError(t, err)
	require.Empty(t, none, "it sleeps")

	// Awake again, in other hands, with its steps.
	h.system(t, `UPDATE runs SET wake_at = now()`)
	second := h.claim(t, meshhook.NewID())
	want.Status, want.WaitingFor, want.WakeAt = meshhook.RunRunning, "", nil
	require.Equal(t, meshhook.RunClaim{Run: want, Fence: 2, Now: second.Now}, second)

	end := move(second, meshhook.RunSucceeded, step("send", meshhook.StepSucceeded, `"sent"`, at.Add(time.Second)))
	end.Output = json.RawMessage(`{"all":"well"}`)
	require.NoError(t, h.db.Move(ctx, end))
	over, err := h.project.Run(ctx, started.ID)
	require.NoError(t, err)
	require.Equal(t, meshhook.RunSucceeded, over.Status)
	require.JSONEq(t, `{"all":"well"}`, string(over.Output))
	require.WithinDuration(t, end.FinishedAt, *over.FinishedAt, time.Microsecond)
	require.Equal(t, meshhook.StepSucceeded, over.Steps[1].Status)
	require.Nil(t, over.Steps[1].NextAt)

	require.Equal(t, []meshhook.EntryKind{
		meshhook.EntryRunQueued, meshhook.EntryRunStarted, meshhook.EntryRunWaiting, meshhook.EntryRunSucceeded,
	}, kinds(h.journal(t, meshhook.Cursor{}, 4)), "a run starts once")
}

func TestARunOfAnEventIsClaimedWithIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	in := h.intake("k", "{\"nul\":\"\x00\xff\"}")
	h.record(t, in)
	claim := h.claim(t, meshhook.NewID())
	want := in.Event
	want.Status = "" // the run is why it matters
	want.ReceivedAt = claim.Event.ReceivedAt
	require.Equal(t, &want, claim.Event)
	require.Equal(t, time.UTC, claim.Event.ReceivedAt.Location())
	require.Equal(t, &in.Event.ID, claim.Run.EventID)
	require.Equal(t, h.endpoint.Path, claim.Run.Webhook)

	// A run outlives an event that was expired by hand.
	h.system(t, `DELETE FROM events`)
	h.system(t, `UPDATE runs SET lease_until = now() - interval '1 s'`)
	count, err := h.db.RecoverRuns(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, 1, count)
	require.Nil(t, h.claim(t, meshhook.NewID()).Event)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	in := h.intake("", "{}")
	h.record(t, in)
	replay := meshhook.Run{
		ID: meshhook.NewID(), WorkflowID: h.workflow.ID, Workflow: h.workflow.Name, Version: 1,
		EventID: &in.Event.ID, Webhook: in.Event.Webhook,
	}
	require.NoError(t, h.project.StartRun(ctx, replay))
	event, err := h.project.Event(ctx, in.Event.ID)
	require.NoError(t, err)
	require.Equal(t, []meshhook.ID{in.Run.ID, replay.ID}, event.RunIDs)
	claims, err := h.db.ClaimRuns(ctx, meshhook.NewID(), 10, lease)
	require.NoError(t, err)
	require.Len(t, claims, 2)
	require.Equal(t, claims[0].Event, claims[1].Event)
}

func TestStartRunNeedsWhatItNames(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	nobody := meshhook.NewID()
	run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: h.workflow.ID, Workflow: "orders", Version: 2}
	requireCode(t, meshhook.CodeNotFound, h.project.StartRun(ctx, run))
	run.Version, run.WorkflowID = 1, nobody
	requireCode(t, meshhook.CodeNotFound, h.project.StartRun(ctx, run))
	run.WorkflowID, run.EventID = h.workflow.ID, &nobody
	requireCode(t, meshhook.CodeNotFound, h.project.StartRun(ctx, run))
	require.Empty(t, rows[string](t, h, `SELECT id::text FROM runs`))
	require.Empty(t, rows[string](t, h, `SELECT id::text FROM journal`))
}

func TestCancelRun(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	// From each state in which it is not over.
	for _, from := range []meshhook.RunStatus{meshhook.RunQueued, meshhook.RunRunning, meshhook.RunWaiting} {
		run := h.start(t, "{}")
		var held meshhook.RunClaim
		if from != meshhook.RunQueued {
			held = h.claim(t, meshhook.NewID())
		}
		if from == meshhook.RunWaiting {
			m := move(held, from)
			m.WaitingFor, m.WakeIn = meshhook.WaitingForApproval, -1
			require.NoError(t, h.db.Move(ctx, m))
		}
		canceled, err := h.project.CancelRun(ctx, run.ID)
		require.NoError(t, err, from)
		require.Equal(t, meshhook.RunCanceled, canceled.Status)
		require.NotNil(t, canceled.FinishedAt)
		require.Nil(t, canceled.WakeAt)
		require.Empty(t, canceled.WaitingFor)

		_, err = h.project.CancelRun(ctx, run.ID)
		requireCode(t, meshhook.CodeConflict, err)
		require.EqualError(t, err, "run "+run.ID.String()+" is over (canceled); there is nothing to cancel")
	}
	_, err := h.project.CancelRun(ctx, meshhook.NewID())
	requireCode(t, meshhook.CodeNotFound, err)
}

func TestRetryRun(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	run := h.start(t, "{}")
	_, err := h.project.RetryRun(ctx, run.ID, "")
	requireCode(t, meshhook.CodeConflict, err)
	require.EqualError(t, err, "run "+run.ID.String()+" (queued) cannot be retried: only a run that failed or was canceled can")

	at := time.Now()
	one, two := step("one", meshhook.StepSucceeded, "1", at), step("two", meshhook.StepSkipped, "", at.Add(time.Second))
	three, four := step("three", meshhook.StepSucceeded, "3", at.Add(2*time.Second)), step("four", meshhook.StepFailed, "", at.Add(3*time.Second))
	failedMove := func(c meshhook.RunClaim) meshhook.RunMove { return move(c, meshhook.RunFailed, one, two, three, four) }
	require.NoError(t, h.db.Move(ctx, failedMove(h.claim(t, meshhook.NewID()))))

	failed, err := h.project.Run(ctx, run.ID)
	require.NoError(t, err)
	require.Equal(t, &meshhook.Failure{Reason: meshhook.FailedTimeout, Message: "it took too long", Step: "send"}, failed.Error)
	require.Equal(t, &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "answered 500", Step: "four"}, failed.Steps[3].Error)

	_, err = h.project.RetryRun(ctx, run.ID, "five")
	requireCode(t, meshhook.CodeInvalid, err)
	require.ErrorContains(t, err, `has not begun a step "five"`)

	// A retry keeps what is done, and the daemon that takes it sees that.
	again, err := h.project.RetryRun(ctx, run.ID, "")
	require.NoError(t, err)
	require.Equal(t, meshhook.RunQueued, again.Status)
	require.Equal(t, 2, again.Attempt)
	require.Nil(t, again.Error)
	require.Nil(t, again.FinishedAt)
	claim := h.claim(t, meshhook.NewID())
	require.Equal(t, []string{"one", "two", "three"}, stepIDs(claim.Run.Steps))
	require.Equal(t, 2, claim.Run.Attempt)
	require.JSONEq(t, "1", string(claim.Run.Steps[0].Output))

	// From a step on, that step and those that began after it are done again.
	require.NoError(t, h.db.Move(ctx, failedMove(claim)))
	_, err = h.project.RetryRun(ctx, run.ID, "three")
	require.NoError(t, err)
	claim = h.claim(t, meshhook.NewID())
	require.Equal(t, []string{"one", "two"}, stepIDs(claim.Run.Steps))
	require.Equal(t, 3, claim.Run.Attempt)

	require.NoError(t, h.db.Move(ctx, move(claim, meshhook.RunSucceeded)))
	_, err = h.project.RetryRun(ctx, run.ID, "")
	requireCode(t, meshhook.CodeConflict, err)
	_, err = h.project.RetryRun(ctx, meshhook.NewID(), "")
	requireCode(t, meshhook.CodeNotFound, err)
}

func stepIDs(steps []meshhook.Step) []string {
	ids := make([]string, 0, len(steps))
	for _, s := range steps {
		ids = append(ids, s.ID)
	}
	return ids
}

func TestListRuns(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	other, err := h.project.Apply(ctx, "accounts", "", meshhook.Version{Digest: "a", Source: "#"})
	require.NoError(t, err)
	now := time.Now()
	at := func(i int) time.Time { return now.Add(time.Duration(i-5) * time.Hour) }
	ids := make([]meshhook.ID, 5)
	for i := range ids {
		run := meshhook.Run{ID: idAt(at(i)), WorkflowID: h.workflow.ID, Workflow: "orders", Version: 1}
		if i == 2 {
			run.WorkflowID, run.Workflow = other.Workflow.ID, "accounts"
		}
		ids[i] = run.ID
		require.NoError(t, h.project.StartRun(ctx, run))
	}
	_, err = h.project.CancelRun(ctx, ids[1])
	require.NoError(t, err)

	tests := []struct {
		name   string
		filter meshhook.RunFilter
		want   []int
	}{
		{"all", meshhook.RunFilter{}, []int{4, 3, 2, 1, 0}},
		{"the newest", meshhook.RunFilter{Limit: 2}, []int{4, 3}},
		{"the next page", meshhook.RunFilter{Limit: 2, Before: ids[3]}, []int{2, 1}},
		{"of a workflow", meshhook.RunFilter{Workflow: "accounts"}, []int{2}},
		{"canceled", meshhook.RunFilter{Status: meshhook.RunCanceled}, []int{1}},
		{"since", meshhook.RunFilter{Since: at(3)}, []int{4, 3}},
		{"all together", meshhook.RunFilter{Workflow: "orders", Status: meshhook.RunQueued, Since: at(0), Before: ids[3], Limit: 5}, []int{0}},
	}
	for _, test := range tests {
		runs, err := h.project.Runs(ctx, test.filter)
		require.NoError(t, err, test.name)
		var got []int
		for _, r := range runs {
			for i, id := range ids {
				if id == r.ID {
					got = append(got, i)
				}
			}
		}
		require.Equal(t, test.want, got, test.name)
	}
}
