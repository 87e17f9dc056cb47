package postgres_test

import (
	"context"
	"io/fs"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/migrations"
)

const notMigrated = "the database has not been migrated; run 'meshhook migrate up'"

func open(t *testing.T, url string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{DSN: url, Name: "meshhook-test", MaxConns: 4})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	return db
}

// Daemons that start together on an empty database migrate it once.
func TestMigrateRaces(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := pgtest.EmptyURL(t)
	dbs := []*postgres.DB{open(t, url), open(t, url), open(t, url)}

	// An empty database says what to do, whatever it is asked.
	err := dbs[0].IsMigrated(ctx)
	requireCode(t, meshhook.CodeUnavailable, err)
	require.ErrorContains(t, err, notMigrated)
	_, err = dbs[0].Project(ctx, meshhook.DefaultProject)
	requireCode(t, meshhook.CodeUnavailable, err)
	require.ErrorContains(t, err, notMigrated)
	_, err = dbs[0].LiveEndpoints(ctx)
	require.ErrorContains(t, err, notMigrated)
	require.ErrorContains(t, dbs[0].Unseal(ctx, pgtest.MasterKey(t)), notMigrated)
	list, err := dbs[0].Migrations(ctx)
	require.NoError(t, err)
	files, err := fs.Glob(migrations.FS, "*.sql")
	require.NoError(t, err)
	var want []postgres.Migration
	for _, name := range files {
		number, err := strconv.ParseInt(name[:4], 10, 64)
		require.NoError(t, err)
		want = append(want, postgres.Migration{Number: number, Name: name})
	}
	require.Equal(t, want, list)

	type outcome struct {
		applied int
		err     error
	}
	outcomes := make(chan outcome, len(dbs))
	for _, db := range dbs {
		go func() {
			applied, err := db.Migrate(context.Background())
			outcomes <- outcome{applied, err}
		}()
	}
	var applied int
	for range dbs {
		o := <-outcomes
		require.NoError(t, o.err)
		applied += o.applied
	}
	require.Equal(t, len(list), applied, "one of them did the work")

	again, err := dbs[0].Migrate(ctx)
	require.NoError(t, err)
	require.Zero(t, again)
	require.NoError(t, dbs[1].IsMigrated(ctx))
	list, err = dbs[2].Migrations(ctx)
	require.NoError(t, err)
	for _, m := range list {
		require.True(t, m.Applied)
		require.WithinDuration(t, time.Now(), *m.AppliedAt, time.Minute)
	}
	project, err := dbs[0].Project(ctx, meshhook.DefaultProject)
	require.NoError(t, err)
	require.Equal(t, "01890a5d-ac96-774b-bcce-b302099a8057", project.ID().String())
}

func TestMigrateRefusesWhatANewerOneMade(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.system(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	applied, err := h.db.Migrate(ctx)
	requireCode(t, meshhook.CodeConflict, err)
	require.Regexp(t, `^the database was migrated to 9999 by a newer meshhook, this one knows \d+; use the newer binary$`, err.Error())
	require.Zero(t, applied)
}

func TestMigrateWithoutADatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.db.Close()
	_, err := h.db.Migrate(t.Context())
	require.Error(t, err)
	_, err = h.db.Migrations(t.Context())
	require.Error(t, err)
	require.Error(t, h.db.IsMigrated(t.Context()))
}
