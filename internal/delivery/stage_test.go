package delivery_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestAFailedRunIsTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	a, secret := h.alert(t, rec.url+"/hook", nil, meshhook.OnFailed)
	run := h.run(t, meshhook.RunFailed)
	h.run(t, meshhook.RunSucceeded)
	s := h.stage(t, h.db)
	h.settle(t, s)

	hits := rec.all()
	require.Len(t, hits, 1)
	d := h.one(t)
	require.Equal(t, meshhook.DeliveryDelivered, d.Status)
	require.Equal(t, 1, d.Attempt)
	require.Equal(t, d.ID.String(), hits[0].Header.Get("Webhook-Id"))
	_, err := alert.Verify(hits[0].Header, hits[0].Body, []meshhook.Secret{secret}, time.Now(), alert.DefaultTolerance)
	require.NoError(t, err)
	var message struct {
		Type string
		Data struct {
			Run struct {
				ID, Status string
				FailedStep string `json:"failed_step"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(hits[0].Body, &message))
	require.Equal(t, "run.failed", message.Type)
	require.Equal(t, run.String(), message.Data.Run.ID)
	require.Equal(t, "charge", message.Data.Run.FailedStep)
	attempts, err := h.project.Attempts(t.Context(), meshhook.AttemptFilter{Alert: a.ID, Limit: 10})
	require.NoError(t, err)
	require.Len(t, attempts, 1)
	require.Equal(t, 200, attempts[0].HTTPStatus)
}

func TestAnswersDecide(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		status  meshhook.DeliveryStatus
		reason  meshhook.DeliveryReason
		enabled bool
		told    int
	}{
		http.StatusNoContent:           {meshhook.DeliveryDelivered, "", true, 0},
		http.StatusInternalServerError: {meshhook.DeliveryPending, meshhook.DeliveryHTTPStatus, true, 0},
		http.StatusBadRequest:          {meshhook.DeliveryExhausted, meshhook.DeliveryHTTPStatus, true, 1},
		http.StatusFound:               {meshhook.DeliveryExhausted, meshhook.DeliveryHTTPStatus, true, 1},
		http.StatusGone:                {meshhook.DeliveryDiscarded, meshhook.DeliveryGone, false, 1},
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			rec := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(status) })
			fallback := newReceiver(t, nil)
			h.alert(t, fallback.url, nil, meshhook.OnExhausted)
			a, _ := h.alert(t, rec.url, nil, meshhook.OnFailed)
			h.run(t, meshhook.RunFailed)
			h.settle(t, h.stage(t, h.db))
			list, err := h.project.Deliveries(t.Context(), meshhook.DeliveryFilter{Alert: a.ID, Limit: 10})
			require.NoError(t, err)
			require.Len(t, list, 1)
			require.Equal(t, want.status, list[0].Status)
			require.Equal(t, want.reason, list[0].Reason)
			a, err = h.project.Alert(t.Context(), a.ID)
			require.NoError(t, err)
			require.Equal(t, want.enabled, a.Enabled)
			require.Len(t, fallback.all(), want.told)
			for _, hit := range fallback.all() {
				require.Contains(t, string(hit.Body), `"delivery":{"id":"`+list[0].ID.String())
				require.NotContains(t, string(hit.Body), `"run":`)
			}
		})
	}
}
