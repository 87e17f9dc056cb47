package postgres_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

func TestServerFacts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	s, err := h.db.Server(ctx)
	require.NoError(t, err)
	require.GreaterOrEqual(t, s.VersionNum, 140000)
	require.Contains(t, s.Version, fmt.Sprint(s.VersionNum/10000))
	require.NotEmpty(t, s.Role)
	require.True(t, s.MayCreate)
	require.Empty(t, s.Foreign)
	require.Equal(t, "off", s.Fsync, "the tests' server is fast")
	require.False(t, s.ReadOnly)
	require.True(t, s.Autovacuum)
	require.Greater(t, s.MaxConnections, s.InUse)
	require.Positive(t, s.Size)

	c, err := h.db.Clock(ctx)
	require.NoError(t, err)
	require.Positive(t, c.Within)
	require.Less(t, max(c.Ahead, -c.Ahead), 5*time.Second)

	m, err := h.db.MigrationFacts(ctx)
	require.NoError(t, err)
	require.Empty(t, m.Pending)
	require.Empty(t, m.Unknown)
	h.system(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	h.system(t, `DELETE FROM goose_db_version WHERE version_id = 3`)
	m, err = h.db.MigrationFacts(ctx)
	require.NoError(t, err)
	require.Equal(t, meshhook.MigrationFacts{Pending: []int64{3}, Unknown: []int64{9999}}, m)
	m, err = open(t, pgtest.EmptyURL(t)).MigrationFacts(ctx)
	require.NoError(t, err)
	require.Contains(t, m.Pending, int64(1))

	p, err := h.db.Pooler(ctx)
	require.NoError(t, err)
	require.Equal(t, meshhook.PoolerFacts{Heard: true, Prepared: true}, p)
}

func TestWorkFacts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	q, err := h.db.QueueFacts(ctx)
	require.NoError(t, err)
	require.Zero(t, q.ReadyRuns)
	require.Nil(t, q.OldestRun)
	h.start(t, "{}")
	h.open(t, "down.example.com:443")
	h.system(t, `UPDATE webhook_endpoints SET verification = '{"scheme":"none"}'`)
	q, err = h.db.QueueFacts(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(1), q.ReadyRuns)
	require.NotNil(t, q.OldestRun)
	require.Equal(t, int64(1), q.OpenCircuits)
	require.Equal(t, []string{"shop/orders"}, q.Unverified)

	p, err := h.db.PartitionFacts(ctx, time.Now())
	require.NoError(t, err)
	require.Empty(t, p.Missing)
	require.Zero(t, p.Default["events"])
	require.Empty(t, p.Bare)
	h.system(t, `DROP POLICY tenant ON runs_default`)
	p, err = h.db.PartitionFacts(ctx, time.Now())
	require.NoError(t, err)
	require.Equal(t, []string{"runs_default"}, p.Bare)
	late := h.rejected()
	late.Event.ID = idAt(time.Now().Add(300 * 24 * time.Hour))
	h.record(t, late)
	require.Eventually(t, func() bool { // statistics are told once a second
		p, err = h.db.PartitionFacts(ctx, time.Now().Add(300*24*time.Hour))
		return err == nil && p.Default["events"] == 1
	}, patience, 50*time.Millisecond)
	require.NotEmpty(t, p.Missing)

	v, err := h.db.VacuumFacts(ctx)
	require.NoError(t, err)
	require.Empty(t, v.Holders, "nothing is open for a minute")
	require.NotEmpty(t, v.Dead)
	require.Positive(t, v.XIDAge)

	opened, err := h.db.CheckKeys(ctx)
	require.NoError(t, err)
	require.Positive(t, opened)
	h.system(t, `UPDATE endpoint_secrets SET value = set_byte(value, length(value) - 1, get_byte(value, length(value) - 1) # 1)`)
	_, err = h.db.CheckKeys(ctx)
	require.ErrorContains(t, err, "endpoint_secrets.value")
}

// Without a server, or a table, every look says so.
func TestFactsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, look := range map[string]func() error{
		"server":     func() error { _, err := db.Server(ended); return err },
		"clock":      func() error { _, err := db.Clock(ended); return err },
		"migrations": func() error { _, err := db.MigrationFacts(ended); return err },
		"partitions": func() error { _, err := db.PartitionFacts(ended, time.Now()); return err },
		"queues":     func() error { _, err := db.QueueFacts(ended); return err },
		"vacuum":     func() error { _, err := db.VacuumFacts(ended); return err },
		"pooler":     func() error { _, err := db.Pooler(ended); return err },
		"keys":       func() error { _, err := db.CheckKeys(ended); return err },
		"daemons":    func() error { _, err := db.Daemons(ended, time.Minute); return err },
	} {
		requireCode(t, meshhook.CodeUnavailable, look())
		t.Log(name)
	}
}

// A real pooler in transaction mode takes LISTEN and prepared statements away; in session
// mode it does not.
func TestBehindAPooler(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			t.Skip("there is no pgbouncer on this machine: install the package pgbouncer")
		}
	}
	dsn := pgtest.URL(t)
	for mode, want := range map[string]meshhook.PoolerFacts{
		"transaction": {Moved: true},
		"session":     {Heard: true, Prepared: true},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			db := postgresThrough(t, pooler(t, program, mode, dsn))
			got, err := db.Pooler(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func postgresThrough(t *testing.T, url string) *postgres.DB {
	t.Helper()
	var db *postgres.DB
	require.Eventually(t, func() (up bool) {
		var err error
		db, err = postgres.Open(t.Context(), postgres.Options{DSN: url})
		return err == nil
	}, patience, 50*time.Millisecond)
	t.Cleanup(db.Close)
	return db
}

// pooler runs pgbouncer in front of the database, and returns how to reach it.
func pooler(t *testing.T, program, mode, dsn string) string {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	require.NoError(t, err)
	address, is := listener.Addr().(*net.TCPAddr)
	require.True(t, is)
	require.NoError(t, listener.Close())
	dir, err := os.MkdirTemp("", "meshhook-pooler-") //nolint:usetesting // another user cannot get into what t.TempDir makes
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // another user must get in
	file := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
%s = host=%s port=%d user=%s dbname=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = %s
max_client_conn = 50
default_pool_size = 10
ignore_startup_parameters = extra_float_digits
`, config.Database, config.Host, config.Port, config.User, config.Database, address.Port, mode)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644)) //nolint:gosec // as above
	args := []string{file}
	if os.Geteuid() == 0 {
		args = append([]string{"-u", "postgres"}, args...)
	}
	cmd := exec.CommandContext(t.Context(), program, args...) //nolint:gosec // the program is pgbouncer
	var said strings.Builder
	cmd.Stderr = &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	u := url.URL{Scheme: "postgres", User: url.UserPassword(config.User, "x"), Host: address.String(), Path: config.Database, RawQuery: "sslmode=disable"}
	return u.String()
}
