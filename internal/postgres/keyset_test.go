package postgres_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/seal"
)

// Daemons that start together on a fresh database agree on the data keys.
func TestUnsealRaces(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := pgtest.URL(t)
	dbs := []*postgres.DB{open(t, url), open(t, url), open(t, url)}
	sealed, err := dbs[0].IsSealed(ctx)
	require.NoError(t, err)
	require.False(t, sealed)

	key := pgtest.MasterKey(t)
	errs := make(chan error, len(dbs))
	for _, db := range dbs {
		go func() { errs <- db.Unseal(context.Background(), key) }()
	}
	for range dbs {
		require.NoError(t, <-errs)
	}
	sealed, err = dbs[0].IsSealed(ctx)
	require.NoError(t, err)
	require.True(t, sealed)

	// What each seals, each opens; and so does one that comes later.
	dbs = append(dbs, pgtest.Open(t, url))
	for i, writer := range dbs {
		project := pgtest.Project(t, writer)
		want := meshhook.NewSecret(string(rune('a' + i)))
		_, err := project.SetSecret(ctx, "token", want)
		require.NoError(t, err)
		for _, reader := range dbs {
			values, err := reader.SecretValues(ctx, project.ID())
			require.NoError(t, err)
			require.Equal(t, map[string]meshhook.Secret{"token": want}, values)
		}
	}
	require.NoError(t, dbs[0].Unseal(ctx, key), "once more does no harm")
}

func TestUnsealRefusesAnotherMasterKey(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pgtest.Open(t, url)
	other, err := seal.GenerateMasterKey()
	require.NoError(t, err)
	err = open(t, url).Unseal(t.Context(), other)
	requireCode(t, meshhook.CodeInvalid, err)
	require.ErrorContains(t, err, "the database was sealed with another master key")
	require.ErrorContains(t, err, "MESHHOOK_MASTER_KEY")
}
