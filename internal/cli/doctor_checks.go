package cli

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/profullstack/meshhook/internal/certs"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/doctor"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/seal"
)

// examined is a check whose facts come from a reader.
func examined[F any](name string, read func(context.Context) (F, error), judge func(F) []doctor.Finding) doctor.Check {
	return doctor.Check{Name: name, Run: func(ctx context.Context) ([]doctor.Finding, error) {
		facts, err := read(ctx)
		if err != nil {
			return nil, err
		}
		return judge(facts), nil
	}}
}

// known is a check of facts that are there already.
func known(name string, judge func() []doctor.Finding) doctor.Check {
	return doctor.Check{Name: name, Run: func(context.Context) ([]doctor.Finding, error) { return judge(), nil }}
}

// installation are the checks that ask the database.
func (e *examination) installation() []doctor.Check {
	pool := e.config.Database.MaxConns
	if pool == 0 {
		pool = postgres.DefaultMaxConns
	}
	db := e.db.DB
	list := []doctor.Check{
		known("version", func() []doctor.Finding { return doctor.Version(e.server) }),
		known("role", func() []doctor.Finding { return doctor.Role(e.server) }),
		known("transport", func() []doctor.Finding { return doctor.Transport(e.server) }),
		known("durability", func() []doctor.Finding { return doctor.Durability(e.server) }),
		known("connections", func() []doctor.Finding { return doctor.Connections(e.server, pool, len(e.live())) }),
		examined("pooler", db.Pooler, doctor.Pooler),
		examined("clock", db.Clock, doctor.Clock),
		examined("migrations", db.MigrationFacts, doctor.Migrations),
	}
	if !e.current { // nothing else can be read
		return list
	}
	return append(
		list,
		doctor.Check{Name: "keys", Unknown: doctor.Fail, Run: e.keys},
		examined("partitions", func(ctx context.Context) (meshhook.PartitionFacts, error) { return db.PartitionFacts(ctx, time.Now()) }, doctor.Partitions),
		examined("vacuum", db.VacuumFacts, func(v meshhook.VacuumFacts) []doctor.Finding { return doctor.Vacuum(e.server, v) }),
		examined("daemons", db.QueueFacts, func(q meshhook.QueueFacts) []doctor.Finding { return doctor.Daemons(e.daemons, version, q.Now) }),
		examined("runs", db.QueueFacts, doctor.Runs),
		examined("alerts", db.QueueFacts, doctor.Deliveries),
		examined("circuits", db.QueueFacts, doctor.Circuits),
		examined("webhooks", db.QueueFacts, doctor.Webhooks),
	)
}

// live are the daemons that serve.
func (e *examination) live() (list []meshhook.Daemon) {
	for _, d := range e.daemons {
		if time.Since(d.SeenAt) < time.Minute { // clocks may differ; this one decides nothing
			list = append(list, d)
		}
	}
	return list
}

// keys tells whether this machine's master key opens what is stored.
func (e *examination) keys(ctx context.Context) ([]doctor.Finding, error) {
	opened, sealed, err := e.db.CheckKeys(ctx, e.config)
	switch {
	case err != nil:
		return []doctor.Finding{{Level: doctor.Fail, Text: oneLine(err), Remedy: "restore the right master key, from the machine that made it or from a backup (" + masterKeyFrom(e.config) + ")"}}, nil
	case !sealed:
		return []doctor.Finding{{Level: doctor.OK, Text: "there are no data keys yet; the first daemon makes them"}}, nil
	}
	return []doctor.Finding{{Level: doctor.OK, Text: "the master key opens what is stored (" + counted(int64(opened), "value") + " tried)"}}, nil
}

// machine are the checks of what lies on this machine.
func (e *examination) machine() []doctor.Check {
	list := []doctor.Check{
		known("master key", e.masterKeyFile),
		examined("disk", func(context.Context) (doctor.DiskFacts, error) { return diskOf(e.config.DataDir) }, doctor.Disk),
	}
	if dir := e.server.DataDirectory; e.server.Local && dir != "" && !strings.HasPrefix(dir, e.config.DataDir) {
		list = append(list, examined("disk", func(context.Context) (doctor.DiskFacts, error) { return diskOf(dir) }, doctor.Disk))
	}
	for _, at := range [][2]string{{"listen", e.config.Listen}, {"admin_listen", e.config.AdminListen}} {
		if !strings.HasSuffix(at[1], ":0") {
			list = append(list, examined("port", func(ctx context.Context) (doctor.PortFacts, error) { return e.port(ctx, at[0], at[1]), nil }, doctor.Port))
		}
	}
	if e.config.TLS.CertFile != "" {
		list = append(list, known("certificate", e.certificate))
	}
	for _, domain := range e.config.TLS.ACME.Domains {
		read := func(ctx context.Context) (time.Time, error) {
			return certs.ExpiresACME(ctx, daemon.ACMEDir(e.config), domain)
		}
		list = append(list, examined("certificate", read, func(ends time.Time) []doctor.Finding { return doctor.ACME(domain, ends, time.Now()) }))
	}
	return list
}

// masterKeyFile judges the file of the master key, where there is one.
func (e *examination) masterKeyFile() []doctor.Finding {
	if !e.config.MasterKey.IsZero() {
		if _, err := seal.ParseMasterKey(e.config.MasterKey); err != nil {
			return []doctor.Finding{{Level: doctor.Fail, Text: oneLine(err), Remedy: "set the key that sealed the database (" + string(e.config.Origin("master_key")) + ")"}}
		}
		return []doctor.Finding{{Level: doctor.OK, Text: "it comes from the " + string(e.config.Origin("master_key"))}}
	}
	_, err := seal.LoadMasterKeyFile(e.config.MasterKeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []doctor.Finding{{Level: doctor.Warn, Text: "there is no file " + e.config.MasterKeyFile + " yet", Remedy: "a daemon makes it for a fresh database; for one that is in use, copy it here"}}
	case err != nil:
		what, remedy, _ := strings.Cut(oneLine(err), "; ")
		return []doctor.Finding{{Level: doctor.Fail, Text: what, Remedy: remedy}}
	}
	return []doctor.Finding{{Level: doctor.OK, Text: e.config.MasterKeyFile + " is there, and closed to others"}}
}

func (e *examination) certificate() []doctor.Finding {
	files, err := certs.Open(e.config.TLS.CertFile, e.config.TLS.KeyFile)
	if err != nil {
		return []doctor.Finding{{Level: doctor.Fail, Text: oneLine(err), Remedy: "mend tls.cert_file and tls.key_file"}}
	}
	return doctor.Certificate(e.config.TLS.CertFile, files.Expires(), time.Now())
}

// port tries to listen, and finds out who does where that is not possible.
func (e *examination) port(ctx context.Context, key, address string) doctor.PortFacts {
	facts := doctor.PortFacts{Key: key, Address: address}
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", address)
	if err == nil {
		facts.Err = listener.Close()
		return facts
	}
	facts.Err, facts.InUse = err, errors.Is(err, syscall.EADDRINUSE)
	if !facts.InUse {
		return facts
	}
	for _, p := range holders(address) {
		facts.PID, facts.Program, facts.Ours = p.pid, p.program, e.isOurs(p)
		if facts.Ours {
			break
		}
	}
	return facts
}

// process is a process of this machine, and its program's name.
type process struct {
	pid     int
	program string
}

// isOurs tells whether a process is a daemon that serves. Where the database cannot be
// asked, a program of our name is believed.
func (e *examination) isOurs(p process) bool {
	host, _ := os.Hostname() // "" is no daemon's
	return e.db == nil && p.program == "meshhook" ||
		slices.ContainsFunc(e.live(), func(d meshhook.Daemon) bool { return d.PID == p.pid && d.Host == host })
}

// diskOf looks at the file system that a directory, or the one that is to hold it, lies on.
func diskOf(dir string) (facts doctor.DiskFacts, err error) {
	for ; ; dir = filepath.Dir(dir) {
		facts, err = disk(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return facts, err
		}
	}
}
