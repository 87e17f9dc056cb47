package daemon

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/profullstack/meshhook/internal/api"
)

// The limits of every connection: nobody holds the server by being slow. How long a
// whole request may take to arrive on the public listener is ingress.read_timeout.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	// answerTime is how much longer an answer may take than its request: one whose
	// body was cut off at the last moment still hears so.
	answerTime     = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	// maxStreams is how many requests of one HTTP/2 connection are served at once.
	// Those that a client takes back count until their handlers have ended.
	maxStreams = 100
)

func (d *Daemon) newServer(role string) *http.Server {
	s := &http.Server{
		Handler:        d.handler(role),
		ReadTimeout:    readTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
	}
	if role == roleIngress {
		s.ReadTimeout = d.config.Ingress.ReadTimeout
		s.TLSConfig = d.tlsConfig()
	}
	s.ReadHeaderTimeout = min(readHeaderTimeout, s.ReadTimeout)
	s.WriteTimeout = s.ReadTimeout + answerTime
	s.RegisterOnShutdown(d.api.Stop) // a stream would be waited for in vain
	return s
}

func (d *Daemon) handler(role string) http.Handler {
	switch role {
	case roleIngress:
		return d.ingress // everything that the world can reach
	case roleACME:
		return d.acme.HTTPHandler()
	default:
		return d.adminRoutes()
	}
}

// serve serves until the server is shut down.
func (s *server) serve() error {
	if s.secure {
		return s.ServeTLS(s.listener, "", "")
	}
	return s.Serve(s.listener)
}

func (s *server) scheme() string {
	if s.secure {
		return "https://"
	}
	return "http://"
}

// adminRoutes is what the admin listener answers.
func (d *Daemon) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", d.ready)
	mux.Handle("GET /metrics", guarded(d.config.MetricsToken, promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{})))
	if !d.does(roleAdmin) {
		return mux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not through the mux, which has answers of its own to odd paths.
		if strings.HasPrefix(r.URL.EscapedPath()+"/", api.Prefix) {
			d.api.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// ready answers whether this daemon can do its work now.
func (d *Daemon) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	switch {
	case !d.ingress.Ready():
		respond(w, http.StatusServiceUnavailable, "the configuration has not been read yet")
	case d.db.Ping(ctx) != nil:
		respond(w, http.StatusServiceUnavailable, "the database does not answer")
	default:
		respond(w, http.StatusOK, "ok")
	}
}

func respond(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a prober that left reads nothing
}
