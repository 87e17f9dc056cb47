package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/delivery"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// types lists what was sent, in order.
func types(t *testing.T, hits []hit) (list []string) {
	t.Helper()
	for _, h := range hits {
		var message struct{ Type string }
		require.NoError(t, json.Unmarshal(h.Body, &message))
		list = append(list, message.Type)
	}
	return list
}

func TestRecovered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	h.alert(t, rec.url, nil, meshhook.OnRecovered)
	s := h.stage(t, h.db)
	for _, status := range []meshhook.RunStatus{meshhook.RunSucceeded, meshhook.RunFailed, meshhook.RunFailed, meshhook.RunSucceeded, meshhook.RunSucceeded} {
		h.run(t, status)
		h.settle(t, s)
	}
	require.Equal(t, []string{"run.recovered"}, types(t, rec.all()))
}

func TestWhenAndThrottle(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	h.alert(t, rec.url, func(a *meshhook.Alert) { a.Throttle = meshhook.Duration(time.Hour) }, meshhook.OnFailed)
	narrow, _ := h.alert(t, rec.url, func(a *meshhook.Alert) { a.When = `.run.failed_step == "other"` }, meshhook.OnFailed)
	s := h.stage(t, h.db)
	for range 4 {
		h.run(t, meshhook.RunFailed)
		h.settle(t, s)
	}
	require.Len(t, rec.all(), 1)
	list, err := h.project.Deliveries(t.Context(), meshhook.DeliveryFilter{Alert: narrow.ID, Status: meshhook.DeliveryDiscarded, Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 4)
	require.Equal(t, meshhook.DeliveryNarrowed, list[0].Reason)
	// The window is over: the next one says how many were held back.
	_, err = h.raw.Exec(t.Context(), `UPDATE alert_states SET at = at - interval '2 hours' WHERE kind = 'throttle'`)
	require.NoError(t, err)
	h.run(t, meshhook.RunFailed)
	h.settle(t, s)
	hits := rec.all()
	require.Len(t, hits, 2)
	require.Contains(t, string(hits[1].Body), `"held":3`)
}

func TestCanceledAndDelayed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	h.alert(t, rec.url, func(a *meshhook.Alert) { a.DelayThreshold = meshhook.Duration(50 * time.Millisecond) }, meshhook.OnCanceled, meshhook.OnDelayed)
	id := h.begin(t)
	s, w := h.stage(t, h.db), delivery.NewWatch(h.db)
	require.Eventually(t, func() bool {
		_, err := w.Delayed(t.Context())
		require.NoError(t, err)
		h.settle(t, s)
		return len(rec.all()) > 0
	}, patience, 5*time.Millisecond)
	for range 3 {
		_, err := w.Delayed(t.Context())
		require.NoError(t, err)
	}
	w.Forget()
	_, err := delivery.NewWatch(h.db).Delayed(t.Context())
	require.NoError(t, err)
	_, err = h.project.CancelRun(t.Context(), id)
	require.NoError(t, err)
	h.settle(t, s)
	require.Equal(t, []string{"run.delayed", "run.canceled"}, types(t, rec.all()))
}

// A message about a run that was tried again meanwhile tells of the run as it was.
func TestARetriedRunIsToldAsItWas(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	h.alert(t, rec.url, nil, meshhook.OnFailed)
	id := h.run(t, meshhook.RunFailed)
	_, err := h.project.RetryRun(t.Context(), id, "")
	require.NoError(t, err)
	h.settle(t, h.stage(t, h.db))
	require.Contains(t, string(rec.all()[0].Body), `"the answer was 500"`)
}

// mortal is a store whose daemon dies before it can record what came of an attempt.
type mortal struct {
	*postgres.DB
	died chan struct{}
}

func (m mortal) SettleDelivery(context.Context, *meshhook.DeliveryClaim, meshhook.DeliveryMove) error {
	m.died <- struct{}{}
	return errors.New("killed")
}

func (m mortal) ReleaseDeliveries(context.Context, meshhook.ID) (int, error) { return 0, nil }

// What was under way at a crash is sent again, with the same id; the attempt is known.
func TestACrashSendsAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	a, _ := h.alert(t, rec.url, nil, meshhook.OnFailed)
	h.run(t, meshhook.RunFailed)
	m := mortal{h.db, make(chan struct{}, 1)}
	dead := h.stage(t, m)
	_, err := dead.Claim(t.Context())
	require.NoError(t, err)
	<-m.died
	_, err = h.raw.Exec(t.Context(), `UPDATE deliveries SET lease_until = now() - interval '1 s'`)
	require.NoError(t, err)
	count, err := h.db.RecoverDeliveries(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, 1, count)
	h.settle(t, h.stage(t, h.db))
	hits := rec.all()
	require.Len(t, hits, 2)
	require.Equal(t, hits[0].Header.Get("Webhook-Id"), hits[1].Header.Get("Webhook-Id"))
	require.Equal(t, hits[0].Body, hits[1].Body)
	attempts, err := h.project.Attempts(t.Context(), meshhook.AttemptFilter{Alert: a.ID, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, meshhook.DeliveryCrashed, attempts[1].Reason)
	require.Equal(t, 2, h.one(t).Attempt)
}

func TestSampleAndRedeliver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	status := http.StatusTeapot
	rec := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(status) })
	a, _ := h.alert(t, rec.url, func(a *meshhook.Alert) { a.Enabled, a.When = false, "false" }, meshhook.OnFailed)
	id, err := h.project.SampleDelivery(t.Context(), a.ID)
	require.NoError(t, err)
	s := h.stage(t, h.db)
	h.settle(t, s)
	d, err := h.project.Delivery(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, meshhook.DeliveryExhausted, d.Status)
	require.Equal(t, []string{"alert.test"}, types(t, rec.all()))
	status = http.StatusOK
	require.NoError(t, h.project.Redeliver(t.Context(), id))
	require.Equal(t, meshhook.CodeConflict, meshhook.ErrorCode(h.project.Redeliver(t.Context(), id)), "it is pending")
	h.settle(t, s)
	require.Equal(t, meshhook.DeliveryDelivered, h.one(t).Status)
	all, each, err := h.project.AlertStats(t.Context(), time.Time{})
	require.NoError(t, err)
	require.Empty(t, all.Counts, "samples do not count")
	require.Nil(t, all.Delivered)
	require.Empty(t, each)
}

// Each question of a run is told by its own words, whichever is answered first; and so is
// the step that failed, though a person has had it done again meanwhile.
func TestStepsAreToldAsTheyWere(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	h.alert(t, rec.url, func(a *meshhook.Alert) {
		a.Payload = json.RawMessage(`{"type": "{{ .type }}", "step": "{{ .approval.step }}", "asked": "{{ .approval.message }}"}`)
	}, meshhook.OnWaiting)
	h.alert(t, rec.url, func(a *meshhook.Alert) {
		a.When, a.Payload = `.steps.charge.status == 402`, json.RawMessage(`{"type": "{{ .type }}"}`)
	}, meshhook.OnFailed)
	id := h.begin(t)
	claims, err := h.db.ClaimRuns(ctx, h.owner, 1, lease)
	require.NoError(t, err)
	ask := func(step string) meshhook.Step {
		return meshhook.Step{
			RunID: id, ID: step, Kind: "approval", Status: meshhook.StepWaiting, Attempt: 1, StartedAt: claims[0].Now, Input: json.RawMessage(`{"message":"` + step + ` it?"}`),
		}
	}
	m := meshhook.RunMove{RunID: id, ProjectID: h.project.ID(), Fence: claims[0].Fence, Status: meshhook.RunRunning, Steps: []meshhook.Step{ask("refund"), ask("ship")}}
	require.NoError(t, h.db.Move(ctx, m))
	_, err = h.project.Decide(ctx, id, "refund", true, "")
	require.NoError(t, err)
	s := h.stage(t, h.db)
	h.settle(t, s)
	var told []string
	for _, hit := range rec.all() {
		told = append(told, string(hit.Body))
	}
	require.ElementsMatch(t, []string{
		`{"asked":"refund it?","step":"refund","type":"run.waiting"}`, `{"asked":"ship it?","step":"ship","type":"run.waiting"}`,
	}, told)

	m.Status, m.FinishedAt, m.Error = meshhook.RunFailed, claims[0].Now, &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "the answer was 402", Step: "charge"}
	m.Steps = []meshhook.Step{{RunID: id, ID: "charge", Kind: "http", Status: meshhook.StepFailed, Attempt: 1, StartedAt: claims[0].Now, FinishedAt: &claims[0].Now, Output: json.RawMessage(`{"status":402}`), Error: m.Error}}
	require.NoError(t, h.db.Move(ctx, m))
	_, err = h.project.RetryRun(ctx, id, "")
	require.NoError(t, err)
	h.settle(t, s)
	require.Equal(t, "run.failed", types(t, rec.all())[2])
}
