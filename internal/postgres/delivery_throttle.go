package postgres

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// ThrottleDelivery decides whether a delivery may go out: of those with its key at most
// one does in the window. It is decided once: whoever sends the delivery after a crash
// finds it passed, and is not held back by itself. One that may has in Held how many
// were held back since the last; one that may not ends as refused says, in the same
// transaction, and counts as held back. CodeLeaseLost when it is in other hands.
func (db *DB) ThrottleDelivery(ctx context.Context, c *meshhook.DeliveryClaim, key string, window time.Duration, refused meshhook.DeliveryMove) (ok bool, err error) {
	err = db.inTx(ctx, "counting alerts", func(tx pgx.Tx) error {
		var held int64
		if held, ok, err = throttle(ctx, tx, &c.Delivery, key, window); err != nil {
			return err
		}
		if !ok {
			return db.settleDelivery(ctx, tx, c, refused)
		}
		c.Delivery.Held = held
		return changeDelivery(ctx, tx, c, `UPDATE deliveries SET passed = true, held = $3`, held)
	})
	if err == nil && !ok {
		db.ringSettled(c, refused)
	}
	return ok, err
}

// throttle counts a message. Others with its key wait for the row.
func throttle(ctx context.Context, tx pgx.Tx, d *meshhook.Delivery, key string, window time.Duration) (held int64, ok bool, err error) {
	sum := sha256.Sum256([]byte(key))
	_, err = tx.Exec(ctx, `
		INSERT INTO alert_states (alert_id, kind, key, project_id, at) VALUES ($1, 'throttle', $2, $3, '-infinity') ON CONFLICT DO NOTHING`,
		d.AlertID, sum[:16], d.ProjectID)
	if err != nil {
		return 0, false, err
	}
	// clock_timestamp: now() is from before the wait.
	err = tx.QueryRow(ctx, `
		SELECT held, at <= clock_timestamp() - $3::interval FROM alert_states WHERE alert_id = $1 AND kind = 'throttle' AND key = $2 FOR UPDATE`,
		d.AlertID, sum[:16], window).Scan(&held, &ok)
	if err != nil {
		return 0, false, err
	}
	_, err = tx.Exec(ctx, `
		UPDATE alert_states SET at = CASE WHEN $3 THEN clock_timestamp() ELSE at END, held = CASE WHEN $3 THEN 0 ELSE held + 1 END
		 WHERE alert_id = $1 AND kind = 'throttle' AND key = $2`, d.AlertID, sum[:16], ok)
	return held, ok, err
}
