package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/signature"
)

// store is the house's database as a handler of the test's own sees it.
type store struct {
	*postgres.DB
	// replayed is what a replay ends with.
	replayed error
}

func (s store) View(project meshhook.ID, by meshhook.Actor) api.Project {
	return view{s.Tenant(project).As(by), s.replayed}
}

type view struct {
	*postgres.Tenant
	replayed error
}

func (v view) Replay(context.Context, meshhook.Replay) (meshhook.Run, error) {
	return meshhook.Run{}, v.replayed
}

func (view) RehearseReplay(context.Context, meshhook.Replay) (api.DryRun, error) {
	return api.DryRun{}, nil
}

func (view) RehearseRun(context.Context, meshhook.Version, []byte) (api.DryRun, error) {
	return api.DryRun{}, nil
}

func (view) TestEndpoint(context.Context, meshhook.Endpoint, http.Header, []byte) (meshhook.Tested, error) {
	return meshhook.Tested{}, nil
}

func (v view) SearchEvents(ctx context.Context, f meshhook.EventFilter, _ string, limit int) ([]meshhook.Event, meshhook.ID, error) {
	f.Limit = limit
	list, err := v.Events(ctx, f)
	return list, meshhook.ID{}, err
}

func (view) TestAlert(context.Context, meshhook.ID) (alert.Trial, error) { return alert.Trial{}, nil }

func (view) TryAlert(context.Context, meshhook.Alert, meshhook.Secret) (alert.Trial, error) {
	return alert.Trial{}, nil
}

func (view) Explain(context.Context, meshhook.ID) (api.Explained, error) {
	return api.Explained{}, nil
}

// text is a buffer that a log may write to at any time.
type text struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *text) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *text) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// inside is a handler beside the daemon's, whose options and log a test can reach.
func (h house) inside(t *testing.T, change func(*api.Options)) (*api.Handler, *text) {
	t.Helper()
	log := &text{}
	o := api.Options{
		Store: store{DB: h.db}, Log: slog.New(slog.NewJSONHandler(log, nil)), Version: "test",
		Check: func(e *meshhook.Endpoint, _ bool) (*signature.Verifier, error) {
			return signature.New(e.Verification)
		},
		URL:    func(path string) string { return "http://localhost/hooks/" + path },
		Sender: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
	}
	if change != nil {
		change(&o)
	}
	handler, err := api.New(o)
	require.NoError(t, err)
	return handler, log
}

func answer(t *testing.T, handler http.Handler, token, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func requireFault(t *testing.T, status int, code meshhook.Code, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, status, w.Code)
	re := reply{status: w.Code, header: w.Header(), text: w.Body.String()}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &re))
	requireError(t, code, re)
}

// A fault of ours is told to the log, and to nobody else.
func TestAPanicIsAnAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	handler, log := h.inside(t, func(o *api.Options) {
		o.Check = func(*meshhook.Endpoint, bool) (*signature.Verifier, error) { panic("hush-hush") }
	})
	w := answer(t, handler, h.tokens[meshhook.RoleAdmin], "POST", "/api/webhooks", `{"url_path":"x","workflow_id":"hello"}`)
	requireFault(t, 500, meshhook.CodeInternal, w)
	require.NotContains(t, w.Body.String(), "hush")
	require.Contains(t, log.String(), "hush-hush")
	require.Contains(t, log.String(), "fault_test.go")
}

func TestADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	handler, log := h.inside(t, nil)
	require.Equal(t, 200, answer(t, handler, h.tokens[meshhook.RoleRead], "GET", "/api/webhooks", "").Code)
	h.db.Close()
	for _, path := range []string{"/api/webhooks", "/api/runs"} {
		w := answer(t, handler, h.tokens[meshhook.RoleRead], "GET", path, "")
		requireFault(t, 503, meshhook.CodeUnavailable, w)
		require.Equal(t, "5", w.Header().Get("Retry-After"))
		require.NotContains(t, w.Body.String(), "pool", "how the database is reached is no business of the client's")
	}
	require.Contains(t, log.String(), "closed pool")
	_, err := handler.FlushUsed(t.Context())
	require.Equal(t, meshhook.CodeUnavailable, meshhook.ErrorCode(err))
}

// A body that never comes whole, and a value that cannot be written.
func TestABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	handler, _ := h.inside(t, nil)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/secrets", broken{})
	r.Header.Set("Authorization", "Bearer "+h.tokens[meshhook.RoleAdmin])
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	requireFault(t, 400, meshhook.CodeMalformed, w)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, context.DeadlineExceeded }

// What is wrong with an event is not said in the codes that speak of the caller.
func TestAnEventsRejectionIsAConflict(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	problems := []meshhook.Problem{{Path: "/total", Message: "is missing"}}
	for code, want := range map[meshhook.Code]meshhook.Code{
		meshhook.CodeInvalidSignature: meshhook.CodeConflict, meshhook.CodeSchemaViolation: meshhook.CodeConflict, meshhook.CodeIPNotAllowed: meshhook.CodeConflict,
		meshhook.CodeWebhookDisabled: meshhook.CodeConflict, meshhook.CodePayloadTooLarge: meshhook.CodeConflict,
		meshhook.CodeInvalid: meshhook.CodeInvalid, meshhook.CodeNotFound: meshhook.CodeNotFound, meshhook.CodeConflict: meshhook.CodeConflict,
	} {
		handler, _ := h.inside(t, func(o *api.Options) {
			o.Store = store{h.db, &meshhook.Error{Code: code, Message: "it would be rejected again", Details: problems}}
		})
		w := answer(t, handler, h.tokens[meshhook.RoleWrite], "POST", "/api/events/"+meshhook.NewID().String()+"/replay", "")
		requireFault(t, meshhook.HTTPStatus(want), want, w)
		require.Contains(t, w.Body.String(), `"path":"/total"`)
	}
	handler, _ := h.inside(t, func(o *api.Options) { o.Store = store{h.db, context.DeadlineExceeded} })
	w := answer(t, handler, h.tokens[meshhook.RoleWrite], "POST", "/api/events/"+meshhook.NewID().String()+"/replay", "")
	requireFault(t, 500, meshhook.CodeInternal, w)
}
