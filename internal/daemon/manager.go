package daemon

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	// finishTime is how long what is left may take after the grace period: rows that
	// are written last.
	finishTime = 10 * time.Second
	// lastWords is how long a daemon may take after its grace period in all: that, and
	// a private Postgres that is stopped at first fast and then at once (pgembed).
	lastWords = finishTime + 45*time.Second
)

// tell logs what the service manager did not hear. It is no reason to stop serving:
// a manager that misses something important acts by itself.
func (d *Daemon) tell(err error) {
	if err != nil {
		d.log.Warn("the service manager does not hear", "error", err)
	}
}

// serving is what `systemctl status` shows of a daemon that is well.
func (d *Daemon) serving() string {
	roles, urls := d.urls()
	texts := make([]string, len(roles))
	for i, role := range roles {
		texts[i] = role + " " + strings.Join(urls[role], " ")
	}
	return "Serving " + strings.Join(texts, ", ")
}

// onHangup reads the files of the certificate at once on SIGHUP. Under a service
// manager SIGHUP is always a reload, though there may be nothing to read. Any other
// daemon without files keeps what SIGHUP does otherwise: it ends with its terminal.
func (d *Daemon) onHangup(ctx context.Context) (stop func()) {
	if d.files == nil && !d.manager.Listens() {
		return func() {}
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-signals:
				d.reload(ctx)
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// reload takes over a new certificate before it says that it has. Where the files
// cannot be used, the loop that looks at them says why.
func (d *Daemon) reload(ctx context.Context) {
	d.tell(d.manager.Reloading())
	if d.files != nil {
		if _, err := d.files.Reload(ctx); err != nil {
			d.hangup.Ring()
		}
	}
	d.tell(d.manager.Ready(d.serving()))
}
