package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// unit plays the service manager: it holds the sockets, and hears what the service
// says, as systemd does.
type unit struct {
	t       *testing.T
	env     []string
	notify  *net.UnixConn
	sockets []*os.File
	names   []string
	// said is everything, in order.
	said []string
}

func newUnit(t *testing.T, env ...string) *unit {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	u := &unit{t: t, notify: conn}
	u.env = append(os.Environ(), "MESHHOOK_MASTER_KEY="+pgtest.MasterKeyText, "MESHHOOK_NETWORK_ALLOW=127.0.0.0/8",
		"HOME="+t.TempDir(), "XDG_DATA_HOME=", "MESHHOOK_DATA_DIR="+t.TempDir(), "NOTIFY_SOCKET="+conn.LocalAddr().String())
	u.env = append(u.env, env...)
	return u
}

// socket opens a listener that outlives the service, and returns its address.
func (u *unit) socket(name string) string {
	u.t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(u.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(u.t, err)
	listener, is := l.(*net.TCPListener)
	require.True(u.t, is)
	file, err := listener.File()
	require.NoError(u.t, err)
	u.t.Cleanup(func() { require.NoError(u.t, file.Close()) })
	require.NoError(u.t, l.Close()) // the file is the one that stays
	u.sockets, u.names = append(u.sockets, file), append(u.names, name)
	return l.Addr().String()
}

// command is the service as systemd executes it: the sockets are meant for the
// process that it becomes.
func (u *unit) command(args ...string) *exec.Cmd {
	script := `exec meshhook daemon --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 "$@"`
	if len(u.sockets) > 0 {
		script = fmt.Sprintf("export LISTEN_PID=$$ LISTEN_FDS=%d LISTEN_FDNAMES=%s; %s", len(u.sockets), strings.Join(u.names, ":"), script)
	}
	cmd := exec.CommandContext(context.Background(), "sh", append([]string{"-c", script, "unit"}, args...)...)
	cmd.Env, cmd.ExtraFiles = u.env, u.sockets
	return cmd
}

func (u *unit) start() (*process, map[string]string) {
	u.t.Helper()
	p, addresses, err := begin(u.command())
	require.NoError(u.t, err)
	u.t.Cleanup(p.kill)
	return p, addresses
}

// hear waits until the service says something that begins so, and returns it.
func (u *unit) hear(prefix string) string {
	u.t.Helper()
	require.NoError(u.t, u.notify.SetReadDeadline(time.Now().Add(patience)))
	buffer := make([]byte, 4096)
	for {
		n, err := u.notify.Read(buffer)
		require.NoError(u.t, err, "%q was not said, but %q", prefix, u.said)
		u.said = append(u.said, string(buffer[:n]))
		if strings.HasPrefix(string(buffer[:n]), prefix) {
			return string(buffer[:n])
		}
	}
}

func (u *unit) stop(p *process) {
	u.t.Helper()
	require.NoError(u.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
		require.NoError(u.t, p.err, p.text())
	case <-time.After(patience):
		u.t.Fatalf("the daemon does not stop\n%s", p.text())
	}
}

// fetch asks once, on a connection of its own.
func fetch(ctx context.Context, method, url string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader("{}"))
	if err != nil {
		return 0, err
	}
	r.Close = true
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode, err
}

// A service says READY once it serves, lives while it does, reloads and stops.
func TestNotify(t *testing.T) {
	t.Parallel()
	u := newUnit(t, "MESHHOOK_DATABASE_URL="+pgtest.URL(t), "WATCHDOG_USEC=200000", "MESHHOOK_SHUTDOWN_GRACE=7s")
	p, addresses := u.start()
	require.Equal(t, "READY=1\nSTATUS=Serving ingress "+addresses["ingress"]+", admin "+addresses["admin"], u.hear("READY=1"))
	for _, s := range u.said {
		require.Regexp(t, "^(WATCHDOG=1|READY=1)", s, "nothing else before it is ready")
	}
	status, err := fetch(t.Context(), http.MethodGet, addresses["admin"]+"/readyz")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	for range 5 {
		u.hear("WATCHDOG=1")
	}

	// Nothing is there to read again; SIGHUP ends no service all the same.
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	require.Regexp(t, `^RELOADING=1\nMONOTONIC_USEC=\d{6,}$`, u.hear("RELOADING=1"))
	u.hear("READY=1")
	u.hear("WATCHDOG=1")
	u.stop(p)
	require.Equal(t, "STOPPING=1\nSTATUS=Stopping\nEXTEND_TIMEOUT_USEC=62000000", u.hear("STOPPING=1"))
}

// No restart mends a Postgres that is out: the service lives on and says so.
func TestNotify_AnOutageIsNoReasonToRestart(t *testing.T) {
	t.Parallel()
	gate := newGate(t, pgtest.URL(t))
	u := newUnit(t, "MESHHOOK_DATABASE_URL="+gate.url, "WATCHDOG_USEC=200000")
	p, _ := u.start()
	u.hear("READY=1")
	gate.shut()
	u.hear("STATUS=The database has not answered since ")
	for range 5 {
		u.hear("WATCHDOG=1")
	}
	gate.open()
	u.hear("STATUS=Serving ingress ")
	u.hear("WATCHDOG=1")
	u.stop(p)
}

// A restart of a service whose sockets the manager holds refuses nobody: what comes
// meanwhile waits.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	u := newUnit(t, "MESHHOOK_DATABASE_URL="+dsn)
	public, private := u.socket("http"), u.socket("admin")
	project := pgtest.Project(t, pgtest.Open(t, dsn))
	source := "name: w\nsteps:\n  - id: a\n    transform: .event.body\n"
	applied, err := project.Apply(t.Context(), "w", "", meshhook.Version{Digest: strings.Repeat("0", 64), Source: source})
	require.NoError(t, err)
	endpoint := meshhook.Endpoint{
		ID: meshhook.NewID(), Path: "open", WorkflowID: applied.Workflow.ID, Enabled: true, Verification: meshhook.Verification{Scheme: "none"},
	}
	require.NoError(t, endpoint.Validate())
	_, err = project.CreateEndpoint(t.Context(), endpoint, meshhook.Secret{})
	require.NoError(t, err)

	p, addresses := u.start()
	require.Equal(t, map[string]string{"ingress": "http://" + public, "admin": "http://" + private}, addresses)

	var sent atomic.Int64
	ctx, enough := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	failures := make(chan error, 100)
	send := func(method, url string, want int) {
		for ctx.Err() == nil {
			status, err := fetch(context.WithoutCancel(ctx), method, url)
			if err != nil || status != want {
				failures <- fmt.Errorf("%s: %d, %w", url, status, err)
				return
			}
			sent.Add(1)
		}
	}
	for range 4 {
		senders.Go(func() { send(http.MethodPost, "http://"+public+"/hooks/open", http.StatusAccepted) })
	}
	senders.Go(func() { send(http.MethodGet, "http://"+private+"/livez", http.StatusOK) })
	for range 3 {
		before := sent.Load()
		require.Eventually(t, func() bool { return sent.Load() > before+50 || len(failures) > 0 }, patience, 5*time.Millisecond)
		u.stop(p)
		p, _ = u.start()
	}
	enough()
	senders.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	events, err := project.Events(t.Context(), meshhook.EventFilter{Limit: 1})
	require.NoError(t, err)
	require.Len(t, events, 1)
	u.stop(p)
}

// A socket that is not served would let its clients wait for ever.
func TestSocketActivation_OfNoUse(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"meshhook.socket": nil, "acme": nil, "http": {"--only", "worker"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUnit(t, "MESHHOOK_DATABASE_URL=postgres://nobody@127.0.0.1:1/nothing")
			u.socket(name)
			_, _, err := begin(u.command(args...))
			require.ErrorContains(t, err, "exit status 1")
			require.ErrorContains(t, err, `systemd hands over the socket "`+name+`", which this daemon does not serve: http is the public listener`)
		})
	}
}

// The log lines of a service are JSON, one a line, for the journal.
func TestNotify_TheLogIsForTheJournal(t *testing.T) {
	t.Parallel()
	u := newUnit(t, "MESHHOOK_DATABASE_URL="+pgtest.URL(t))
	p, _ := u.start()
	u.hear("READY=1")
	u.stop(p)
	for line := range strings.Lines(p.text()) {
		require.True(t, json.Valid([]byte(line)), line)
	}
}
