package cli

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/tui"
)

// onScreen calls fn with what the screen is given.
func (u *user) onScreen(fn func(ctx context.Context, s *session, d *screenActions)) {
	u.t.Helper()
	var out, err bytes.Buffer
	a := &app{IO: u.streams(&out, &err), screen: true}
	require.NoError(u.t, a.inProject(u.t.Context(), func(ctx context.Context, s *session) error {
		fn(ctx, s, &screenActions{a, s})
		return nil
	}))
	require.Empty(u.t, out.String()+err.String(), "the terminal is the screen's")
}

func TestTheScreenActsOnWebhooks(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.must("webhook create --path own --workflow hello --verify hmac")
	u.must("webhook create --path open --workflow hello --verify none")
	u.env = append(u.env, "GH=secret-of-github")
	u.must("webhook create --path github --workflow hello --verify github --secret-env GH")
	u.onScreen(func(ctx context.Context, s *session, d *screenActions) {
		require.Equal(t, "http://localhost:4000/hooks/own", d.URL("own"))
		require.NoError(t, d.EnableWebhook(ctx, "own", false))
		e, secrets, err := s.project.Endpoint(ctx, "own")
		require.NoError(t, err)
		require.False(t, e.Enabled)
		require.Contains(t, s.webhookFacts(e, secrets), tui.Fact{Name: "methods", Value: "POST"})

		n, err := d.RotateWebhook(ctx, "own")
		require.NoError(t, err)
		require.NotEmpty(t, n.Secret)
		require.WithinDuration(t, time.Now().Add(meshhook.DefaultGrace), n.OldUntil, time.Minute)
		_, err = d.RotateWebhook(ctx, "github")
		require.EqualError(t, err, "the secret of github is made by the sender; give it with 'meshhook webhook rotate-secret github'")
		_, err = d.RotateWebhook(ctx, "open")
		require.Equal(t, meshhook.CodeConflict, meshhook.ErrorCode(err))
		_, err = d.RotateWebhook(ctx, "nothing")
		require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))

		open, _, err := s.project.Endpoint(ctx, "open")
		require.NoError(t, err)
		require.Contains(t, s.webhookFacts(open, nil), tui.Fact{Name: "warning", Value: "this webhook verifies nothing; whoever knows its URL can start runs", Tone: tail.Warn})
		require.NoError(t, d.DeleteWebhook(ctx, "own"))
		require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(d.DeleteWebhook(ctx, "own")))
	})
}

func TestTheScreenActsOnRuns(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.onScreen(func(ctx context.Context, s *session, d *screenActions) {
		run, err := d.RunWorkflow(ctx, "hello", nil)
		require.NoError(t, err)
		require.NoError(t, d.CancelRun(ctx, run))
		require.NoError(t, d.RetryRun(ctx, run))
		require.Equal(t, meshhook.CodeConflict, meshhook.ErrorCode(d.Decide(ctx, run, "", true, "yes")))
		_, err = d.RunWorkflow(ctx, "nothing", []byte("x"))
		require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))

		v, err := s.project.Version(ctx, "hello", 0)
		require.NoError(t, err)
		require.Contains(t, drawnGraph(v), "● ")
		v.Source = "name: ["
		require.Empty(t, drawnGraph(v))

		_, err = d.Replay(ctx, meshhook.NewID())
		require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))
		_, _, err = d.Curl(ctx, meshhook.NewID())
		require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))
		require.NoError(t, d.CancelRun(ctx, run))
		require.NoError(t, d.DeleteWorkflow(ctx, "hello"))
	})
}

func TestTheScreenActsOnAlerts(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte("no: " + r.URL.Path))
	}))
	defer receiver.Close()
	u := newUser(t).withDatabase().withWorkflow()
	u.env = append(u.env, "MESHHOOK_NETWORK_ALLOW=127.0.0.0/8")
	u.must("alerts create --workflow hello --on failed --signing v1a --url " + receiver.URL + "/very-secret-token --header x-key:hidden")
	u.must("alerts create --workflow hello --on failed --signing none --url " + receiver.URL)
	u.onScreen(func(ctx context.Context, s *session, d *screenActions) {
		list, err := s.project.Alerts(ctx, "")
		require.NoError(t, err)
		require.Len(t, list, 2)
		signed, plain := list[0], list[1]
		if plain.Signing != meshhook.SigningNone {
			signed, plain = plain, signed
		}
		n, err := d.RotateAlert(ctx, signed.ID)
		require.NoError(t, err)
		require.NotEmpty(t, n.Secret)
		require.NotEmpty(t, n.PublicKey)
		_, err = d.RotateAlert(ctx, plain.ID)
		require.Equal(t, meshhook.CodeConflict, meshhook.ErrorCode(err))
		_, err = d.RotateAlert(ctx, meshhook.NewID())
		require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))

		tested, err := d.TestAlert(ctx, signed.ID)
		require.NoError(t, err)
		require.False(t, tested.Delivered)
		require.Contains(t, tested.Result, "not delivered (http_status): ")
		require.Contains(t, tested.Result, "; signature: valid")
		require.NotContains(t, tested.Exchange, "very-secret-token")
		require.NotContains(t, tested.Exchange, "hidden")

		// What the screen sees of the attempt holds no credential either.
		deliveries, err := s.project.Deliveries(ctx, meshhook.DeliveryFilter{})
		require.NoError(t, err)
		attempts, err := screenStore{s.project}.Attempts(ctx, meshhook.AttemptFilter{Delivery: deliveries[0].ID, Full: true})
		require.NoError(t, err)
		require.Len(t, attempts, 1)
		require.Equal(t, receiver.URL+"/…", attempts[0].URL)
		require.Equal(t, meshhook.Mask, attempts[0].Headers["x-key"])
		require.NotContains(t, string(attempts[0].Answer), "very-secret-token")
		require.Contains(t, string(attempts[0].Body), `"type":"alert.test"`)
		require.Contains(t, alertFacts(signed.Masked(), nil), tui.Fact{Name: "url", Value: receiver.URL + "/…"})

		require.NoError(t, d.Redeliver(ctx, deliveries[0].ID))
		count, err := d.RedeliverExhausted(ctx)
		require.NoError(t, err)
		require.Zero(t, count)
		require.NoError(t, d.EnableAlert(ctx, plain.ID, false))
		changed, err := s.project.Alert(ctx, plain.ID)
		require.NoError(t, err)
		require.False(t, changed.Enabled)
		require.NoError(t, d.DeleteAlert(ctx, plain.ID))
		_, err = d.TestAlert(ctx, plain.ID)
		require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))
	})
}

func TestTheScreenNeedsATerminal(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	r := u.runs("ui")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "the screen needs a terminal; 'meshhook tail --plain'")
	u.terminal = true
	r = u.runs("ui -o json")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "ui prints nothing")
	u.env = append(u.env, "TERM=dumb")
	r = u.runs("ui")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "cannot show a screen")
}
