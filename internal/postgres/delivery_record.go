package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// SettleDelivery records what became of a delivery: the result of the attempt, when the
// next one is, or the end, with its journal entry, and what is to be told of that, in one
// transaction. CodeLeaseLost when the delivery is in other hands.
func (db *DB) SettleDelivery(ctx context.Context, c *meshhook.DeliveryClaim, m meshhook.DeliveryMove) error {
	settle := func() error {
		return db.inTx(ctx, "recording the delivery", func(tx pgx.Tx) error { return db.settleDelivery(ctx, tx, c, m) })
	}
	if m.Attempt != nil && m.Entry.DeliveryID != nil && m.Status != meshhook.DeliveryExhausted && !m.Disable {
		settle = func() error { return db.settleQuietly(ctx, c, m) }
	}
	err := settle()
	if err == nil {
		db.ringSettled(c, m)
	}
	return err
}

func (db *DB) settleDelivery(ctx context.Context, tx pgx.Tx, c *meshhook.DeliveryClaim, m meshhook.DeliveryMove) error {
	text, err := db.sealText("deliveries.error", c.Delivery.ID, m.Error)
	if err != nil {
		return err
	}
	err = changeDelivery(ctx, tx, c, `
		UPDATE deliveries SET status = $3, reason = $4, error = $6, lease_owner = NULL, lease_until = NULL,
		       next_at = CASE WHEN $3 = 'pending' THEN now() + $5::interval END, finished_at = CASE WHEN $3 <> 'pending' THEN now() END`,
		m.Status, m.Reason, m.Wait, text)
	if err != nil {
		return err
	}
	if m.Attempt != nil {
		if err := db.endAttempt(ctx, tx, m.Attempt); err != nil {
			return err
		}
	}
	if m.Disable {
		if err := disableAlert(ctx, tx, &c.Delivery, m.Reason); err != nil {
			return err
		}
	}
	if tellsOfItself(c, m) {
		if err := tellOfAlerts(ctx, tx, &c.Delivery, meshhook.OnExhausted); err != nil {
			return err
		}
	}
	if m.Entry.Kind == "" {
		return nil
	}
	return db.insertEntries(ctx, tx, m.Entry)
}

// The statements of settleQuietly. The first holds the move to its fence; the others
// write if this very transaction changed the delivery (xmin).
const (
	moveDelivery = `
		UPDATE deliveries SET status = $3, reason = $4, lease_owner = NULL, lease_until = NULL,
		       next_at = CASE WHEN $3 = 'pending' THEN now() + $5::interval END, finished_at = CASE WHEN $3 <> 'pending' THEN now() END
		 WHERE id = $1 AND fence = $2 AND lease_owner IS NOT NULL`
	endAttempts = `
		UPDATE alert_logs l SET finished_at = now(), http_status = $2, latency_ms = $3, answer = $4, reason = $5, error = $6
		  FROM deliveries d WHERE l.id = $1 AND d.id = $7 AND d.xmin = pg_current_xact_id()::xid`
	insertDeliveryEntries = `
		INSERT INTO journal (` + entryColumns + `)
		SELECT ` + entryColumnsOf + `
		  FROM ` + entryUnnest + `
		  JOIN deliveries d ON d.id = u.delivery_id AND d.xmin = pg_current_xact_id()::xid`
)

// settleQuietly is settleDelivery for an attempt of which nobody else is told, as nearly
// all are: in one round trip.
func (db *DB) settleQuietly(ctx context.Context, c *meshhook.DeliveryClaim, m meshhook.DeliveryMove) error {
	a := m.Attempt
	answer, noAnswer := db.sealBody("alert_logs.answer", a.ID, a.Answer)
	text, noText := db.sealText("alert_logs.error", a.ID, a.Error)
	entry, noEntry := db.sealEntry(m.Entry)
	if err := errors.Join(noAnswer, noText, noEntry); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	held := int64(0)
	err := db.inBatch(ctx, "recording the delivery", func(b *pgx.Batch) {
		b.Queue(moveDelivery, c.Delivery.ID, c.Fence, m.Status, m.Reason, m.Wait).Exec(func(tag pgconn.CommandTag) error {
			held = tag.RowsAffected()
			return nil
		})
		b.Queue(endAttempts, a.ID, a.HTTPStatus, a.LatencyMS, answer, a.Reason, text, c.Delivery.ID)
		b.Queue(insertDeliveryEntries, entryValues([]entryRow{entry})...)
	})
	if err == nil && held == 0 {
		return errLostDelivery(c.Delivery.ID)
	}
	return err
}

// tellsOfItself says whether alerts about alerts tell of a move. Of a sample that fails,
// the one who tries the alert hears.
func tellsOfItself(c *meshhook.DeliveryClaim, m meshhook.DeliveryMove) bool {
	return m.Status == meshhook.DeliveryExhausted && !c.Delivery.Sample || m.Disable
}

// ringSettled rings for what a move has brought, after its commit.
func (db *DB) ringSettled(c *meshhook.DeliveryClaim, m meshhook.DeliveryMove) {
	db.Ring(BellJournal)
	db.ringFor(tellsOfItself(c, m), BellDeliveries)
	db.ringFor(m.Disable, BellConfig)
}

func (db *DB) endAttempt(ctx context.Context, tx pgx.Tx, a *meshhook.AlertAttempt) error {
	answer, noAnswer := db.sealBody("alert_logs.answer", a.ID, a.Answer)
	text, noText := db.sealText("alert_logs.error", a.ID, a.Error)
	if err := errors.Join(noAnswer, noText); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		UPDATE alert_logs SET finished_at = now(), http_status = $2, latency_ms = $3, answer = $4, reason = $5, error = $6 WHERE id = $1`,
		a.ID, a.HTTPStatus, a.LatencyMS, answer, a.Reason, text)
	return err
}

// disableAlert disables an alert whose receiver is gone, unless the alert has been changed
// since the message was made: then it may be another receiver's.
func disableAlert(ctx context.Context, tx pgx.Tx, d *meshhook.Delivery, why meshhook.DeliveryReason) error {
	var asOf time.Time
	if d.Request != nil {
		asOf = d.Request.AsOf
	}
	tag, err := tx.Exec(ctx, `
		UPDATE alert_configs SET enabled = false, disabled_reason = $2, updated_at = now() WHERE id = $1 AND enabled AND updated_at = $3`, d.AlertID, why, asOf)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	if err := insertAudit(ctx, tx, d.ProjectID, itself, meshhook.AuditAlertDisabled, d.AlertID.String(), map[string]any{"reason": why}); err != nil {
		return err
	}
	return changedConfig(ctx, tx, d.ProjectID)
}

// tellOfAlerts writes the deliveries of alerts about alerts. No alert is told of itself, and
// none of a message about alerts: that stands in the status, the journal and the metrics.
func tellOfAlerts(ctx context.Context, tx pgx.Tx, d *meshhook.Delivery, c meshhook.Condition) error {
	if d.Type.AboutAlerts() {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO deliveries (id, project_id, alert_id, type, status, run_id, run_attempt, workflow_id, workflow, subject, next_at)
		SELECT meshhook_id(), a.project_id, a.id, $4, 'pending', $5, $6, $7, $8, $2, now()
		  FROM alert_configs a
		 WHERE a.project_id = $1 AND a.enabled AND $3 = ANY (a.conditions) AND a.id <> $9`,
		d.ProjectID, d.ID, c, c.Type(), d.RunID, d.RunAttempt, d.WorkflowID, d.Workflow, d.AlertID)
	return err
}

// ReleaseDelivery gives a delivery back that cannot be sent now: its host has as many
// calls under way as it may. It counts as no attempt. What is to be sent is kept, and with
// it the host.
func (db *DB) ReleaseDelivery(ctx context.Context, c *meshhook.DeliveryClaim, wait time.Duration) error {
	return db.inTx(ctx, "giving the delivery back", func(tx pgx.Tx) error { return db.releaseDelivery(ctx, tx, c, wait) })
}

func (db *DB) releaseDelivery(ctx context.Context, tx pgx.Tx, c *meshhook.DeliveryClaim, wait time.Duration) error {
	request, host, err := db.rendered(c)
	if err != nil {
		return err
	}
	return changeDelivery(ctx, tx, c, `
		UPDATE deliveries
		   SET lease_owner = NULL, lease_until = NULL, next_at = now() + $3::interval, request = coalesce($4, request), host = coalesce($5, host)`,
		wait, request, host)
}

// HoldDelivery gives a delivery back whose time has not come: for its schedule, or for
// quiet hours. It is due when the wait is over.
func (db *DB) HoldDelivery(ctx context.Context, c *meshhook.DeliveryClaim, wait time.Duration) error {
	return db.inTx(ctx, "holding the delivery back", func(tx pgx.Tx) error {
		return changeDelivery(ctx, tx, c, `
			UPDATE deliveries SET lease_owner = NULL, lease_until = NULL, next_at = now() + $3::interval, due_at = now() + $3::interval`, wait)
	})
}

// ExtendDeliveries renews the leases of the deliveries that owner holds.
func (db *DB) ExtendDeliveries(ctx context.Context, owner meshhook.ID, ids []meshhook.ID, lease time.Duration) error {
	return db.inTx(ctx, "extending the leases of deliveries", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			WITH held AS (SELECT id FROM deliveries WHERE id = ANY ($2) AND lease_owner = $1 ORDER BY id FOR UPDATE) -- as all who lock several
			UPDATE deliveries d SET lease_until = now() + $3::interval FROM held WHERE d.id = held.id`, owner, ids, lease)
		return err
	})
}

// RecoverDeliveries gives back what daemons held whose leases ran out. An attempt that
// was under way is made again, with the same webhook-id. It returns how many there were.
func (db *DB) RecoverDeliveries(ctx context.Context, limit int) (int, error) {
	return db.returnDeliveries(ctx, `
		SELECT id FROM deliveries WHERE lease_owner IS NOT NULL AND lease_until < now() ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED`, limit)
}

// ReleaseDeliveries gives back what owner still holds: it stops.
func (db *DB) ReleaseDeliveries(ctx context.Context, owner meshhook.ID) (int, error) {
	return db.returnDeliveries(ctx, `SELECT id FROM deliveries WHERE lease_owner = $1 ORDER BY id FOR UPDATE`, owner)
}

func (db *DB) returnDeliveries(ctx context.Context, which string, arg any) (count int, err error) {
	err = db.inTx(ctx, "giving deliveries back", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			WITH lost AS (`+which+`), back AS (
				UPDATE deliveries d SET lease_owner = NULL, lease_until = NULL, next_at = now(), fence = d.fence + 1
				  FROM lost WHERE d.id = lost.id RETURNING d.id
			), crashed AS (
				UPDATE alert_logs l SET finished_at = now(), reason = 'crashed' FROM back WHERE l.delivery_id = back.id AND l.finished_at IS NULL
			)
			SELECT FROM back`, arg)
		count = int(tag.RowsAffected())
		return err
	})
	if count > 0 && err == nil {
		db.Ring(BellDeliveries)
	}
	return count, err
}
