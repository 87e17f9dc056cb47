//go:build unix

package pgembed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const (
	helperDir  = "PGEMBED_TEST_HELPER_DIR"
	helperTied = "PGEMBED_TEST_HELPER_TIED"
	// soon bounds waits that normally take a fraction of it.
	soon = 30 * time.Second
)

// templateDir is where the cluster that tests copy is made.
var templateDir string

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		helper(dir, os.Getenv(helperTied) == "1")
		return
	}
	dir, err := os.MkdirTemp("", "pgembed")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	templateDir = filepath.Join(dir, "pg")
	m.Run()
}

// helper is another process that uses the cluster until it is killed.
func helper(dir string, tied bool) {
	s, err := Start(context.Background(), Options{Dir: dir, TieToProcess: tied, Settings: quick()})
	if err != nil {
		fmt.Fprintln(os.Stdout, "failed:", err)
		return
	}
	fmt.Fprintln(os.Stdout, "pid", s.server().pid)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startHelper starts a helper and returns how to kill -9 it, and its server's process.
func startHelper(t *testing.T, dir string, tied bool) (kill func(), pid int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	if tied {
		cmd.Env = append(cmd.Env, helperTied+"=1")
	}
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	_, err = fmt.Sscanf(line, "pid %d", &pid)
	require.NoError(t, err, line)
	return func() {
		require.NoError(t, cmd.Process.Kill())
		require.ErrorContains(t, cmd.Wait(), "killed")
		_ = stdin.Close()
	}, pid
}

func quick() map[string]string { return map[string]string{"fsync": "off"} }

// home returns a place for a cluster that the user that runs Postgres can reach.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	return filepath.Join(dir, "pg")
}

// homes are made clusters that no test uses just now. To make or copy one costs
// more than the tests themselves.
type homes struct {
	mu   sync.Mutex
	free []string
	made int
}

// lend returns the home of a cluster that is made already. The next test gets
// it after this one, unless this one fails.
func (h *homes) lend(t *testing.T) string {
	t.Helper()
	_, err := makeTemplate()
	require.NoError(t, err)
	h.mu.Lock()
	defer h.mu.Unlock()
	var dir string
	if n := len(h.free); n > 0 {
		dir, h.free = h.free[n-1], h.free[:n-1]
	} else {
		h.made++
		dir = fmt.Sprint(templateDir, h.made)
		out, err := exec.CommandContext(t.Context(), "cp", "-a", templateDir, dir).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.free = append(h.free, dir)
	})
	return dir
}

var pool homes

func madeHome(t *testing.T) string {
	t.Helper()
	return pool.lend(t)
}

// firstStart is what one of several users saw who started a cluster, not made
// yet, at once.
type firstStart struct {
	pid            int
	adopted, works bool
}

// makeTemplate makes the cluster that tests copy. To make one takes longer than
// all else, so the test of many first starts at once lives on this, too.
var makeTemplate = sync.OnceValues(func() ([]firstStart, error) {
	var wg sync.WaitGroup
	servers, errs := make([]*Server, 5), make([]error, 5)
	for i := range servers {
		wg.Go(func() {
			servers[i], errs[i] = Start(context.Background(), Options{Dir: templateDir, Settings: quick()})
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var seen []firstStart
	for _, s := range servers {
		seen = append(seen, firstStart{s.server().pid, s.Adopted(), works(s.DSN())})
		if err := s.Stop(context.Background()); err != nil {
			return nil, err
		}
	}
	return seen, nil
})

// options are those of a command; see also tied.
func options(t *testing.T, dir string) Options {
	return Options{Dir: dir, Settings: quick(), Log: testLog(t)}
}

func tied(o Options) Options {
	o.TieToProcess = true
	return o
}

// testLog logs to the test for as long as it runs: a server that one user left to
// another may say its last words later.
func testLog(t *testing.T) *slog.Logger {
	out := &output{to: t.Output()}
	t.Cleanup(func() {
		out.mu.Lock()
		defer out.mu.Unlock()
		out.to = io.Discard
	})
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type output struct {
	mu sync.Mutex
	to io.Writer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(p)
}

// mustStart starts and stops at the end of the test.
func mustStart(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// keep stores the test's name.
func keep(t *testing.T, s *Server) {
	t.Helper()
	conn := connect(t, s.DSN())
	_, err := conn.Exec(t.Context(), "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT '"+t.Name()+"' AS test")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

// requireKept demands that what keep stored is still there.
func requireKept(t *testing.T, s *Server) {
	t.Helper()
	conn := connect(t, s.DSN())
	var test string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT test FROM kept").Scan(&test))
	require.NoError(t, conn.Close(t.Context()))
	require.Equal(t, t.Name(), test)
}

// works reports whether a query is answered.
func works(dsn string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return false
	}
	_, err = conn.Exec(ctx, "SELECT 1")
	return conn.Close(ctx) == nil && err == nil
}

// requireError compares code and message, in which DIR stands for the home.
func requireError(t *testing.T, err error, dir, want string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, strings.ReplaceAll(describe(err), dir, "DIR"))
}

// requireGone demands that no server runs. It allows for a moment: what another
// test is just starting has a copy of our files until it runs.
func requireGone(t *testing.T, c *cluster) {
	t.Helper()
	require.Eventually(t, func() bool { return !c.serverRuns() }, soon, time.Millisecond)
}
