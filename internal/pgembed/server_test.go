//go:build unix

package pgembed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func describe(err error) string { return string(meshhook.ErrorCode(err)) + ": " + err.Error() }

func TestFirstStartMakesADurableClusterWithoutPower(t *testing.T) {
	t.Parallel()
	dir := madeHome(t) // by a first start
	s := mustStart(t, Options{Dir: dir, Log: testLog(t)})
	require.False(t, s.Adopted())

	settings := map[string]string{}
	conn := connect(t, s.DSN())
	rows, err := conn.Query(t.Context(), `SELECT name, setting FROM pg_settings WHERE name = ANY($1)
		UNION ALL SELECT 'role', concat_ws(' ', rolname, rolsuper, rolbypassrls, rolcreaterole, rolreplication) FROM pg_roles WHERE rolname = current_user
		UNION ALL SELECT 'owner', pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()
		UNION ALL SELECT 'encoding', pg_encoding_to_char(encoding) || ' ' || datcollate FROM pg_database WHERE datname = current_database()`,
		[]string{
			"fsync", "synchronous_commit", "full_page_writes", "data_checksums", "listen_addresses", "max_connections",
			"shared_buffers", "wal_compression", "unix_socket_permissions", "TimeZone", "log_min_error_statement",
		})
	require.NoError(t, err)
	for rows.Next() {
		var name, value string
		require.NoError(t, rows.Scan(&name, &value))
		settings[name] = value
	}
	require.NoError(t, rows.Err())
	require.Contains(t, []string{"on", "pglz"}, settings["wal_compression"]) // the name of "on" differs between versions
	delete(settings, "wal_compression")
	require.Equal(t, map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on",
		"listen_addresses": "", "max_connections": "100", "shared_buffers": "16384",
		"unix_socket_permissions": "0700", "TimeZone": "UTC", "log_min_error_statement": "panic",
		"role": "meshhook f f f f", "owner": "meshhook", "encoding": "UTF8 C",
	}, settings)

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	modes := map[string]string{}
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		modes[entry.Name()] = info.Mode().String()
	}
	require.Equal(t, map[string]string{
		"data": "drwx------", "socket": "drwx------", "pg_hba.conf": "-rw-r--r--", "pg_ident.conf": "-rw-r--r--",
		"server.lock": "-rw-r--r--", "supervisor.lock": "-rw-r--r--", "users.lock": "-rw-r--r--",
	}, modes)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, "drwx------", info.Mode().String())
}

func TestAdminRoleIsOnlyForTheServersOwnUser(t *testing.T) {
	t.Parallel()
	s := mustStart(t, options(t, madeHome(t)))
	dsn := strings.ReplaceAll(s.DSN(), "user="+Role, "user="+AdminRole)
	if os.Geteuid() == 0 {
		require.False(t, works(dsn))
	} else {
		require.True(t, works(dsn))
	}
}

func TestDataOutlivesAStop(t *testing.T) {
	t.Parallel()
	o := options(t, madeHome(t))
	first, err := Start(t.Context(), o)
	require.NoError(t, err)
	keep(t, first)
	require.NoError(t, first.Stop(t.Context()))
	require.NoError(t, first.Stop(t.Context()), "a second Stop")
	require.False(t, works(first.DSN()))

	second := mustStart(t, o)
	require.False(t, second.Adopted())
	requireKept(t, second)
}

func TestLastUserStopsTheServer(t *testing.T) {
	t.Parallel()
	for name, daemonFirst := range map[string]bool{"daemon first": true, "command first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, madeHome(t))
			starter, adopter := o, tied(o)
			if daemonFirst {
				starter, adopter = tied(o), o
			}
			first, err := Start(t.Context(), starter)
			require.NoError(t, err)
			second, err := Start(t.Context(), adopter)
			require.NoError(t, err)
			require.Equal(t, []any{false, true}, []any{first.Adopted(), second.Adopted()})
			require.Equal(t, first.DSN(), second.DSN())

			require.NoError(t, first.Stop(t.Context()))
			require.True(t, works(second.DSN()))
			require.NoError(t, second.Stop(t.Context()))
			require.False(t, works(second.DSN()))
			requireGone(t, second.cluster)
		})
	}
}

func TestManyAtOnceMakeOneCluster(t *testing.T) {
	t.Parallel()
	seen, err := makeTemplate()
	require.NoError(t, err)
	seen = slices.Clone(seen)
	starters := 0
	for i := range seen {
		if !seen[i].adopted {
			starters++
		}
		seen[i].adopted = false
	}
	require.Equal(t, 1, starters)
	one := firstStart{pid: seen[0].pid, works: true}
	require.Equal(t, []firstStart{one, one, one, one, one}, seen)
}

// Whoever has started may use the server, however the others come and go.
func TestComingAndGoing(t *testing.T) {
	t.Parallel()
	o := options(t, madeHome(t))
	var wg sync.WaitGroup
	errs := make(chan error, 40)
	for range 4 {
		wg.Go(func() {
			for range 4 {
				s, err := Start(t.Context(), o)
				if err != nil {
					errs <- err
					return
				}
				if !works(s.DSN()) {
					errs <- errors.New("started, but does not answer")
				}
				if err := s.Stop(t.Context()); err != nil {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	c, err := openCluster(o, defaultPatience)
	require.NoError(t, err)
	requireGone(t, c)
}

func TestKilledDaemon(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	kill, pid := startHelper(t, dir, true)
	user, err := Start(t.Context(), options(t, dir))
	require.NoError(t, err)
	require.True(t, user.Adopted())
	keep(t, user)
	kill()

	s := mustStart(t, tied(options(t, dir)))
	requireKept(t, s)
	if runtime.GOOS == "linux" { // elsewhere the server lives on
		require.NotEqual(t, pid, s.server().pid)
	}
	require.NoError(t, user.Stop(t.Context()), "the successor is not this user's to stop")
	require.True(t, works(s.DSN()))
}

func TestKilledCommandLeavesItsServerToTheNext(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	kill, pid := startHelper(t, dir, false)
	kill()

	s, err := Start(t.Context(), options(t, dir))
	require.NoError(t, err)
	require.True(t, s.Adopted())
	require.Equal(t, pid, s.server().pid)
	require.True(t, works(s.DSN()))
	require.NoError(t, s.Stop(t.Context()))
	requireGone(t, s.cluster)
}

// awaitSuccessor waits until a server other than the given one answers.
func awaitSuccessor(t *testing.T, s *Server, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return s.server().pid != pid && works(s.DSN()) }, soon, 5*time.Millisecond)
}

func TestDaemonSurvivesACrashOfTheServer(t *testing.T) {
	t.Parallel()
	s := mustStart(t, tied(options(t, madeHome(t))))
	keep(t, s)
	for range 2 {
		pid := s.server().pid
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		awaitSuccessor(t, s, pid)
		requireKept(t, s)
	}
}

func TestDaemonReplacesAnAdoptedServer(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	kill, pid := startHelper(t, dir, false)
	s := mustStart(t, tied(options(t, dir)))
	require.True(t, s.Adopted())
	require.NoError(t, syscall.Kill(pid, syscall.SIGINT))
	awaitSuccessor(t, s, pid)
	require.False(t, s.Adopted())
	kill()
	require.True(t, works(s.DSN()))
}

func TestDaemonKeepsTryingUntilItWorks(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	s := mustStart(t, tied(options(t, dir)))
	version := filepath.Join(dir, "data", versionFile)
	require.NoError(t, os.Rename(version, version+".away"))
	pid := s.server().pid
	require.NoError(t, syscall.Kill(pid, syscall.SIGINT))
	requireGone(t, s.cluster)
	require.NoError(t, os.Rename(version+".away", version))
	awaitSuccessor(t, s, pid)
}

func TestStopEndsTheWatchBetweenTries(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	s, err := Start(t.Context(), tied(options(t, dir)))
	require.NoError(t, err)
	version := filepath.Join(dir, "data", versionFile)
	require.NoError(t, os.Rename(version, version+".away"))
	require.NoError(t, syscall.Kill(s.server().pid, syscall.SIGINT))
	<-s.server().exited
	require.NoError(t, s.Stop(t.Context()))
	require.NoError(t, os.Rename(version+".away", version))
}

func TestStopThatMayNotWaitLeavesTheServer(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	s, err := Start(t.Context(), options(t, dir))
	require.NoError(t, err)
	lock, err := s.cluster.openLock(supervisorLock)
	require.NoError(t, err)
	require.NoError(t, waitLock(t.Context(), lock, syscall.LOCK_EX))

	done, cancel := context.WithCancel(t.Context())
	cancel()
	requireError(t, s.Stop(done), dir,
		"unavailable: another MeshHook is still starting or stopping the Postgres in DIR: try again (context canceled)")
	_, err = Start(done, options(t, dir))
	requireError(t, err, dir,
		"unavailable: another MeshHook is still starting or stopping the Postgres in DIR: try again (context canceled)")
	require.NoError(t, lock.Close())

	next := mustStart(t, options(t, dir))
	require.True(t, next.Adopted())
}

func TestNumberOfACrashedServerMayBeAnothersNow(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	c, err := openCluster(options(t, dir), defaultPatience)
	require.NoError(t, err)
	other := c.command(t.Context(), "/bin/sleep", "100") // of the very user that runs Postgres
	require.NoError(t, other.Start())
	pidfile := strconv.Itoa(other.Process.Pid) + "\n" + c.data + "\n1\n5432\n" + c.socketDir + "\n\n1 1\nready   \n"
	require.NoError(t, os.WriteFile(filepath.Join(c.data, "postmaster.pid"), []byte(pidfile), 0o600))
	require.NoError(t, os.Chown(filepath.Join(c.data, "postmaster.pid"), c.account.uid, c.account.gid))

	s := mustStart(t, options(t, dir))
	require.False(t, s.Adopted())
	require.True(t, works(s.DSN()))
	require.NoError(t, other.Process.Kill())
	require.ErrorContains(t, other.Wait(), "killed")
}

func TestLongPathsUseARuntimeDirectory(t *testing.T) {
	t.Parallel()
	for name, below := range map[string]string{"long": strings.Repeat("x", 100), "comma": "a, b", "odd": `it's \ odd`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(home(t), below, "pg")
			require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o755))
			made := madeHome(t)
			require.NoError(t, os.Rename(made, dir))
			t.Cleanup(func() { require.NoError(t, os.Rename(dir, made)) })
			s, err := Start(t.Context(), options(t, dir))
			require.NoError(t, err)
			require.True(t, works(s.DSN()))
			require.Equal(t, name != "odd", strings.HasPrefix(s.cluster.socketDir, runtimeRoot+"/meshhook-"))
			require.NoError(t, s.Stop(t.Context()))
			if name != "odd" {
				require.NoDirExists(t, s.cluster.socketDir)
			}
		})
	}
}
