package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The queries of what a shell offers: ids, and what tells them apart. Nothing of it is
// sealed, so no key is needed.
const (
	recentRuns       = `SELECT id, workflow || ' ' || status FROM runs WHERE project_id = $1 ORDER BY id DESC LIMIT $2`
	recentEvents     = `SELECT id, webhook || ' ' || status || ' ' || code FROM events WHERE project_id = $1 ORDER BY id DESC LIMIT $2`
	recentDeliveries = `SELECT id, type || ' ' || status FROM deliveries WHERE project_id = $1 ORDER BY id DESC LIMIT $2`
)

// RecentRuns lists the newest runs, newest first.
func (t *Tenant) RecentRuns(ctx context.Context, limit int) ([]meshhook.Recent, error) {
	return t.recent(ctx, recentRuns, limit)
}

// RecentEvents lists the newest events, newest first.
func (t *Tenant) RecentEvents(ctx context.Context, limit int) ([]meshhook.Recent, error) {
	return t.recent(ctx, recentEvents, limit)
}

// RecentDeliveries lists the newest deliveries, newest first.
func (t *Tenant) RecentDeliveries(ctx context.Context, limit int) ([]meshhook.Recent, error) {
	return t.recent(ctx, recentDeliveries, limit)
}

func (t *Tenant) recent(ctx context.Context, query string, limit int) (list []meshhook.Recent, err error) {
	err = t.inTx(ctx, "listing what is new", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, t.id, limit)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r meshhook.Recent, err error) {
			return r, row.Scan(&r.ID, &r.About)
		})
		return err
	})
	return list, err
}
