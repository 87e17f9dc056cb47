package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a verb waits for something that should come at once.
const patience = 60 * time.Second

// process is a daemon in the background.
type process struct {
	cmd   *exec.Cmd
	ready chan map[string]string // the addresses, once
	ended chan struct{}          // closed when the process is gone
	err   error                  // how it ended
	mu    sync.Mutex
	log   bytes.Buffer
}

// daemonVerb is
//
//	daemon start NAME [ARG…]   starts it, waits until it is ready, sets the addresses
//	daemon stop NAME           SIGTERM; it must end well
//	daemon kill NAME           SIGKILL
//	daemon log NAME            prints its log to stdout
func daemonVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: daemon start|stop|kill|log NAME [ARG…]")
	}
	s := sceneOf(ts)
	s.mu.Lock()
	defer s.mu.Unlock()
	name := args[1]
	if args[0] == "start" {
		s.daemons[name] = startDaemon(ts, args[2:])
		return
	}
	p, ok := s.daemons[name]
	if !ok {
		ts.Fatalf("there is no daemon %s", name)
	}
	switch args[0] {
	case "stop":
		ts.Check(p.cmd.Process.Signal(syscall.SIGTERM))
		p.wait(ts)
		if p.err != nil {
			ts.Fatalf("daemon %s ended badly: %v\n%s", name, p.err, p.text())
		}
	case "kill":
		p.kill()
	case "log":
		_, err := io.WriteString(ts.Stdout(), p.text())
		ts.Check(err)
	default:
		ts.Fatalf("daemon %s: start, stop, kill or log", args[0])
	}
}

// startDaemon starts a daemon on free ports and waits until it says which.
func startDaemon(ts *testscript.TestScript, args []string) *process {
	p, addresses, err := launch(environment(ts), ts.Getenv("WORK"), args...)
	ts.Check(err)
	for role, address := range addresses {
		ts.Setenv(strings.ToUpper(role), address)
		u, err := url.Parse(address)
		ts.Check(err)
		if role == "ingress" {
			ts.Setenv("MESHHOOK_LISTEN", u.Host) // for the commands that print or use it
		}
	}
	return p
}

// launch starts a daemon on free ports and waits until it says which.
func launch(env []string, dir string, args ...string) (*process, map[string]string, error) {
	all := append([]string{"daemon", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, args...)
	cmd := exec.Command("meshhook", all...) //nolint:noctx // it lives as long as the script
	cmd.Env, cmd.Dir = env, dir
	return begin(cmd)
}

// begin starts a daemon and waits until it says where it listens.
func begin(cmd *exec.Cmd) (*process, map[string]string, error) {
	p := &process{cmd: cmd, ready: make(chan map[string]string, 1), ended: make(chan struct{})}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	p.cmd.Stderr = in
	if err := errors.Join(p.cmd.Start(), in.Close()); err != nil {
		return nil, nil, err
	}
	go p.follow(out)
	select {
	case addresses := <-p.ready:
		return p, addresses, nil
	case <-p.ended:
		return nil, nil, fmt.Errorf("the daemon did not start: %w\n%s", p.err, p.text())
	case <-time.After(patience):
		p.kill()
		return nil, nil, fmt.Errorf("the daemon is not ready\n%s", p.text())
	}
}

// environment is the script's: testscript shows it to what it executes only.
func environment(ts *testscript.TestScript) []string {
	ts.Check(ts.Exec("env", "-0"))
	return strings.Split(strings.TrimRight(ts.ReadFile("stdout"), "\x00"), "\x00")
}

// follow keeps the log, finds the line that says ready, and waits for the end.
func (p *process) follow(log io.ReadCloser) {
	defer close(p.ended)
	for lines := bufio.NewScanner(log); lines.Scan(); {
		p.mu.Lock()
		p.log.Write(append(lines.Bytes(), '\n'))
		p.mu.Unlock()
		var entry struct{ Msg, Ingress, Admin string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "ready" {
			addresses := map[string]string{"admin": entry.Admin}
			if entry.Ingress != "" {
				addresses["ingress"] = entry.Ingress
			}
			p.ready <- addresses
		}
	}
	p.err = errors.Join(p.cmd.Wait(), log.Close())
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func (p *process) wait(ts *testscript.TestScript) {
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.kill()
		ts.Fatalf("the daemon does not stop\n%s", p.text())
	}
}

// kill ends the process at once, if it has not ended, and waits for it.
func (p *process) kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		panic(fmt.Sprintf("killing a daemon: %v", err))
	}
	<-p.ended
}
