// Package ingress is the public door: it verifies, limits, checks and records
// what providers send to /hooks/, and acknowledges a request only once it is
// durably stored.
//
// The order of the checks stands in one place, Handler.judge. Everything that
// a check needs is compiled when the configuration changes (door.go) and kept in
// memory, so that a request asks the database for nothing but its own recording.
package ingress

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ulule/limiter/v3"

	"github.com/profullstack/meshhook/internal/limit"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/schema"
	"github.com/profullstack/meshhook/internal/signature"
)

// Prefix is where webhooks live; a webhook's path follows it.
const Prefix = "/hooks/"

// Store is what ingress asks of the database.
type Store interface {
	// LiveEndpoints returns every project's webhooks.
	LiveEndpoints(ctx context.Context) ([]meshhook.LiveEndpoint, error)
	// ConfigVersion returns a number that grows with every change of them.
	ConfigVersion(ctx context.Context) (int64, error)
	// Record stores one request durably before it returns.
	Record(ctx context.Context, in meshhook.Intake) (meshhook.Recorded, error)
	// AdoptSecret gives an endpoint that never had a secret this one.
	AdoptSecret(ctx context.Context, project, endpoint meshhook.ID, secret meshhook.Secret) error
	// RecordSuppressed notes how many rejections were counted and not stored.
	RecordSuppressed(ctx context.Context, counts []meshhook.Suppressed) error
	// RecordSecretUses keeps the times at which secrets were last used.
	RecordSecretUses(ctx context.Context, uses []meshhook.SecretUse) error
}

// Outcome is what became of one request, for metrics.
type Outcome struct {
	// Webhook is the path of the endpoint, "" when there is none of that path.
	Webhook string
	// Result is the event's status, or the code of the error.
	Result string
	// Status is the HTTP status of the answer.
	Status   int
	Duration time.Duration
}

// Options set a Handler up.
type Options struct {
	Store Store
	// Runs finds the ends of runs, for senders who wait for them; nil lets nobody wait.
	Runs Runs
	Log  *slog.Logger
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// PublicURL is how the world reaches this listener, for schemes that sign the
	// URL; "" builds it from the request.
	PublicURL string
	// Fetch gets the keys of signatures, and confirms subscriptions; nil for never.
	Fetch signature.Fetch
	// MaxInFlight bounds the requests that are judged at once, and of those that wait
	// for something as many again; 0 takes 1024.
	MaxInFlight int
	// MaxBuffered bounds the bytes of bodies that are held at once; 0 takes 256 MiB.
	MaxBuffered int64
	// MaxWaiting bounds the requests that wait for their runs at once; 0 takes 1000.
	MaxWaiting int
	// RejectedBudget is how many bytes of one webhook's rejected requests are stored
	// whole in each hour; of what comes after them, 4 KiB each. 0 takes 64 MiB.
	RejectedBudget int64
	// Schema says how schemas are read. Its OnMismatch is told what an engine did
	// wrong after the log was.
	Schema schema.Options
	// Counters count against the webhooks' rate limits; nil takes the memory of this
	// process.
	Counters limiter.Store
	// FailedVerifications and UnknownPaths limit what one sender address may do of
	// each; nil limits nothing.
	FailedVerifications, UnknownPaths *limit.Senders
	// Observe is told every outcome; nil for nobody.
	Observe func(Outcome)
}

// Handler answers everything under Prefix. It is safe for concurrent use.
type Handler struct {
	store     Store
	log       *slog.Logger
	proxies   []netip.Prefix
	publicURL string
	fetch     signature.Fetch
	tools     tools
	observe   func(Outcome)
	memory    memory
	inFlight  chan struct{}
	// fetching and counting are the places of those that wait for keys, and for
	// knowing where requests are counted.
	fetching, counting chan struct{}

	counters  limiter.Store
	forgers   *limit.Senders
	strangers *limit.Senders
	doors     atomic.Pointer[doors]
	rejected  *rejections
	used      *uses
	waiter    *waiter
}

// New returns a Handler that knows no webhook until Refresh has run.
func New(o Options) *Handler {
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 1024
	}
	if o.MaxBuffered == 0 {
		o.MaxBuffered = defaultMaxBuffered
	}
	if o.Fetch == nil {
		o.Fetch = unfetched
	}
	if o.Schema.OnMismatch == nil {
		o.Schema.OnMismatch = func(string) {}
	}
	if o.Counters == nil {
		o.Counters = limit.NewMemory()
	}
	if o.Observe == nil {
		o.Observe = func(Outcome) {}
	}
	h := &Handler{
		store: o.Store, log: o.Log, proxies: o.TrustedProxies, publicURL: strings.TrimSuffix(o.PublicURL, "/"),
		fetch: o.Fetch, tools: tools{o.Schema, signature.NewKeyring(o.Fetch)}, observe: o.Observe, inFlight: make(chan struct{}, o.MaxInFlight),
		counters: o.Counters, forgers: o.FailedVerifications, strangers: o.UnknownPaths, rejected: newRejections(o.RejectedBudget), used: newUses(), waiter: newWaiter(o.Runs, o.MaxWaiting),
	}
	h.fetching, h.counting = make(chan struct{}, o.MaxInFlight), make(chan struct{}, o.MaxInFlight)
	h.memory.total = o.MaxBuffered
	h.doors.Store(&doors{version: -1})
	return h
}

// ServeHTTP judges one request and answers it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	path, within := strings.CutPrefix(r.URL.Path, Prefix)
	if !within {
		path = "" // no webhook has this path
	}
	if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
		// A proxy in front may have gone by a Content-Length beside the chunks, which
		// net/http takes away: what follows on this connection could be a request of
		// somebody's making (RFC 9112, 6.1).
		w.Header().Set("Connection", "close")
	}
	answer := h.serveSafely(w, r, path, begin)
	answer.write(w)
	webhook := ""
	if answer.door != nil {
		webhook = path
	}
	h.observe(Outcome{Webhook: webhook, Result: answer.result, Status: answer.status, Duration: time.Since(begin) - answer.waited})
}

// serveSafely answers where even the refusal of a request panics, or what is done
// before it is judged.
func (h *Handler) serveSafely(w http.ResponseWriter, r *http.Request, path string, begin time.Time) (a answer) {
	defer func() {
		if thrown := recover(); thrown != nil {
			a = h.panicked(path, thrown).answer()
		}
	}()
	return h.serve(w, r, path, begin)
}

// panicked turns a panic, which is a fault of ours, into a refusal and a line in the
// log.
func (h *Handler) panicked(path string, thrown any) *refusal {
	h.log.Error("judging a request panicked", "webhook", path, "panic", thrown, "stack", string(debug.Stack()))
	return refuse(meshhook.CodeInternal, "the request could not be judged; the daemon's log says why")
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, path string, begin time.Time) answer {
	door := h.doors.Load().byPath[path]
	from := sender(r, h.proxies)
	if door == nil {
		return h.unknown(from).answer()
	}
	c := &call{door: door, request: r, writer: w, id: meshhook.NewID(), now: begin, sender: from}
	c.body.room.in = &h.memory
	defer c.body.room.release()
	defer h.leave(c)
	answer := h.handle(r.Context(), c)
	if c.secret != nil {
		h.used.note(*c.secret, c.now)
	}
	answer.door = door
	c.limitHeaders(r.Context(), answer.header, h.counters)
	return answer
}

// handle takes a request through the checks and records it either way, also where
// one of them panics.
func (h *Handler) handle(ctx context.Context, c *call) (a answer) {
	defer func() {
		if thrown := recover(); thrown != nil {
			refusal := h.panicked(c.door.Path, thrown)
			h.recordRefusal(ctx, c, refusal)
			a = refusal.answer()
		}
	}()
	if refusal := h.judge(ctx, c); refusal != nil {
		h.recordRefusal(ctx, c, refusal)
		return refusal.answer()
	}
	if c.handshake != nil {
		return h.answerHandshake(ctx, c)
	}
	return h.record(ctx, c)
}

// judge is the order of checks of the contract. A handshake ends it: where it is not
// signed before the signature, and otherwise behind it. The endpoint's rate limit
// comes after the signature, so that forgeries cannot use up its owner's quota.
func (h *Handler) judge(ctx context.Context, c *call) *refusal {
	for _, stage := range [][]check{
		{h.intact, h.enabled, h.method, h.address, h.size, h.enter, h.greet},
		{h.verified},
		{h.limit, h.syntax, h.schema},
	} {
		for _, check := range stage {
			if refusal := check(ctx, c); refusal != nil {
				return refusal
			}
		}
		if c.handshake != nil {
			return nil
		}
	}
	return nil
}

// check is one of the things that a request has to pass.
type check func(context.Context, *call) *refusal
