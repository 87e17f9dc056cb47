// Package api is the REST API on the admin listener: /api/….
//
// Everything that it answers stands in one table, Handler.routes: the method and
// path, who may ask, what is taken and what is given back. huma makes the OpenAPI
// document from the same table, so that the two cannot differ. Handlers return
// values and errors; one place writes them, in one envelope, so that nothing of
// any other shape ever leaves.
package api

import (
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/profullstack/meshhook/internal/limit"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// Prefix is where the API lives.
const Prefix = "/api/"

// Options set a Handler up.
type Options struct {
	Store   Store
	Log     *slog.Logger
	Version string
	// Check completes an endpoint and says what is wrong with it. It is told whether
	// the dedup window was asked for.
	Check func(e *meshhook.Endpoint, windowGiven bool) (*signature.Verifier, error)
	// URL is how the world reaches the webhook with this path.
	URL func(path string) string
	// Sender is the address that a request came from, proxies looked through.
	Sender func(*http.Request) netip.Addr
	// MaxBody is the body limit of webhooks that set none, in bytes.
	MaxBody int64
	// Heartbeat is how often a silent stream says that it lives; 0 takes 15 s.
	Heartbeat time.Duration
}

// Handler answers everything under Prefix. It is safe for concurrent use.
type Handler struct {
	Options

	mux      *http.ServeMux
	tokens   *keyring
	failures *limit.Senders
	// strangers and suspects bound how often tokens that are not known are looked for.
	strangers *limit.Senders
	suspects  *limit.Senders
	openAPI   []byte
	// stopped is closed when streams have to end.
	stopped chan struct{}
	stop    sync.Once
	streams *streams
}

// New returns a Handler.
func New(o Options) (*Handler, error) {
	if o.Heartbeat == 0 {
		o.Heartbeat = heartbeat
	}
	h := &Handler{
		Options: o, mux: http.NewServeMux(), tokens: newKeyring(o.Store), failures: limit.NewSenders(meshhook.RateLimit{Limit: maxFailures, Period: time.Minute}),
		strangers: perSecond(maxLookups), suspects: perSecond(maxSuspected),
		stopped: make(chan struct{}), streams: &streams{open: map[meshhook.ID]int{}},
	}
	config := huma.Config{OpenAPI: newDocument(o.Version)}
	adapter := humago.NewAdapter(h.mux, "")
	document := newDescriber(huma.NewAPI(config, adapter))
	for _, r := range h.routes() {
		operation := document.operation(r)
		adapter.Handle(operation, func(ctx huma.Context) {
			request, writer := humago.Unwrap(ctx)
			h.serve(writer, request, r)
		})
	}
	h.mux.HandleFunc(Prefix, h.unknown)
	var err error
	h.openAPI, err = document.json()
	return h, err
}

// Stop ends the streams; an http.Server would wait for them for ever.
func (h *Handler) Stop() { h.stop.Do(func() { close(h.stopped) }) }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store") // an answer may show a secret
	defer func() {
		if thrown := recover(); thrown != nil {
			h.Log.Error("answering a request to the API panicked", "method", r.Method, "path", r.URL.Path, "panic", thrown, "stack", string(debug.Stack()))
			h.fail(w, r, meshhook.Errorf(meshhook.CodeInternal, "panic: %v", thrown))
		}
	}()
	// Such a path the mux would redirect, in HTML.
	if escaped := r.URL.EscapedPath(); !strings.HasPrefix(escaped, Prefix) || path.Clean(escaped) != strings.TrimSuffix(escaped, "/") {
		h.fail(w, r, errNoRoute())
		return
	}
	h.mux.ServeHTTP(w, r)
}

// unknown answers what no route does: 405 where the path knows other methods.
func (h *Handler) unknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		try := r.Clone(r.Context())
		try.Method = method
		if _, pattern := h.mux.Handler(try); pattern != "" && pattern != Prefix {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		h.fail(w, r, errNoRoute())
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	h.fail(w, r, meshhook.Errorf(meshhook.CodeMethodNotAllowed, "this path answers %s, not %s", strings.Join(allowed, ", "), clip(r.Method)))
}

// errNoRoute is the answer to what no route is for. It is given without a token: the
// document, which says what there is, is public, too.
func errNoRoute() error {
	return meshhook.Errorf(meshhook.CodeNotFound, "there is nothing at this path; /api/openapi.json describes what there is")
}

// clip shortens what a stranger wrote, for a message to them.
func clip(text string) string { return meshhook.Clip(text, 64) }
