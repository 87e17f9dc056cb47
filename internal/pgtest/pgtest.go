// Package pgtest gives each test a fresh, migrated database on a real server.
//
// The server is that of MESHHOOK_TEST_DATABASE_URL, whose role must be allowed
// to create databases, or a private one that the test run starts, and that stays
// for the next run. A template database, named by the hash of the migrations, is
// made once; each test clones it. It is a database for each test and neither a
// schema nor a transaction, because LISTEN and NOTIFY know databases only and
// fire at commit only.
package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgembed"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/seal"
	"github.com/profullstack/meshhook/migrations"
)

// serverTimeout bounds the start of the server and the making of a database.
const serverTimeout = 2 * time.Minute

// New returns a fresh database, open and unsealed; it is closed and dropped when
// the test ends, and kept, with its URL in the log, when the test failed.
func New(t testing.TB) *postgres.DB {
	t.Helper()
	return Open(t, URL(t))
}

// Open opens a database that URL made. A test may open one several times, as
// several daemons do: all use MasterKey.
func Open(t testing.TB, url string) *postgres.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	db, err := postgres.Open(ctx, postgres.Options{DSN: url, Name: "meshhook-test", MaxConns: 10})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	require.NoError(t, db.Unseal(ctx, MasterKey(t)))
	return db
}

// MasterKey returns the master key of every test database.
func MasterKey(t testing.TB) seal.MasterKey {
	t.Helper()
	key, err := seal.ParseMasterKey(meshhook.NewSecret(MasterKeyText))
	require.NoError(t, err)
	return key
}

// MasterKeyText is MasterKey as MESHHOOK_MASTER_KEY takes it.
const MasterKeyText = "dGVzdHMgb25seTogdGhpcyBrZXkga2VlcHMgbm8gb24="

// Project returns the project that every database has.
func Project(t testing.TB, db *postgres.DB) *postgres.Tenant {
	t.Helper()
	project, err := db.Project(context.Background(), meshhook.DefaultProject)
	require.NoError(t, err)
	return project
}

// Update makes of a webhook, found by its id, what e says.
func Update(ctx context.Context, project *postgres.Tenant, e meshhook.Endpoint) (meshhook.Endpoint, error) {
	return project.ChangeEndpoint(ctx, e.ID.String(), func(now *meshhook.Endpoint) error {
		*now = e
		return nil
	})
}

// URL makes a fresh, migrated database and returns how to reach it.
func URL(t testing.TB) string {
	t.Helper()
	return create(t, func(template string) string { return " TEMPLATE " + template })
}

// EmptyURL makes a database that has not been migrated.
func EmptyURL(t testing.TB) string {
	t.Helper()
	return create(t, func(string) string { return "" })
}

func create(t testing.TB, clause func(template string) string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	template, err := ready(ctx)
	require.NoError(t, err, "no Postgres for the tests: install the package postgresql, or set MESHHOOK_TEST_DATABASE_URL")
	name := "test_" + strings.ReplaceAll(meshhook.NewID().String(), "-", "")
	require.NoError(t, execute(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CREATE DATABASE "+name+clause(template))
		return err
	}))
	url := server.dsn + " dbname=" + name
	t.Cleanup(func() { drop(t, name, url) })
	return url
}

func drop(t testing.TB, name, url string) {
	if t.Failed() {
		t.Logf("the database is kept: %s", url)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	require.NoError(t, execute(ctx, func(conn *pgx.Conn) error {
		// FORCE closes what a test forgot. Only a superuser may FORCE autovacuum out;
		// without it autovacuum goes by itself.
		if _, err := conn.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err == nil {
			return nil
		}
		_, err := conn.Exec(ctx, "DROP DATABASE "+name)
		return err
	}))
}

// Start has the server up before the first test. It is for a TestMain that looks for
// leaks: the server is no test's, and what waits for its end is none. A failure is told
// by the first test that wants a database.
func Start() {
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	_, _ = ready(ctx)
}

// server is the one server of this test process.
var server struct {
	once     sync.Once
	dsn      string // keywords, without a dbname
	admin    string // the DSN of the database to connect to for CREATE DATABASE
	template string
	err      error
}

// ready starts or finds the server and the template database, once.
func ready(ctx context.Context) (template string, err error) {
	server.once.Do(func() {
		if server.err = findServer(ctx); server.err == nil {
			server.template, server.err = makeTemplate(ctx)
		}
	})
	return server.template, server.err
}

func findServer(ctx context.Context) error {
	dsn := os.Getenv("MESHHOOK_TEST_DATABASE_URL")
	if dsn == "" {
		// All packages of a test run, and the next test run, share one cluster.
		// Its directory must be searchable by the user that runs Postgres.
		home := filepath.Join(os.TempDir(), fmt.Sprintf("meshhook-pgtest-%d", os.Getuid()))
		embedded, err := pgembed.Start(ctx, pgembed.Options{
			Dir:      home,
			Settings: map[string]string{"fsync": "off", "max_connections": "300", "full_page_writes": "off"},
		})
		if err != nil {
			return err
		}
		// There is no end of a test process to hook into: the shared lock goes with
		// the process, and the next user stops or adopts the server.
		dsn = embedded.DSN()
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	server.admin = dsn
	server.dsn = fmt.Sprintf("host=%s port=%d user=%s", config.Host, config.Port, config.User)
	if config.Password != "" {
		server.dsn += " password='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(config.Password) + "'"
	}
	return nil
}

func execute(ctx context.Context, fn func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, server.admin)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is lost with it
	return fn(conn)
}

// makeTemplate makes the template of the migrations as they are now, unless it
// stands already. An advisory lock keeps test processes from making it twice.
func makeTemplate(ctx context.Context) (name string, err error) {
	name, err = templateName()
	if err != nil {
		return "", err
	}
	return name, execute(ctx, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtext('meshhook.pgtest'))`); err != nil {
			return err
		}
		var exists bool
		if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil || exists {
			return err
		}
		// One that a killed process left half made would be in the way for ever.
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+"_making"); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, "CREATE DATABASE "+name+"_making"); err != nil {
			return err
		}
		if err := migrate(ctx, server.dsn+" dbname="+name+"_making"); err != nil {
			return err
		}
		// A half-made template never bears the name.
		_, err := conn.Exec(ctx, "ALTER DATABASE "+name+"_making RENAME TO "+name)
		return err
	})
}

func migrate(ctx context.Context, dsn string) error {
	db, err := postgres.Open(ctx, postgres.Options{DSN: dsn, Name: "meshhook-test", MaxConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Migrate(ctx)
	return err
}

// templateName names the template by what the migrations say and by the week:
// partitions are made for the near future only.
func templateName() (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.FS, path)
		hash.Write([]byte(path))
		hash.Write(text)
		return err
	})
	year, week := time.Now().UTC().ISOWeek()
	return fmt.Sprintf("template_%d_%d_%s", year, week, hex.EncodeToString(hash.Sum(nil))[:12]), err
}
