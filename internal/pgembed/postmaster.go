//go:build unix

package pgembed

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	hbaFile   = "pg_hba.conf"
	identFile = "pg_ident.conf"
	// quickPoll is how often a server that is about to start or stop is looked at.
	quickPoll = 3 * time.Millisecond
)

// patience is how long to wait for Postgres before something else is tried.
type patience struct {
	contested time.Duration // for the remains of an earlier server to go
	fast      time.Duration // for a fast shutdown (SIGINT), before an immediate one
	immediate time.Duration // for an immediate shutdown (SIGQUIT), before giving up
}

// Postgres kills what does not heed an immediate shutdown after 5 s by itself.
var defaultPatience = patience{contested: 10 * time.Second, fast: 30 * time.Second, immediate: 10 * time.Second}

// postmaster is the first process of a running server.
type postmaster struct {
	pid       int
	socketDir string
	child     *exec.Cmd     // nil if adopted
	exited    chan struct{} // closed when the child has ended; nil if adopted
	state     atomic.Pointer[os.ProcessState]
}

func (p *postmaster) adopted() bool { return p.child == nil }

// hasExited reports whether our child has ended.
func (p *postmaster) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default: // also for an adopted one, which has no channel
		return false
	}
}

// ending says how the server ended, for the log.
func (p *postmaster) ending() string {
	if state := p.state.Load(); state != nil {
		return state.String()
	}
	return "unknown: it was not our child"
}

// up returns a server that takes connections: the one that runs, or a new one.
// supervisor.lock must be held.
func (c *cluster) up(ctx context.Context) (*postmaster, error) {
	version, err := c.dataVersion()
	if err != nil {
		return nil, err
	}
	running, free, err := c.find(ctx)
	if err != nil || running != nil {
		return running, err
	}
	p, err := c.begin(ctx, version, free)
	// The server has inherited the lock, so this only closes our copy, without
	// which its end would not show.
	return p, closing(free, err)
}

// begin makes the cluster if it is missing (version 0) and starts its server.
func (c *cluster) begin(ctx context.Context, version int, lock *os.File) (*postmaster, error) {
	b, err := c.findBinaries(ctx, version)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		if err := c.create(ctx, b); err != nil {
			return nil, err
		}
	}
	if err := c.claim(c.socketDir); err != nil {
		return nil, err
	}
	if err := c.writeAccess(); err != nil {
		return nil, err
	}
	return c.launch(ctx, b, lock)
}

// find returns the server that runs, or, where none does, server.lock, locked:
// then no process of an earlier server is left, and none will come while it is.
func (c *cluster) find(ctx context.Context) (*postmaster, *os.File, error) {
	lock, err := c.openLock(serverLock)
	if err != nil {
		return nil, nil, err
	}
	giveUp := time.Now().Add(c.patience.contested)
	for {
		free, err := tryLock(lock, syscall.LOCK_EX)
		if err != nil {
			return nil, nil, closing(lock, err)
		}
		if free {
			return nil, lock, nil
		}
		f := c.readPidFile()
		alive := f.pid != 0 && runsAs(f.pid, c.account.uid)
		if alive && f.status == "ready" && answers(ctx, f.socketDir) {
			c.log.DebugContext(ctx, "postgres adopted", "pid", f.pid)
			return &postmaster{pid: f.pid, socketDir: f.socketDir}, nil, closing(lock, nil)
		}
		// A server may take minutes to recover from a crash, or to stop.
		busy := alive && (f.status == "starting" || f.status == "stopping")
		if !busy && time.Now().After(giveUp) {
			return nil, nil, closing(lock, meshhook.Errorf(meshhook.CodeUnavailable,
				"processes of an earlier Postgres (process %d) still hold the data in %s: stop them, then try again", f.pid, c.data))
		}
		if !pause(ctx, quickPoll) {
			return nil, nil, closing(lock, c.failure(ctx, "postgres", nil, nil))
		}
	}
}

// launch starts the server and waits until it takes connections. Remains of an
// earlier one, such as a dead process that nobody has waited for yet, are given
// some time to go.
func (c *cluster) launch(ctx context.Context, b binaries, lock *os.File) (*postmaster, error) {
	began := time.Now()
	for {
		said := newStderr(ctx, c.log)
		p, err := c.spawn(ctx, b, lock, said)
		if err != nil {
			return nil, c.failure(ctx, "postgres", said, err)
		}
		if err = c.awaitReady(ctx, p); err == nil {
			c.log.InfoContext(ctx, "postgres started", "pid", p.pid, "version", b.major, "took", time.Since(began))
			return p, nil
		}
		if ctx.Err() != nil || !said.contested() || time.Since(began) > c.patience.contested {
			return nil, c.failure(ctx, "postgres", said, err)
		}
		pause(ctx, 20*quickPoll)
	}
}

// spawn starts the server as a direct child.
func (c *cluster) spawn(ctx context.Context, b binaries, lock *os.File, said *stderr) (*postmaster, error) {
	// The server lives longer than the wait for its start.
	cmd := c.command(context.WithoutCancel(ctx), filepath.Join(b.dir, "postgres"), c.arguments()...)
	if stale := c.readPidFile().pid; stale != 0 {
		// postmaster.pid was left by a crash: server.lock shows that its writer is
		// gone. Its number may be another program's now, for which Postgres would
		// refuse to start. This variable, meant for pg_ctl, names one process that
		// is no rival. The check for shared memory in use remains.
		cmd.Env = append(cmd.Env, "PG_GRANDPARENT_PID="+strconv.Itoa(stale))
	}
	cmd.ExtraFiles = []*os.File{lock}
	cmd.Stderr = said
	cmd.WaitDelay = drainServer
	if c.options.TieToProcess {
		cmd.SysProcAttr = childAttr(c.account.credential(), syscall.SIGINT)
	}
	p := &postmaster{socketDir: c.socketDir, child: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The signal for our death follows the thread; see childAttr.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		// The error repeats the state, or says that orphans hold stderr open.
		_ = cmd.Wait()
		p.state.Store(cmd.ProcessState)
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// arguments returns the server's command line. What stands here is not the
// operator's to change: it keeps strangers out and makes the log readable for us.
func (c *cluster) arguments() []string {
	settings := map[string]string{
		"listen_addresses":        "",
		"port":                    port,
		"unix_socket_directories": c.socketDir,
		"unix_socket_permissions": "0700",
		"hba_file":                filepath.Join(c.dir, hbaFile),
		"ident_file":              filepath.Join(c.dir, identFile),
		"log_destination":         "stderr",
		"logging_collector":       "off",
		"log_line_prefix":         "",
		"lc_messages":             "C",
		"cluster_name":            "meshhook",
		// Our statements are short, and a service may not be let make code at run time
		// (MemoryDenyWriteExecute= of systemd).
		"jit": "off",
	}
	maps.Copy(settings, c.options.Settings)
	args := []string{"-D", c.data}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// awaitReady waits until our child takes connections. If ctx ends first the
// server is stopped again.
func (c *cluster) awaitReady(ctx context.Context, p *postmaster) error {
	for {
		if f := c.readPidFile(); f.pid == p.pid && f.status == "ready" {
			return nil
		}
		select {
		case <-p.exited:
			return errors.New(p.ending())
		default:
		}
		if !pause(ctx, quickPoll) {
			return errors.Join(ctx.Err(), c.halt(context.WithoutCancel(ctx), p))
		}
	}
}

// awaitExit waits until the server is gone. One that is not our child is looked
// at every so often. It fails only when ctx is done.
func (c *cluster) awaitExit(ctx context.Context, p *postmaster, every time.Duration) error {
	if !p.adopted() {
		select {
		case <-p.exited:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for c.serverRuns() {
		if !pause(ctx, every) {
			return ctx.Err()
		}
	}
	return nil
}

// serverRuns reports whether some process of the server lives. It takes the lock
// shared, and only for a moment: a starter whose way it crosses tries again.
func (c *cluster) serverRuns() bool {
	lock, err := c.openLock(serverLock)
	if err != nil {
		return true // the files cannot be read just now, which says nothing about the server
	}
	free, err := tryLock(lock, syscall.LOCK_SH)
	return unlock(lock, err) == nil && !free
}

// halt stops the server: first fast, which ends all sessions and writes
// everything out, then immediately, which leaves a recovery to the next start.
func (c *cluster) halt(ctx context.Context, p *postmaster) error {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, c.patience.fast}, {syscall.SIGQUIT, c.patience.immediate}} {
		c.signal(p, step.signal)
		waiting, cancel := context.WithTimeout(ctx, step.wait)
		err := c.awaitExit(waiting, p, quickPoll)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return meshhook.Errorf(meshhook.CodeUnavailable,
		"Postgres (process %d) in %s has not stopped yet: it ends by itself, or with kill -QUIT %[1]d", p.pid, c.dir)
}

// signal sends a signal to the server. That it is gone already is no error.
func (c *cluster) signal(p *postmaster, s syscall.Signal) {
	if !p.adopted() {
		_ = p.child.Process.Signal(s) // it fails only if the child was waited for
	} else if runsAs(p.pid, c.account.uid) {
		_ = syscall.Kill(p.pid, s)
	}
}
