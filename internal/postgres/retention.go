package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// expiryWindow is how far behind the retention rejected events are looked for:
// the janitor comes every hour. What it missed while no daemon ran goes with its
// partition.
const expiryWindow = 6 * time.Hour

const (
	// expiryPages is how many pages of a table are cleared in one transaction: some
	// thousand rows.
	expiryPages = 64
	// expiryBatch is how many rejected events, which have bodies, are.
	expiryBatch = 500
)

// Expire drops the partitions that retention has left behind, and deletes expired
// dedup keys, rate limits, long expired secrets, circuits that nobody probes, what alerts
// need not remember and rejected events. Partitions with runs that are not over, or that
// alerts are still to tell of, stay, and so do those with such runs' events, and with
// alerts that are still to be sent. It returns the names of what it dropped.
func (db *DB) Expire(ctx context.Context, now time.Time, r meshhook.Retention) (dropped []string, err error) {
	keep := map[string]time.Duration{"events": r.Events, "runs": r.Events, "run_steps": r.Events, "deliveries": r.Events, "alert_logs": r.Events, "journal": r.Journal}
	// Steps go before their runs, and runs before their events.
	// One that cannot be dropped now, for a lock that somebody holds, waits an hour.
	var errs []error
	for _, table := range []string{"journal", "alert_logs", "deliveries", "run_steps", "runs", "events"} {
		old, err := db.oldPartitions(ctx, table, now.Add(-keep[table]))
		errs = append(errs, err)
		for _, p := range old {
			gone, err := db.dropPartition(ctx, p)
			errs = append(errs, err)
			if gone {
				dropped = append(dropped, p.name())
			}
		}
	}
	over := now.Add(-r.Rejected)
	errs = append(errs,
		db.deleteExpired(ctx, "dedup_keys", `expires_at < $3`, now),
		db.deleteExpired(ctx, "endpoint_secrets", `expires_at < $3`, now.Add(-expiredSecretsKept)),
		db.expireStates(ctx, now.Add(-max(r.Events, 30*day))),
		db.deleteExpired(ctx, "alert_secrets", `expires_at < $3`, now), // they sign nothing any more
		// Their moments are the server's, and so is the time they are compared with.
		db.expireCircuits(ctx),
		db.deleteExpired(ctx, "rate_limits", `tat < clock_timestamp() AND ends < clock_timestamp()`),
		db.deleteRejected(ctx, meshhook.FirstIDAt(over.Add(-expiryWindow)), meshhook.FirstIDAt(over)))
	return dropped, errors.Join(errs...)
}

// expireStates deletes what alerts do not need to remember any more, of what is older than
// the moment given: throttles, whose window is no longer; runs that were told of, but for
// those that are not over and would be told of again; and gaps before the last one.
func (db *DB) expireStates(ctx context.Context, before time.Time) error {
	return db.deleteExpired(ctx, "alert_states", `at < $3 AND CASE kind
		WHEN 'throttle' THEN true
		WHEN 'delayed' THEN NOT EXISTS (SELECT FROM runs r WHERE r.id = encode(substr(alert_states.key, 1, 16), 'hex')::uuid AND r.finished_at IS NULL)
		WHEN 'absent' THEN EXISTS (SELECT FROM alert_states n WHERE n.alert_id = alert_states.alert_id AND n.kind = 'absent' AND n.at > alert_states.at)
		END`, before)
}

// deleteExpired deletes the rows for which the condition holds, page by page of the
// table, so that no lock is held for longer than a moment: a row that has expired
// may be about to be used again. One that somebody is using is passed over; whoever
// uses it makes it new, or the janitor finds it in an hour.
func (db *DB) deleteExpired(ctx context.Context, table, condition string, args ...any) error {
	var pages int64
	if err := db.pool.QueryRow(ctx, `SELECT pg_relation_size($1::regclass) / current_setting('block_size')::bigint`, table).Scan(&pages); err != nil {
		return translate(err, "expiring "+table)
	}
	for first := int64(0); first <= pages; first += expiryPages {
		from, to := fmt.Sprintf("(%d,0)", first), fmt.Sprintf("(%d,0)", first+expiryPages)
		err := db.inTx(ctx, "expiring "+table, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `
				DELETE FROM `+table+` WHERE ctid = ANY (ARRAY(
					SELECT ctid FROM `+table+` WHERE ctid >= $1::text::tid AND ctid < $2::text::tid AND `+condition+` FOR UPDATE SKIP LOCKED))`,
				append([]any{from, to}, args...)...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteRejected deletes the rejected events with ids from one to before the other,
// some at a time, and passes over those that are being replayed.
func (db *DB) deleteRejected(ctx context.Context, from, to meshhook.ID) error {
	for {
		count, last := 0, from
		err := db.inTx(ctx, "expiring events", func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `
				DELETE FROM events WHERE id >= $1 AND id < $2 AND id = ANY (ARRAY(
					SELECT id FROM events WHERE id >= $1 AND id < $2 AND status = 'rejected' ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED))
				RETURNING id`, from, to, expiryBatch)
			if err != nil {
				return err
			}
			var id meshhook.ID
			_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
				if count++; bytes.Compare(last[:], id[:]) < 0 {
					last = id
				}
				return nil
			})
			return err
		})
		if err != nil || count < expiryBatch {
			return err
		}
		from = last
	}
}

// oldPartitions lists a table's partitions whose slice ended before the time.
func (db *DB) oldPartitions(ctx context.Context, table string, before time.Time) ([]partition, error) {
	var width time.Duration
	for _, t := range partitioned {
		if t.table == table {
			width = t.width
		}
	}
	rows, err := db.pool.Query(ctx, `
		SELECT substr(c.relname, length($1) + 2) FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
		 WHERE i.inhparent = $1::regclass AND c.relname <> $1 || '_default' ORDER BY 1`, table)
	if err != nil {
		return nil, translate(err, "reading the partitions")
	}
	dates, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, translate(err, "reading the partitions")
	}
	var old []partition
	for _, date := range dates {
		from, err := time.Parse("20060102", date)
		if err != nil {
			continue // not one of ours
		}
		if p := (partition{table: table, from: from, to: from.Add(width)}); p.to.Before(before) {
			old = append(old, p)
		}
	}
	return old, nil
}

// What still needs the rows of a partition: runs that are not over, and alerts about runs
// that are not rendered yet.
const (
	runsNeeded = `SELECT EXISTS (SELECT FROM runs WHERE id >= $1 AND id < $2 AND status IN ('queued', 'running', 'waiting'))
	    OR EXISTS (SELECT FROM deliveries WHERE run_id >= $1 AND run_id < $2 AND status = 'pending' AND request IS NULL)`
	eventsNeeded = `SELECT EXISTS (SELECT FROM runs WHERE event_id >= $1 AND event_id < $2 AND status IN ('queued', 'running', 'waiting'))
	    OR EXISTS (SELECT FROM deliveries d JOIN runs r ON r.id = d.run_id AND r.event_id >= $1 AND r.event_id < $2 WHERE d.status = 'pending' AND d.run_id IS NOT NULL AND d.request IS NULL)`
	deliveriesNeeded = `SELECT EXISTS (SELECT FROM deliveries WHERE id >= $1 AND id < $2 AND status = 'pending')`
)

// dropPartition drops a partition unless something still needs it.
func (db *DB) dropPartition(ctx context.Context, p partition) (gone bool, err error) {
	needed := map[string]string{"runs": runsNeeded, "run_steps": runsNeeded, "events": eventsNeeded, "deliveries": deliveriesNeeded}[p.table]
	err = db.inTx(ctx, "dropping "+p.name(), func(tx pgx.Tx) error {
		// While DROP waits for its lock, everybody else waits behind it.
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '300ms'`); err != nil {
			return err
		}
		if needed != "" {
			var live bool
			if err := tx.QueryRow(ctx, needed, meshhook.FirstIDAt(p.from), meshhook.FirstIDAt(p.to)).Scan(&live); err != nil || live {
				return err
			}
		}
		gone = true
		_, err := tx.Exec(ctx, `DROP TABLE IF EXISTS `+p.name())
		return err
	})
	return gone && err == nil, err
}
