//go:build unix

package pgembed

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// How long the last output of an ended program is waited for: processes that it
// leaves behind may hold its stderr open. A crashed server leaves some.
const (
	drainTool   = 5 * time.Second
	drainServer = 100 * time.Millisecond
)

// command prepares a program of Postgres, to run as the account, in the home of
// the cluster and with nothing of our environment that could steer it (PGPORT,
// LC_MESSAGES) or is none of its business (secrets).
func (c *cluster) command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.SysProcAttr = childAttr(c.account.credential(), 0)
	cmd.WaitDelay = drainTool
	return cmd
}

// runTool runs a program of Postgres to its end, with input as its stdin, and
// returns what it wrote to stdout.
func (c *cluster) runTool(ctx context.Context, path, input string, args ...string) (string, error) {
	runtime.LockOSThread() // see childAttr
	defer runtime.UnlockOSThread()
	cmd := c.command(ctx, path, args...)
	cmd.SysProcAttr = childAttr(c.account.credential(), syscall.SIGKILL)
	cmd.Stdin = strings.NewReader(input)
	said := newStderr(ctx, c.log)
	cmd.Stderr = said
	var out strings.Builder
	cmd.Stdout = &out
	// With ErrWaitDelay the program itself has done its work.
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", c.failure(ctx, filepath.Base(path), said, err)
	}
	return out.String(), nil
}

// failure says in one line why a program of Postgres did not do its work.
func (c *cluster) failure(ctx context.Context, program string, said *stderr, err error) error {
	if ctx.Err() != nil {
		return meshhook.Errorf(meshhook.CodeUnavailable,
			"Postgres in %s was not ready in time: try again (%w)", c.dir, context.Cause(ctx))
	}
	if errors.Is(err, fs.ErrPermission) {
		return c.denied(program, err)
	}
	essence := said.essence()
	advice := ""
	if strings.Contains(strings.ToLower(essence), syscall.ENOSPC.Error()) {
		advice = ": free some disk space"
	}
	if essence == "" {
		essence = err.Error()
	}
	return meshhook.Errorf(meshhook.CodeUnavailable, "%s failed in %s: %s%s", program, c.dir, essence, advice)
}

// denied says why the account may not run a program in the home of the cluster.
// The kernel has refused already; this only looks for the reason.
func (c *cluster) denied(program string, err error) error {
	if dir := c.account.barrier(c.data); dir != "" {
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the directory %s is not searchable by user %s, who runs Postgres in %s: chmod o+x %[1]s, or set data_dir to another directory",
			dir, c.account.name, c.dir)
	}
	return meshhook.Errorf(meshhook.CodeInvalid, "user %s may not run %s in %s: %w", c.account.name, program, c.dir, err)
}
