package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// deliveryAlert is the name of a delivery's alert, "" when it is gone.
const deliveryAlert = `, coalesce((SELECT a.name FROM alert_configs a WHERE a.id = deliveries.alert_id), '')`

// Deliveries lists deliveries, newest first.
func (t *Tenant) Deliveries(ctx context.Context, f meshhook.DeliveryFilter) (list []meshhook.Delivery, err error) {
	err = t.inTx(ctx, "listing deliveries", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT `+deliveryFields+deliveryAlert+` FROM deliveries
			 WHERE project_id = $1
			   AND ($2::uuid IS NULL OR alert_id = $2)
			   AND ($3 = '' OR status = $3)
			   AND ($4::uuid IS NULL OR run_id = $4)
			   AND id >= $5 AND id < $6
			 ORDER BY id DESC LIMIT nullif($7::bigint, 0)`,
			t.id, idOrNull(f.Alert), f.Status, idOrNull(f.Run), meshhook.FirstIDAt(f.Since), upperBound(f.Before, time.Time{}), f.Limit)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, t.db.scanDelivery)
		return err
	})
	return list, err
}

func (db *DB) scanDelivery(row pgx.CollectableRow) (d meshhook.Delivery, err error) {
	var sealed []byte
	if err = row.Scan(append(deliveryTargets(&d, &sealed), &d.Alert)...); err != nil {
		return d, err
	}
	deliveryInUTC(&d)
	d.Error, err = db.openText("deliveries.error", d.ID, sealed)
	return d, err
}

// idOrNull turns the zero id into NULL.
func idOrNull(id meshhook.ID) *meshhook.ID {
	if id == (meshhook.ID{}) {
		return nil
	}
	return &id
}

// Delivery returns one delivery.
func (t *Tenant) Delivery(ctx context.Context, id meshhook.ID) (d meshhook.Delivery, err error) {
	err = t.inTx(ctx, "reading the delivery", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+deliveryFields+deliveryAlert+` FROM deliveries WHERE project_id = $1 AND id = $2`, t.id, id)
		if err != nil {
			return err
		}
		d, err = pgx.CollectExactlyOneRow(rows, t.db.scanDelivery)
		return notFound(err, "there is no delivery %s", id)
	})
	return d, err
}

// Attempts lists attempts, newest first, with what was sent and answered; the bodies of
// both only when the filter asks for them.
func (t *Tenant) Attempts(ctx context.Context, f meshhook.AttemptFilter) (list []meshhook.AlertAttempt, err error) {
	err = t.inTx(ctx, "listing attempts", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT id, delivery_id, alert_id, project_id, attempt, started_at, request, http_status, latency_ms, answer, reason, error FROM alert_logs
			 WHERE project_id = $1
			   AND ($2::uuid IS NULL OR alert_id = $2)
			   AND ($3::uuid IS NULL OR delivery_id = $3)
			   AND id >= $4 AND id < $5
			 ORDER BY id DESC LIMIT nullif($6::bigint, 0)`,
			t.id, idOrNull(f.Alert), idOrNull(f.Delivery), meshhook.FirstIDAt(f.Since), upperBound(f.Before, time.Time{}), f.Limit)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (meshhook.AlertAttempt, error) {
			a, err := t.db.scanAttempt(row)
			if !f.Full { // or a long list would hold all of them at once
				a.Body, a.Answer = nil, nil
			}
			return a, err
		})
		return err
	})
	return list, err
}

func (db *DB) scanAttempt(row pgx.CollectableRow) (a meshhook.AlertAttempt, err error) {
	var request, answer, text []byte
	err = row.Scan(&a.ID, &a.DeliveryID, &a.AlertID, &a.ProjectID, &a.Attempt, &a.At, &request, &a.HTTPStatus, &a.LatencyMS, &answer, &a.Reason, &text)
	if err != nil {
		return a, err
	}
	inUTC(&a.At)
	var sent meshhook.AlertRequest
	noRequest := db.openJSON("alert_logs.request", a.ID, request, &sent)
	a.URL, a.Headers, a.Body, a.Fallback = sent.URL, sent.Headers, sent.Body, sent.Fallback
	var noAnswer, noText error
	a.Answer, noAnswer = db.openBody("alert_logs.answer", a.ID, answer)
	a.Error, noText = db.openText("alert_logs.error", a.ID, text)
	return a, errors.Join(noRequest, noAnswer, noText)
}

// redeliver makes deliveries that are over as if they had never been tried. A person
// asked: neither throttle nor quiet hours hold them back, and their time begins anew.
const redeliver = `
	UPDATE deliveries d
	   SET status = 'pending', reason = '', error = NULL, attempt = 0, next_at = now(), due_at = now(), sent_at = NULL, finished_at = NULL, passed = true
	  FROM again WHERE d.id = again.id`

// Redeliver sends a delivery that is over again as it was: with the same webhook-id, from
// the first attempt on. Errors: CodeConflict for one that is pending, or whose alert is
// disabled or deleted.
func (t *Tenant) Redeliver(ctx context.Context, id meshhook.ID) error {
	d, err := t.Delivery(ctx, id)
	if err != nil {
		return err
	}
	a, err := t.Alert(ctx, d.AlertID)
	switch {
	case meshhook.ErrorCode(err) == meshhook.CodeNotFound:
		return meshhook.Errorf(meshhook.CodeConflict, "the alert of delivery %s was deleted, so that nothing says where it goes", id)
	case err != nil:
		return err
	case !a.Enabled && !d.Sample:
		return meshhook.Errorf(meshhook.CodeConflict, "the alert %s is disabled; enable it first", a.ID)
	}
	return t.redelivering(ctx, func(tx pgx.Tx) (int, error) {
		tag, err := tx.Exec(ctx, `WITH again AS (SELECT id FROM deliveries WHERE project_id = $1 AND id = $2 AND status <> 'pending' FOR UPDATE)`+redeliver, t.id, id)
		if err == nil && tag.RowsAffected() == 0 {
			return 0, meshhook.Errorf(meshhook.CodeConflict, "delivery %s is pending: it will be tried anyway", id)
		}
		return 1, err
	})
}

// RedeliverExhausted sends all again that were made since the moment given and are given
// up, as Redeliver does, but for samples. It returns how many there were.
func (t *Tenant) RedeliverExhausted(ctx context.Context, since time.Time) (count int, err error) {
	err = t.redelivering(ctx, func(tx pgx.Tx) (int, error) {
		tag, err := tx.Exec(ctx, `
			WITH again AS (
				SELECT id FROM deliveries
				 WHERE project_id = $1 AND status = 'exhausted' AND id >= $2 AND NOT sample AND alert_id IN (SELECT id FROM alert_configs WHERE project_id = $1 AND enabled)
				 ORDER BY id FOR UPDATE -- as all who lock several
			)`+redeliver, t.id, meshhook.FirstIDAt(since))
		count = int(tag.RowsAffected())
		return count, err
	})
	return count, err
}

// redelivering audits what do sends again, and rings for it.
func (t *Tenant) redelivering(ctx context.Context, do func(tx pgx.Tx) (count int, err error)) error {
	err := t.inTx(ctx, "redelivering", func(tx pgx.Tx) error {
		count, err := do(tx)
		if err != nil || count == 0 {
			return err
		}
		return t.audit(ctx, tx, meshhook.AuditAlertRedelivered, "", map[string]any{"deliveries": count})
	})
	if err == nil {
		t.ring(BellDeliveries)
	}
	return err
}

// SampleDelivery asks for a message that tries an alert, and returns its id.
func (t *Tenant) SampleDelivery(ctx context.Context, alert meshhook.ID) (id meshhook.ID, err error) {
	id = meshhook.NewID()
	err = t.inTx(ctx, "trying the alert", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO deliveries (id, project_id, alert_id, type, status, sample, workflow_id, next_at)
			SELECT $1, project_id, id, $4, 'pending', true, workflow_id, now() FROM alert_configs WHERE project_id = $2 AND id = $3`, id, t.id, alert, meshhook.AlertTest)
		if err == nil && tag.RowsAffected() == 0 {
			return meshhook.Errorf(meshhook.CodeNotFound, "there is no alert %s", alert)
		}
		return err
	})
	if err == nil {
		t.ring(BellDeliveries)
	}
	return id, err
}
