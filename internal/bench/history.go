package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// How far back the history reaches: less than what retention keeps of runs and of
// the journal, or the daemon under test would tidy it away.
const (
	weeksStored = 4
	daysTold    = 6
)

// templates is how many real runs the history is made of.
const templates = 500

// plan says which run of the history is a copy of which real one, and when it was:
// at for the run itself, told for its journal, which is kept for less long.
const plan = `
	CREATE UNLOGGED TABLE history AS
	SELECT at, told, id_at(at) AS run, id_at(at) AS event, t.id AS run_of, t.event_id AS event_of, at - t.started_at AS shift
	  FROM (SELECT n, now() - age * $2::interval AS at, now() - age * $3::interval AS told
	          FROM (SELECT n, 1 - n::float8 / $1 AS age FROM generate_series(1, $1::bigint) AS n) AS ages) AS times
	  JOIN (SELECT row_number() OVER (ORDER BY id) - 1 AS i, id, event_id, started_at FROM runs WHERE status = 'succeeded') AS t
	    ON t.i = n % (SELECT count(*) FROM runs WHERE status = 'succeeded')
	 ORDER BY n`

// idAt makes a UUIDv7 of a time, as meshhook_id() does of the present.
const idAt = `
	CREATE FUNCTION id_at(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS
	$$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(r, 14))::uuid
	     FROM replace(gen_random_uuid()::text, '-', '') AS r $$`

// copied is how a table's rows are copied: from which real ones, and what differs.
// Times are moved; what is sealed stays sealed for another id, and is never opened.
type copied struct {
	table, from string
	differs     map[string]string
}

// The journal has half of the rows, so that it is copied beside the rest.
var copies = [][]copied{
	{
		{"events", "event_of = t.id", map[string]string{"id": "event", "received_at": "t.received_at + shift", "body": `''::bytea`}},
		{"runs", "run_of = t.id", map[string]string{
			"id": "run", "event_id": "event", "started_at": "t.started_at + shift", "finished_at": "t.finished_at + shift",
		}},
		{"run_steps", "run_of = t.run_id", map[string]string{"run_id": "run", "started_at": "t.started_at + shift", "finished_at": "t.finished_at + shift"}},
	},
	{
		// The transaction of a copy is that which makes it.
		{"journal", "event_of = t.event_id", map[string]string{
			"xact": "pg_current_xact_id()", "id": "id_at(told)", "at": "told", "event_id": "event", "run_id": "CASE WHEN t.run_id IS NOT NULL THEN run END",
		}},
	},
}

// store fills the house with count runs that ended in the last weeks, with their
// events, steps and journal. They are copies of real ones, since driving a million
// would take a quarter of an hour; bodies of events are left away, since nobody reads
// them.
func (h *house) store(ctx context.Context, count int) error {
	o := options{connections: 16}
	if err := h.queue(ctx, o, templates); err != nil {
		return err
	}
	warm := &house{dsn: h.dsn, pool: h.pool} // the first runs of a house are not measured
	if err := warm.drain(ctx, ""); err != nil {
		return err
	}
	if err := h.partition(ctx); err != nil {
		return err
	}
	if _, err := h.pool.Exec(ctx, idAt); err != nil {
		return err
	}
	if _, err := h.pool.Exec(ctx, plan, count, days(7*weeksStored-1), days(daysTold)); err != nil {
		return err
	}
	if _, err := h.pool.Exec(ctx, "ANALYZE history, events, runs, run_steps, journal"); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, list := range copies {
		group.Go(func() error {
			for _, c := range list {
				if err := h.copy(ctx, c); err != nil {
					return fmt.Errorf("storing %s: %w", c.table, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// partition makes the partitions that a house of that age has.
func (h *house) partition(ctx context.Context) (err error) {
	db, err := openDatabase(ctx, h.dsn)
	if err != nil {
		return err
	}
	defer func() { err = db.Close(ctx) }()
	now := time.Now()
	for week := range weeksStored {
		if err := db.EnsurePartitions(ctx, now.Add(-days(7*(week+1)))); err != nil {
			return err
		}
	}
	return nil
}

// copy copies one table's rows. Its columns are asked for, so that a new one needs
// no thought here.
func (h *house) copy(ctx context.Context, c copied) error {
	rows, err := h.pool.Query(ctx, `SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, c.table)
	if err != nil {
		return err
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	values := make([]string, len(columns))
	for i, name := range columns {
		values[i] = "t." + name
		if other, differs := c.differs[name]; differs {
			values[i] = other
		}
	}
	_, err = h.pool.Exec(ctx, fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s FROM history JOIN %s t ON %s`,
		c.table, strings.Join(columns, ", "), strings.Join(values, ", "), c.table, c.from))
	if err != nil {
		return err
	}
	// As autovacuum would have done long ago: it must not do it while runs are measured.
	_, err = h.pool.Exec(ctx, "VACUUM (ANALYZE) "+c.table)
	return err
}
