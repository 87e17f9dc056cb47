package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// EndedRuns returns those of the runs that are over, of every project and without
// their steps, for ingress, whose senders wait for them.
func (db *DB) EndedRuns(ctx context.Context, ids []meshhook.ID) (runs []meshhook.Run, err error) {
	err = db.inTx(ctx, "reading runs", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+runFields+` FROM runs WHERE id = ANY ($1) AND status IN ('succeeded', 'failed', 'canceled')`, ids)
		if err != nil {
			return err
		}
		runs, err = pgx.CollectRows(rows, db.scanEndedRun)
		return err
	})
	return runs, err
}

// FirstRun returns the run that an event started when it came, without its steps.
func (db *DB) FirstRun(ctx context.Context, event meshhook.ID) (run meshhook.Run, err error) {
	err = db.inTx(ctx, "reading the run", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+runFields+` FROM runs WHERE event_id = $1 ORDER BY id LIMIT 1`, event)
		if err != nil {
			return err
		}
		run, err = pgx.CollectExactlyOneRow(rows, db.scanEndedRun)
		return notFound(err, "event %s has started no run", event)
	})
	return run, err
}

// scanEndedRun is scanRun for those who wait for many: a run that cannot be opened
// counts as failed, and does not hold up the others.
func (db *DB) scanEndedRun(row pgx.CollectableRow) (meshhook.Run, error) {
	run, err := db.scanRun(row)
	if err == nil || run.ID == (meshhook.ID{}) {
		return run, err
	}
	db.log.Error("a run cannot be read", "run_id", run.ID, "error", err)
	run.Status, run.Output = meshhook.RunFailed, nil
	run.Error = &meshhook.Failure{Reason: meshhook.FailedInternal, Message: "the run cannot be read"}
	return run, nil
}
