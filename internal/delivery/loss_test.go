package delivery_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// An alert may tell of runs and of other alerts: of its own messages another one tells,
// and of those about alerts none.
func TestAlertsTellOfEachOther(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	refusing := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusBadRequest) })
	h.alert(t, refusing.url+"/one", nil, meshhook.OnFailed, meshhook.OnExhausted, meshhook.OnCircuitOpen)
	h.alert(t, refusing.url+"/two", nil, meshhook.OnFailed, meshhook.OnExhausted, meshhook.OnCircuitOpen)
	h.run(t, meshhook.RunFailed)
	h.settle(t, h.stage(t, h.db))
	var paths []string
	for _, hit := range refusing.all() {
		paths = append(paths, hit.Path)
	}
	require.ElementsMatch(t, []string{"/one", "/two", "/one", "/two"}, paths)
	require.ElementsMatch(t, []string{"run.failed", "run.failed", "alert.exhausted", "alert.exhausted"}, types(t, refusing.all()))
}

// A receiver that is gone does not take the one with it that the alert has now.
func TestAnOldReceiverIsGone(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	gone := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		w.WriteHeader(map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusGone}[n == 1])
	})
	now, fallback := newReceiver(t, nil), newReceiver(t, nil)
	a, _ := h.alert(t, gone.url, func(a *meshhook.Alert) { a.Schedule = []meshhook.Duration{0, meshhook.Duration(time.Hour)} }, meshhook.OnFailed)
	h.alert(t, fallback.url, nil, meshhook.OnExhausted)
	h.run(t, meshhook.RunFailed)
	s := h.stage(t, h.db)
	h.settle(t, s)
	_, err := h.project.ChangeAlert(ctx, a.ID, func(a *meshhook.Alert) (meshhook.Secret, error) {
		a.URL = now.url
		return meshhook.Secret{}, nil
	})
	require.NoError(t, err)
	_, err = h.raw.Exec(ctx, `UPDATE deliveries SET next_at = now()`)
	require.NoError(t, err)
	h.settle(t, s)
	require.Len(t, gone.all(), 2)
	require.Equal(t, []string{"alert.exhausted"}, types(t, fallback.all()))
	h.run(t, meshhook.RunFailed)
	h.settle(t, s)
	require.Equal(t, []string{"run.failed"}, types(t, now.all()))
}

// A daemon that takes a delivery again, which it lost to an outage while it was sending it,
// holds it until that attempt has ended, too.
func TestADeliveryIsHeldTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	come, first, second := make(chan struct{}), make(chan struct{}), make(chan struct{})
	rec := newReceiver(t, func(_ http.ResponseWriter, _ *http.Request, n int) {
		come <- struct{}{}
		<-map[bool]chan struct{}{true: first, false: second}[n == 1]
	})
	h.alert(t, rec.url, nil, meshhook.OnFailed)
	h.run(t, meshhook.RunFailed)
	s := h.stage(t, h.db)
	claim := func() {
		t.Helper()
		_, err := s.Claim(t.Context())
		require.NoError(t, err)
		<-come
	}
	claim()
	h.crash(t)
	claim()
	require.Equal(t, 2, s.Active())
	close(first)
	require.Eventually(t, func() bool { return s.Active() == 1 }, patience, 5*time.Millisecond)
	_, err := h.raw.Exec(t.Context(), `UPDATE deliveries SET lease_until = now()`)
	require.NoError(t, err)
	_, err = s.Heartbeat(t.Context())
	require.NoError(t, err)
	count, err := h.db.RecoverDeliveries(t.Context(), 10)
	require.NoError(t, err)
	require.Zero(t, count)
	close(second)
	h.settle(t, s)
	require.Equal(t, meshhook.DeliveryDelivered, h.one(t).Status)
}

// What cannot be opened is left out of a message, and does not keep it: neither for ever,
// nor by a `when` that misses it.
func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	when := func(a *meshhook.Alert) { a.When = `.run.output.n == 1 and .steps.charge == 1` }
	a, _ := h.alert(t, rec.url, when, meshhook.OnFailed)
	h.alert(t, rec.url, nil, meshhook.OnExhausted)
	h.run(t, meshhook.RunFailed)
	_, err := h.raw.Exec(ctx, `UPDATE runs SET output = 'x', failure = 'x'`)
	require.NoError(t, err)
	s := h.stage(t, h.db)
	h.settle(t, s)
	require.Equal(t, []string{"run.failed"}, types(t, rec.all()))
	require.Contains(t, string(rec.all()[0].Body), `"failed_step":"charge"`)
	attempts, err := h.project.Attempts(ctx, meshhook.AttemptFilter{Alert: a.ID, Limit: 1})
	require.NoError(t, err)
	require.Contains(t, attempts[0].Fallback, "what is recorded of the run cannot be read in full: ")

	h.run(t, meshhook.RunFailed)
	_, err = h.raw.Exec(ctx, `UPDATE alert_configs SET url = 'x' WHERE id = $1`, a.ID)
	require.NoError(t, err)
	h.settle(t, s)
	require.Equal(t, []string{"run.failed", "alert.exhausted"}, types(t, rec.all()))
	list, err := h.project.Deliveries(ctx, meshhook.DeliveryFilter{Alert: a.ID, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, meshhook.DeliveryInternal, list[0].Reason)
}
