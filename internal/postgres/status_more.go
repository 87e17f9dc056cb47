package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// StatusMore is what 'meshhook status' shows beside Status: rates, places, the ledger of
// alerts, and what the database takes.
func (t *Tenant) StatusMore(ctx context.Context) (m meshhook.StatusMore, err error) {
	now := time.Now()
	since := now.Add(-day)
	all, _, err := t.AlertStats(ctx, since)
	if err != nil {
		return m, err
	}
	m.Ledger = meshhook.ReportAlerts(since, all, []meshhook.AlertStats{}, nil)
	err = t.inTx(ctx, "reading the status", func(tx pgx.Tx) error {
		minute, hour := meshhook.FirstIDAt(now.Add(-time.Minute)), meshhook.FirstIDAt(now.Add(-time.Hour))
		for _, count := range []struct {
			of  string
			out *meshhook.Lately
		}{{"events WHERE true", &m.Rates.Events}, {"runs WHERE true", &m.Rates.Runs}, {"deliveries WHERE NOT sample", &m.Rates.Alerts}} {
			if err := tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE id >= $2), count(*) FROM `+count.of+` AND project_id = $1 AND id >= $3`, t.id, minute, hour).
				Scan(&count.out.Minute, &count.out.Hour); err != nil {
				return err
			}
		}
		if err := t.places(ctx, tx, &m); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			SELECT (SELECT count(*) FROM runs WHERE project_id = $1 AND status = 'waiting'),
			       (SELECT count(*) FROM deliveries WHERE project_id = $1 AND status = 'pending' AND lease_owner IS NULL AND next_at <= now()),
			       pg_database_size(current_database()), `+sizeOf("events")+`, `+sizeOf("runs")+` + `+sizeOf("run_steps")+`, `+
			sizeOf("journal")+`, `+sizeOf("deliveries")+` + `+sizeOf("alert_logs"), t.id).
			Scan(&m.Sleeping, &m.Due, &m.Storage.Total, &m.Storage.Events, &m.Storage.Runs, &m.Storage.Journal, &m.Storage.Alerts)
	})
	return m, err
}

// sizeOf is what a partitioned table takes, its indexes and long values included.
func sizeOf(table string) string {
	return `(SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM pg_partition_tree('` + table + `') WHERE isleaf)`
}

// places reads which workflows with a concurrency have runs under way.
func (t *Tenant) places(ctx context.Context, tx pgx.Tx, m *meshhook.StatusMore) error {
	rows, err := tx.Query(ctx, `
		SELECT w.name, w.run_limit, count(*) FILTER (WHERE r.placed), count(*) FILTER (WHERE NOT r.placed)
		  FROM runs r JOIN workflows w ON w.id = r.workflow_id
		 WHERE r.project_id = $1 AND r.place IS NOT NULL AND r.finished_at IS NULL
		 GROUP BY 1, 2 ORDER BY 1`, t.id)
	if err != nil {
		return err
	}
	m.Places, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p meshhook.Places, err error) {
		return p, row.Scan(&p.Workflow, &p.Limit, &p.Taken, &p.Waiting)
	})
	if m.Places == nil {
		m.Places = []meshhook.Places{}
	}
	return err
}
