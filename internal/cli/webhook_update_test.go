package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Of two changes at once each keeps what the other one changed: the flags are put
// over the webhook as it is when it is locked, not as it was when the command began.
func TestWebhookUpdate_AtOnce(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	flow := u.file("a.yaml", "name: a\nsteps: [{id: a, transform: .}]\n")
	require.Zero(t, u.does("webhook", "create", "--path", "a", "--workflow", flow).code)
	other, err := pgx.Connect(t.Context(), strings.TrimPrefix(u.env[1], "MESHHOOK_DATABASE_URL="))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close(t.Context())) })

	for _, command := range []string{"webhook update a --filter .event.body.ok", "webhook disable a"} {
		tx, err := other.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), `SET LOCAL meshhook.system = 'on'`)
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), `UPDATE webhook_endpoints SET description = description || 'kept'`)
		require.NoError(t, err)
		done := make(chan result, 1)
		go func() { done <- u.runs(command) }()
		require.Eventually(t, func() bool {
			_, err := tx.Exec(t.Context(), `SELECT pg_stat_clear_snapshot()`) // which a transaction keeps
			if err != nil {
				return false
			}
			var waits bool
			err = tx.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits)
			return err == nil && waits
		}, 20*time.Second, 5*time.Millisecond)
		require.NoError(t, tx.Commit(t.Context()))
		r := <-done
		require.Zero(t, r.code, r.err)
	}
	shown := u.runs("webhook show a").out
	require.Contains(t, shown, "keptkept")
	require.Contains(t, shown, ".event.body.ok")
	require.Regexp(t, `enabled\s+no`, shown)
}
