package cli

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/tail"
)

// Without a daemon a sample is sent by the command.
func TestAnAlertIsTried(t *testing.T) {
	t.Parallel()
	status := http.StatusNoContent
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(receiver.Close)
	u := newUser(t).withDatabase().withWorkflow()
	u.env = append(u.env, "MESHHOOK_NETWORK_ALLOW=127.0.0.0/8")
	u.must("alerts create --workflow hello --on failed --url " + receiver.URL)
	id, _, _ := strings.Cut(u.must("alerts list"), "\t")
	require.Contains(t, u.must("alerts test "+id), "signature\tvalid\n")
	require.Contains(t, u.must("alerts test --workflow hello --on waiting --url "+receiver.URL), `"status":"waiting"`)
	r := u.runs("alerts test --workflow nope --url " + receiver.URL)
	require.Equal(t, 3, r.code, r.err)
	require.Equal(t, 1, u.runs("alerts test --on absent --url "+receiver.URL).code)
	require.Equal(t, 1, u.runs("alerts test --payload missing.json --url "+receiver.URL).code)
	require.Equal(t, 1, u.runs("alerts test --secret short --url "+receiver.URL).code)
	require.Equal(t, 2, u.runs("alerts test --header X --url "+receiver.URL).code)
	require.Equal(t, 3, u.runs("alerts test nonsense").code)

	// Where no message can be made, that is said.
	u.must("alerts update " + id + " --url {{.secrets.nope}}")
	r = u.runs("alerts test " + id)
	require.Equal(t, 1, r.code, r.err)
	require.Contains(t, r.out, "result\tnot delivered (expression)\n")
	require.Contains(t, r.out, "must give a URL; the secret nope does not exist; make it with: meshhook secret set nope\n")
	require.NotContains(t, r.out, "signature")
	dead, _, _ := strings.Cut(u.must("alerts deliveries --status exhausted"), "\t")

	// Nor is anything in the log, which says so.
	r = u.runs("alerts log " + dead)
	require.Equal(t, 0, r.code)
	require.Empty(t, r.out)
	require.Contains(t, r.err, "no attempt has been made: the delivery is exhausted (expression): url: expression \".secrets.nope\": gave no string, but must give a URL")
	require.Equal(t, "no attempt has been made: the delivery is pending", unattempted(meshhook.Delivery{Status: meshhook.DeliveryPending}))

	// A page ends with the cursor of the next one, on a terminal too.
	require.Contains(t, u.runs("alerts deliveries --limit 1").err, "there may be more: --cursor "+dead)
	require.NotContains(t, u.must("alerts deliveries --cursor "+dead), dead)
	require.Contains(t, u.runs("alerts deliveries --alert "+meshhook.NewID().String()).err, "hint: no alert")
	for _, bad := range []string{"--run x", "--cursor x", "--limit 0", "--status odd", "--since soon"} {
		require.Equal(t, 2, u.runs("alerts deliveries "+bad).code, bad)
	}
	require.Equal(t, 2, u.runs("alerts log --limit 0").code)
	require.Equal(t, 3, u.runs("alerts deliveries --alert nonsense").code)
	require.Equal(t, 3, u.runs("alerts stats nonsense").code)
	require.Equal(t, 2, u.runs("alerts redeliver nonsense").code)
	require.Equal(t, 2, u.runs("alerts redeliver "+dead+" --since 1h").code)

	// One after the other, until one cannot be sent.
	r = u.runs("alerts redeliver " + dead + " " + dead)
	require.Equal(t, 4, r.code)
	require.Contains(t, r.err, "1 delivery before this one will be sent again")
	require.Contains(t, r.err, "is pending")
	u.terminal = true
	require.Contains(t, u.must("alerts deliveries --status pending"), "pending")
	require.Contains(t, u.must("alerts log "+id+" --full"), "delivered")
	require.Contains(t, u.must("alerts log"), "RESULT")
	require.Contains(t, u.must("alerts stats"), "LEFT AFTER P50")
}

// A daemon that is listed but takes nothing up, since it has died, holds up no sample.
func TestASampleIsSentThoughItsDaemonIsDead(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	u := newUser(t).withDatabase().withWorkflow()
	u.env = append(u.env, "MESHHOOK_NETWORK_ALLOW=127.0.0.0/8")
	u.must("alerts create --all-workflows --on failed --signing none --url " + receiver.URL)
	id, _, _ := strings.Cut(u.must("alerts list"), "\t")
	db := pgtest.Open(t, strings.TrimPrefix(u.env[1], "MESHHOOK_DATABASE_URL="))
	require.NoError(t, db.Beat(t.Context(), meshhook.Daemon{ID: meshhook.NewID(), Host: "gone", Roles: []string{"worker"}}))
	require.Contains(t, u.must("alerts test "+id), "result\tdelivered\n")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var out, err bytes.Buffer
	require.Equal(t, 1, Main(ctx, []string{"alerts", "test", id}, u.streams(&out, &err)))
	require.Equal(t, "error: interrupted\n", err.String())
}

func TestRedeliveringAsks(t *testing.T) {
	t.Parallel()
	a := &app{IO: IO{In: strings.NewReader("n\n"), InTTY: true, Err: &strings.Builder{}}}
	sure, err := a.sureToRedeliver(t.Context(), &alertRedeliverOptions{}, 2)
	require.ErrorIs(t, err, errSaid)
	require.False(t, sure)
	a.In = strings.NewReader("y\n")
	sure, err = a.sureToRedeliver(t.Context(), &alertRedeliverOptions{}, 2)
	require.NoError(t, err)
	require.True(t, sure)
	require.Equal(t, "2 deliveries", countedDeliveries(2))
	u := newUser(t).withDatabase()
	require.Equal(t, "0 deliveries will be sent again\n", u.runs("alerts redeliver --exhausted").err)
}

func TestWordsOfAlerts(t *testing.T) {
	t.Parallel()
	for share, want := range map[float64]string{1: "100", 0.9999: "99.99", 0.99999: "99.99", 0.5: "50", 0: "0"} {
		require.Equal(t, want, percent(share))
	}
	good, bad, slow := 0.9999, 0.99, 501.0
	require.Equal(t, cell{"99.99 %", tail.Good}, shareText(&good))
	require.Equal(t, cell{"99 %", tail.Bad}, shareText(&bad))
	require.Equal(t, cell{}, shareText(nil))
	require.Equal(t, cell{"501ms", tail.Bad}, promised(&slow))
	require.Empty(t, promised(nil).text)
	require.Equal(t, "run.failed (+3 held)", deliveryType(meshhook.Delivery{Type: "run.failed", Held: 3}))
	require.Equal(t, tail.Plain, deliveryState(meshhook.DeliveryPending).tone)
	require.Equal(t, cell{"under way", tail.Busy}, attemptState(alert.AttemptView{}))
	require.Equal(t, cell{"delivered", tail.Good}, attemptState(alert.AttemptView{HTTPStatus: 200}))
	view := alert.AttemptView{Fallback: "payload: no"}
	require.Equal(t, "sent otherwise: payload: no", attemptError(view))
	view.Error = "the answer was 500"
	require.Equal(t, "the answer was 500; sent otherwise: payload: no", attemptError(view))
	view.Fallback = ""
	require.Equal(t, "the answer was 500", attemptError(view))
	wrong := false
	require.Equal(t, "not valid: stale", signatureText(alert.Trial{Request: &alert.RequestView{}, SignatureValid: &wrong, Signature: "stale"}))
	text := exchangeText(&alert.RequestView{URL: "https://x", Headers: map[string]string{"a": "\x1b[2J"}, Body: "one\r\ntwo\n"}, &alert.ResponseView{Status: 200})
	require.Equal(t, "> POST https://x\n> a: \\x1b[2J\n>\n> one\n> two\n< 200\n<\n", text)
}
