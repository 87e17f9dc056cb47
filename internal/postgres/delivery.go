package postgres

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const deliveryFields = `id, project_id, alert_id, type, status, reason, run_id, run_attempt, workflow_id, workflow, step, subject, sample, held, attempt,
	next_at, created_at, sent_at, finished_at, error`

func deliveryTargets(d *meshhook.Delivery, sealedError *[]byte) []any {
	return []any{
		&d.ID, &d.ProjectID, &d.AlertID, &d.Type, &d.Status, &d.Reason, &d.RunID, &d.RunAttempt, &d.WorkflowID, &d.Workflow, &d.Step, &d.Subject, &d.Sample, &d.Held, &d.Attempt,
		&d.NextAt, &d.CreatedAt, &d.SentAt, &d.FinishedAt, sealedError,
	}
}

func deliveryInUTC(d *meshhook.Delivery) { inUTC(d.NextAt, &d.CreatedAt, d.SentAt, d.FinishedAt) }

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
