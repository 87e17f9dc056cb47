package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// delivery makes one of an alert and gives it a fate.
func (h house) delivery(t *testing.T, a meshhook.ID, status meshhook.DeliveryStatus, attempt int, sample bool) meshhook.ID {
	t.Helper()
	id, err := h.project.SampleDelivery(t.Context(), a)
	require.NoError(t, err)
	h.system(t, `
		UPDATE deliveries SET status = $2, sample = $3, attempt = $4, due_at = now() - interval '2 s', sent_at = CASE WHEN $4 > 0 THEN now() - interval '1900 ms' END,
		       finished_at = CASE WHEN $2 <> 'pending' THEN now() END, next_at = CASE WHEN $2 = 'pending' THEN now() - interval '1 m' END
		 WHERE id = $1`, id, status, sample, attempt)
	return id
}

func TestAlertStats(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, two := h.createAlert(t, h.plainAlert(), "a"), h.createAlert(t, h.plainAlert(), "b")
	all, each, err := h.project.AlertStats(t.Context(), time.Time{})
	require.NoError(t, err)
	require.Equal(t, meshhook.AlertStats{Counts: map[meshhook.DeliveryStatus]int64{}}, all)
	require.Empty(t, each)

	for range 3 {
		h.delivery(t, one.ID, meshhook.DeliveryDelivered, 1, false)
	}
	h.delivery(t, one.ID, meshhook.DeliveryExhausted, 10, false)
	h.delivery(t, one.ID, meshhook.DeliveryDiscarded, 0, false)
	h.delivery(t, one.ID, meshhook.DeliveryExhausted, 1, true)
	h.delivery(t, two.ID, meshhook.DeliveryPending, 0, false)
	all, each, err = h.project.AlertStats(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Len(t, each, 2)
	require.Equal(t, map[meshhook.DeliveryStatus]int64{"delivered": 3, "exhausted": 1, "discarded": 1}, each[0].Counts)
	require.EqualValues(t, 13, each[0].Attempts)
	require.EqualValues(t, 9, each[0].Again)
	require.InDelta(t, 0.75, *each[0].Delivered, 1e-9)
	require.InDelta(t, 100, *each[0].Dispatch.P50, 1)
	require.InDelta(t, 2000, *each[0].Delivery.P99, 1)
	require.Nil(t, each[0].OldestDue)
	require.Equal(t, two.ID, *each[1].AlertID)
	require.Nil(t, each[1].Delivered)
	require.Nil(t, each[1].Dispatch.P99)
	require.WithinDuration(t, time.Now().Add(-time.Minute), *each[1].OldestDue, 30*time.Second)
	require.Nil(t, all.AlertID)
	require.Equal(t, map[meshhook.DeliveryStatus]int64{"delivered": 3, "exhausted": 1, "discarded": 1, "pending": 1}, all.Counts)
	report := meshhook.ReportAlerts(time.Time{}, all, each, &two.ID)
	require.Equal(t, []meshhook.AlertStats{each[1]}, report.Alerts)
	unknown := meshhook.NewID()
	require.Empty(t, meshhook.ReportAlerts(time.Time{}, all, each, &unknown).Alerts[0].Counts)

	all, _, err = h.project.AlertStats(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Empty(t, all.Counts)
	status, err := h.project.Status(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, status.Alerts.Deliveries["exhausted"])
	require.Zero(t, status.Alerts.Unheard)
	require.NotNil(t, status.Alerts.OldestDue)
	h.system(t, `UPDATE deliveries SET type = 'alert.exhausted' WHERE status = 'exhausted' AND NOT sample`)
	status, err = h.project.Status(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, status.Alerts.Unheard)
}

func TestRedelivering(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, off := h.createAlert(t, h.plainAlert(), "a"), h.createAlert(t, h.plainAlert(), "b")
	dead := h.delivery(t, one.ID, meshhook.DeliveryExhausted, 10, false)
	h.delivery(t, one.ID, meshhook.DeliveryExhausted, 1, true)
	idle := h.delivery(t, off.ID, meshhook.DeliveryExhausted, 1, false)
	_, err := h.project.ChangeAlert(t.Context(), off.ID, put(func(a *meshhook.Alert) { a.Enabled = false }))
	require.NoError(t, err)

	count, err := h.project.RedeliverExhausted(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Zero(t, count)
	audited, err := h.project.AuditLog(t.Context(), meshhook.AuditFilter{Action: meshhook.AuditAlertRedelivered})
	require.NoError(t, err)
	require.Empty(t, audited, "nothing was done")
	count, err = h.project.RedeliverExhausted(t.Context(), time.Time{})
	require.NoError(t, err)
	require.Equal(t, 1, count, "neither samples nor those of disabled alerts")
	d, err := h.project.Delivery(t.Context(), dead)
	require.NoError(t, err)
	require.Equal(t, meshhook.DeliveryPending, d.Status)
	require.Zero(t, d.Attempt)
	require.Nil(t, d.FinishedAt)
	require.ErrorContains(t, h.project.Redeliver(t.Context(), dead), "is pending")
	require.ErrorContains(t, h.project.Redeliver(t.Context(), idle), "is disabled; enable it first")
	require.NoError(t, h.project.DeleteAlert(t.Context(), off.ID))
	err = h.project.Redeliver(t.Context(), idle)
	require.Equal(t, meshhook.CodeConflict, meshhook.ErrorCode(err))
	require.ErrorContains(t, err, "was deleted")
	require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(h.project.Redeliver(t.Context(), meshhook.NewID())))
}

// An alert that is deleted has nothing more to send; what is being sent is not called back.
func TestADeletedAlertIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.createAlert(t, h.plainAlert(), "a")
	waits := h.delivery(t, a.ID, meshhook.DeliveryPending, 0, false)
	underway := h.delivery(t, a.ID, meshhook.DeliveryPending, 0, false)
	other := h.delivery(t, h.createAlert(t, h.plainAlert(), "b").ID, meshhook.DeliveryPending, 0, false)
	_, err := h.db.ClaimDelivery(t.Context(), meshhook.NewID(), underway, time.Minute)
	require.NoError(t, err)
	require.NoError(t, h.project.DeleteAlert(t.Context(), a.ID))
	for id, want := range map[meshhook.ID]meshhook.DeliveryStatus{
		waits: meshhook.DeliveryDiscarded, underway: meshhook.DeliveryPending, other: meshhook.DeliveryPending,
	} {
		d, err := h.project.Delivery(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, d.Status)
	}
	audited, err := h.project.AuditLog(t.Context(), meshhook.AuditFilter{Action: meshhook.AuditAlertDeleted})
	require.NoError(t, err)
	require.Contains(t, string(audited[0].Detail), `"discarded": 1`)
}

func TestOneDeliveryIsClaimed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.createAlert(t, h.plainAlert(), "a")
	h.delivery(t, a.ID, meshhook.DeliveryPending, 0, false)
	id := h.delivery(t, a.ID, meshhook.DeliveryPending, 0, true)
	claims, err := h.db.ClaimDelivery(t.Context(), meshhook.NewID(), id, time.Minute)
	require.NoError(t, err)
	require.Len(t, claims, 1)
	require.Equal(t, id, claims[0].Delivery.ID)
	claims, err = h.db.ClaimDelivery(t.Context(), meshhook.NewID(), id, time.Minute)
	require.NoError(t, err)
	require.Empty(t, claims, "it is in other hands")
	name, err := h.project.Name(t.Context())
	require.NoError(t, err)
	require.Equal(t, "default", name)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = h.db.ClaimDelivery(ctx, meshhook.NewID(), id, time.Minute)
	require.Error(t, err)
	_, err = h.project.RedeliverExhausted(ctx, time.Time{})
	require.Error(t, err)
	_, _, err = h.project.AlertStats(ctx, time.Time{})
	require.Error(t, err)
}
