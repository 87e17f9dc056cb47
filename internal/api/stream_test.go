package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// message is one Server-Sent Event, or a comment.
type message struct {
	id, kind, comment string
	data              map[string]any
}

// follower reads a stream until the test or the stream ends.
type follower struct {
	messages chan message
	header   http.Header
	leave    context.CancelFunc
}

func (h house) follow(t *testing.T, base, token, query, last string) follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", base+"/api/events/stream"+query, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	f := follower{messages: make(chan message, 1000), leave: cancel}
	status, failed := make(chan int, 1), make(chan error, 1)
	go func() {
		defer close(f.messages)
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			failed <- err
			return
		}
		defer func() { _ = answer.Body.Close() }()
		f.header = answer.Header
		status <- answer.StatusCode
		f.read(answer.Body)
	}()
	select {
	case err := <-failed:
		require.NoError(t, err)
	case code := <-status:
		require.Equal(t, http.StatusOK, code)
	}
	require.Equal(t, message{}, f.any(t), "the beginning, which says when to come back")
	return f
}

// read takes the stream apart until it ends.
func (f follower) read(stream io.Reader) {
	var m message
	for lines := bufio.NewScanner(stream); lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case lines.Text() == "":
			f.messages <- m
			m = message{}
		case field == "":
			m.comment = value
		case field == "id":
			m.id = value
		case field == "event":
			m.kind = value
		case field == "data":
			_ = json.Unmarshal([]byte(value), &m.data)
		}
	}
}

// next is the next entry. It may be late, because a transaction anywhere on the
// server that is still open holds the journal's readers up.
func (f follower) next(t *testing.T) message {
	t.Helper()
	for {
		if m := f.any(t); m.comment == "" {
			return m
		}
	}
}

func (f follower) any(t *testing.T) message {
	t.Helper()
	select {
	case m, more := <-f.messages:
		require.True(t, more, "the stream has ended")
		return m
	case <-time.After(patience):
		t.Fatal("nothing came")
		return message{}
	}
}

// ended waits for the end of the stream.
func (f follower) ended(t *testing.T) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case _, more := <-f.messages:
			if !more {
				return
			}
		case <-deadline:
			t.Fatal("the stream does not end")
		}
	}
}

func (h house) open(t *testing.T) {
	t.Helper()
	h.want(t, 201, "POST", "/api/webhooks", `{"url_path":"open","workflow_id":"hello","verification":{"scheme":"none"}}`)
}

func (h house) base() string { return "http://" + h.daemon.Addr("admin") }

func TestEventsAreStreamedAndResumed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.open(t)
	token := h.tokens[meshhook.RoleRead]
	f := h.follow(t, h.base(), token, "", "")
	require.Equal(t, "text/event-stream", f.header.Get("Content-Type"))
	event := h.event(t, "open", `{"n":1}`)
	first := f.next(t)
	require.Equal(t, "event.accepted", first.kind)
	require.Equal(t, event, first.data["event_id"])
	require.Equal(t, "open", first.data["webhook"])
	require.NotContains(t, first.data, "body")
	var seen []string
	for m := f.next(t); m.kind != "run.succeeded"; m = f.next(t) {
		seen = append(seen, m.kind)
	}
	f.leave()
	require.Contains(t, seen, "run.started")

	// Who comes back with the last id gets what came meanwhile, and nothing twice.
	again := h.event(t, "open", `{"n":2}`)
	f = h.follow(t, h.base(), token, "?kind=event&since=1h", first.id)
	require.Equal(t, again, f.next(t).data["event_id"])
	f.leave()
	// From the beginning, narrowed.
	f = h.follow(t, h.base(), token, "?webhook=open&workflow=hello&status=accepted&kind=event,run&since=1h", "")
	require.Equal(t, event, f.next(t).data["event_id"])
	require.Equal(t, again, f.next(t).data["event_id"])
	f.leave()

	for _, query := range []string{"?status=odd", "?kind=alerts", "?kind=event,", "?since=soon", "?colour=red"} {
		re := h.as(t, token, "GET", "/api/events/stream"+query, "")
		require.Equal(t, 400, re.status, query)
		requireError(t, meshhook.CodeMalformed, re)
	}
	re := h.as(t, token, "GET", "/api/events/stream", "", func(r *http.Request) { r.Header.Set("Last-Event-ID", "x") })
	require.Equal(t, 400, re.status)
	requireError(t, meshhook.CodeMalformed, re)
}

// A stream shows its project only.
func TestAStreamIsAProjects(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.open(t)
	acme, err := h.db.CreateProject(t.Context(), "acme", "cli:ann@host")
	require.NoError(t, err)
	token := newToken(t, h.db.Tenant(acme.ID), "guest", meshhook.RoleRead, nil)
	stranger, own := h.follow(t, h.base(), token, "?since=1h", ""), h.follow(t, h.base(), h.tokens[meshhook.RoleRead], "", "")
	h.event(t, "open", "{}")
	require.Equal(t, "event.accepted", own.next(t).kind)
	// What the stranger gets is its own, although it came later.
	applyHello(t, h.db.Tenant(acme.ID))
	guest := newToken(t, h.db.Tenant(acme.ID), "edit", meshhook.RoleWrite, nil)
	require.Equal(t, 201, h.as(t, guest, "POST", "/api/workflows/hello/runs", "").status)
	m := stranger.next(t)
	require.Equal(t, "run.queued", m.kind)
	require.NotContains(t, m.data, "webhook")
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := newToken(t, h.project, "guest", meshhook.RoleRead, nil)
	f := h.follow(t, h.base(), token, "", "")
	_, err := h.project.RevokeToken(t.Context(), "guest")
	require.NoError(t, err)
	f.ended(t)
}

// A daemon that stops does not wait for those who watch.
func TestAStreamEndsWithItsDaemon(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	f := h.follow(t, h.base(), h.tokens[meshhook.RoleRead], "", "")
	begin := time.Now()
	require.NoError(t, h.stop())
	require.Less(t, time.Since(begin), 8*time.Second)
	f.ended(t)
}

func TestASilentStreamSaysThatItLives(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	handler, _ := h.inside(t, func(o *api.Options) { o.Heartbeat = 20 * time.Millisecond })
	// It outlives the time that a server gives an answer.
	server := httptest.NewUnstartedServer(handler)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(handler.Stop)
	f := h.follow(t, server.URL, h.tokens[meshhook.RoleRead], "", "")
	for begin := time.Now(); time.Since(begin) < time.Second; {
		require.Equal(t, "alive", f.any(t).comment)
	}
	handler.Stop()
	f.ended(t)
	handler.Stop() // twice is as good as once
}

// The streams of a daemon are bounded, and those of one token are before, so that it
// does not take the places of all.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	handler, _ := h.inside(t, nil)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(handler.Stop)
	followers := make([]follower, api.MaxStreams)
	for i := range followers {
		token := h.tokens[meshhook.RoleRead]
		if i >= api.MaxOfToken {
			token = newToken(t, h.project, "t"+itoa(uint32(i)), meshhook.RoleRead, nil)
		}
		followers[i] = h.follow(t, server.URL, token, "", "")
		if i == api.MaxOfToken-1 {
			w := answer(t, handler, h.tokens[meshhook.RoleRead], "GET", "/api/events/stream", "")
			requireFault(t, 429, meshhook.CodeRateLimited, w)
		}
	}
	w := answer(t, handler, h.tokens[meshhook.RoleAdmin], "GET", "/api/events/stream", "")
	requireFault(t, 503, meshhook.CodeUnavailable, w)
	followers[0].leave()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/api/events/stream", http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+h.tokens[meshhook.RoleRead])
		re, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		defer func() { _ = re.Body.Close() }()
		return re.StatusCode == 200
	}, patience, 10*time.Millisecond, "a place that is left is free")
}

// Streams share the connection on which their daemon listens: a server has a hundred.
func TestStreamsShareOneListener(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	watch, err := pgx.Connect(t.Context(), h.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, watch.Close(context.Background())) })
	listeners := func() (count int) {
		t.Helper()
		require.NoError(t, watch.QueryRow(t.Context(),
			`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'`).Scan(&count))
		return count
	}
	require.Eventually(t, func() bool { return listeners() == 1 }, patience, 5*time.Millisecond)
	followers := make([]follower, api.MaxOfToken)
	for i := range followers {
		followers[i] = h.follow(t, h.base(), h.tokens[meshhook.RoleRead], "?kind=run", "")
	}
	run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: h.hello.ID, Workflow: "hello", Version: 1, Input: []byte("{}")}
	require.NoError(t, h.project.StartRun(t.Context(), run)) // by another process
	for _, f := range followers {
		require.Equal(t, run.ID.String(), f.next(t).data["run_id"])
	}
	require.Equal(t, 1, listeners())
}
