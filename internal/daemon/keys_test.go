package daemon_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/seal"
)

// machine is a configuration whose master key is in a file of its own, with the test's key.
func machine(t *testing.T, dsn string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "master.key"), []byte(pgtest.MasterKeyText+"\n"), 0o600))
	return settings(t, dsn, "MESHHOOK_MASTER_KEY=", "MESHHOOK_DATA_DIR="+dir)
}

func opened(t *testing.T, c *config.Config) (*daemon.Database, *postgres.Tenant) {
	t.Helper()
	db, err := daemon.OpenDatabase(t.Context(), c, daemon.OpenOptions{Version: "test", Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close(context.Background())) })
	project, err := db.Project(t.Context(), meshhook.DefaultProject)
	require.NoError(t, err)
	return db, project
}

// sayings is what a daemon says.
type sayings struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *sayings) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *sayings) has(piece string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), piece)
}

// Two machines. A rotation on one leaves the other going on, warned, and named, until the
// key is brought; what was laid down before is taken up when it starts.
func TestARotationOnAnotherMachine(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	here, there := machine(t, dsn), machine(t, dsn)
	said := &sayings{}
	ctx, cancel := context.WithCancel(context.Background())
	d, err := daemon.New(ctx, daemon.Options{Config: there, Version: "test", Log: slog.New(slog.NewTextHandler(said, nil))})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })

	db, project := opened(t, here)
	lacking := func() []meshhook.Daemon {
		status, err := db.KeyStatus(t.Context(), false)
		require.NoError(t, err)
		return status.Lacking
	}
	require.Eventually(t, func() bool { return len(lacking()) == 0 }, 10*time.Second, 20*time.Millisecond)
	log := slog.New(slog.DiscardHandler)
	require.NoError(t, db.Rotate(t.Context(), here, project, daemon.RotateOptions{Log: log}))
	require.FileExists(t, seal.OldKeyFile(here.MasterKeyFile, pgtest.MasterKey(t).ID()))
	require.Eventually(t, func() bool { return said.has("could not start again") && len(lacking()) == 1 }, 10*time.Second, 20*time.Millisecond)
	_, sealed, err := db.CheckKeys(t.Context(), there)
	require.True(t, sealed)
	require.ErrorContains(t, err, "sealed with another master key")
	require.ErrorContains(t, db.Rotate(t.Context(), here, project, daemon.RotateOptions{Log: log}), "bring it there first")

	// The operator lays it down beside the old one; that is enough, now and at the next start.
	next, err := seal.LoadMasterKeyFile(here.MasterKeyFile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(seal.NextKeyFile(there.MasterKeyFile), []byte(next.Text().Reveal()), 0o600))
	require.Eventually(t, func() bool { return len(lacking()) == 0 }, 10*time.Second, 20*time.Millisecond)
	_, sealed, err = db.CheckKeys(t.Context(), there)
	require.NoError(t, err)
	require.True(t, sealed)
	opened(t, there)
	require.NoFileExists(t, seal.NextKeyFile(there.MasterKeyFile))
	require.NoError(t, db.Rotate(t.Context(), here, project, daemon.RotateOptions{DataOnly: true, Log: log}))
}

// Where the file cannot be put in its place, the key is found beside it all the same.
func TestANextKeyThatCannotBePromoted(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dsn := pgtest.URL(t)
	c := machine(t, dsn)
	db, project := opened(t, c)
	_, err := daemon.NextMasterKey(c)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(c.DataDir, 0o500)) //nolint:gosec // it is a directory
	t.Cleanup(func() { require.NoError(t, os.Chmod(c.DataDir, 0o700)) })
	require.NoError(t, db.Rotate(t.Context(), c, project, daemon.RotateOptions{Log: slog.New(slog.DiscardHandler)}))
	require.FileExists(t, seal.NextKeyFile(c.MasterKeyFile))
	opened(t, c)
}

func TestNextMasterKey_Environment(t *testing.T) {
	t.Parallel()
	c := settings(t, "postgres://x")
	_, err := daemon.NextMasterKey(c)
	require.Equal(t, meshhook.CodeUsage, meshhook.ErrorCode(err))
	require.ErrorContains(t, err, "MESHHOOK_MASTER_KEY_NEXT")
	c.MasterKeyNext = meshhook.NewSecret("short")
	_, err = daemon.NextMasterKey(c)
	require.ErrorContains(t, err, "master_key_next: ")
}
