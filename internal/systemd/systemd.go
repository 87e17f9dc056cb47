// Package systemd speaks with the service manager that started the process: it
// takes over the sockets that systemd holds (sd_listen_fds(3)), and says when the
// service is ready, reloads, stops and lives (sd_notify(3)). Without systemd
// nobody is spoken to, and no sockets are there.
package systemd

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxSockets bounds what LISTEN_FDS may say; a unit has a handful.
const maxSockets = 64

// Manager is the service manager of this process. A nil Manager is none: it hears
// nothing and hands nothing over.
type Manager struct {
	listens bool
	// every is half of the time after which the manager takes a silent process for
	// stuck; 0 where it does not watch.
	every time.Duration
	// sockets are those that nobody has taken yet, by their names.
	sockets map[string][]net.Listener
}

// FromProcess takes over what the service manager left in the environment, and
// removes the sockets and the watchdog from there: they are meant for this process
// and not for the programs that it starts. It works once in a process. Errors have
// CodeInvalid.
func FromProcess() (*Manager, error) {
	m := &Manager{listens: os.Getenv("NOTIFY_SOCKET") != ""}
	timeout, err := daemon.SdWatchdogEnabled(true)
	if err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "WATCHDOG_USEC must be a number of microseconds above zero, as systemd sets it")
	}
	m.every = timeout / 2 // sd_watchdog_enabled(3)
	if text := os.Getenv("LISTEN_FDS"); text != "" {
		if n, err := strconv.Atoi(text); err != nil || n < 0 || n > maxSockets {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "LISTEN_FDS must be a number from 0 to %d, as systemd sets it", maxSockets)
		}
	}
	m.sockets, err = listeners(activation.Files(true))
	return m, err
}

// listeners makes listeners of the sockets, and closes what they came from.
func listeners(files []*os.File) (map[string][]net.Listener, error) {
	sockets := map[string][]net.Listener{}
	var errs []error
	for _, file := range files {
		// The listener is a duplicate: closing it leaves systemd's own socket open.
		listener, err := net.FileListener(file)
		switch {
		case err != nil:
			errs = append(errs, meshhook.Errorf(meshhook.CodeInvalid, "the socket %q of systemd cannot be listened on: %w; it must be a ListenStream= of an address and port, with Accept=no", file.Name(), err))
		case listener.Addr().Network() != "tcp":
			// Limits and logs go by the sender's address, which other sockets do not have.
			errs = append(errs, meshhook.Errorf(meshhook.CodeInvalid, "the socket %q of systemd must be a ListenStream= of an address and port, not %s", file.Name(), listener.Addr()), listener.Close())
		default:
			sockets[file.Name()] = append(sockets[file.Name()], listener)
		}
		errs = append(errs, file.Close())
	}
	if err := errors.Join(errs...); err != nil {
		for _, l := range slices.Concat(slices.Collect(maps.Values(sockets))...) {
			_ = l.Close() // the failure is what counts
		}
		return nil, err
	}
	return sockets, nil
}

// Take hands the listeners of a name over (FileDescriptorName= of the socket unit).
// Whoever takes them closes them; each is handed over once.
func (m *Manager) Take(name string) []net.Listener {
	if m == nil {
		return nil
	}
	taken := m.sockets[name]
	delete(m.sockets, name)
	return taken
}

// Rest names the sockets that nobody has taken, sorted. To leave one open would let
// its clients wait for ever.
func (m *Manager) Rest() []string {
	if m == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m.sockets))
}

// Close closes the sockets that nobody has taken.
func (m *Manager) Close() error {
	if m == nil {
		return nil
	}
	var errs []error
	for _, name := range m.Rest() {
		for _, l := range m.Take(name) {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

// Listens tells whether there is a manager that hears what is said.
func (m *Manager) Listens() bool { return m != nil && m.listens }

// Every is how often Alive must be said: half of WatchdogSec=. 0: never.
func (m *Manager) Every() time.Duration {
	if m == nil {
		return 0
	}
	return m.every
}

// Ready says that the service serves, or serves again after Reloading. The status is
// what `systemctl status` shows.
func (m *Manager) Ready(status string) error {
	return m.say(daemon.SdNotifyReady + "\nSTATUS=" + status)
}

// Status changes what `systemctl status` shows: one line.
func (m *Manager) Status(status string) error { return m.say("STATUS=" + status) }

// Alive says that the service gets on.
func (m *Manager) Alive() error { return m.say(daemon.SdNotifyWatchdog) }

// Reloading says that the configuration is read again; Ready ends it. The time lets
// systemd tell this reload from an earlier one (Type=notify-reload).
func (m *Manager) Reloading() error {
	return m.say(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, monotonic().Microseconds()))
}

// Stopping says that the service ends, and by when it will have: a grace period that
// the configuration makes longer needs no other TimeoutStopSec= in the unit.
func (m *Manager) Stopping(within time.Duration) error {
	return m.say(fmt.Sprintf("%s\nSTATUS=Stopping\nEXTEND_TIMEOUT_USEC=%d", daemon.SdNotifyStopping, within.Microseconds()))
}

func (m *Manager) say(state string) error {
	if !m.Listens() {
		return nil
	}
	if _, err := daemon.SdNotify(false, state); err != nil {
		return meshhook.Errorf(meshhook.CodeUnavailable, "tell the service manager: %w", err)
	}
	return nil
}
