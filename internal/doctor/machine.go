package doctor

import (
	"fmt"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// DiskFacts are the space of the file system that a directory lies on, in bytes.
type DiskFacts struct {
	Path        string
	Free, Total uint64
}

// How full a disk may be: below the share or the bytes there is reason to look, below a
// tenth of these to act.
const (
	diskShare = 0.10
	diskBytes = 5 << 30
)

// Disk judges the space that is left. A small disk is judged by its share alone.
func Disk(d DiskFacts) []Finding {
	share := float64(d.Free) / float64(max(d.Total, 1))
	text := fmt.Sprintf("%s of %s free at %s", meshhook.AboutSize(d.Free), meshhook.AboutSize(d.Total), d.Path)
	const remedy = "make room, or shorten retention.events, retention.rejected and retention.journal"
	switch {
	case share < diskShare/10 || d.Free < diskBytes/100:
		return []Finding{fail(remedy, "only %s: Postgres stops when it is full", text)}
	case share < diskShare && d.Free < diskBytes:
		return []Finding{warn(remedy, "only %s", text)}
	}
	return []Finding{ok("%s", text)}
}

// PortFacts are how an address to listen on stands.
type PortFacts struct {
	// Key is the configuration key, Address its value.
	Key, Address string
	// Err is why nobody could listen there; nil when it is free.
	Err error
	// InUse tells that Err is that somebody else listens there already.
	InUse bool
	// PID and Program are who that is; 0 where it cannot be told.
	PID     int
	Program string
	// Ours tells that it is a daemon that has been seen in the database.
	Ours bool
}

// Port judges an address to listen on.
func Port(p PortFacts) []Finding {
	where := p.Key + " " + p.Address
	switch {
	case p.Err == nil:
		return []Finding{ok("%s is free", where)}
	case p.Ours:
		return []Finding{ok("%s is held by the daemon with pid %d", where, p.PID)}
	case p.InUse && p.PID == 1 && p.Program == "systemd": // of a socket unit; its service is not running
		return []Finding{warn(fmt.Sprintf("see for which service: systemctl list-sockets; if it is not MeshHook's, set %s to another address", p.Key), "%s is held by %s, for a service that it starts", where, p.Program)}
	case p.InUse && p.PID > 0:
		return []Finding{fail(fmt.Sprintf("stop it, or set %s to another address", p.Key), "%s is held by %s (pid %d), which is no daemon of this database", where, p.Program, p.PID)}
	case p.InUse:
		return []Finding{warn(fmt.Sprintf("see who it is, as root: ss -ltnp; if it is no daemon of yours, set %s to another address", p.Key), "%s is held by a program that cannot be told from here", where)}
	}
	return []Finding{fail(fmt.Sprintf("set %s to another address; ports below 1024 need CAP_NET_BIND_SERVICE", p.Key), "%s cannot be listened on: %v", where, p.Err)}
}

// How long before its end a certificate is worth a word. Certificates by ACME are renewed
// 30 days before.
const (
	certWarn = 21 * 24 * time.Hour
	certFail = 3 * 24 * time.Hour
)

// ACME judges the certificate that was fetched for a domain; expires is zero where none
// was yet.
func ACME(domain string, expires, now time.Time) []Finding {
	const remedy = "see the daemon's log; the authority must reach this machine under that name, on port 443 or 80"
	switch left := expires.Sub(now); {
	case expires.IsZero():
		return []Finding{warn(remedy, "no certificate was fetched for %s yet", domain)}
	case left < certFail:
		return []Finding{fail(remedy, "the certificate of %s ends on %s, and was not renewed", domain, expires.UTC().Format(time.DateOnly))}
	case left < certWarn:
		return []Finding{warn(remedy, "the certificate of %s ends on %s, and was not renewed", domain, expires.UTC().Format(time.DateOnly))}
	}
	return []Finding{ok("the certificate of %s ends on %s", domain, expires.UTC().Format(time.DateOnly))}
}

// Certificate judges when the public listener's certificate ends.
func Certificate(path string, expires, now time.Time) []Finding {
	left := expires.Sub(now)
	const remedy = "renew it, and write it over the files: the daemon takes it up within a minute"
	text := fmt.Sprintf("the certificate %s ends on %s, in %d days", path, expires.UTC().Format(time.DateOnly), int(left.Hours()/24))
	switch {
	case left < certFail:
		return []Finding{fail(remedy, "%s", text)}
	case left < certWarn:
		return []Finding{warn(remedy, "%s", text)}
	}
	return []Finding{ok("%s", text)}
}
