package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Deliveries lists deliveries, newest first.
func (t *Tenant) Deliveries(ctx context.Context, f meshhook.DeliveryFilter) (list []meshhook.Delivery, err error) {
	err = t.inTx(ctx, "listing deliveries", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT `+deliveryFields+` FROM deliveries
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
		list, err = pgx.CollectRows(rows, scanDelivery)
		return err
	})
	return list, err
}

func scanDelivery(row pgx.CollectableRow) (d meshhook.Delivery, err error) {
	err = row.Scan(deliveryTargets(&d)...)
	deliveryInUTC(&d)
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
		rows, err := tx.Query(ctx, `SELECT `+deliveryFields+` FROM deliveries WHERE project_id = $1 AND id = $2`, t.id, id)
		if err != nil {
			return err
		}
		d, err = pgx.CollectExactlyOneRow(rows, scanDelivery)
		return notFound(err, "there is no delivery %s", id)
	})
	return d, err
}

// Attempts lists attempts, newest first, with what was sent and answered.
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
		list, err = pgx.CollectRows(rows, t.db.scanAttempt)
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
	a.URL, a.Headers, a.Body = sent.URL, sent.Headers, sent.Body
	var noAnswer, noText error
	a.Answer, noAnswer = db.openBody("alert_logs.answer", a.ID, answer)
	a.Error, noText = db.openText("alert_logs.error", a.ID, text)
	return a, errors.Join(noRequest, noAnswer, noText)
}

// Redeliver sends deliveries again that are over, as they were: with the same
// webhook-id, from the first attempt on. It returns how many it found. With no ids it is
// all that were exhausted since the moment given.
func (t *Tenant) Redeliver(ctx context.Context, ids []meshhook.ID, since time.Time) (count int, err error) {
	err = t.inTx(ctx, "redelivering", func(tx pgx.Tx) error {
		which := `id = ANY ($2) AND status <> 'pending'`
		args := []any{t.id, ids}
		if len(ids) == 0 {
			which, args = `status = 'exhausted' AND id >= $2`, []any{t.id, meshhook.FirstIDAt(since)}
		}
		// A person asked: neither throttle nor quiet hours hold it back, and its time begins anew.
		tag, err := tx.Exec(ctx, `
			WITH again AS (SELECT id FROM deliveries WHERE project_id = $1 AND `+which+` ORDER BY id FOR UPDATE)
			UPDATE deliveries d
			   SET status = 'pending', reason = '', attempt = 0, next_at = now(), due_at = now(), sent_at = NULL, finished_at = NULL, passed = true
			  FROM again WHERE d.id = again.id`, args...)
		if err != nil {
			return err
		}
		count = int(tag.RowsAffected())
		return t.audit(ctx, tx, meshhook.AuditAlertRedelivered, "", map[string]any{"deliveries": count})
	})
	if err == nil {
		t.db.Ring(BellDeliveries)
	}
	return count, err
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
		t.db.Ring(BellDeliveries)
	}
	return id, err
}

// AlertStats returns how alerts were delivered since the moment given: of one alert, or
// of all when it is the zero id.
func (t *Tenant) AlertStats(ctx context.Context, alert meshhook.ID, since time.Time) (s meshhook.AlertStats, err error) {
	s.AlertID, s.Counts = idOrNull(alert), map[meshhook.DeliveryStatus]int64{}
	err = t.inTx(ctx, "counting deliveries", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT status, count(*) FROM deliveries WHERE project_id = $1 AND ($2::uuid IS NULL OR alert_id = $2) AND id >= $3 AND NOT sample GROUP BY status`,
			t.id, s.AlertID, meshhook.FirstIDAt(since))
		if err != nil {
			return err
		}
		var status meshhook.DeliveryStatus
		var count int64
		if _, err = pgx.ForEachRow(rows, []any{&status, &count}, func() error { s.Counts[status] = count; return nil }); err != nil {
			return err
		}
		if ended := s.Counts[meshhook.DeliveryDelivered] + s.Counts[meshhook.DeliveryExhausted]; ended > 0 {
			share := float64(s.Counts[meshhook.DeliveryDelivered]) / float64(ended)
			s.Delivered = &share
		}
		return tx.QueryRow(ctx, `
			WITH d AS (
				SELECT attempt, 1000 * extract(epoch FROM sent_at - due_at)::float8 AS dispatch,
				       CASE WHEN status = 'delivered' THEN 1000 * extract(epoch FROM finished_at - due_at)::float8 END AS delivery,
				       CASE WHEN status = 'pending' AND next_at <= now() THEN next_at END AS due
				  FROM deliveries WHERE project_id = $1 AND ($2::uuid IS NULL OR alert_id = $2) AND id >= $3 AND NOT sample
			)
			SELECT coalesce(sum(attempt), 0), coalesce(sum(greatest(attempt - 1, 0)), 0), min(due),
			       percentile_cont(0.5) WITHIN GROUP (ORDER BY dispatch), percentile_cont(0.95) WITHIN GROUP (ORDER BY dispatch), percentile_cont(0.99) WITHIN GROUP (ORDER BY dispatch),
			       percentile_cont(0.5) WITHIN GROUP (ORDER BY delivery), percentile_cont(0.95) WITHIN GROUP (ORDER BY delivery), percentile_cont(0.99) WITHIN GROUP (ORDER BY delivery)
			  FROM d`, t.id, s.AlertID, meshhook.FirstIDAt(since)).
			Scan(&s.Attempts, &s.Again, &s.OldestDue, &s.Dispatch.P50, &s.Dispatch.P95, &s.Dispatch.P99, &s.Delivery.P50, &s.Delivery.P95, &s.Delivery.P99)
	})
	inUTC(s.OldestDue)
	return s, err
}
