//go:build unix

package pgembed

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// programs makes a directory of stand-ins for Postgres's programs: what they are
// asked to say and how they fail cannot be had from the real ones at will.
func programs(t *testing.T, version, initdb, postgres string) string {
	t.Helper()
	dir := filepath.Dir(home(t))
	// While this writes, no other test may start a program: it would have a copy of
	// the open file for a moment, and what is open for writing cannot be executed.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	write := func(name, script string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o600))
		require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o755))
	}
	write("initdb", initdb)
	write("postgres", `if [ "$1" = --version ]; then echo "postgres (PostgreSQL) `+version+`"; exit; fi
`+postgres)
	return dir
}

// tree returns the path, mode and content of all that is in dir.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || entry.IsDir() {
			all[path] = fmt.Sprint(entry)
			return err
		}
		content, err := os.ReadFile(path)
		all[path] = fmt.Sprintf("%s %x", info.Mode(), sha256.Sum256(content))
		return err
	}))
	return all
}

func TestDataThatDoNotFitAreLeftUntouched(t *testing.T) {
	t.Parallel()
	one := programs(t, "15.18", "exit 1", "exit 1")
	old := programs(t, "13.2", "exit 1", "exit 1")
	install := installCommand(17, exec.LookPath)
	for name, test := range map[string]struct{ file, content, bin, want string }{
		"newer data": {
			versionFile, "17\n", one,
			"invalid: the data in DIR/data need Postgres 17, but the newest version found is 15: " + install +
				", or move them to the newer version with pg_upgrade (nothing was changed)",
		},
		"only an old server": {
			versionFile, "17\n", old,
			"invalid: the data in DIR/data need Postgres 17, but the newest version found is none: " + install +
				", or move them to the newer version with pg_upgrade (nothing was changed)",
		},
		"damaged version": {
			versionFile, "fifteen\n", one,
			"invalid: DIR/data/PG_VERSION does not name a version of Postgres: restore the data from a backup (nothing was changed)",
		},
		"no cluster": {
			"letters.txt", "dear", one,
			"invalid: DIR/data holds files, but no Postgres cluster: move them away, or set data_dir to another directory (nothing was changed)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := home(t)
			c, err := openCluster(options(t, dir), defaultPatience)
			require.NoError(t, err)
			require.NoError(t, c.claim(c.data))
			path := filepath.Join(c.data, test.file)
			require.NoError(t, os.WriteFile(path, []byte(test.content), 0o600))
			require.NoError(t, os.Chown(path, c.account.uid, c.account.gid))
			before := tree(t, c.data)

			o := options(t, dir)
			o.BinDir = test.bin
			_, err = Start(t.Context(), o)
			requireError(t, err, dir, test.want)
			require.Equal(t, before, tree(t, c.data))
		})
	}
}

func TestProgramsThatFail(t *testing.T) {
	t.Parallel()
	full := `echo 'creating configuration files ... ok' >&2
echo '2026-11-22 22:43:28.010 UTC [77] FATAL:  could not extend file "base/1/1": No space left on device' >&2
echo 'HINT:  Check free disk space.' >&2
echo 'child process exited with exit code 1' >&2
exit 1`
	makes := `for arg; do case $arg in --pgdata=*) mkdir -p "${arg#--pgdata=}" && echo 15 >"${arg#--pgdata=}/PG_VERSION";; esac; done`
	for name, test := range map[string]struct{ initdb, postgres, want string }{
		"initdb, disk full": {
			full, "",
			`unavailable: initdb failed in DIR: could not extend file "base/1/1": No space left on device: free some disk space`,
		},
		"initdb, silent": {"exit 3", "", `unavailable: initdb failed in DIR: exit status 3`},
		"first statements": {
			makes, `echo 'FATAL:  role "meshhook" already exists' >&2; exit 1`,
			`unavailable: postgres failed in DIR: role "meshhook" already exists`,
		},
		"server": {
			makes, `if [ "$1" = --single ]; then exit 0; fi
echo 'LOG:  starting' >&2; echo 'FATAL:  could not write lock file "postmaster.pid": No space left on device' >&2
echo 'LOG:  database system is shut down' >&2; exit 1`,
			`unavailable: postgres failed in DIR: could not write lock file "postmaster.pid": No space left on device: free some disk space`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := home(t)
			o := options(t, dir)
			o.BinDir = programs(t, "15.18", test.initdb, test.postgres)
			_, err := Start(t.Context(), o)
			requireError(t, err, dir, test.want)
			require.NoDirExists(t, filepath.Join(dir, "data.new"))
			if name != "server" {
				require.NoDirExists(t, filepath.Join(dir, "data"), "a half-made cluster never counts")
			}
			c, err := openCluster(o, defaultPatience)
			require.NoError(t, err)
			requireGone(t, c)
		})
	}
}

func TestMadeClusterIsSyncedUnlessAskedNotTo(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{"--sync-only": nil, "": quick()} {
		t.Run("synced by "+name, func(t *testing.T) {
			t.Parallel()
			o := Options{Dir: home(t), Settings: settings}
			c, err := openCluster(o, defaultPatience)
			require.NoError(t, err)
			o.BinDir = programs(t, "15.18", `for arg; do case $arg in --pgdata=*) mkdir -p "${arg#--pgdata=}"; dir=${arg#--pgdata=};; esac; done
echo "$@" >>"$dir/calls"`, "exit 0")
			require.NoError(t, c.create(t.Context(), binaries{dir: o.BinDir, major: 15}))
			calls, err := os.ReadFile(filepath.Join(c.data, "calls"))
			require.NoError(t, err)
			lines := strings.Split(strings.TrimSpace(string(calls)), "\n")
			require.Contains(t, lines[0], "--no-sync")
			require.Equal(t, name != "", strings.HasSuffix(lines[len(lines)-1], "--sync-only"))
		})
	}
}

func TestServerThatRefusesItsSettings(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	o := options(t, dir)
	o.Settings = map[string]string{"shared_buffers": "plenty"}
	_, err := Start(t.Context(), o)
	requireError(t, err, dir, `unavailable: postgres failed in DIR: invalid value for parameter "shared_buffers": "plenty"`)
}

func TestNoServerInstalled(t *testing.T) {
	t.Parallel()
	dir := home(t)
	o := options(t, dir)
	o.BinDir = t.TempDir()
	_, err := Start(t.Context(), o)
	requireError(t, err, o.BinDir,
		"invalid: there is no Postgres server in DIR: postgres.bin_dir must name the directory of the programs postgres and initdb")
	require.NoDirExists(t, filepath.Join(dir, "data"))

	o.BinDir = programs(t, "13.9", "exit 1", "exit 1")
	_, err = Start(t.Context(), o)
	requireError(t, err, dir, "invalid: no Postgres server of version 14 or newer is installed: "+
		installCommand(0, exec.LookPath)+", or set MESHHOOK_DATABASE_URL to a server of your own")

	o.BinDir = programs(t, "fifteen", "exit 1", "exit 1")
	_, err = Start(t.Context(), o)
	requireError(t, err, o.BinDir, "invalid: DIR/postgres is no server of Postgres: "+
		`it calls itself "postgres (PostgreSQL) fifteen\n": set postgres.bin_dir to the directory of one`)
}

func TestHomeThatCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	me := userName(os.Geteuid())

	_, err := Start(t.Context(), Options{Dir: filepath.Join(file, "pg")})
	requireError(t, err, file, "invalid: cannot make the directory DIR: not a directory: let user "+me+
		" write there, or set data_dir to another directory")
	_, err = Start(t.Context(), Options{Dir: file})
	requireError(t, err, file, "invalid: DIR must be a directory: move it away")
	_, err = Start(t.Context(), Options{})
	requireError(t, err, file, "invalid: no data directory is given for Postgres: set data_dir")

	dir := home(t)
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, supervisorLock)))
	_, err = Start(t.Context(), options(t, dir))
	require.ErrorContains(t, err, "cannot open the lock file")
}

// Root runs Postgres as somebody who may not enter root's own directories.
func TestHomeThatTheServiceUserCannotReach(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(filepath.Dir(home(t)), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	dir := filepath.Join(closed, "pg")
	s, err := Start(t.Context(), options(t, dir))
	if os.Geteuid() != 0 { // nobody else needs to enter
		require.NoError(t, err)
		require.NoError(t, s.Stop(t.Context()))
		return
	}
	account, accountErr := pickAccount(0, -1, machine())
	require.NoError(t, accountErr)
	requireError(t, err, closed, "invalid: the directory DIR is not searchable by user "+account.name+
		", who runs Postgres in DIR/pg: chmod o+x DIR, or set data_dir to another directory")
	require.NoError(t, os.Chmod(closed, 0o711))
	require.Empty(t, account.barrier(dir))
}

func TestProgramsThatTheServiceUserMayNotRun(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	o := options(t, dir)
	c, err := openCluster(o, defaultPatience)
	require.NoError(t, err)
	bin := programs(t, "15", "", "")
	require.NoError(t, os.Chmod(filepath.Join(bin, "postgres"), 0o644))
	lock, err := c.openLock(serverLock)
	require.NoError(t, err)
	_, err = c.launch(t.Context(), binaries{dir: bin, major: 15}, lock)
	requireError(t, closing(lock, err), dir, "invalid: user "+c.account.name+" may not run postgres in DIR: fork/exec "+
		filepath.Join(bin, "postgres")+": permission denied")
}

// impatient waits long enough for two tries and no longer.
func impatient() patience {
	return patience{contested: 100 * time.Millisecond, fast: 50 * time.Millisecond, immediate: 50 * time.Millisecond}
}

func TestServerThatAnotherProgramStartedIsNoRival(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	c, err := openCluster(options(t, dir), defaultPatience)
	require.NoError(t, err)
	b, err := c.findBinaries(t.Context(), 0)
	require.NoError(t, err)
	null, err := os.Open(os.DevNull) // in place of server.lock
	require.NoError(t, err)
	require.NoError(t, c.writeAccess())
	require.NoError(t, c.claim(c.socketDir))
	p, err := c.launch(t.Context(), b, null)
	require.NoError(t, closing(null, err))

	_, err = start(t.Context(), options(t, dir), impatient())
	require.ErrorContains(t, err, "still in use")
	require.NoError(t, c.halt(t.Context(), p))
	mustStart(t, options(t, dir))
}

func TestRemainsOfAnEarlierServer(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	c, err := openCluster(options(t, dir), impatient())
	require.NoError(t, err)
	remains, err := c.openLock(serverLock)
	require.NoError(t, err)
	require.NoError(t, waitLock(t.Context(), remains, syscall.LOCK_EX))

	_, err = start(t.Context(), options(t, dir), impatient())
	requireError(t, err, dir,
		"unavailable: processes of an earlier Postgres (process 0) still hold the data in DIR/data: stop them, then try again")

	// With more patience it is only a matter of time.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Start(ctx, options(t, dir))
	requireError(t, err, dir, "unavailable: Postgres in DIR was not ready in time: try again (context deadline exceeded)")
	require.NoError(t, remains.Close())
	mustStart(t, options(t, dir))
}

func TestStartThatIsInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := madeHome(t)
	c, err := openCluster(options(t, dir), defaultPatience)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	o := options(t, dir)
	o.BinDir = programs(t, "15.18", "", `trap 'exit 0' INT; echo hello >&2; while :; do sleep 0.01; done`)
	said := newStderr(ctx, testLog(t))
	lock, err := c.openLock(serverLock)
	require.NoError(t, err)
	p, err := c.spawn(ctx, binaries{dir: o.BinDir, major: 15}, lock, said)
	require.NoError(t, closing(lock, err))
	require.Eventually(t, func() bool { return said.essence() == "hello" }, soon, time.Millisecond)
	cancel()
	require.ErrorIs(t, c.awaitReady(ctx, p), context.Canceled)
	require.True(t, p.hasExited())
	require.Equal(t, "exit status 0", p.ending())

	_, err = Start(ctx, options(t, dir))
	require.ErrorContains(t, err, "try again (context canceled)")
	requireGone(t, c)
}

func TestHalt(t *testing.T) {
	t.Parallel()
	short := 50 * time.Millisecond
	for name, test := range map[string]struct {
		traps, ending, want string
		patience            patience
	}{
		"fast":      {`trap 'exit 7' INT`, "exit status 7", "", patience{fast: soon, immediate: short}},
		"immediate": {`trap '' INT; trap 'exit 8' QUIT`, "exit status 8", "", patience{fast: short, immediate: soon}},
		"never": {
			`trap '' INT QUIT`, "unknown: it was not our child",
			"has not stopped yet: it ends by itself, or with kill -QUIT",
			patience{fast: short, immediate: short},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := openCluster(options(t, home(t)), test.patience)
			require.NoError(t, err)
			said := newStderr(t.Context(), testLog(t))
			lock, err := c.openLock(serverLock)
			require.NoError(t, err)
			bin := programs(t, "15", "", test.traps+`; echo ready >&2; while :; do sleep 0.01; done`)
			p, err := c.spawn(t.Context(), binaries{dir: bin}, lock, said)
			require.NoError(t, closing(lock, err))
			require.Eventually(t, func() bool { return said.essence() == "ready" }, soon, time.Millisecond)

			err = c.halt(t.Context(), p)
			if test.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.want)
				done, cancel := context.WithCancel(t.Context())
				cancel()
				require.ErrorContains(t, c.halt(done, p), test.want)
			}
			require.Equal(t, test.ending, p.ending())
			require.NoError(t, ignoreDone(p.child.Process.Kill()))
			<-p.exited
		})
	}
}

func ignoreDone(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
