package delivery_test

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/delivery"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// Why an attempt fails, in the words of the set that is closed.
func TestReasons(t *testing.T) {
	t.Parallel()
	hang := newReceiver(t, func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() })
	for url, want := range map[string]struct {
		reason   meshhook.DeliveryReason
		attempts int
	}{
		"http://10.0.0.1/":                {meshhook.DeliveryRefused, 1},
		"http://127.0.0.1:1/":             {meshhook.DeliveryConnection, 1},
		hang.url:                          {meshhook.DeliveryTimeout, 1},
		`{{ error("no") }}`:               {meshhook.DeliveryExpression, 0},
		`{{ "ftp://example.com/" + "" }}`: {meshhook.DeliveryExpression, 0},
	} {
		t.Run(string(want.reason), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.alert(t, url, func(a *meshhook.Alert) {
				a.Schedule, a.Timeout = []meshhook.Duration{0}, meshhook.Duration(100*time.Millisecond)
			}, meshhook.OnFailed)
			h.run(t, meshhook.RunFailed)
			h.settle(t, h.stage(t, h.db))
			d := h.one(t)
			require.Equal(t, meshhook.DeliveryExhausted, d.Status)
			require.Equal(t, want.reason, d.Reason)
			require.Equal(t, want.attempts, d.Attempt)
			require.Equal(t, want.attempts == 0, d.Error != "", "an attempt has its own")
		})
	}
}

// What fails of an alert's expressions costs as little as can be, and secrets of the
// vault are there for those that read them.
func TestExpressionsThatFail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	_, err := h.project.SetSecret(t.Context(), "token", meshhook.NewSecret("hush-hush"))
	require.NoError(t, err)
	h.alert(t, rec.url, func(a *meshhook.Alert) {
		a.When, a.ThrottleKey, a.Throttle = `error("when")`, `error("key")`, meshhook.Duration(time.Minute)
		a.Headers = map[string]string{"X-Token": "{{ .secrets.token }}"}
		a.Payload = json.RawMessage(`{"text": "{{ error(\"payload\") }}"}`)
	}, meshhook.OnFailed)
	h.run(t, meshhook.RunFailed)
	h.settle(t, h.stage(t, h.db))
	hits := rec.all()
	require.Equal(t, []string{"run.failed"}, types(t, hits))
	require.Equal(t, "hush-hush", hits[0].Header.Get("X-Token"))
}

// An event that does not come is told of once.
func TestAbsent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	e := meshhook.Endpoint{ID: meshhook.NewID(), Path: "beat", WorkflowID: h.workflow.ID, Enabled: true, Verification: meshhook.Verification{Scheme: "none"}}
	require.NoError(t, e.Validate())
	_, err := h.project.CreateEndpoint(t.Context(), e, meshhook.Secret{})
	require.NoError(t, err)
	h.alert(t, rec.url, func(a *meshhook.Alert) {
		a.Expect = &meshhook.Expect{Webhook: "beat", Within: meshhook.Duration(time.Millisecond)}
	}, meshhook.OnAbsent)
	s, w := h.stage(t, h.db), delivery.NewWatch(h.db)
	require.Eventually(t, func() bool {
		_, err := w.Absent(t.Context())
		require.NoError(t, err)
		h.settle(t, s)
		return len(rec.all()) > 0
	}, patience, 5*time.Millisecond)
	_, err = w.Absent(t.Context())
	require.NoError(t, err)
	h.settle(t, s)
	require.Equal(t, []string{"webhook.absent"}, types(t, rec.all()))
	require.Contains(t, string(rec.all()[0].Body), `"path":"beat"`)
}

// A daemon that stops waits as long as it is let, and gives back what it has in hand,
// whose lease it has renewed until then.
func TestStop(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	come := make(chan struct{}, 1)
	var quick atomic.Bool
	rec := newReceiver(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		if !quick.Load() {
			come <- struct{}{}
			<-r.Context().Done()
		}
	})
	h.alert(t, rec.url, nil, meshhook.OnFailed)
	h.run(t, meshhook.RunFailed)
	s := h.stage(t, h.db)
	_, err := s.Heartbeat(t.Context()) // nothing is in hand
	require.NoError(t, err)
	_, err = s.Claim(t.Context())
	require.NoError(t, err)
	<-come
	require.Equal(t, 1, s.Active())
	_, err = h.raw.Exec(t.Context(), `UPDATE deliveries SET lease_until = now()`)
	require.NoError(t, err)
	_, err = s.Heartbeat(t.Context())
	require.NoError(t, err)
	count, err := h.db.RecoverDeliveries(t.Context(), 10)
	require.NoError(t, err)
	require.Zero(t, count)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Stop(ended))
	more, err := s.Claim(t.Context())
	require.NoError(t, err)
	require.False(t, more)
	attempts, err := h.project.Attempts(t.Context(), meshhook.AttemptFilter{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, meshhook.DeliveryCrashed, attempts[0].Reason)
	quick.Store(true)
	h.settle(t, h.stage(t, h.db))
	require.Equal(t, meshhook.DeliveryDelivered, h.one(t).Status)
}

// faulty is a store that panics over one delivery, or cannot be reached for a moment.
type faulty struct {
	*postgres.DB
	panics bool
	away   *atomic.Int32
}

func (f faulty) DeliverySubject(ctx context.Context, c *meshhook.DeliveryClaim) (meshhook.DeliverySubject, error) {
	if f.panics {
		panic("a fault")
	}
	return f.DB.DeliverySubject(ctx, c)
}

func (f faulty) SettleDelivery(ctx context.Context, c *meshhook.DeliveryClaim, m meshhook.DeliveryMove) error {
	if f.away.Add(-1) >= 0 {
		return meshhook.Errorf(meshhook.CodeUnavailable, "the database is away")
	}
	return f.DB.SettleDelivery(ctx, c, m)
}

// A fault ends one delivery; a database that is away for a moment ends none.
func TestFaults(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	h.alert(t, rec.url, nil, meshhook.OnFailed)
	away := &atomic.Int32{}
	away.Store(2)
	h.run(t, meshhook.RunFailed)
	h.settle(t, h.stage(t, faulty{h.db, false, away}))
	require.Equal(t, meshhook.DeliveryDelivered, h.one(t).Status)
	require.Len(t, rec.all(), 1, "what was sent is not sent again")
	_, err := h.raw.Exec(t.Context(), `DELETE FROM deliveries`)
	require.NoError(t, err)

	h.run(t, meshhook.RunFailed)
	h.settle(t, h.stage(t, faulty{h.db, true, away}))
	d := h.one(t)
	require.Equal(t, meshhook.DeliveryExhausted, d.Status)
	require.Equal(t, meshhook.DeliveryInternal, d.Reason)

	// What is recorded was changed by somebody.
	_, err = h.raw.Exec(t.Context(), `UPDATE deliveries SET status = 'pending', next_at = now(), finished_at = NULL, request = 'x'`)
	require.NoError(t, err)
	h.settle(t, h.stage(t, h.db))
	require.Equal(t, meshhook.DeliveryInternal, h.one(t).Reason)
	require.Len(t, rec.all(), 1)
}

// Without a database the loops say so, and look at all runs when it is back.
func TestWithoutADatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	db := pgtest.Open(t, h.url)
	s, w := delivery.New(delivery.Options{Store: db, Owner: h.owner}), delivery.NewWatch(db)
	_, err := w.Delayed(t.Context())
	require.NoError(t, err)
	db.Close()
	_, err = w.Delayed(t.Context())
	require.Error(t, err)
	_, err = w.Absent(t.Context())
	require.Error(t, err)
	_, err = s.Claim(t.Context())
	require.Error(t, err)
	require.Error(t, s.Stop(t.Context()))
}
