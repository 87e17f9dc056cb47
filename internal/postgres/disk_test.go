package postgres_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgembed"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// What alerts hold stands nowhere on the disk as it is, neither in a table nor in the
// write-ahead log.
func TestNothingOfAlertsLiesOnTheDisk(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "meshhook-disk-") //nolint:usetesting // a directory of t.TempDir is closed to the user that runs Postgres
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // the user that runs Postgres must get in
	// What is compressed would not be found.
	server, err := pgembed.Start(t.Context(), pgembed.Options{Dir: filepath.Join(dir, "postgres"), Settings: map[string]string{"fsync": "off", "wal_compression": "off"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	db, err := postgres.Open(t.Context(), postgres.Options{DSN: server.DSN(), Name: "meshhook-test", MaxConns: 5})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	_, err = db.Migrate(t.Context())
	require.NoError(t, err)
	require.NoError(t, db.Unseal(t.Context(), pgtest.MasterKey(t)))
	h := furnish(t, db, pgtest.Project(t, db), "shop/orders")
	h.url, h.side = server.DSN(), &side{url: server.DSN()}

	opened := h.sendMarked(t)
	for _, what := range sealedMarks {
		require.Contains(t, opened, mark(what), "it is there for who has the key")
	}
	require.NoError(t, h.side.conn.Close(t.Context()))
	db.Close()
	require.NoError(t, server.Stop(t.Context())) // which writes everything out
	found := map[string]bool{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // below the test's own directory
		if err != nil {
			return err
		}
		found[filepath.Base(filepath.Dir(path))] = found[filepath.Base(filepath.Dir(path))] || bytes.Contains(text, []byte(mark("open")))
		for _, what := range sealedMarks {
			require.False(t, bytes.Contains(text, []byte(mark(what))), "%s stands in %s", what, path)
			require.False(t, bytes.Contains(text, []byte(hex.EncodeToString([]byte(mark(what))))), "%s stands in %s", what, path)
		}
		return nil
	}))
	require.True(t, found["pg_wal"], "what is not sealed is found in the log")
}

func mark(what string) string { return "MARK-" + what + "-MARK" }

// sealedMarks are what TestNothingOfAlertsLiesOnTheDisk puts in and looks for.
var sealedMarks = []string{
	"url", "header", "payload", "secret", "rotated", "body", "event-header", "failure", "sent-url", "sent-header", "sent-body", "answer", "error", "detail", "host",
}

// sendMarked has an alert sent of which every part is marked, and returns all that the
// store gives out of it.
func (h house) sendMarked(t *testing.T) string {
	t.Helper()
	ctx := t.Context()
	a := h.plainAlert()
	a.Description = mark("open")
	a.URL, a.Headers, a.Payload = "https://example.com/"+mark("url"), map[string]string{"X-Key": mark("header")}, json.RawMessage(`"`+mark("payload")+`"`)
	h.createAlert(t, a, mark("secret"))
	require.NoError(t, h.project.RotateAlertSecret(ctx, a.ID, meshhook.NewSecret(mark("rotated")), time.Hour))
	h.tell(t, meshhook.OnCircuitOpen)
	in := h.intake("", `{"body":"`+mark("body")+`"}`)
	in.Event.Header = http.Header{"X-Header": {mark("event-header")}}
	h.record(t, in)
	run := h.claim(t, meshhook.NewID())
	m := move(run, meshhook.RunFailed)
	m.Error.Message = mark("failure")
	require.NoError(t, h.db.Move(ctx, m))
	_, err := h.project.RetryRun(ctx, run.Run.ID, "") // keeps the run as it was
	require.NoError(t, err)

	claims, _ := h.take(t, meshhook.DeliveryRoom{Limit: 10, PerHost: 10})
	require.Len(t, claims, 1)
	c := &claims[0]
	require.Equal(t, mark("failure"), c.Snapshot.Error.Message)
	c.Delivery.Request = &meshhook.AlertRequest{URL: "https://" + mark("sent-url"), Headers: map[string]string{"X": mark("sent-header")}, Body: []byte(mark("sent-body"))}
	c.Host, c.Unkept = []byte("0123456789abcdef"), true
	attempt := meshhook.AlertAttempt{ID: meshhook.NewID(), Attempt: 1, URL: c.Delivery.Request.URL, Headers: c.Delivery.Request.Headers, Body: c.Delivery.Request.Body}
	require.NoError(t, h.db.BeginAttempt(ctx, c, attempt))
	h.system(t, `UPDATE deliveries SET host = substr(sha256($1::text::bytea), 1, 16)`, mark("host")+":443")
	h.open(t, mark("host")+":443")
	attempt.Answer, attempt.Error, attempt.Reason = []byte(mark("answer")), mark("error"), meshhook.DeliveryHTTPStatus
	require.NoError(t, h.db.SettleDelivery(ctx, c, meshhook.DeliveryMove{
		Status: meshhook.DeliveryPending, Reason: meshhook.DeliveryHTTPStatus, Attempt: &attempt,
		Entry: meshhook.Entry{ProjectID: h.project.ID(), At: time.Now(), Kind: meshhook.AlertEntry(meshhook.DeliveryPending), Detail: mark("detail"), DeliveryID: &c.Delivery.ID},
	}))
	return h.openedAlert(t, a.ID, in.Event.ID)
}

// openedAlert is all that the store gives out of an alert and what it told of.
func (h house) openedAlert(t *testing.T, alert, event meshhook.ID) string {
	t.Helper()
	ctx := t.Context()
	var all []byte
	add := func(v any, err error) {
		t.Helper()
		require.NoError(t, err)
		text, err := json.Marshal(v)
		require.NoError(t, err)
		all = append(all, text...)
	}
	add(h.project.Alert(ctx, alert))
	secrets, err := h.project.AlertSecrets(ctx, alert)
	require.NoError(t, err)
	for _, s := range secrets {
		add(s.Value.Reveal(), nil)
	}
	e, err := h.project.Event(ctx, event)
	add(e, err)
	all = append(all, e.Body...)
	attempts, err := h.project.Attempts(ctx, meshhook.AttemptFilter{Full: true})
	add(attempts, err)
	all = append(append(all, attempts[0].Answer...), attempts[0].Body...)
	add(h.project.EntriesAfter(ctx, meshhook.Cursor{}, 100))
	claims, _ := h.take(t, meshhook.DeliveryRoom{Limit: 10, PerHost: 10})
	for _, c := range claims {
		require.NoError(t, c.Unreadable)
		add(c.Snapshot, nil)
		add(c.Circuit, nil)
	}
	return string(all)
}
