package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const tokenFields = `id, project_id, name, role, created_at, expires_at, last_used_at`

func scanToken(row pgx.CollectableRow) (t meshhook.Token, err error) {
	err = row.Scan(&t.ID, &t.ProjectID, &t.Name, &t.Role, &t.CreatedAt, &t.ExpiresAt, &t.LastUsedAt)
	inUTC(&t.CreatedAt, t.ExpiresAt, t.LastUsedAt)
	return t, err
}

// CreateToken stores a token of the project by the SHA-256 of its text. Errors:
// CodeConflict when the project has one of this name.
func (t *Tenant) CreateToken(ctx context.Context, token meshhook.Token, digest []byte) (meshhook.Token, error) {
	err := t.inTx(ctx, "creating the token", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			INSERT INTO api_tokens (id, project_id, name, role, digest, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
			RETURNING `+tokenFields, token.ID, t.id, token.Name, token.Role, digest, token.ExpiresAt)
		if err != nil {
			return err
		}
		if token, err = pgx.CollectExactlyOneRow(rows, scanToken); err != nil {
			return err
		}
		return t.audit(ctx, tx, meshhook.AuditTokenCreated, token.Name, map[string]any{"role": token.Role, "expires_at": token.ExpiresAt})
	})
	return token, err
}

// Tokens lists the project's tokens by name.
func (t *Tenant) Tokens(ctx context.Context) (list []meshhook.Token, err error) {
	err = t.inTx(ctx, "listing tokens", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+tokenFields+` FROM api_tokens WHERE project_id = $1 ORDER BY name`, t.id)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanToken)
		return err
	})
	return list, err
}

// RevokeToken removes a token by name or id: from then on it opens nothing.
func (t *Tenant) RevokeToken(ctx context.Context, nameOrID string) (token meshhook.Token, err error) {
	err = t.inTx(ctx, "revoking the token", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `DELETE FROM api_tokens WHERE project_id = $1 AND (name = $2 OR id::text = $2) RETURNING `+tokenFields, t.id, nameOrID)
		if err != nil {
			return err
		}
		token, err = pgx.CollectExactlyOneRow(rows, scanToken)
		if err != nil {
			return noSuch(err, "token", nameOrID)
		}
		return t.audit(ctx, tx, meshhook.AuditTokenRevoked, token.Name, map[string]any{"role": token.Role})
	})
	return token, err
}

// TokenByDigest returns the token of any project with this SHA-256, for the API,
// which does not know yet whom it talks to. Errors: CodeNotFound.
func (db *DB) TokenByDigest(ctx context.Context, digest []byte) (token meshhook.Token, err error) {
	err = db.inTx(ctx, "reading the token", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+tokenFields+` FROM api_tokens WHERE digest = $1`, digest)
		if err != nil {
			return err
		}
		token, err = pgx.CollectExactlyOneRow(rows, scanToken)
		return notFound(err, "there is no such token")
	})
	return token, err
}

// TouchTokens notes when tokens were last used. Those that are gone are left out.
func (db *DB) TouchTokens(ctx context.Context, used map[meshhook.ID]time.Time) error {
	ids, times := make([]meshhook.ID, 0, len(used)), make([]time.Time, 0, len(used))
	for id, at := range used {
		ids, times = append(ids, id), append(times, at)
	}
	return db.inTx(ctx, "noting the use of tokens", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE api_tokens t SET last_used_at = greatest(t.last_used_at, u.at)
			  FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at) WHERE t.id = u.id`, ids, times)
		return err
	})
}
