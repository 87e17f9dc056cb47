package daemon

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/signature"
)

// newAPI makes the handler of /api/.
func (d *Daemon) newAPI() (*api.Handler, error) {
	return api.New(api.Options{
		Store: installation{d.db, d}, Log: d.log, Version: d.version, Check: func(e *meshhook.Endpoint, windowGiven bool) (*signature.Verifier, error) {
			return CheckWebhook(d.config, e, windowGiven)
		},
		URL:     func(path string) string { return WebhookURL(d.config, path) },
		Sender:  func(r *http.Request) netip.Addr { return ingress.Sender(r, d.config.TrustedProxies) },
		MaxBody: int64(d.config.Ingress.MaxBody),
	})
}

// installation is the database as the API sees it.
type installation struct {
	*Database
	daemon *Daemon
}

// View returns one project as the actor sees it.
func (i installation) View(project meshhook.ID, by meshhook.Actor) api.Project {
	return tenant{i.Tenant(project).As(by), i.daemon}
}

// tenant is a project as the API sees it: the store's, and what takes more than
// the store.
type tenant struct {
	*postgres.Tenant
	daemon *Daemon
}

// Listen hears the journal by the bell of the daemon, without a connection of its own.
func (t tenant) Listen(ctx context.Context, ring func()) error {
	return t.daemon.followers.Listen(ctx, ring)
}

// Replay starts another run on an event.
func (t tenant) Replay(ctx context.Context, r meshhook.Replay) (meshhook.Run, error) {
	e, err := t.Event(ctx, r.Event)
	if err != nil {
		return meshhook.Run{}, err
	}
	run, err := NewReplayer(t.Tenant, r, Judging(t.daemon.config, t.daemon.fetch)).Start(ctx, &e)
	if err != nil {
		return run, err
	}
	return t.Run(ctx, run.ID)
}

// RehearseReplay says how another run on an event would go.
func (t tenant) RehearseReplay(ctx context.Context, r meshhook.Replay) (api.DryRun, error) {
	return NewReplayer(t.Tenant, r, Judging(t.daemon.config, t.daemon.fetch)).Rehearse(ctx, r.Event)
}

// RehearseRun says how a run that is started by hand would go.
func (t tenant) RehearseRun(ctx context.Context, v meshhook.Version, input []byte) (api.DryRun, error) {
	return NewRehearser(t.Tenant).Run(ctx, v, input)
}

// TestEndpoint sends a signed request to this daemon's public listener, or, where
// it has none, to that of the daemon beside it.
func (t tenant) TestEndpoint(ctx context.Context, e meshhook.Endpoint, header http.Header, body []byte) (meshhook.Tested, error) {
	d := t.daemon
	listen := d.Addr(roleIngress)
	if listen == "" {
		listen = d.config.Listen
	}
	tested, err := d.db.SendTest(ctx, Test{
		Config: d.config, Listen: listen, Endpoint: e, Header: header, Body: body, Version: d.version,
	})
	if meshhook.ErrorCode(err) == meshhook.CodeInternal {
		err = meshhook.Errorf(meshhook.CodeConflict, "the test could not be sent: %w", err)
	}
	return tested, err
}

// TestAlert sends a sample of a stored alert.
func (t tenant) TestAlert(ctx context.Context, id meshhook.ID) (alert.Trial, error) {
	return t.trials().Stored(ctx, id)
}

// TryAlert sends a sample of an alert that is not stored.
func (t tenant) TryAlert(ctx context.Context, a meshhook.Alert, secret meshhook.Secret) (alert.Trial, error) {
	return t.trials().Unstored(ctx, a, secret)
}

func (t tenant) trials() Trials {
	d := t.daemon
	return Trials{DB: d.db.DB, Project: t.Tenant, Listen: t.Listen, Client: d.egress, Log: d.log}
}

// guarded lets a request through that has the token; without a token to have,
// everybody.
func guarded(token meshhook.Secret, next http.Handler) http.Handler {
	if token.IsZero() {
		return next
	}
	want := sha256.Sum256([]byte(token.Reveal()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		have := sha256.Sum256([]byte(strings.TrimSpace(text)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(have[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="meshhook metrics"`)
			respond(w, http.StatusUnauthorized, "the metrics need the token that metrics_token is")
			return
		}
		next.ServeHTTP(w, r)
	})
}
