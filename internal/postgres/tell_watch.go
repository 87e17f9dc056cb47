package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// What is told of because nothing has happened. Several daemons look at the same time:
// of what is to be told of they make a state each, in the order of the keys, so that none
// waits for another in a circle, and who made it tells.

// tellOfDelayed looks at first attempts, all but a few, by their ids, and at others by
// when they were asked for. (Before there was retried_at that was not written down.)
const tellOfDelayed = `
	WITH watch AS (
		SELECT a.id AS alert_id, a.project_id, w.id AS workflow_id, make_interval(secs => a.delay_threshold_ms / 1000.0) AS threshold
		  FROM alert_configs a JOIN workflows w ON w.project_id = a.project_id AND (a.workflow_id IS NULL OR a.workflow_id = w.id)
		 WHERE a.enabled AND a.delay_threshold_ms IS NOT NULL
	), late AS (
		SELECT w.alert_id, w.project_id, r.id, r.attempt, r.workflow_id, r.workflow
		  FROM watch w JOIN runs r ON r.workflow_id = w.workflow_id AND r.finished_at IS NULL AND r.attempt = 1
		   AND r.id < first_id_at(now() - w.threshold)
		   AND r.id >= coalesce(first_id_at($1::timestamptz - w.threshold), '00000000-0000-0000-0000-000000000000')
		UNION ALL
		SELECT w.alert_id, w.project_id, r.id, r.attempt, r.workflow_id, r.workflow
		  FROM watch w JOIN runs r ON r.workflow_id = w.workflow_id AND r.finished_at IS NULL AND r.attempt > 1
		   AND coalesce(r.retried_at, r.started_at, r.wake_at) < now() - w.threshold
	), new AS (
		INSERT INTO alert_states (alert_id, kind, key, project_id, at)
		SELECT alert_id, 'delayed', uuid_send(id) || int4send(attempt), project_id, now() FROM late
		 ORDER BY 1, 3
		ON CONFLICT DO NOTHING RETURNING alert_id, key
	)
	INSERT INTO deliveries (id, project_id, alert_id, type, status, run_id, run_attempt, workflow_id, workflow, next_at)
	SELECT meshhook_id(), l.project_id, l.alert_id, 'run.delayed', 'pending', l.id, l.attempt, l.workflow_id, l.workflow, now()
	  FROM late l JOIN new n ON n.alert_id = l.alert_id AND n.key = uuid_send(l.id) || int4send(l.attempt)`

// TellOfDelayed writes the deliveries of alerts about runs that take too long: of runs
// that became late since the moment given, or of all when it is zero. Each is told once
// for each attempt of the run; one that was tried again counts from when that was asked
// for. It returns the server's time, from which the next look goes on, and how many were
// written.
func (db *DB) TellOfDelayed(ctx context.Context, since time.Time) (now time.Time, count int, err error) {
	err = db.inTx(ctx, "looking for delayed runs", func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT now()`).Scan(&now); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, tellOfDelayed, orNull(since))
		count = int(tag.RowsAffected())
		return err
	})
	if count > 0 && err == nil {
		db.Ring(BellDeliveries)
	}
	return now, count, err
}

// tellOfAbsent tells gaps apart by the event before them, of which the alert keeps the
// time (seen) once nothing has come for half an hour: an event expires, an hour after it
// came at the earliest, and its webhook's path may become another.
const tellOfAbsent = `
	WITH expected AS (
		SELECT a.id, a.project_id, a.expect_endpoint_id, a.expect_seen_at, a.expect_within_ms, greatest(e.received_at, a.expect_seen_at) AS last,
		       greatest(coalesce(greatest(e.received_at, a.expect_seen_at), a.created_at), a.updated_at) AS since
		  FROM alert_configs a
		  JOIN webhook_endpoints w ON w.id = a.expect_endpoint_id
		  LEFT JOIN LATERAL (SELECT received_at FROM events WHERE webhook = w.url_path AND status = 'accepted' ORDER BY id DESC LIMIT 1) e ON true
		 WHERE a.enabled
	), seen AS (
		UPDATE alert_configs a SET expect_seen_at = x.last FROM expected x
		 WHERE a.id = x.id AND x.last < now() - interval '30 minutes' AND a.expect_seen_at IS DISTINCT FROM x.last
	), new AS (
		INSERT INTO alert_states (alert_id, kind, key, project_id, at)
		SELECT id, 'absent', uuid_send(expect_endpoint_id) || coalesce(timestamptz_send(last), '\x'), project_id, now()
		  FROM expected WHERE since < now() - make_interval(secs => expect_within_ms / 1000.0)
		 ORDER BY 1, 3
		ON CONFLICT DO NOTHING RETURNING alert_id, project_id
	)
	INSERT INTO deliveries (id, project_id, alert_id, type, status, next_at)
	SELECT meshhook_id(), project_id, alert_id, 'webhook.absent', 'pending', now() FROM new`

// TellOfAbsent writes the deliveries of alerts about webhooks whose expected event has
// not come, once for each gap. It returns how many were written.
func (db *DB) TellOfAbsent(ctx context.Context) (count int, err error) {
	err = db.inTx(ctx, "looking for expected events", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, tellOfAbsent)
		count = int(tag.RowsAffected())
		return err
	})
	if count > 0 && err == nil {
		db.Ring(BellDeliveries)
	}
	return count, err
}

// keepSeen keeps, for the alerts that expect events of a webhook, when its last one came:
// events are found by the path that they came to, which is about to become another.
func keepSeen(ctx context.Context, tx pgx.Tx, e meshhook.Endpoint) error {
	_, err := tx.Exec(ctx, `
		UPDATE alert_configs SET expect_seen_at = e.received_at
		  FROM (SELECT received_at FROM events WHERE webhook = $2 AND status = 'accepted' ORDER BY id DESC LIMIT 1) e
		 WHERE expect_endpoint_id = $1`, e.ID, e.Path)
	return err
}
