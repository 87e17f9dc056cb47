package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// alertStats counts deliveries, without samples, for each alert and for all together,
// which is the row without an alert.
const alertStats = `
	WITH d AS (
		SELECT alert_id, status, attempt, 1000 * extract(epoch FROM sent_at - due_at)::float8 AS dispatch,
		       CASE WHEN status = 'delivered' THEN 1000 * extract(epoch FROM finished_at - due_at)::float8 END AS delivery,
		       CASE WHEN status = 'pending' AND next_at <= now() THEN next_at END AS due
		  FROM deliveries WHERE project_id = $1 AND id >= $2 AND NOT sample
	)
	SELECT alert_id, coalesce((SELECT a.name FROM alert_configs a WHERE a.id = d.alert_id), ''), count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status = 'delivered'),
	       count(*) FILTER (WHERE status = 'exhausted'), count(*) FILTER (WHERE status = 'discarded'),
	       coalesce(sum(attempt), 0), coalesce(sum(greatest(attempt - 1, 0)), 0), min(due),
	       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY dispatch),
	       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY delivery)
	  FROM d GROUP BY GROUPING SETS ((), (alert_id)) ORDER BY alert_id NULLS FIRST`

// AlertStats returns how the deliveries that were made since the moment given went: all
// together, and for each alert that has any.
func (t *Tenant) AlertStats(ctx context.Context, since time.Time) (all meshhook.AlertStats, each []meshhook.AlertStats, err error) {
	err = t.inTx(ctx, "counting deliveries", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, alertStats, t.id, meshhook.FirstIDAt(since))
		if err != nil {
			return err
		}
		each, err = pgx.CollectRows(rows, scanAlertStats)
		return err
	})
	if err != nil {
		return all, nil, err
	}
	return each[0], each[1:], nil // the sum is there even of nothing
}

func scanAlertStats(row pgx.CollectableRow) (s meshhook.AlertStats, err error) {
	var counts [4]int64
	var dispatch, delivery []*float64
	err = row.Scan(&s.AlertID, &s.Alert, &counts[0], &counts[1], &counts[2], &counts[3], &s.Attempts, &s.Again, &s.OldestDue, &dispatch, &delivery)
	if err != nil {
		return s, err
	}
	inUTC(s.OldestDue)
	s.Dispatch, s.Delivery = percentiles(dispatch), percentiles(delivery)
	s.Counts = map[meshhook.DeliveryStatus]int64{}
	for i, status := range meshhook.DeliveryStatuses() {
		if counts[i] > 0 {
			s.Counts[status] = counts[i]
		}
	}
	if ended := s.Counts[meshhook.DeliveryDelivered] + s.Counts[meshhook.DeliveryExhausted]; ended > 0 {
		share := float64(s.Counts[meshhook.DeliveryDelivered]) / float64(ended)
		s.Delivered = &share
	}
	return s, nil
}

// percentiles are those of a column; of an empty one there are none.
func percentiles(values []*float64) (p meshhook.Percentiles) {
	if len(values) == 3 {
		p.P50, p.P95, p.P99 = values[0], values[1], values[2]
	}
	return p
}

// alertHealth adds to a status how alerts fare.
func (t *Tenant) alertHealth(ctx context.Context, tx pgx.Tx, h *meshhook.AlertHealth) (err error) {
	h.Deliveries, err = counts[meshhook.DeliveryStatus](ctx, tx, `
		SELECT status, count(*) FROM deliveries WHERE project_id = $1 AND id >= $2 AND NOT sample GROUP BY status`, t.id)
	if err != nil {
		return err
	}
	err = tx.QueryRow(ctx, `
		SELECT (SELECT min(next_at) FROM deliveries WHERE project_id = $1 AND status = 'pending' AND next_at <= now()),
		       (SELECT count(*) FROM deliveries WHERE project_id = $1 AND status = 'exhausted' AND id >= $2 AND type IN ('alert.exhausted', 'alert.circuit_open'))`,
		t.id, meshhook.FirstIDAt(time.Now().Add(-day))).Scan(&h.OldestDue, &h.Unheard)
	inUTC(h.OldestDue)
	return err
}
