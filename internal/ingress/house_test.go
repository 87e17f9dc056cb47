package ingress_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/schema"
	"github.com/profullstack/meshhook/internal/signature"
)

const secret = "It's a Secret to Everybody"

// house is a running ingress with one webhook on a real database.
type house struct {
	t        *testing.T
	url      string
	db       *postgres.DB
	project  *postgres.Tenant
	handler  *ingress.Handler
	server   *httptest.Server
	endpoint meshhook.Endpoint
	outcomes chan ingress.Outcome
}

// build makes a house whose webhook is changed by the function.
func build(t *testing.T, change func(*meshhook.Endpoint), options ...func(*ingress.Options)) *house {
	t.Helper()
	return buildWithSecret(t, secret, change, options...)
}

// buildWithSecret is build with another secret than the usual one, "" for none.
func buildWithSecret(t *testing.T, secret string, change func(*meshhook.Endpoint), options ...func(*ingress.Options)) *house {
	t.Helper()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	h := &house{t: t, url: url, db: db, project: pgtest.Project(t, db), outcomes: make(chan ingress.Outcome, 1000)}
	applied, err := h.project.Apply(t.Context(), "orders", "", meshhook.Version{Digest: "d", Source: "name: orders"})
	require.NoError(t, err)
	h.endpoint = meshhook.Endpoint{
		ID: meshhook.NewID(), Path: "shop/orders", WorkflowID: applied.Workflow.ID, Enabled: true,
		Verification: meshhook.Verification{Scheme: "github"},
	}
	if change != nil {
		change(&h.endpoint)
	}
	require.NoError(t, h.endpoint.Validate())
	require.NoError(t, ingress.Check(h.endpoint, schema.Options{}))
	h.endpoint, err = h.project.CreateEndpoint(t.Context(), h.endpoint, meshhook.NewSecret(secret))
	require.NoError(t, err)
	o := ingress.Options{Store: db, Log: slog.New(slog.DiscardHandler), Observe: func(o ingress.Outcome) { h.outcomes <- o }}
	for _, option := range options {
		option(&o)
	}
	h.handler = ingress.New(o)
	h.refresh()
	h.server = httptest.NewServer(h.handler)
	t.Cleanup(h.server.Close)
	return h
}

func (h *house) refresh() {
	h.t.Helper()
	_, err := h.handler.Refresh(h.t.Context())
	require.NoError(h.t, err)
}

// request is a signed JSON request to the webhook.
func (h *house) request(body string) *http.Request {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.server.URL+"/hooks/"+h.endpoint.Path, strings.NewReader(body))
	require.NoError(h.t, err)
	r.Header.Set("Content-Type", "application/json")
	sign(h.t, r, body)
	return r
}

// sign sets GitHub's header for the body.
func sign(t *testing.T, r *http.Request, body string) {
	t.Helper()
	verifier, err := signature.New(meshhook.Verification{Scheme: "github"})
	require.NoError(t, err)
	header, err := verifier.Sign(signature.Request{Body: []byte(body), Now: time.Now()}, signature.Key{Value: meshhook.NewSecret(secret)}, "")
	require.NoError(t, err)
	r.Header.Set("X-Hub-Signature-256", header.Get("X-Hub-Signature-256"))
}

// reply is an answer of ingress, decoded.
type reply struct {
	code   int
	header http.Header
	text   string
	Status string
	// EventID and RunID are set in answers to stored requests.
	EventID string `json:"event_id"`
	RunID   string `json:"run_id"`
	Error   struct {
		Code    string
		Message string
		Details []meshhook.Problem
	}
}

func (h *house) send(r *http.Request) reply {
	h.t.Helper()
	got, err := h.try(r)
	require.NoError(h.t, err)
	return got
}

// try is send for other goroutines than the test's, which must not end.
func (h *house) try(r *http.Request) (got reply, err error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	got = reply{code: answer.StatusCode, header: answer.Header, text: string(text)}
	if err == nil && answer.Header.Get("Content-Type") == "application/json" && bytes.HasPrefix(text, []byte("{")) {
		err = json.Unmarshal(text, &got)
	}
	return got, err
}

// events lists what was recorded, newest first.
func (h *house) events() []meshhook.Event {
	h.t.Helper()
	events, err := h.project.Events(h.t.Context(), meshhook.EventFilter{Limit: 100})
	require.NoError(h.t, err)
	return events
}

func zipped(t *testing.T, body string) string {
	t.Helper()
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	_, err := w.Write([]byte(body))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buffer.String()
}

// journal returns the entries of a kind.
func (h *house) journal(kind meshhook.EntryKind) []meshhook.Entry {
	h.t.Helper()
	all, err := h.project.EntriesAfter(h.t.Context(), meshhook.Cursor{}, 10000)
	require.NoError(h.t, err)
	var entries []meshhook.Entry
	for _, e := range all {
		if e.Kind == kind {
			entries = append(entries, e)
		}
	}
	return entries
}
