package pgtest_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/seal"
)

func TestADatabaseIsFreshAndReady(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	one, two := pgtest.New(t), pgtest.New(t)
	require.NoError(t, one.IsMigrated(ctx))
	project := pgtest.Project(t, one)
	_, err := project.SetSecret(ctx, "token", meshhook.NewSecret("mine"))
	require.NoError(t, err)

	other := pgtest.Project(t, two)
	list, err := other.Secrets(ctx)
	require.NoError(t, err)
	require.Empty(t, list, "each test has its own")
}

func TestSeveralDaemonsShareADatabase(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := pgtest.URL(t)
	one, two := pgtest.Open(t, url), pgtest.Open(t, url)
	project := pgtest.Project(t, one)
	_, err := project.SetSecret(ctx, "token", meshhook.NewSecret("ours"))
	require.NoError(t, err)
	values, err := two.SecretValues(ctx, project.ID())
	require.NoError(t, err)
	require.Equal(t, map[string]meshhook.Secret{"token": meshhook.NewSecret("ours")}, values)
}

// A database goes with its test, even if the test forgot a connection.
func TestADatabaseIsDropped(t *testing.T) {
	var url string
	t.Run("a test", func(t *testing.T) {
		url = pgtest.URL(t)
		forgotten, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		require.NoError(t, forgotten.Ping(t.Context()))
	})
	_, name, found := strings.Cut(url, " dbname=")
	require.True(t, found)
	_, err := pgx.Connect(t.Context(), url)
	require.ErrorContains(t, err, `database "`+name+`" does not exist`)
}

func TestMasterKey(t *testing.T) {
	t.Parallel()
	key, err := seal.ParseMasterKey(meshhook.NewSecret(pgtest.MasterKeyText))
	require.NoError(t, err)
	require.Equal(t, key, pgtest.MasterKey(t))
}
