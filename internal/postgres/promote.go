package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Promote is StartRun on an event that was rejected and passes every check now. It
// takes the event's dedup key in the same transaction, so that the request, sent
// again, is known; CodeConflict when another event holds it.
func (t *Tenant) Promote(ctx context.Context, run meshhook.Run, p meshhook.Promotion) error {
	return t.startRun(ctx, run, func(tx pgx.Tx) error {
		if err := t.auditStart(ctx, tx, run); err != nil || p.DedupKey == "" {
			return err
		}
		// Only a webhook of this project has keys that this project may take.
		if _, err := t.endpoint(ctx, tx, p.EndpointID.String(), "FOR SHARE OF e"); err != nil {
			return err
		}
		digest := dedupDigest(p.DedupKey)
		err := tx.QueryRow(ctx, `
			INSERT INTO dedup_keys AS d (endpoint_id, key, project_id, event_id, expires_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (endpoint_id, key) DO UPDATE SET event_id = EXCLUDED.event_id, expires_at = EXCLUDED.expires_at
			 WHERE d.expires_at <= now() OR d.event_id = EXCLUDED.event_id
			RETURNING event_id`, p.EndpointID, digest, t.id, run.EventID, p.DedupUntil).Scan(new(meshhook.ID))
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		var first meshhook.ID
		if err := tx.QueryRow(ctx, `SELECT event_id FROM dedup_keys WHERE endpoint_id = $1 AND key = $2`, p.EndpointID, digest).Scan(&first); err != nil {
			return err
		}
		return isDuplicate(*run.EventID, first)
	})
}

// CheckPromotion tells what would keep Promote from it, and changes nothing:
// CodeConflict when another event holds the dedup key.
func (t *Tenant) CheckPromotion(ctx context.Context, event meshhook.ID, p meshhook.Promotion) error {
	if p.DedupKey == "" {
		return nil
	}
	return t.inTx(ctx, "reading the dedup key", func(tx pgx.Tx) error {
		var first meshhook.ID
		err := tx.QueryRow(ctx, `SELECT event_id FROM dedup_keys WHERE endpoint_id = $1 AND key = $2 AND expires_at > now() AND event_id <> $3`,
			p.EndpointID, dedupDigest(p.DedupKey), event).Scan(&first)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return isDuplicate(event, first)
	})
}

func isDuplicate(event, first meshhook.ID) error {
	return meshhook.Errorf(meshhook.CodeConflict, "event %s is a duplicate of event %s, which has the same dedup key", event, first)
}

// LiveEndpoint returns a webhook by path or id as ingress keeps it: with the values
// of its active secrets, newest first, and the version that new runs take.
func (t *Tenant) LiveEndpoint(ctx context.Context, pathOrID string) (live meshhook.LiveEndpoint, err error) {
	err = t.inTx(ctx, "reading the webhook", func(tx pgx.Tx) error {
		if live.Endpoint, err = t.endpoint(ctx, tx, pathOrID, ""); err != nil {
			return err
		}
		secrets, unreadable, err := t.db.endpointSecrets(ctx, tx, &live.Endpoint.ID)
		if err != nil {
			return err
		}
		live.Secrets, live.Unreadable = secrets[live.Endpoint.ID], unreadable[live.Endpoint.ID]
		return tx.QueryRow(ctx, `SELECT version FROM workflows WHERE id = $1`, live.Endpoint.WorkflowID).Scan(&live.Version)
	})
	return live, err
}
