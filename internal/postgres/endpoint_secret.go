package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// expiredSecretsKept is how long a secret that has expired stays, so that it can be
// said of a request that it was signed with it.
const expiredSecretsKept = 30 * day

// EndpointSecrets returns all secrets of a webhook with their values, those that
// have expired and are kept among them, newest first: for telling by which one a
// request was signed. The value of one that cannot be read is left out.
func (t *Tenant) EndpointSecrets(ctx context.Context, endpoint meshhook.ID) (secrets []meshhook.EndpointSecret, err error) {
	err = t.inTx(ctx, "reading secrets", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT id, endpoint_id, value, created_at, expires_at, last_used_at FROM endpoint_secrets
			 WHERE project_id = $1 AND endpoint_id = $2 ORDER BY id DESC`, t.id, endpoint)
		if err != nil {
			return err
		}
		var s meshhook.EndpointSecret
		var sealed []byte
		_, err = pgx.ForEachRow(rows, []any{&s.ID, &s.EndpointID, &sealed, &s.CreatedAt, &s.ExpiresAt, &s.LastUsedAt}, func() error {
			inUTC(&s.CreatedAt, s.ExpiresAt, s.LastUsedAt)
			value, err := t.db.openText("endpoint_secrets.value", s.ID, sealed)
			if err != nil {
				t.db.log.Error("a secret of a webhook cannot be read", "webhook_id", endpoint, "secret_id", s.ID, "error", err)
			}
			s.Value = meshhook.NewSecret(value)
			secrets = append(secrets, s)
			return nil
		})
		return err
	})
	return secrets, err
}

// secretsOf lists a webhook's secrets without their values, oldest first.
func secretsOf(ctx context.Context, tx pgx.Tx, endpoint meshhook.ID) ([]meshhook.EndpointSecret, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, endpoint_id, created_at, expires_at, last_used_at FROM endpoint_secrets WHERE endpoint_id = $1 ORDER BY id`, endpoint)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s meshhook.EndpointSecret, err error) {
		err = row.Scan(&s.ID, &s.EndpointID, &s.CreatedAt, &s.ExpiresAt, &s.LastUsedAt)
		inUTC(&s.CreatedAt, s.ExpiresAt, s.LastUsedAt)
		return s, err
	})
}

// RecordSecretUses keeps the times at which secrets were last used. What another
// daemon saw later stays, and secrets that are gone are passed over. It is no change
// of the configuration, so no bell rings.
func (db *DB) RecordSecretUses(ctx context.Context, uses []meshhook.SecretUse) error {
	return db.inTx(ctx, "recording the use of secrets", func(tx pgx.Tx) error {
		// Rows are locked in the order of their ids, so that two daemons do not wait for
		// each other.
		_, err := tx.Exec(ctx, `
			WITH due AS (
				SELECT s.id, u.at FROM endpoint_secrets s JOIN unnest($1::uuid[], $2::timestamptz[]) AS u (id, at) ON u.id = s.id
				 WHERE s.last_used_at IS NULL OR s.last_used_at < u.at
				 ORDER BY s.id FOR NO KEY UPDATE OF s)
			UPDATE endpoint_secrets s SET last_used_at = due.at FROM due WHERE s.id = due.id`,
			ids(uses, func(u *meshhook.SecretUse) meshhook.ID { return u.SecretID }),
			column(uses, func(u *meshhook.SecretUse) time.Time { return u.At }))
		return err
	})
}
