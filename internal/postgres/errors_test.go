package postgres_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

const password = "hunter2-very-secret"

// fakeServer answers each connection's start-up with these messages and hangs
// up, and returns a URL with the password.
func fakeServer(t *testing.T, answers ...pgproto3.BackendMessage) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn, answers)
		}
	}()
	return "postgres://someone:" + password + "@" + listener.Addr().String() + "/meshhook?sslmode=disable"
}

func serve(conn net.Conn, answers []pgproto3.BackendMessage) {
	defer func() { _ = conn.Close() }()
	backend := pgproto3.NewBackend(conn, conn)
	if len(answers) == 0 {
		return
	}
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	for _, answer := range answers {
		backend.Send(answer)
		if backend.Flush() != nil {
			return
		}
		if _, asks := answer.(*pgproto3.AuthenticationCleartextPassword); asks {
			if _, err := backend.Receive(); err != nil {
				return
			}
		}
	}
}

func refusal(code, message string) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: message}
}

func closedPort(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	return listener.Addr().String()
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ask := &pgproto3.AuthenticationCleartextPassword{}
	port := closedPort(t)
	tests := []struct {
		name, dsn string
		want      []string
	}{
		{"nothing listens", "postgres://u:" + password + "@" + port + "/db?sslmode=disable", []string{"connecting to the database: nothing answers at " + port + "; is Postgres running there?"}},
		{"no socket", "host=" + dir + " user=u password=" + password, []string{"there is no server socket at " + filepath.Join(dir, ".s.PGSQL.5432") + "; is Postgres running there?"}},
		{"wrong password", fakeServer(t, ask, refusal("28P01", `password authentication failed for user "someone"`)), []string{
			`the server refuses the login (password authentication failed for user "someone"); check user and password in the database URL`,
		}},
		{"no entry in pg_hba.conf", fakeServer(t, refusal("28000", "no pg_hba.conf entry")), []string{"the server refuses the login (no pg_hba.conf entry)"}},
		{"full", fakeServer(t, refusal("53300", "sorry, too many clients already")), []string{"connecting to the database: sorry, too many clients already"}},
		{"starting", fakeServer(t, refusal("57P03", "the database system is starting up")), []string{"the database system is starting up"}},
		{"hangs up", fakeServer(t), []string{"connecting to the database: "}},
		{"hangs up on the login", fakeServer(t, ask), []string{"connecting to the database: "}},
		{"speaks another language", fakeServer(t, &pgproto3.CommandComplete{CommandTag: []byte("HTTP/1.1")}), []string{"connecting to the database: "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := postgres.Open(t.Context(), postgres.Options{DSN: test.dsn})
			requireCode(t, meshhook.CodeUnavailable, err)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), password)
			require.NotContains(t, err.Error(), "\n", "an error is one line")
		})
	}
}

// A server without sense has no power over us.
func TestAnErrorWithoutACodeIsAnError(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"", "X"} {
		_, err := postgres.Open(t.Context(), postgres.Options{DSN: fakeServer(t, refusal(code, "what?"))})
		requireCode(t, meshhook.CodeInternal, err)
		require.ErrorContains(t, err, "what? (SQLSTATE "+code+")")
	}
}

func TestOpenRefusesAGarbledURL(t *testing.T) {
	t.Parallel()
	garbled := map[string]string{
		"postgres://u:" + password + "@localhost:port/db":                      "invalid port",
		"postgres://u:" + password + "@localhost:99999999/db":                  "invalid port",
		"postgres://u:" + password + "%zz@localhost/db":                        "failed to parse as URL",
		"postgres://u:" + password + "/x@localhost/db":                         "invalid port",
		"postgres://u:" + password + "@local host/db":                          "failed to parse as URL",
		"postgres://u:" + password + "@localhost/db?sslmode=maybe":             "failed to configure TLS",
		"postgres://u:" + password + "@localhost/db?connect_timeout=soon":      "invalid connect_timeout",
		"postgres://u:" + password + "@localhost/db?pool_max_conns=many":       "cannot parse pool_max_conns",
		"postgres://u:" + password + "@localhost/db?target_session_attrs=best": "unknown target_session_attrs value: best",
		"host=localhost password=" + password + " port=many":                   "invalid port",
		"host=localhost password='" + password + "' sslmode=maybe":             "failed to configure TLS",
		"host=localhost password='" + password:                                 "failed to parse as keyword/value",
		"host=localhost password=" + password + " rest":                        "failed to parse as keyword/value",
		"mysql://u:" + password + ":x@localhost/db":                            "failed to parse as keyword/value",
		"u:" + password + "@localhost/db":                                      "failed to parse as keyword/value",
		password:                                                               "failed to parse as keyword/value",
		"`: " + password:                                                       "failed to parse as keyword/value",
	}
	for dsn, fault := range garbled {
		_, err := postgres.Open(t.Context(), postgres.Options{DSN: dsn})
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), dsn)
		require.EqualError(t, err, "the database URL cannot be read: "+fault+
			"; write it like postgres://user:password@host:5432/meshhook, with other characters than letters and digits percent-encoded", dsn)
	}
}

// The real server's own refusals.
func TestOpenOnTheRealServer(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	_, err := postgres.Open(t.Context(), postgres.Options{DSN: url + " dbname=no_such_database"})
	requireCode(t, meshhook.CodeUnavailable, err)
	require.ErrorContains(t, err, `database "no_such_database" does not exist; create it with 'createdb', or name another in the database URL`)

	_, err = postgres.Open(t.Context(), postgres.Options{DSN: url + " user=no_such_role"})
	requireCode(t, meshhook.CodeUnavailable, err)
	require.ErrorContains(t, err, "the server refuses the login (")
	require.ErrorContains(t, err, "no_such_role")

	db, err := postgres.Open(t.Context(), postgres.Options{DSN: url + " application_name=mine", Name: "meshhook", MaxConns: 1})
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.Ping(t.Context()))
	applications := rows[string](t, house{side: &side{url: url}}, `SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	require.Contains(t, applications, "mine", "the URL's own word goes first")
}

// A server that goes away while the store is open is no fault of ours.
func TestALostConnectionIsUnavailable(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	cut := func() {
		t.Helper()
		h.system(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()`)
	}
	// The pool gives out connections without asking whether they live: one write
	// may meet a dead one, and says so; the next has a fresh one.
	cut()
	var err error
	for range 30 {
		if _, err = h.db.Record(ctx, h.intake("", "{}")); err == nil {
			break
		}
		requireCode(t, meshhook.CodeUnavailable, err)
	}
	require.NoError(t, err)
	cut()
	for range 30 {
		if _, err = h.project.Workflows(ctx); err == nil {
			break
		}
		requireCode(t, meshhook.CodeUnavailable, err)
	}
	require.NoError(t, err)
}

// No statement that is not in this package's files: a user's DSN may hold
// settings that take rights away, and the error says so.
func TestAReadOnlyServerIsUnavailable(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db := open(t, url+" default_transaction_read_only=on")
	_, err := db.CreateProject(t.Context(), "acme", "cli:ann@host")
	requireCode(t, meshhook.CodeUnavailable, err)
	require.ErrorContains(t, err, "read-only transaction")
	err = db.Unseal(t.Context(), pgtest.MasterKey(t))
	requireCode(t, meshhook.CodeUnavailable, err)
}

// A socket directory is given with its port in the file's name.
func TestOpenNamesTheSocketOfAnotherPort(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const port = 6543
	_, err := postgres.Open(t.Context(), postgres.Options{DSN: "host=" + dir + " port=" + strconv.Itoa(port)})
	require.ErrorContains(t, err, filepath.Join(dir, ".s.PGSQL.6543"))

	// What is no socket refuses.
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".s.PGSQL.6543"), nil, 0o600))
	_, err = postgres.Open(t.Context(), postgres.Options{DSN: "host=" + dir + " port=" + strconv.Itoa(port)})
	requireCode(t, meshhook.CodeUnavailable, err)
	require.True(t, strings.HasPrefix(err.Error(), "connecting to the database: nothing answers at "), "%v", err)
}
