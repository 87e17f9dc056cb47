package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long is waited for what should come in a second or two.
const patience = time.Minute

// machine is a copy of this one on which systemd is process 1.
type machine struct {
	t    *testing.T
	init int
}

// boot starts a machine with these files in its /root.
func boot(t *testing.T, files ...string) *machine {
	t.Helper()
	needs(t, "unshare", "nsenter", "systemctl")
	if os.Geteuid() != 0 || exec.CommandContext(t.Context(), "unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt").Run() != nil {
		t.Skip("only root, outside a container, may mount")
	}
	script, err := filepath.Abs("testdata/boot.sh")
	require.NoError(t, err)
	var log bytes.Buffer
	args := append([]string{"--mount", "--pid", "--fork", "--net", "--cgroup", "--uts", "--ipc", "--kill-child", "sh", script, t.TempDir()}, files...)
	cmd := exec.Command("unshare", args...) //nolint:noctx // the cleanup ends it
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed in the end
	}()
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		<-ended
	})
	m := &machine{t: t}
	require.Eventually(t, func() bool {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		if err != nil {
			return false
		}
		m.init, err = strconv.Atoi(strings.TrimSpace(string(children)))
		if err != nil {
			return false
		}
		out, _ := m.command("systemctl is-system-running").Output() // degraded is not well, but up
		state := strings.TrimSpace(string(out))
		return state == "running" || state == "degraded"
	}, patience, 100*time.Millisecond, "%s", &log)
	return m
}

func (m *machine) command(script string) *exec.Cmd {
	root := fmt.Sprintf("/proc/%d/root", m.init)
	cmd := exec.CommandContext(m.t.Context(), "nsenter", "--target", strconv.Itoa(m.init), "--mount", "--pid", "--net", "--cgroup", "--uts", "--ipc",
		"--root="+root, "--wd="+root+"/root", "sh", "-euc", script)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C"}
	return cmd
}

// run runs a script in /root of the machine, which must go well, and returns what it
// printed.
func (m *machine) run(script string) string {
	m.t.Helper()
	out, err := m.command(script).CombinedOutput()
	if err != nil {
		journal, _ := m.command("journalctl --no-pager --unit=meshhook").CombinedOutput()
		m.t.Fatalf("%s: %v\n%s\n%s", script, err, out, journal)
	}
	return strings.TrimSpace(string(out))
}

// show is a property of the service.
func (m *machine) show(property string) string {
	m.t.Helper()
	return m.run("systemctl show --property=" + property + " --value meshhook")
}

// needs skips the test where programs are missing; the Makefile installs them.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed here: `make test` as root on Debian or Ubuntu installs it", name)
		}
	}
}
