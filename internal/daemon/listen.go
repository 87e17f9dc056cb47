package daemon

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// socketNames are what a service manager calls the sockets of the roles
// (FileDescriptorName= of a socket unit).
var socketNames = map[string]string{roleIngress: "http", roleAdmin: "admin", roleACME: "acme"}

// addressSettings are the settings of the roles' addresses, as the environment has them.
var addressSettings = map[string]string{
	roleIngress: "MESHHOOK_LISTEN", roleAdmin: "MESHHOOK_ADMIN_LISTEN", roleACME: "MESHHOOK_TLS_ACME_HTTP_LISTEN",
}

// openDoors opens the listeners of the daemon's roles, or takes those that the
// service manager holds.
func (d *Daemon) openDoors(ctx context.Context) error {
	// What nobody takes is closed again, too.
	d.onStop = append(d.onStop, func(context.Context) error { return d.manager.Close() })
	if d.does(roleIngress) {
		if err := d.listen(ctx, roleIngress, d.config.Listen); err != nil {
			return err
		}
		if err := d.certify(ctx); err != nil {
			return err
		}
	}
	if err := d.listen(ctx, roleAdmin, d.config.AdminListen); err != nil {
		return err
	}
	if rest := d.manager.Rest(); len(rest) > 0 {
		return meshhook.Errorf(meshhook.CodeInvalid, "systemd hands over the socket %q, which this daemon does not serve: "+
			"http is the public listener, admin the private one, acme that of the challenges where tls.acme is set; "+
			"correct FileDescriptorName= in the socket unit, or disable the unit", rest[0])
	}
	return nil
}

// listen gives a role its listeners: those that the service manager holds, so that a
// restart refuses nobody, or else one at the address.
func (d *Daemon) listen(ctx context.Context, role, address string) error {
	listeners := d.manager.Take(socketNames[role])
	if len(listeners) == 0 {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", address)
		if err != nil {
			return meshhook.Errorf(meshhook.CodeInvalid, "cannot listen on %s for %s: %w; choose another address (%s), or stop the program that uses it",
				address, role, errors.Unwrap(err), addressSettings[role])
		}
		listeners = append(listeners, listener)
	}
	for _, listener := range listeners {
		if role != roleAdmin {
			listener = bounded(listener, d.config.Ingress.MaxConnections)
		}
		d.servers = append(d.servers, &server{listener: listener, role: role, done: make(chan struct{})})
		d.onStop = append(d.onStop, func(context.Context) error {
			if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		})
	}
	return nil
}

// Addr returns the address on which a role listens, the first of several, or "".
func (d *Daemon) Addr(role string) string {
	for _, s := range d.servers {
		if s.role == role {
			return s.listener.Addr().String()
		}
	}
	return ""
}

// urls are where the roles are reached, in the order of their opening.
func (d *Daemon) urls() (roles []string, urls map[string][]string) {
	urls = map[string][]string{}
	for _, s := range d.servers {
		if urls[s.role] == nil {
			roles = append(roles, s.role)
		}
		urls[s.role] = append(urls[s.role], s.scheme()+dialable(s.listener.Addr().String()))
	}
	return roles, urls
}

func (d *Daemon) addresses() []any {
	args := []any{"version", d.version, "daemon", d.id}
	roles, urls := d.urls()
	for _, role := range roles {
		args = append(args, role, strings.Join(urls[role], " "))
	}
	return args
}

// dialable makes an address that stands for all interfaces one to connect to.
func dialable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
