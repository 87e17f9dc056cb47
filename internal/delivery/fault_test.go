package delivery_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/circuit"
	"github.com/profullstack/meshhook/internal/delivery"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// unfinished is a store whose daemon dies between the throttle and the first attempt.
type unfinished struct {
	*postgres.DB
	died chan struct{}
}

func (u unfinished) BeginAttempt(context.Context, *meshhook.DeliveryClaim, meshhook.AlertAttempt) error {
	u.died <- struct{}{}
	return errors.New("killed")
}

// crash has all that is in hand fall back, as after the death of its daemon.
func (h *house) crash(t *testing.T) {
	t.Helper()
	_, err := h.raw.Exec(t.Context(), `UPDATE deliveries SET lease_until = now() - interval '1 s' WHERE lease_owner IS NOT NULL`)
	require.NoError(t, err)
	count, err := h.db.RecoverDeliveries(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, 1, count)
}

// What its throttle has let go is not held back by itself after a crash, and still says
// how many others were.
func TestACrashAfterTheThrottle(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	h.alert(t, rec.url, func(a *meshhook.Alert) { a.Throttle = meshhook.Duration(time.Hour) }, meshhook.OnFailed)
	s := h.stage(t, h.db)
	for range 3 {
		h.run(t, meshhook.RunFailed)
		h.settle(t, s)
	}
	_, err := h.raw.Exec(t.Context(), `UPDATE alert_states SET at = at - interval '2 hours'`)
	require.NoError(t, err)
	h.run(t, meshhook.RunFailed)
	u := unfinished{h.db, make(chan struct{}, 1)}
	dead := h.stage(t, u)
	_, err = dead.Claim(t.Context())
	require.NoError(t, err)
	<-u.died
	h.crash(t)
	h.settle(t, s)
	hits := rec.all()
	require.Len(t, hits, 2)
	require.Contains(t, string(hits[1].Body), `"held":2`)
}

// Two daemons let one message through, and count the others.
func TestTwoDaemonsThrottleTogether(t *testing.T) {
	t.Parallel()
	const runs = 20
	h := newHouse(t)
	rec := newReceiver(t, nil)
	h.alert(t, rec.url, func(a *meshhook.Alert) { a.Throttle = meshhook.Duration(time.Hour) }, meshhook.OnFailed)
	for range runs {
		h.run(t, meshhook.RunFailed)
	}
	one, two := h.stage(t, h.db), h.stage(t, pgtest.Open(t, h.url))
	var both sync.WaitGroup
	for _, s := range []*delivery.Stage{one, two} {
		both.Go(func() { _, _ = s.Claim(context.Background()) })
	}
	both.Wait()
	h.settle(t, one)
	require.Len(t, rec.all(), 1)
	var held int64
	require.NoError(t, h.raw.QueryRow(t.Context(), `SELECT held FROM alert_states WHERE kind = 'throttle'`).Scan(&held))
	require.Equal(t, int64(runs-1), held)
}

// In quiet hours messages wait, without being taken again and again; when the alert has
// none any more, they go.
func TestQuietHours(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	now := time.Now().UTC()
	a, _ := h.alert(t, rec.url, func(a *meshhook.Alert) {
		a.Quiet = &meshhook.QuietHours{From: now.Add(-time.Hour).Format("15:04"), To: now.Add(2 * time.Hour).Format("15:04")}
	}, meshhook.OnFailed)
	h.run(t, meshhook.RunFailed)
	s := h.stage(t, h.db)
	h.settle(t, s)
	held := h.one(t)
	require.Equal(t, meshhook.DeliveryPending, held.Status)
	require.WithinDuration(t, now.Add(2*time.Hour), *held.NextAt, 2*time.Minute)
	h.settle(t, s)
	require.Empty(t, rec.all())
	require.Equal(t, int64(1), h.fence(t), "it was taken once")

	_, err := h.project.ChangeAlert(t.Context(), a.ID, func(a *meshhook.Alert) (meshhook.Secret, error) {
		a.Quiet = nil
		return meshhook.Secret{}, nil
	})
	require.NoError(t, err)
	h.settle(t, s)
	require.Len(t, rec.all(), 1)
}

// fence is how often any delivery was taken at most.
func (h *house) fence(t *testing.T) (most int64) {
	t.Helper()
	require.NoError(t, h.raw.QueryRow(t.Context(), `SELECT coalesce(max(fence), 0) FROM deliveries`).Scan(&most))
	return most
}

// A receiver that hangs has as many calls as it may, and keeps no other waiting; what
// waits for it is not taken again and again.
func TestASlowReceiverDelaysNoOther(t *testing.T) {
	t.Parallel()
	const runs = 40
	h := newHouse(t)
	answer, come := make(chan struct{}), make(chan struct{}, runs)
	slow := newReceiver(t, func(http.ResponseWriter, *http.Request, int) {
		come <- struct{}{}
		<-answer
	})
	h.alert(t, slow.url, nil, meshhook.OnFailed)
	for range runs {
		h.run(t, meshhook.RunFailed)
	}
	s := h.stage(t, h.db)
	ended := h.loop(t, s)
	for range 16 {
		<-come
	}
	quick := newReceiver(t, nil)
	h.alert(t, quick.url, nil, meshhook.OnSucceeded)
	for range runs {
		h.run(t, meshhook.RunSucceeded)
	}
	s.Bell().Ring()
	require.Eventually(t, func() bool { return len(quick.all()) == runs }, patience, 5*time.Millisecond)
	require.Len(t, slow.all(), 16)
	require.LessOrEqual(t, h.fence(t), int64(2))
	close(answer)
	require.Eventually(t, func() bool { return len(slow.all()) == runs }, patience, 5*time.Millisecond)
	ended()
	require.LessOrEqual(t, h.fence(t), int64(4))
}

// So do many of them: the more calls hang, the fewer each of their hosts may have.
func TestManySlowReceiversDelayNoOther(t *testing.T) {
	t.Parallel()
	const hosts, runs = 130, 4
	h := newHouse(t)
	answer, come := make(chan struct{}), make(chan struct{}, hosts*runs)
	slow := make([]*receiver, hosts)
	for i := range slow {
		slow[i] = newReceiver(t, func(http.ResponseWriter, *http.Request, int) {
			come <- struct{}{}
			<-answer
		})
		h.alert(t, slow[i].url, func(a *meshhook.Alert) { a.Timeout = meshhook.Duration(time.Minute) }, meshhook.OnFailed)
	}
	for range runs {
		h.run(t, meshhook.RunFailed)
	}
	s := h.stage(t, h.db)
	ended := h.loop(t, s)
	s.Bell().Ring()
	for range 512 { // the last that may be to a host that has one already
		<-come
	}
	quick := newReceiver(t, nil)
	h.alert(t, quick.url, nil, meshhook.OnSucceeded)
	h.run(t, meshhook.RunSucceeded)
	s.Bell().Ring()
	require.Eventually(t, func() bool { return len(quick.all()) == 1 }, patience, 5*time.Millisecond)
	for _, r := range slow {
		require.NotEmpty(t, r.all())
	}
	close(answer)
	for _, r := range slow {
		require.Eventually(t, func() bool { return len(r.all()) == runs }, patience, 5*time.Millisecond)
	}
	ended()
}

// A wait ends when it is over, and not at the loop's next look, which is a minute away here.
func TestAWaitEndsInTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	h.alert(t, rec.url, func(a *meshhook.Alert) {
		a.Schedule = []meshhook.Duration{meshhook.Duration(300 * time.Millisecond), meshhook.Duration(300 * time.Millisecond)}
	}, meshhook.OnFailed)
	h.run(t, meshhook.RunFailed)
	s := h.stage(t, h.db)
	defer h.loop(t, s)()
	s.Bell().Ring()
	require.Eventually(t, func() bool { return h.one(t).Status == meshhook.DeliveryDelivered }, patience, 5*time.Millisecond)
	require.Len(t, rec.all(), 2)
}

// breaker is a stage that keeps from hosts that fail, and its circuits.
func (h *house) breaker(t *testing.T) (*delivery.Stage, *circuit.Breaker) {
	t.Helper()
	client, err := egress.New(egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	b := circuit.New(circuit.Options{Store: h.db})
	s := delivery.New(delivery.Options{Store: h.db, Owner: meshhook.NewID(), Egress: client, Circuits: b, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s, b
}

// A receiver whose circuit opens is told of once, and not by an alert about alerts that
// goes there itself. What waits for it counts no attempt, and has an end all the same.
func TestACircuitOpens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	dead := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusInternalServerError) })
	fallback := newReceiver(t, nil)
	h.alert(t, fallback.url, nil, meshhook.OnCircuitOpen, meshhook.OnExhausted)
	a, _ := h.alert(t, dead.url+"/secret-path", func(a *meshhook.Alert) { a.Schedule = make([]meshhook.Duration, 20) }, meshhook.OnFailed)
	h.run(t, meshhook.RunFailed)
	s, b := h.breaker(t)
	h.settle(t, s)
	hits := fallback.all()
	require.Equal(t, []string{"alert.circuit_open"}, types(t, hits))
	host, ok := circuit.Host(dead.url)
	require.True(t, ok)
	require.Contains(t, string(hits[0].Body), `"host":"`+host+`"`)
	require.Contains(t, string(hits[0].Body), `"reason":"circuit_open"`)
	require.Contains(t, string(hits[0].Body), "its last 5 calls failed (500)")
	require.NotContains(t, string(hits[0].Body), "secret-path")
	require.Len(t, dead.all(), 5)
	require.Equal(t, 1, b.Open())

	list, err := h.project.Deliveries(t.Context(), meshhook.DeliveryFilter{Alert: a.ID, Limit: 2})
	require.NoError(t, err)
	require.Equal(t, meshhook.DeliveryPending, list[0].Status)
	require.Equal(t, 5, list[0].Attempt)
	_, err = h.raw.Exec(t.Context(), `UPDATE deliveries SET next_at = now(), due_at = now() - interval '49 hours' WHERE status = 'pending'`)
	require.NoError(t, err)
	h.settle(t, s)
	given, err := h.project.Delivery(t.Context(), list[0].ID)
	require.NoError(t, err)
	require.Equal(t, meshhook.DeliveryExhausted, given.Status)
	require.Equal(t, meshhook.DeliveryCircuitOpen, given.Reason)
	require.Equal(t, 5, given.Attempt)
	// Whoever tries an alert wants to know how it is now, and nobody else hears of it.
	sample, err := h.project.SampleDelivery(t.Context(), a.ID)
	require.NoError(t, err)
	h.settle(t, s)
	given, err = h.project.Delivery(t.Context(), sample)
	require.NoError(t, err)
	require.Equal(t, meshhook.DeliveryHTTPStatus, given.Reason)
	require.Equal(t, []string{"alert.circuit_open", "alert.exhausted"}, types(t, fallback.all()))
	require.Len(t, dead.all(), 6)
}

// Alerts about alerts that cannot be delivered open a circuit, and tell nobody.
func TestAlertsAboutAlertsAreNotToldOf(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	fail := func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusBadGateway) }
	refusing := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusBadRequest) })
	dead := newReceiver(t, fail)
	h.alert(t, refusing.url, nil, meshhook.OnFailed)
	about, _ := h.alert(t, dead.url, func(a *meshhook.Alert) { a.Schedule = make([]meshhook.Duration, 6) }, meshhook.OnExhausted, meshhook.OnCircuitOpen)
	h.run(t, meshhook.RunFailed)
	s, b := h.breaker(t)
	h.settle(t, s)
	require.Equal(t, 1, b.Open())
	list, err := h.project.Deliveries(t.Context(), meshhook.DeliveryFilter{Alert: about.ID, Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, meshhook.OnExhausted.Type(), list[0].Type)
}

// An attempt under way at a crash is made again though it was the last one.
func TestTheLastAttemptIsMadeAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	h.alert(t, rec.url, func(a *meshhook.Alert) { a.Schedule = []meshhook.Duration{0} }, meshhook.OnFailed)
	h.run(t, meshhook.RunFailed)
	m := mortal{h.db, make(chan struct{}, 1)}
	dead := h.stage(t, m)
	_, err := dead.Claim(t.Context())
	require.NoError(t, err)
	<-m.died
	h.crash(t)
	h.settle(t, h.stage(t, h.db))
	require.Equal(t, meshhook.DeliveryDelivered, h.one(t).Status)
}

// A person who asks for a message again gets it.
func TestRedeliveryIsNotHeldBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	h.alert(t, rec.url, func(a *meshhook.Alert) { a.Throttle = meshhook.Duration(time.Hour) }, meshhook.OnFailed)
	h.alert(t, rec.url, func(a *meshhook.Alert) { a.When = "false" }, meshhook.OnFailed)
	s := h.stage(t, h.db)
	for range 2 {
		h.run(t, meshhook.RunFailed)
		h.settle(t, s)
	}
	require.Len(t, rec.all(), 1)
	list, err := h.project.Deliveries(t.Context(), meshhook.DeliveryFilter{Status: meshhook.DeliveryDiscarded, Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 3)
	for _, d := range list {
		require.NoError(t, h.project.Redeliver(t.Context(), d.ID))
	}
	h.settle(t, s)
	require.Len(t, rec.all(), 4)
	stats, _, err := h.project.AlertStats(t.Context(), time.Time{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, *stats.Dispatch.P50, 0.0)
}

// What is gone when a message is sent: the alert, the workflow.
func TestWhatIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	deleted, _ := h.alert(t, rec.url+"/deleted", nil, meshhook.OnFailed)
	h.alert(t, rec.url+"/kept", func(a *meshhook.Alert) { a.Preset = "ntfy" }, meshhook.OnFailed)
	h.run(t, meshhook.RunFailed)
	require.NoError(t, h.project.DeleteAlert(t.Context(), deleted.ID))
	_, err := h.raw.Exec(t.Context(), `DELETE FROM run_steps`)
	require.NoError(t, err)
	_, err = h.raw.Exec(t.Context(), `DELETE FROM runs`)
	require.NoError(t, err)
	h.settle(t, h.stage(t, h.db))
	hits := rec.all()
	require.Len(t, hits, 1)
	require.Equal(t, "/kept", hits[0].Path)
	require.Contains(t, string(hits[0].Body)+hits[0].Header.Get("Title"), "pay failed")
	list, err := h.project.Deliveries(t.Context(), meshhook.DeliveryFilter{Alert: deleted.ID, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, meshhook.DeliveryDisabled, list[0].Reason)
}

// One who tries a run again after its message was taken does not change what is told.
func TestARunThatIsRetriedUnderTheSender(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert(t, "https://example.com", nil, meshhook.OnFailed)
	id := h.run(t, meshhook.RunFailed)
	claims, seen, err := h.db.ClaimDeliveries(t.Context(), h.owner, meshhook.DeliveryRoom{Limit: 10, PerHost: 1}, lease)
	require.NoError(t, err)
	require.Equal(t, 1, seen)
	require.Len(t, claims, 1)
	_, err = h.project.RetryRun(t.Context(), id, "")
	require.NoError(t, err)
	subject, err := h.db.DeliverySubject(t.Context(), &claims[0])
	require.NoError(t, err)
	require.Equal(t, meshhook.RunFailed, subject.Run.Status)
	require.Equal(t, "charge", subject.Run.Error.Step)
}
