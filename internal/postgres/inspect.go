package postgres

import (
	"context"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/migrations"
)

// Server reads what matters of the server and of the role.
func (db *DB) Server(ctx context.Context) (s meshhook.ServerFacts, err error) {
	var foreign []string
	err = db.pool.QueryRow(ctx, `
		SELECT current_setting('server_version'), current_setting('server_version_num')::int, current_user, r.rolsuper, r.rolbypassrls,
		       has_schema_privilege(coalesce(current_schema(), 'public'), 'CREATE'),
		       ARRAY(SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
		              AND NOT c.relispartition AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1),
		       current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
		       pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on', current_setting('autovacuum') = 'on',
		       current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,
		       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
		       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
		       inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1',
		       CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') ELSE '' END,
		       pg_database_size(current_database())
		  FROM pg_roles r WHERE r.rolname = current_user`).
		Scan(&s.Version, &s.VersionNum, &s.Role, &s.Superuser, &s.BypassRLS, &s.MayCreate, &foreign, &s.Fsync, &s.FullPageWrites, &s.SynchronousCommit,
			&s.ReadOnly, &s.Autovacuum, &s.MaxConnections, &s.Reserved, &s.InUse, &s.Secure, &s.Local, &s.DataDirectory, &s.Size)
	for _, table := range foreign {
		if table == "goose_db_version" || isOurs(table) {
			s.Foreign = append(s.Foreign, table)
		}
	}
	return s, translate(err, "asking the server")
}

// isOurs tells the tables of MeshHook that grow, from those of others in the schema.
func isOurs(table string) bool {
	for _, t := range partitioned {
		if t.table == table {
			return true
		}
	}
	return table == "projects" || table == "keysets" || table == "daemons"
}

// Clock compares this machine's clock with the server's.
func (db *DB) Clock(ctx context.Context) (c meshhook.ClockFacts, err error) {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return c, translate(err, "asking the server for the time")
	}
	defer conn.Release()
	for range 3 { // the fastest answer says most
		var now time.Time
		asked := time.Now()
		if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
			return c, translate(err, "asking the server for the time")
		}
		took := time.Since(asked)
		if c.Within == 0 || took < c.Within {
			c = meshhook.ClockFacts{Ahead: asked.Add(took / 2).Sub(now), Within: took}
		}
	}
	return c, nil
}

// MigrationFacts compares the migrations that stand in the database with those that this
// binary knows, and changes nothing.
func (db *DB) MigrationFacts(ctx context.Context) (m meshhook.MigrationFacts, err error) {
	applied := map[int64]bool{}
	var stands bool
	if err := db.pool.QueryRow(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&stands); err != nil {
		return m, translate(err, "reading the migrations")
	}
	var list []int64
	if stands {
		rows, err := db.pool.Query(ctx, `SELECT DISTINCT version_id FROM goose_db_version WHERE is_applied AND version_id > 0 ORDER BY 1`)
		if err == nil {
			list, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		}
		if err != nil {
			return m, translate(err, "reading the migrations")
		}
	}
	for _, n := range list {
		applied[n] = true
	}
	known := map[int64]bool{}
	names, err := fs.Glob(migrations.FS, "*.sql")
	for _, name := range names { // sorted
		number, _, _ := strings.Cut(name, "_")
		n, bad := strconv.ParseInt(number, 10, 64)
		if bad != nil {
			return m, bad
		}
		if known[n] = true; !applied[n] {
			m.Pending = append(m.Pending, n)
		}
	}
	for _, n := range list {
		if !known[n] {
			m.Unknown = append(m.Unknown, n)
		}
	}
	return m, err
}

// PartitionFacts looks for the partitions that rows of the next days need, and for rows
// that found none: about how many, by the server's statistics, since counting would read
// them all.
func (db *DB) PartitionFacts(ctx context.Context, now time.Time) (p meshhook.PartitionFacts, err error) {
	missing, err := missingPartitions(ctx, db.pool, now)
	if err != nil {
		return p, translate(err, "reading the partitions")
	}
	for _, m := range missing {
		p.Missing = append(p.Missing, m.name())
	}
	err = db.pool.QueryRow(ctx, `
		SELECT ARRAY(SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		              WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relrowsecurity
		                AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid) ORDER BY 1)`).Scan(&p.Bare)
	if err != nil {
		return p, translate(err, "reading the partitions")
	}
	p.Default = map[string]int64{}
	for _, t := range partitioned {
		var n int64
		if err := db.pool.QueryRow(ctx, `SELECT coalesce(pg_stat_get_live_tuples(to_regclass($1)), 0)`, t.table+"_default").Scan(&n); err != nil {
			return p, translate(err, "reading the partitions")
		}
		p.Default[t.table] = n
	}
	return p, nil
}

// QueueFacts reads what waits, over all projects.
func (db *DB) QueueFacts(ctx context.Context) (q meshhook.QueueFacts, err error) {
	err = db.inTx(ctx, "reading the queues", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT now(),
			       (SELECT count(*) FROM runs WHERE status IN ('queued', 'waiting') AND wake_at <= now()),
			       (SELECT min(wake_at) FROM runs WHERE status IN ('queued', 'waiting') AND wake_at <= now()),
			       (SELECT count(*) FROM deliveries WHERE status = 'pending' AND lease_owner IS NULL AND next_at <= now()),
			       (SELECT min(next_at) FROM deliveries WHERE status = 'pending' AND lease_owner IS NULL AND next_at <= now()),
			       (SELECT count(*) FROM deliveries WHERE status = 'exhausted' AND id >= $1 AND type IN ('alert.exhausted', 'alert.circuit_open')),
			       (SELECT count(*) FROM circuits),
			       ARRAY(SELECT url_path FROM webhook_endpoints WHERE enabled AND verification->>'scheme' = 'none' ORDER BY 1)`,
			meshhook.FirstIDAt(time.Now().Add(-day))).
			Scan(&q.Now, &q.ReadyRuns, &q.OldestRun, &q.Deliveries, &q.OldestDelivery, &q.Unheard, &q.OpenCircuits, &q.Unverified)
	})
	return q, err
}

// VacuumFacts reads what keeps dead rows from being cleaned up.
func (db *DB) VacuumFacts(ctx context.Context) (v meshhook.VacuumFacts, err error) {
	err = db.inTx(ctx, "reading the state of vacuum", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT relname, n_live_tup, n_dead_tup FROM pg_stat_user_tables ORDER BY n_dead_tup DESC, 1 LIMIT 5`)
		if err != nil {
			return err
		}
		v.Dead, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d meshhook.DeadRows, err error) {
			return d, row.Scan(&d.Table, &d.Live, &d.Dead)
		})
		if err != nil {
			return err
		}
		rows, err = tx.Query(ctx, `
			SELECT 'transaction', pid::text, extract(epoch FROM now() - xact_start)::float8, concat_ws(', ', usename, nullif(application_name, ''), state)
			  FROM pg_stat_activity WHERE datname = current_database() AND xact_start < now() - interval '1 minute' AND backend_type <> 'autovacuum worker'
			UNION ALL
			SELECT 'prepared', gid, extract(epoch FROM now() - prepared)::float8, owner FROM pg_prepared_xacts WHERE database = current_database()
			UNION ALL
			SELECT 'slot', slot_name, 0, CASE WHEN active THEN 'in use' ELSE 'nobody uses it' END FROM pg_replication_slots
			 WHERE NOT active AND (xmin IS NOT NULL OR catalog_xmin IS NOT NULL)
			 ORDER BY 3 DESC, 2`)
		if err != nil {
			return err
		}
		v.Holders, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (h meshhook.VacuumHolder, err error) {
			var seconds float64
			err = row.Scan(&h.Kind, &h.Name, &seconds, &h.By)
			h.For = time.Duration(seconds * float64(time.Second))
			return h, err
		})
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()`).Scan(&v.XIDAge)
	})
	return v, err
}
