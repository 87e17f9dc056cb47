package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

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
	{"journal", day},
}

// EnsurePartitions makes the partitions that hold ids made between now and
// partitionsAhead. Those that exist are left alone; daemons may do this together.
func (db *DB) EnsurePartitions(ctx context.Context, now time.Time) error {
	missing, err := missingPartitions(ctx, db.pool, now)
	if err != nil || len(missing) == 0 {
		return translate(err, "reading the partitions")
	}
	return db.inTx(ctx, "making partitions", func(tx pgx.Tx) error {
		// One maker at a time; the next one finds them made.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('meshhook.partitions'))`); err != nil {
			return err
		}
		missing, err := missingPartitions(ctx, tx, now)
		if err != nil {
			return err
		}
		for _, p := range missing {
			if _, err := tx.Exec(ctx, p.create()); err != nil {
				return err
			}
		}
		return nil
	})
}

// partition is one slice of a partitioned table.
type partition struct {
	table    string
	from, to time.Time
}

func (p partition) name() string { return p.table + "_" + p.from.Format("20060102") }

// create makes the partition and moves into it what fell into the default one
// while nobody was there to make it. Attaching a table, other than creating a
// partition, does not make readers and writers wait.
func (p partition) create() string {
	id := "id"
	if p.table == "run_steps" {
		id = "run_id"
	}
	return fmt.Sprintf(`CREATE TABLE %[1]s (LIKE %[2]s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE);
		WITH moved AS (DELETE FROM %[2]s WHERE %[5]s >= '%[3]s' AND %[5]s < '%[4]s' RETURNING *) INSERT INTO %[1]s SELECT * FROM moved;
		ALTER TABLE %[1]s ENABLE ROW LEVEL SECURITY; ALTER TABLE %[1]s FORCE ROW LEVEL SECURITY;
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

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func missingPartitions(ctx context.Context, q querier, now time.Time) ([]partition, error) {
	rows, err := q.Query(ctx, `
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
