package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

func TestVaultLifecycle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := pgtest.New(t)
	project := pgtest.Project(t, db)

	created, err := project.SetSecret(ctx, "token", meshhook.NewSecret("one"))
	require.NoError(t, err)
	require.True(t, created)
	created, err = project.SetSecret(ctx, "API_KEY", meshhook.NewSecret("nul \x00 and \xff"))
	require.NoError(t, err)
	require.True(t, created)

	before, err := project.Secrets(ctx)
	require.NoError(t, err)
	require.Len(t, before, 2)
	require.Equal(t, "API_KEY", before[0].Name)
	require.Equal(t, meshhook.VaultSecret{ID: before[1].ID, Name: "token", CreatedAt: before[1].CreatedAt, UpdatedAt: before[1].CreatedAt}, before[1])

	created, err = project.SetSecret(ctx, "token", meshhook.NewSecret("two"))
	require.NoError(t, err)
	require.False(t, created)
	after, err := project.Secrets(ctx)
	require.NoError(t, err)
	require.Equal(t, before[1].ID, after[1].ID)
	require.True(t, after[1].UpdatedAt.After(before[1].UpdatedAt))

	values, err := db.SecretValues(ctx, project.ID())
	require.NoError(t, err)
	require.Equal(t, map[string]meshhook.Secret{"token": meshhook.NewSecret("two"), "API_KEY": meshhook.NewSecret("nul \x00 and \xff")}, values)

	require.NoError(t, project.DeleteSecret(ctx, "token"))
	err = project.DeleteSecret(ctx, "token")
	requireCode(t, meshhook.CodeNotFound, err)
	require.EqualError(t, err, `there is no secret "token"; 'meshhook secret list' shows those there are`)
	values, err = db.SecretValues(ctx, project.ID())
	require.NoError(t, err)
	require.Equal(t, map[string]meshhook.Secret{"API_KEY": meshhook.NewSecret("nul \x00 and \xff")}, values)
}

func TestAnEmptySecretIsNone(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	_, err := h.project.SetSecret(ctx, "token", meshhook.Secret{})
	requireCode(t, meshhook.CodeInvalid, err)
	list, err := h.project.Secrets(ctx)
	require.NoError(t, err)
	require.Empty(t, list)

	requireCode(t, meshhook.CodeInvalid, h.project.RotateEndpointSecret(ctx, h.endpoint.Path, meshhook.Secret{}, 0))
	require.Equal(t, []string{"hush"}, liveSecrets(t, h))
}
