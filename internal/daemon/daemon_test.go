package daemon_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/workflow"
)

// settings is a configuration of free ports, the database and these variables.
func settings(t *testing.T, dsn string, environment ...string) *config.Config {
	t.Helper()
	variables := map[string]string{}
	for _, v := range append([]string{
		"MESHHOOK_DATABASE_URL=" + dsn, "MESHHOOK_MASTER_KEY=" + pgtest.MasterKeyText, "MESHHOOK_SHUTDOWN_GRACE=10s",
		"MESHHOOK_LISTEN=127.0.0.1:0", "MESHHOOK_ADMIN_LISTEN=127.0.0.1:0", "MESHHOOK_NETWORK_ALLOW=127.0.0.0/8",
	}, environment...) {
		name, _, _ := strings.Cut(v, "=")
		variables[name] = v
	}
	c, err := config.Load(config.Options{Dir: t.TempDir(), Home: t.TempDir(), Env: slices.Collect(maps.Values(variables))})
	require.NoError(t, err)
	return c
}

// start runs a daemon until the test ends, and returns it with a way to stop it.
func start(t *testing.T, c *config.Config) (d *daemon.Daemon, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d, err := daemon.New(ctx, daemon.Options{Config: c, Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		cancel()
		require.NoError(t, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	var result error
	stopped := false
	stop = func() error {
		if !stopped {
			stopped = true
			cancel()
			result = <-ended
		}
		return result
	}
	t.Cleanup(func() { require.NoError(t, stop()) })
	return d, stop
}

func get(t *testing.T, address, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

func post(t *testing.T, address, path string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, strings.NewReader("{}"))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

// furnish makes a workflow and an open webhook, changed by the functions.
func furnish(t *testing.T, dsn, path string, changes ...func(*meshhook.Endpoint)) {
	t.Helper()
	source := "name: w\nsteps:\n  - id: a\n    transform: .event.body\n"
	definition, err := workflow.Parse("w", []byte(source))
	require.NoError(t, err)
	project := pgtest.Project(t, pgtest.Open(t, dsn))
	applied, err := project.Apply(t.Context(), "w", "", meshhook.Version{Digest: definition.Digest(), Source: source})
	require.NoError(t, err)
	endpoint := meshhook.Endpoint{
		ID: meshhook.NewID(), Path: path, WorkflowID: applied.Workflow.ID, Enabled: true,
		Verification: meshhook.Verification{Scheme: "none"},
	}
	for _, change := range changes {
		change(&endpoint)
	}
	require.NoError(t, endpoint.Validate())
	_, err = project.CreateEndpoint(t.Context(), endpoint, meshhook.Secret{})
	require.NoError(t, err)
}

func TestADaemonServesHealthAndMetrics(t *testing.T) {
	t.Parallel()
	d, _ := start(t, settings(t, pgtest.URL(t)))
	for path, want := range map[string]string{"/livez": "ok\n", "/readyz": "ok\n"} {
		status, text := get(t, d.Addr("admin"), path)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, want, text)
	}
	require.Equal(t, http.StatusNotFound, post(t, d.Addr("ingress"), "/hooks/nothing"))
	require.Equal(t, http.StatusNotFound, post(t, d.Addr("ingress"), "/metrics"), "the public listener shows no metrics")
	_, text := get(t, d.Addr("admin"), "/metrics")
	require.Contains(t, text, `meshhook_events_total{result="not_found",webhook=""} 2`)
	require.Contains(t, text, "meshhook_runs_active 0")
	require.Contains(t, text, "meshhook_circuits_open 0")
	require.Contains(t, text, `meshhook_circuit_transitions_total{to="half_open"} 0`)
	require.Contains(t, text, "meshhook_schema_mismatches_total 0")
}

// With a token to ask for, the metrics are shown to nobody else; health is.
func TestMetricsCanBeGivenAToken(t *testing.T) {
	t.Parallel()
	const token = "metrics-metrics-metrics"
	d, _ := start(t, settings(t, pgtest.URL(t), "MESHHOOK_METRICS_TOKEN="+token))
	for header, want := range map[string]int{
		"": 401, "Bearer " + token: 200, "bearer  " + token: 200, "Bearer": 401, "Bearer ": 401, token: 401, "Basic " + token: 401,
		"Bearer " + token + "x": 401, "Bearer " + token[1:]: 401,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.Addr("admin")+"/metrics", http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", header)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, want, answer.StatusCode, header)
		require.Equal(t, want == 401, answer.Header.Get("WWW-Authenticate") != "", header)
	}
	status, _ := get(t, d.Addr("admin"), "/readyz")
	require.Equal(t, http.StatusOK, status)
}

// A daemon of ingress alone takes requests in; one of workers alone runs them.
func TestRolesShareTheWork(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	furnish(t, dsn, "split")
	door, _ := start(t, settings(t, dsn, "MESHHOOK_ONLY=ingress"))
	require.Equal(t, http.StatusAccepted, post(t, door.Addr("ingress"), "/hooks/split"))
	project := pgtest.Project(t, pgtest.Open(t, dsn))
	status := func() meshhook.RunStatus {
		runs, err := project.Runs(t.Context(), meshhook.RunFilter{Limit: 1})
		require.NoError(t, err)
		return runs[0].Status
	}
	require.Equal(t, meshhook.RunQueued, status())

	worker, _ := start(t, settings(t, dsn, "MESHHOOK_ONLY=worker"))
	require.Empty(t, worker.Addr("ingress"))
	require.NotEmpty(t, worker.Addr("admin"))
	require.Eventually(t, func() bool { return status() == meshhook.RunSucceeded }, 10*time.Second, 20*time.Millisecond)
}

func TestADaemonThatStopsLeavesTheList(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	_, stop := start(t, settings(t, dsn))
	project := pgtest.Project(t, pgtest.Open(t, dsn))
	s, err := project.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, s.Daemons, 1)
	require.Equal(t, []string{"ingress", "worker", "admin"}, s.Daemons[0].Roles)
	require.NoError(t, stop())
	s, err = project.Status(t.Context())
	require.NoError(t, err)
	require.Empty(t, s.Daemons)
}

func TestATakenPortIsSaidBeforeAnythingIsStarted(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	c := settings(t, "host=/nowhere", "MESHHOOK_LISTEN="+taken.Addr().String())
	_, err = daemon.New(t.Context(), daemon.Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, taken.Addr().String())
	require.ErrorContains(t, err, "address already in use")
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
}

func TestADatabaseThatIsNotThere(t *testing.T) {
	t.Parallel()
	c := settings(t, "host=/nowhere user=meshhook dbname=meshhook")
	_, err := daemon.New(t.Context(), daemon.Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	require.Equal(t, meshhook.CodeUnavailable, meshhook.ErrorCode(err))
	require.NotContains(t, err.Error(), "\n")
}

// A database that has keys is never given new ones.
func TestTheMasterKeyMustBeTheOneOfTheDatabase(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	furnish(t, dsn, "sealed")
	c := settings(t, dsn, "MESHHOOK_MASTER_KEY=", "MESHHOOK_MASTER_KEY_FILE="+filepath.Join(t.TempDir(), "none"))
	_, err := daemon.OpenDatabase(t.Context(), c, daemon.OpenOptions{Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "MESHHOOK_MASTER_KEY")
	require.NoFileExists(t, c.MasterKeyFile)

	c = settings(t, dsn, "MESHHOOK_MASTER_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	_, err = daemon.OpenDatabase(t.Context(), c, daemon.OpenOptions{Log: slog.New(slog.DiscardHandler)})
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
}

// With no database URL there is a private cluster, a master key and, in the end,
// nothing that runs.
func TestThePrivateClusterOfAnUnconfiguredInstallation(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "meshhook-daemon-") //nolint:usetesting // t.TempDir is closed to the user that runs Postgres
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // the user that runs Postgres must get in
	c := settings(t, "", "MESHHOOK_MASTER_KEY=", "MESHHOOK_DATA_DIR="+dir)
	d, stop := start(t, c)
	status, _ := get(t, d.Addr("admin"), "/readyz")
	require.Equal(t, http.StatusOK, status)
	key, err := os.Stat(c.MasterKeyFile)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), key.Mode())

	// A command uses the daemon's server, and one that needs it after the daemon
	// starts it for itself.
	for range 2 {
		db, err := daemon.OpenDatabase(t.Context(), c, daemon.OpenOptions{Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		_, err = db.Project(t.Context(), meshhook.DefaultProject)
		require.NoError(t, err)
		require.NoError(t, db.Close(t.Context()))
		require.NoError(t, stop())
	}
	require.NoFileExists(t, filepath.Join(dir, "postgres", "data", "postmaster.pid"))
}

// Commands do not migrate a database of the user's; daemons do.
func TestACommandAsksForAMigration(t *testing.T) {
	t.Parallel()
	c := settings(t, pgtest.EmptyURL(t))
	_, err := daemon.OpenDatabase(t.Context(), c, daemon.OpenOptions{Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "meshhook migrate up")
	db, err := daemon.OpenDatabase(t.Context(), c, daemon.OpenOptions{Log: slog.New(slog.DiscardHandler), Daemon: true})
	require.NoError(t, err)
	require.NoError(t, db.Close(t.Context()))
}
