package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The values of all secrets are there for telling which one signed, also those
// that verify no more.
func TestEndpointSecretsOutliveTheirExpiry(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	require.NoError(t, h.project.RotateEndpointSecret(ctx, h.endpoint.Path, meshhook.NewSecret("second"), 0))
	secrets, err := h.project.EndpointSecrets(ctx, h.endpoint.ID)
	require.NoError(t, err)
	require.Len(t, secrets, 2)
	require.Equal(t, "second", secrets[0].Value.Reveal(), "newest first")
	require.Equal(t, "hush", secrets[1].Value.Reveal())
	require.Nil(t, secrets[0].ExpiresAt)
	require.False(t, secrets[1].ActiveAt(time.Now().Add(time.Minute)))
	require.Equal(t, []string{"second"}, liveSecrets(t, h))

	// One that cannot be opened does not hide the others.
	h.system(t, `UPDATE endpoint_secrets SET value = 'broken' WHERE id = $1`, secrets[0].ID)
	secrets, err = h.project.EndpointSecrets(ctx, h.endpoint.ID)
	require.NoError(t, err)
	require.True(t, secrets[0].Value.IsZero())
	require.Equal(t, "hush", secrets[1].Value.Reveal())
}

func TestABoundedNumberOfSecretsIsActive(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	rotate := func(value string, grace time.Duration) error {
		return h.project.RotateEndpointSecret(ctx, h.endpoint.Path, meshhook.NewSecret(value), grace)
	}
	for i := range meshhook.MaxActiveSecrets - 1 {
		require.NoError(t, rotate(fmt.Sprint(i), time.Hour))
	}
	require.Len(t, liveSecrets(t, h), meshhook.MaxActiveSecrets)
	err := rotate("one more", time.Hour)
	requireCode(t, meshhook.CodeConflict, err)
	require.ErrorContains(t, err, "has 16 active secrets, which is the most")
	require.Len(t, liveSecrets(t, h), meshhook.MaxActiveSecrets)
	require.NotContains(t, liveSecrets(t, h), "one more")
	require.NoError(t, rotate("the only one", 0), "room is made at once")
	require.Equal(t, []string{"the only one"}, liveSecrets(t, h))
}

func TestRecordSecretUses(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	version, err := h.db.ConfigVersion(ctx)
	require.NoError(t, err)
	used := func() *time.Time {
		_, secrets, err := h.project.Endpoint(ctx, h.endpoint.Path)
		require.NoError(t, err)
		require.Len(t, secrets, 1)
		return secrets[0].LastUsedAt
	}
	require.Nil(t, used())
	_, secrets, err := h.project.Endpoint(ctx, h.endpoint.Path)
	require.NoError(t, err)
	at := time.Now().UTC().Truncate(time.Microsecond)
	record := func(at time.Time) {
		uses := []meshhook.SecretUse{{SecretID: secrets[0].ID, At: at}, {SecretID: meshhook.NewID(), At: at}}
		require.NoError(t, h.db.RecordSecretUses(ctx, uses))
	}
	record(at)
	require.Equal(t, at, *used())
	record(at.Add(-time.Second)) // of a daemon that is late
	require.Equal(t, at, *used())
	record(at.Add(time.Second))
	require.Equal(t, at.Add(time.Second), *used())
	after, err := h.db.ConfigVersion(ctx)
	require.NoError(t, err)
	require.Equal(t, version, after, "it is no change of the configuration")
}

// Expired secrets are kept for a while, at its edge too; active ones for ever.
func TestExpireDeletesLongExpiredSecretsAndDedupKeys(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	require.NoError(t, h.project.RotateEndpointSecret(ctx, h.endpoint.Path, meshhook.NewSecret("second"), 0))
	h.record(t, h.intake("key", "{}"))
	expired := rows[time.Time](t, h, `SELECT expires_at FROM endpoint_secrets WHERE expires_at IS NOT NULL`)[0]
	count := func() (secrets, keys int64) {
		return rows[int64](t, h, `SELECT count(*) FROM endpoint_secrets`)[0], rows[int64](t, h, `SELECT count(*) FROM dedup_keys`)[0]
	}
	_, err := h.db.Expire(ctx, time.Now(), retention)
	require.NoError(t, err)
	secrets, keys := count()
	require.Equal(t, int64(2), secrets)
	require.Equal(t, int64(1), keys, "its window is not over")

	_, err = h.db.Expire(ctx, expired.Add(30*24*time.Hour), retention)
	require.NoError(t, err)
	secrets, keys = count()
	require.Equal(t, int64(2), secrets)
	require.Zero(t, keys, "an expired key is free, and goes")

	_, err = h.db.Expire(ctx, expired.Add(30*24*time.Hour+time.Microsecond), retention)
	require.NoError(t, err)
	secrets, _ = count()
	require.Equal(t, int64(1), secrets)
	require.Equal(t, []string{"second"}, liveSecrets(t, h))
}
