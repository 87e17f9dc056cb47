package ingress_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/ulule/limiter/v3"

	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/limit"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// faulty is a database with something in front of it.
type faulty struct {
	ingress.Store
	onRecord func()
	spoil    func([]meshhook.LiveEndpoint)
}

func (f faulty) Record(ctx context.Context, in meshhook.Intake) (meshhook.Recorded, error) {
	if f.onRecord != nil {
		f.onRecord()
	}
	return f.Store.Record(ctx, in)
}

func (f faulty) LiveEndpoints(ctx context.Context) ([]meshhook.LiveEndpoint, error) {
	live, err := f.Store.LiveEndpoints(ctx)
	if f.spoil != nil {
		f.spoil(live)
	}
	return live, err
}

// exploding are counters that panic when something is counted.
type exploding struct{ limiter.Store }

func (exploding) Get(context.Context, string, limiter.Rate) (limiter.Context, error) { panic("boom") }

// A panic is a fault of ours: the answer says where the endpoint stands, like every
// other, and the request is kept, so that it can be judged again.
func TestAPanicIsAnsweredAndRecorded(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.RateLimit = &meshhook.RateLimit{Limit: 9, Period: time.Hour} },
		func(o *ingress.Options) { o.Counters = exploding{limit.NewMemory()} })
	got := h.send(h.request(`{"a":1}`))
	require.Equal(t, http.StatusInternalServerError, got.code)
	require.Equal(t, "internal", got.Error.Code)
	require.NotContains(t, got.text, "boom")
	require.Equal(t, "9", got.header.Get("X-RateLimit-Limit"))
	require.Equal(t, "shop/orders", (<-h.outcomes).Webhook)
	e := h.last()
	require.Equal(t, meshhook.EventRejected, e.Status)
	require.Equal(t, meshhook.CodeInternal, e.Code)
	require.Equal(t, `{"a":1}`, string(e.Body))
}

// Where the recording panics too, the sender still hears what it is.
func TestAPanicOfTheRecording(t *testing.T) {
	t.Parallel()
	h := build(t, nil, func(o *ingress.Options) {
		o.Store = faulty{Store: o.Store, onRecord: func() { panic("boom") }}
	})
	got := h.send(h.request("{}"))
	require.Equal(t, http.StatusInternalServerError, got.code)
	require.Equal(t, "internal", got.Error.Code)
}

// The names of headers are written as the contract has them.
func TestTheLettersOfTheLimitHeaders(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) {
		e.RateLimit = &meshhook.RateLimit{Limit: 9, Period: time.Hour}
		e.Response = &meshhook.Response{Headers: map[string]string{"x-ratelimit-limit": "mine"}}
	})
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", h.server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, h.request("{}").Write(conn))
	var names []string
	for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != ""; {
		if name, _, _ := strings.Cut(lines.Text(), ":"); strings.HasPrefix(strings.ToLower(name), "x-ratelimit") {
			names = append(names, name)
		}
	}
	require.ElementsMatch(t, []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}, names)
}

// The methods by which a provider asks its questions are answered, too.
func TestAllowNamesTheMethodsOfHandshakes(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) {
		e.Verification = meshhook.Verification{Scheme: "trello"}
		e.Methods = []string{"PUT", "POST"}
	})
	r := h.request("{}")
	r.Method = http.MethodDelete
	require.Equal(t, "HEAD, POST, PUT", h.send(r).header.Get("Allow"))
}

// Whoever finds a webhook that is broken cannot fill the log.
func TestABrokenWebhookIsLoggedNowAndThen(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer // a handler of slog writes one line at a time
	h := build(t, nil, func(o *ingress.Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		o.Store = faulty{Store: o.Store, spoil: func(live []meshhook.LiveEndpoint) { live[0].Unreadable = errors.New("sealed by another key") }}
	})
	for range 60 {
		require.Equal(t, http.StatusServiceUnavailable, h.send(h.request("{}")).code)
	}
	h.server.Close()
	lines := strings.Count(log.String(), "a request came to a webhook")
	require.GreaterOrEqual(t, lines, 10)
	require.Less(t, lines, 60)
}

// What was begun is finished: a sender that leaves while its event is stored breaks
// nothing off.
func TestASenderThatLeavesEarly(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	h := build(t, nil, func(o *ingress.Options) { o.Store = faulty{Store: o.Store, onRecord: leave} })
	answer := httptest.NewRecorder()
	h.handler.ServeHTTP(answer, incoming(h.request("{}").WithContext(ctx)))
	require.ErrorIs(t, ctx.Err(), context.Canceled)
	require.Equal(t, http.StatusAccepted, answer.Code)
	require.Equal(t, meshhook.EventAccepted, h.last().Status)
}

// incoming is a client's request as a server sees it.
func incoming(r *http.Request) *http.Request {
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.Path, r.Body)
	in.Header = r.Header
	return in
}
