package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/certs"
	"github.com/profullstack/meshhook/internal/circuit"
	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/delivery"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/limit"
	"github.com/profullstack/meshhook/internal/loop"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/systemd"
)

// The roles of a daemon: all of them, unless `only` names one.
const (
	roleIngress = "ingress" // takes requests
	roleWorker  = "worker"  // drives runs
	roleAdmin   = "admin"   // answers on the admin listener
)

// roleACME is what the listener for ACME's challenges is called; a daemon has it
// beside the role of ingress.
const roleACME = "acme"

// Options set a Daemon up.
type Options struct {
	Config  *config.Config
	Version string
	Log     *slog.Logger
	// Manager is the service manager that started the process; nil for none. New
	// takes its sockets.
	Manager *systemd.Manager
}

// Daemon is one serving process. New makes everything, listeners included; Run
// serves until its context ends.
type Daemon struct {
	id      meshhook.ID
	config  *config.Config
	version string
	log     *slog.Logger
	db      *Database
	metrics *metrics
	ingress *ingress.Handler
	// egress makes all calls, and fetch those for the keys of signatures.
	egress *egress.Client
	fetch  signature.Fetch
	api    *api.Handler
	// followers are the API's streams.
	followers *followers
	limits    *limit.Store
	// files or acme has the certificate of the public listener; without TLS neither.
	files *certs.Files
	acme  *certs.ACME
	// hangup has the files read again.
	hangup *loop.Bell
	engine *engine.Engine
	alerts *delivery.Stage
	watch  *delivery.Watch
	// circuits keep calls from hosts that fail.
	circuits *circuit.Breaker
	manager  *systemd.Manager
	pulse    pulse
	// told is what the others know of its keys.
	told told
	// known is the version of the configuration that the caches hold.
	known   atomic.Int64
	servers []*server
	// onStop is the teardown, in reverse order of the building.
	onStop []func(context.Context) error
}

// server is an HTTP server with the listener that it was given.
type server struct {
	*http.Server
	listener net.Listener
	role     string
	// done is closed when serve has returned.
	done      chan struct{}
	newcomers newcomers
	// secure tells that it speaks TLS. (The server's own TLSConfig is set by
	// net/http in any case.)
	secure bool
}

// gcPercent lets the heap grow to four times what is live before it is collected.
// A daemon's live heap is a few megabytes, so that the default of 100 collects
// all the time under load and saves nothing worth having. GOGC overrides it.
const gcPercent = 300

// New opens the database and the listeners and wires the stages. What it opened
// is closed again when it fails.
func New(ctx context.Context, o Options) (_ *Daemon, err error) {
	d := &Daemon{id: meshhook.NewID(), config: o.Config, version: o.Version, log: o.Log, manager: o.Manager, metrics: newMetrics(), hangup: loop.NewBell(), followers: newFollowers()}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.teardown(ctx))
		}
	}()
	// The listeners come first: a port that is taken is found out before a
	// database is started.
	if err := d.openDoors(ctx); err != nil {
		return nil, err
	}
	d.db, err = OpenDatabase(ctx, o.Config, OpenOptions{Version: o.Version, Log: o.Log, Daemon: true})
	if err != nil {
		return nil, err
	}
	d.onStop = append(d.onStop, d.db.Close)
	if err := d.warnOfRole(ctx); err != nil {
		return nil, err
	}
	return d, d.wire(ctx)
}

// does tells whether the daemon has the role. Health and metrics are answered by
// every daemon.
func (d *Daemon) does(role string) bool { return d.config.Only == "" || d.config.Only == role }

// warnOfRole says so when row-level security does not bind the database's role.
func (d *Daemon) warnOfRole(ctx context.Context) error {
	name, above, err := d.db.Role(ctx)
	if above {
		d.log.Warn("the database role is above row-level security, so Postgres does not keep projects apart; use a role without SUPERUSER and BYPASSRLS", "role", name)
	}
	return err
}

func (d *Daemon) wire(ctx context.Context) error {
	client, err := egress.New(egress.Options{Allow: d.config.Network.Allow, UserAgent: "meshhook/" + d.version})
	if err != nil {
		return err
	}
	d.limits = limit.New(limit.Options{
		Where: d.config.Limits.Store, Table: d.db, Daemon: d.id, OnError: d.limitFailed,
	})
	d.egress, d.fetch = client, client.Fetch
	d.ingress = ingress.New(ingress.Options{
		Store: d.db, Runs: d.db, Log: d.log, TrustedProxies: d.config.TrustedProxies, PublicURL: d.config.PublicURL,
		MaxInFlight: d.config.Ingress.MaxInFlight, MaxBuffered: int64(d.config.Ingress.MaxBuffered), Fetch: d.fetch, Schema: SchemaOptions(d.config, d.metrics.schemaMismatch), Observe: d.metrics.event,
		Counters: d.limits, FailedVerifications: senders(d.config.Limits.FailedVerifications), UnknownPaths: senders(d.config.Limits.UnknownPaths),
	})
	d.circuits = circuit.New(circuit.Options{Store: d.db, Observe: d.metrics.circuit, OnError: d.circuitFailed})
	d.engine = engine.New(engine.Options{
		Store: d.db, Owner: d.id, Egress: client, Log: d.log, Circuits: d.circuits,
		Concurrency: d.config.Engine.Concurrency, Observe: d.metrics.run,
	})
	d.alerts = delivery.New(delivery.Options{
		Store: d.db, Owner: d.id, Egress: client, Log: d.log, Circuits: d.circuits, Observe: d.metrics.alert,
	})
	d.watch = delivery.NewWatch(d.db)
	d.metrics.watch(d.engine.Active, d.circuits.Open)
	if d.api, err = d.newAPI(); err != nil { //nolint:contextcheck // a request brings a context of its own
		return err
	}
	for _, s := range d.servers {
		s.Server = d.newServer(s.role)
		s.secure = s.TLSConfig != nil
		if l, is := s.listener.(*boundedListener); is {
			s.ConnState = l.observe
		}
		s.newcomers.attend(s.Server)
	}
	if _, err := d.ingress.Refresh(ctx); err != nil {
		return err
	}
	return d.join(ctx)
}

// joinPatience is how long a daemon that starts waits for one that counts in its
// memory to hand its counters over; one that is dead does not.
const joinPatience = time.Second

// join makes the daemon known before it serves, and finds out who else does: what
// others count in their memory they have to share from now on.
func (d *Daemon) join(ctx context.Context) error {
	if err := d.beat(ctx); err != nil {
		return err
	}
	d.db.Ring(postgres.BellDaemons)
	if !d.does(roleIngress) {
		return nil
	}
	return d.limits.Join(ctx, joinPatience)
}

// leave takes the daemon from the list, so that one that is left alone knows it,
// after what it has counted is where others find it.
func (d *Daemon) leave(ctx context.Context) error {
	err := errors.Join(d.limits.Close(ctx), d.db.Leave(ctx, d.id))
	d.db.Ring(postgres.BellDaemons)
	return err
}

// limitFailed counts what the database could not keep of a rate limit. A line for
// each would be a flood; the loop that looks for other daemons logs the cause.
func (d *Daemon) limitFailed(err error) {
	d.metrics.limitFailures.Inc()
	d.log.Debug("a rate limit could not be kept in the database", "error", err)
}

// circuitFailed says that a circuit could not be turned. The host is called on, or
// left alone for longer.
func (d *Daemon) circuitFailed(err error) {
	d.log.Warn("a circuit could not be opened or closed", "error", err)
}

// senders is the limit for single addresses that the configuration names.
func senders(rate config.Rate) *limit.Senders {
	if rate.IsNone() {
		return nil
	}
	return limit.NewSenders(rate.Limit)
}

func (d *Daemon) beat(ctx context.Context) error {
	var roles []string
	for _, role := range []string{roleIngress, roleWorker, roleAdmin} {
		if d.does(role) {
			roles = append(roles, role)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return d.db.Beat(ctx, meshhook.Daemon{ID: d.id, Host: host, PID: os.Getpid(), Version: d.version, Roles: roles})
}

// Run serves until ctx ends, and then stops: it accepts nothing new, finishes
// what is under way within the grace period, and gives the rest back.
func (d *Daemon) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	background, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	var loops sync.WaitGroup
	for _, l := range d.loops() {
		stopped := d.pulse.watch(l)
		loops.Go(func() {
			defer stopped()
			if err := l.Run(background); err != nil {
				d.log.Error("a loop cannot run", "loop", l.Name, "error", err)
			}
		})
	}
	loops.Go(func() { d.stayAlive(background) })
	loops.Go(func() { d.db.Hear(background) })
	stopHangups := d.onHangup(background)
	defer stopHangups()
	failed := make(chan error, len(d.servers))
	for _, s := range d.servers {
		go func() {
			defer close(s.done)
			failed <- s.serve()
		}()
	}
	d.log.Info("ready", d.addresses()...)
	d.tell(d.manager.Ready(d.serving()))

	var err error
	select {
	case <-ctx.Done():
		d.log.Info("stopping", "grace", d.config.ShutdownGrace)
	case err = <-failed:
		err = fmt.Errorf("serving: %w", err)
	}
	d.tell(d.manager.Stopping(d.config.ShutdownGrace + lastWords))
	return errors.Join(err, d.stop(context.WithoutCancel(ctx), func() {
		stopLoops()
		loops.Wait()
	}))
}

// stop takes the daemon down: the doors and the engine first, then the loops, and
// the database last.
func (d *Daemon) stop(ctx context.Context, stopLoops func()) error {
	grace, cancel := context.WithTimeout(ctx, d.config.ShutdownGrace)
	defer cancel()
	d.ingress.StopWaiting()
	// Side by side: a slow sender must not take the grace away from the runs.
	stopped := make(chan error, 2)
	go func() { stopped <- d.engine.Stop(grace) }()
	go func() { stopped <- d.alerts.Stop(grace) }()
	var errs []error
	for _, s := range d.servers {
		if err := s.shutdown(grace); err != nil {
			errs = append(errs, fmt.Errorf("closing the %s listener: %w", s.role, err), s.Close())
		}
	}
	errs = append(errs, <-stopped, <-stopped)
	stopLoops()
	last, cancelLast := context.WithTimeout(ctx, finishTime)
	defer cancelLast()
	_, notNoted := d.api.FlushUsed(last)
	errs = append(errs, d.ingress.Finish(last), notNoted, d.leave(last), d.teardown(last))
	return errors.Join(errs...)
}

func (d *Daemon) teardown(ctx context.Context) error {
	var errs []error
	for i := len(d.onStop) - 1; i >= 0; i-- {
		errs = append(errs, d.onStop[i](ctx))
	}
	d.onStop = nil
	return errors.Join(errs...)
}
