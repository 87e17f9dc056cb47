package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// claimDeliveries takes deliveries that are due, oldest first, and to each host no more
// than may be under way: a slow receiver keeps no other waiting, and what could not be
// sent now is not taken.
const claimDeliveries = `
	WITH load AS (
		SELECT * FROM unnest($4::bytea[], $5::integer[]) AS u (host, free)
	), due AS (
		SELECT id, host, next_at FROM deliveries
		 WHERE status = 'pending' AND lease_owner IS NULL AND next_at <= now()
		   AND (host IS NULL OR host <> ALL (ARRAY(SELECT l.host FROM load l WHERE l.free <= 0)))
		 ORDER BY next_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
	), ready AS (
		SELECT d.id FROM (SELECT id, host, row_number() OVER (PARTITION BY host ORDER BY next_at, id) AS place FROM due) d LEFT JOIN load l ON l.host = d.host
		 WHERE d.host IS NULL OR d.place <= coalesce(l.free, $6::integer)
	)` + claimReady

// claimReady claims for the owner $2, for the time $3, what is ready of what is due.
const claimReady = `, claimed AS (
		UPDATE deliveries d SET lease_owner = $2, lease_until = now() + $3::interval, next_at = NULL, fence = d.fence + 1
		  FROM ready WHERE d.id = ready.id
		RETURNING d.*
	)
	SELECT ` + deliveryFields + `, fence, host, passed, due_at, snapshot, circuit, request, now(), (SELECT count(*) FROM due) FROM claimed ORDER BY id`

const deliveryFields = `id, project_id, alert_id, type, status, reason, run_id, run_attempt, workflow_id, workflow, step, subject, sample, held, attempt,
	next_at, created_at, sent_at, finished_at`

func deliveryTargets(d *meshhook.Delivery) []any {
	return []any{
		&d.ID, &d.ProjectID, &d.AlertID, &d.Type, &d.Status, &d.Reason, &d.RunID, &d.RunAttempt, &d.WorkflowID, &d.Workflow, &d.Step, &d.Subject, &d.Sample, &d.Held, &d.Attempt,
		&d.NextAt, &d.CreatedAt, &d.SentAt, &d.FinishedAt,
	}
}

func deliveryInUTC(d *meshhook.Delivery) { inUTC(d.NextAt, &d.CreatedAt, d.SentAt, d.FinishedAt) }

// ClaimDeliveries gives due deliveries, as many as there is room for, into the hands of
// the daemon owner for the time of the lease. seen is of how many it took them: room's
// Limit where there may be others.
func (db *DB) ClaimDeliveries(ctx context.Context, owner meshhook.ID, room meshhook.DeliveryRoom, lease time.Duration) (claims []meshhook.DeliveryClaim, seen int, err error) {
	err = db.inTx(ctx, "claiming deliveries", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, claimDeliveries, room.Limit, owner, lease, room.Hosts, room.Free, room.PerHost)
		if err != nil {
			return err
		}
		claims, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (meshhook.DeliveryClaim, error) { return db.scanDeliveryClaim(row, &seen) })
		return err
	})
	return claims, seen, err
}

// ClaimDelivery gives one delivery that is due into the hands of owner for the time of
// the lease; nil when it is not due, or in other hands.
func (db *DB) ClaimDelivery(ctx context.Context, owner, id meshhook.ID, lease time.Duration) (claims []meshhook.DeliveryClaim, err error) {
	err = db.inTx(ctx, "claiming the delivery", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			WITH due AS (
				SELECT id FROM deliveries WHERE id = $1 AND status = 'pending' AND lease_owner IS NULL AND next_at <= now() FOR UPDATE SKIP LOCKED
			), ready AS (SELECT id FROM due)`+claimReady, id, owner, lease)
		if err != nil {
			return err
		}
		claims, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (meshhook.DeliveryClaim, error) {
			return db.scanDeliveryClaim(row, new(int))
		})
		return err
	})
	return claims, err
}

func (db *DB) scanDeliveryClaim(row pgx.CollectableRow, seen *int) (c meshhook.DeliveryClaim, err error) {
	var snapshot, circuit, request []byte
	d := &c.Delivery
	if err = row.Scan(append(deliveryTargets(d), &c.Fence, &c.Host, &c.Passed, &c.Due, &snapshot, &circuit, &request, &c.Now, seen)...); err != nil {
		return c, err
	}
	deliveryInUTC(d)
	inUTC(&c.Due, &c.Now)
	var unreadable error
	if request != nil {
		d.Request = &meshhook.AlertRequest{}
		unreadable = db.openJSON("deliveries.request", d.ID, request, d.Request)
	}
	if snapshot != nil {
		c.Snapshot = &meshhook.Run{}
		unreadable = errors.Join(unreadable, db.openJSON("deliveries.snapshot", d.ID, snapshot, c.Snapshot))
	}
	if circuit != nil {
		c.Circuit = &meshhook.Circuit{}
		unreadable = errors.Join(unreadable, db.openJSON("deliveries.circuit", d.ID, circuit, c.Circuit))
	}
	c.Unreadable = unreadable
	return c, nil
}

// sealJSON and openJSON keep a value as sealed JSON.
func (db *DB) sealJSON(column string, id meshhook.ID, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return db.sealBody(column, id, text)
}

func (db *DB) openJSON(column string, id meshhook.ID, sealed []byte, into any) error {
	text, err := db.openBody(column, id, sealed)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// errLostDelivery is the error of a write for a delivery that is in other hands.
func errLostDelivery(id meshhook.ID) error {
	return meshhook.Errorf(meshhook.CodeLeaseLost, "delivery %s is in other hands now", id)
}

// rendered is what is to be sent, sealed, where it is not kept yet; nil otherwise.
func (db *DB) rendered(c *meshhook.DeliveryClaim) (request, host []byte, err error) {
	if !c.Unkept {
		return nil, nil, nil
	}
	request, err = db.sealJSON("deliveries.request", c.Delivery.ID, c.Delivery.Request)
	return request, c.Host, err
}

// changeDelivery changes a delivery that is held.
func changeDelivery(ctx context.Context, tx pgx.Tx, c *meshhook.DeliveryClaim, update string, args ...any) error {
	tag, err := tx.Exec(ctx, update+` WHERE id = $1 AND fence = $2 AND lease_owner IS NOT NULL`, append([]any{c.Delivery.ID, c.Fence}, args...)...)
	if err == nil && tag.RowsAffected() == 0 {
		return errLostDelivery(c.Delivery.ID)
	}
	return err
}

const beginAttempt = `
	WITH begun AS (
		UPDATE deliveries SET attempt = $3, sent_at = coalesce(sent_at, now()), request = coalesce($4::bytea, request), host = coalesce($5::bytea, host)
		 WHERE id = $1 AND fence = $2 AND lease_owner IS NOT NULL
		RETURNING id, project_id, alert_id
	)
	INSERT INTO alert_logs (id, project_id, delivery_id, alert_id, attempt, request)
	SELECT $6::uuid, project_id, id, alert_id, $3::integer, $7::bytea FROM begun`

// BeginAttempt records that an attempt is about to be made, and what is sent by it and
// all that follow, so that both are known whatever becomes of this daemon.
// CodeLeaseLost when the delivery is in other hands.
func (db *DB) BeginAttempt(ctx context.Context, c *meshhook.DeliveryClaim, a meshhook.AlertAttempt) error {
	request, noRequest := db.sealJSON("alert_logs.request", a.ID, meshhook.AlertRequest{URL: a.URL, Headers: a.Headers, Body: a.Body, Fallback: a.Fallback})
	rendered, host, err := db.rendered(c)
	if err := errors.Join(noRequest, err); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	d, begun := &c.Delivery, int64(0)
	err = db.inBatch(ctx, "recording the attempt", func(b *pgx.Batch) {
		b.Queue(beginAttempt, d.ID, c.Fence, a.Attempt, rendered, host, a.ID, request).Exec(func(tag pgconn.CommandTag) error {
			begun = tag.RowsAffected()
			return nil
		})
	})
	if err == nil && begun == 0 {
		return errLostDelivery(d.ID)
	}
	c.Unkept = c.Unkept && err != nil
	return err
}
