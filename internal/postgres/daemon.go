package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// daemonSeen is how long after its last heartbeat a daemon counts as alive.
const daemonSeen = 15 * time.Second

// Beat says that the daemon is alive; the first beat makes it known.
func (db *DB) Beat(ctx context.Context, d meshhook.Daemon) error {
	keys, master := db.keys.standing()
	_, err := db.pool.Exec(ctx, `
		INSERT INTO daemons (id, host, pid, version, roles, keys_version, master_key_id, clock_ahead_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1000 * extract(epoch FROM $8::timestamptz - clock_timestamp()))
		ON CONFLICT (id) DO UPDATE SET seen_at = now(), keys_version = excluded.keys_version, master_key_id = excluded.master_key_id,
		       clock_ahead_ms = excluded.clock_ahead_ms`, d.ID, d.Host, d.PID, d.Version, d.Roles, keys, master, time.Now())
	return translate(err, "recording the heartbeat")
}

// Leave takes a daemon that stops, and those that have been silent for a day,
// from the list.
func (db *DB) Leave(ctx context.Context, id meshhook.ID) error {
	_, err := db.pool.Exec(ctx, `DELETE FROM daemons WHERE id = $1 OR seen_at < now() - interval '1 day'`, id)
	return translate(err, "recording the stop")
}

// Status returns what 'meshhook status' shows of the installation and of the
// tenant's queue.
func (t *Tenant) Status(ctx context.Context) (s meshhook.Status, err error) {
	err = t.inTx(ctx, "reading the status", func(tx pgx.Tx) error {
		if s.Daemons, err = daemons(ctx, tx, daemonSeen); err != nil {
			return err
		}
		if s.Runs, err = counts[meshhook.RunStatus](ctx, tx, `SELECT status, count(*) FROM runs WHERE project_id = $1 AND id >= $2 GROUP BY status`, t.id); err != nil {
			return err
		}
		if s.Events, err = counts[meshhook.EventStatus](ctx, tx, `SELECT status, count(*) FROM events WHERE project_id = $1 AND id >= $2 GROUP BY status`, t.id); err != nil {
			return err
		}
		if s.Circuits, err = t.db.circuits(ctx, tx, `SELECT `+circuitColumns+` FROM circuits WHERE project_id = $1 ORDER BY opened_at, id`, t.id); err != nil {
			return err
		}
		if err = t.alertHealth(ctx, tx, &s.Alerts); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			SELECT (SELECT count(*) FROM webhook_endpoints WHERE project_id = $1), (SELECT count(*) FROM workflows WHERE project_id = $1),
			       (SELECT count(*) FROM runs WHERE project_id = $1 AND status IN ('queued', 'waiting') AND wake_at <= now()),
			       (SELECT count(*) FROM runs WHERE project_id = $1 AND `+isBlocked+`),
			       (SELECT min(wake_at) FROM runs WHERE project_id = $1 AND status = 'queued' AND wake_at < 'infinity')`, t.id).
			Scan(&s.Webhooks, &s.Workflows, &s.Ready, &s.Blocked, &s.OldestQueued)
	})
	inUTC(s.OldestQueued)
	return s, err
}

// querier is what a pool, a connection and a transaction can do.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// daemons lists those that were seen within the time given, the oldest first.
func daemons(ctx context.Context, q querier, within time.Duration) ([]meshhook.Daemon, error) {
	rows, err := q.Query(ctx, `
		SELECT id, host, pid, version, roles, started_at, seen_at, keys_version, master_key_id, clock_ahead_ms
		  FROM daemons WHERE seen_at > now() - $1::interval ORDER BY id`, within)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d meshhook.Daemon, err error) {
		err = row.Scan(&d.ID, &d.Host, &d.PID, &d.Version, &d.Roles, &d.StartedAt, &d.SeenAt, &d.KeysVersion, &d.MasterKeyID, &d.ClockAheadMS)
		inUTC(&d.StartedAt, &d.SeenAt)
		return d, err
	})
}

// Daemons lists those that were seen within the time given and have not said that they
// stop, the oldest first.
func (db *DB) Daemons(ctx context.Context, within time.Duration) ([]meshhook.Daemon, error) {
	list, err := daemons(ctx, db.pool, within)
	return list, translate(err, "listing the daemons")
}

// counts reads a table of statuses and counts over the last day.
func counts[S ~string](ctx context.Context, tx pgx.Tx, sql string, project meshhook.ID) (map[S]int64, error) {
	rows, err := tx.Query(ctx, sql, project, meshhook.FirstIDAt(time.Now().Add(-day)))
	if err != nil {
		return nil, err
	}
	result := map[S]int64{}
	var status S
	var count int64
	_, err = pgx.ForEachRow(rows, []any{&status, &count}, func() error {
		result[status] = count
		return nil
	})
	return result, err
}

// Role tells what the database's role may do that MeshHook's must not: a
// superuser, or a role with BYPASSRLS, sees every project's rows.
func (db *DB) Role(ctx context.Context) (name string, aboveRLS bool, err error) {
	err = db.pool.QueryRow(ctx, `SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user`).Scan(&name, &aboveRLS)
	return name, aboveRLS, translate(err, "reading the role")
}
