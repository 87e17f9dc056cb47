package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
	// partitionsAhead is how far into the future partitions are made: a janitor
	// may be away for that long before rows fall into the default partition.
	partitionsAhead = week
)

// partitioned lists the tables that are cut by the time in their ids, and how
// wide a slice is. Weeks keep the claim of a run to a handful of partitions;
// the journal, which is kept for a week only, is cut by days.
var partitioned = []struct {
	table string
	width time.Duration
}{
	{"events", week},
	{"runs", week},
	{"run_steps", week},
	{"deliveries", week},
	{"alert_logs", week},
	{"journal", day},
}

// EnsurePartitions makes the partitions that hold ids made between now and
// partitionsAhead. Those that exist are left alone; daemons may do this together.
func (db *DB) EnsurePartitions(ctx context.Context, now time.Time) error {
	missing, err := missingPartitions(ctx, db.pool, now)
	if err != nil {
		return translate(err, "reading the partitions")
	}
	var errs []error
	for _, p := range missing {
		// One transaction each: a lock that is not to be had keeps one from being made.
		errs = append(errs, db.inTx(ctx, "making "+p.name(), func(tx pgx.Tx) error { return p.make(ctx, tx) }))
	}
	return errors.Join(errs...)
}

// partitionLocks: one maker at a time, and nobody waits for long behind a maker
// that waits for a long reader. It comes again within the hour.
const partitionLocks = `SET LOCAL lock_timeout = '300ms'; SELECT pg_advisory_xact_lock(hashtext('meshhook.partitions'))`

func (p partition) make(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, partitionLocks); err != nil {
		return err
	}
	var made bool
	if err := tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, p.name()).Scan(&made); err != nil || made {
		return err
	}
	_, err := tx.Exec(ctx, p.create())
	return err
}

// partition is one slice of a partitioned table.
type partition struct {
	table    string
	from, to time.Time
}

func (p partition) name() string { return p.table + "_" + p.from.Format("20060102") }

// create makes the partition and moves into it what fell into the default one
// while nobody was there to make it. The default partition is locked, so that
// nothing falls into it meanwhile.
func (p partition) create() string {
	id := "id"
	if p.table == "run_steps" {
		id = "run_id"
	}
	return fmt.Sprintf(`LOCK TABLE %[2]s_default IN ACCESS EXCLUSIVE MODE;
		CREATE TABLE %[1]s (LIKE %[2]s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE);
		WITH moved AS (DELETE FROM %[2]s WHERE %[5]s >= '%[3]s' AND %[5]s < '%[4]s' RETURNING *) INSERT INTO %[1]s SELECT * FROM moved;
		CALL isolate('%[1]s');
		ALTER TABLE %[2]s ATTACH PARTITION %[1]s FOR VALUES FROM ('%[3]s') TO ('%[4]s')`,
		p.name(), p.table, meshhook.FirstIDAt(p.from), meshhook.FirstIDAt(p.to), id)
}

func wantedPartitions(now time.Time) []partition {
	var list []partition
	for _, t := range partitioned {
		// Truncate counts from the year 1, so slices begin at the same moments on every daemon.
		for from := now.UTC().Truncate(t.width); from.Before(now.Add(partitionsAhead)); from = from.Add(t.width) {
			list = append(list, partition{table: t.table, from: from, to: from.Add(t.width)})
		}
	}
	return list
}

func missingPartitions(ctx context.Context, pool *pgxpool.Pool, now time.Time) ([]partition, error) {
	rows, err := pool.Query(ctx, `
		SELECT c.relname FROM pg_class c
		  JOIN pg_inherits i ON i.inhrelid = c.oid
		 WHERE c.relnamespace = current_schema()::regnamespace`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	exists := make(map[string]bool, len(names))
	for _, name := range names {
		exists[name] = true
	}
	var missing []partition
	for _, p := range wantedPartitions(now) {
		if !exists[p.name()] {
			missing = append(missing, p)
		}
	}
	return missing, nil
}
