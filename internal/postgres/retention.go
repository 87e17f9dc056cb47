package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// expiryWindow is how far behind the retention rejected events are looked for:
// the janitor comes every hour. What it missed while no daemon ran goes with its
// partition.
const expiryWindow = 6 * time.Hour

// Expire drops the partitions that retention has left behind, and deletes expired
// dedup keys, rate limits, long expired secrets and rejected events. Partitions with runs that are not over stay,
// and so do those with such runs' events. It returns the names of what it dropped.
func (db *DB) Expire(ctx context.Context, now time.Time, r meshhook.Retention) (dropped []string, err error) {
	keep := map[string]time.Duration{"events": r.Events, "runs": r.Events, "run_steps": r.Events, "journal": r.Journal}
	// Steps go before their runs, and runs before their events.
	// One that cannot be dropped now, for a lock that somebody holds, waits an hour.
	var errs []error
	for _, table := range []string{"journal", "run_steps", "runs", "events"} {
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
	errs = append(errs, db.inTx(ctx, "expiring events", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM dedup_keys WHERE expires_at < $1`, now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM endpoint_secrets WHERE expires_at < $1`, now.Add(-expiredSecretsKept)); err != nil {
			return err
		}
		// Their moments are the server's, and so is the time they are compared with.
		if _, err := tx.Exec(ctx, `DELETE FROM rate_limits WHERE tat < clock_timestamp() AND ends < clock_timestamp()`); err != nil {
			return err
		}
		over := now.Add(-r.Rejected)
		_, err := tx.Exec(ctx, `DELETE FROM events WHERE status = 'rejected' AND id >= $1 AND id < $2`,
			meshhook.FirstIDAt(over.Add(-expiryWindow)), meshhook.FirstIDAt(over))
		return err
	}))
	return dropped, errors.Join(errs...)
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

// dropPartition drops a partition unless a run that is not over still needs it.
func (db *DB) dropPartition(ctx context.Context, p partition) (gone bool, err error) {
	needed := map[string]string{
		"runs":      `SELECT EXISTS (SELECT FROM runs WHERE id >= $1 AND id < $2 AND status IN ('queued', 'running', 'waiting'))`,
		"run_steps": `SELECT EXISTS (SELECT FROM runs WHERE id >= $1 AND id < $2 AND status IN ('queued', 'running', 'waiting'))`,
		"events":    `SELECT EXISTS (SELECT FROM runs WHERE event_id >= $1 AND event_id < $2 AND status IN ('queued', 'running', 'waiting'))`,
	}[p.table]
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
