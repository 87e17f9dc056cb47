package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// token makes a token of the house's project.
func (h house) token(t *testing.T, name string) (meshhook.Token, []byte) {
	t.Helper()
	digest, ok := meshhook.TokenDigest(meshhook.NewToken())
	require.True(t, ok)
	token, err := h.project.CreateToken(t.Context(), meshhook.Token{ID: meshhook.NewID(), Name: name, Role: meshhook.RoleWrite}, digest[:])
	require.NoError(t, err)
	return token, digest[:]
}

func TestTokenLifecycle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	made, digest := h.token(t, "robot")
	require.Equal(t, meshhook.Token{
		ID: made.ID, ProjectID: h.project.ID(), Name: "robot", Role: meshhook.RoleWrite, CreatedAt: made.CreatedAt,
	}, made)
	require.WithinDuration(t, time.Now(), made.CreatedAt, time.Minute)

	found, err := h.db.TokenByDigest(ctx, digest)
	require.NoError(t, err)
	require.Equal(t, made, found)
	_, err = h.db.TokenByDigest(ctx, digest[1:])
	requireCode(t, meshhook.CodeNotFound, err)

	_, err = h.project.CreateToken(ctx, meshhook.Token{ID: meshhook.NewID(), Name: "robot", Role: meshhook.RoleRead}, []byte("other"))
	requireCode(t, meshhook.CodeConflict, err)
	require.ErrorContains(t, err, "a token of this name exists already")
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	guest, err := h.project.CreateToken(ctx, meshhook.Token{ID: meshhook.NewID(), Name: "guest", Role: meshhook.RoleRead, ExpiresAt: &until}, []byte("other"))
	require.NoError(t, err)
	require.Equal(t, until, *guest.ExpiresAt)

	// The time of the last use only ever grows, and what is gone is left out.
	used := until.Add(-time.Minute)
	for _, at := range []time.Time{used, used.Add(-time.Hour)} {
		require.NoError(t, h.db.TouchTokens(ctx, map[meshhook.ID]time.Time{made.ID: at, meshhook.NewID(): at}))
	}
	made.LastUsedAt = &used
	list, err := h.project.Tokens(ctx)
	require.NoError(t, err)
	require.Equal(t, []meshhook.Token{guest, made}, list)

	for _, nameOrID := range []string{"guest", made.ID.String()} {
		_, err = h.project.RevokeToken(ctx, nameOrID)
		require.NoError(t, err)
	}
	_, err = h.project.RevokeToken(ctx, "guest")
	requireCode(t, meshhook.CodeNotFound, err)
	_, err = h.db.TokenByDigest(ctx, digest)
	requireCode(t, meshhook.CodeNotFound, err)
	require.NotContains(t, rows[string](t, h, `SELECT detail::text FROM audit_log`), string(digest))
}
