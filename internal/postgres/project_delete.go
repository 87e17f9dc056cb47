package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// deleteBatch is how many events, runs or journal entries are deleted at once: few
// enough that each transaction is short.
const deleteBatch = 1000

// DeleteProject deletes a project, by name or id, and everything in it but its audit
// log, of which nothing is ever deleted. Errors: CodeNotFound, and CodeConflict for
// the default project, which every installation has.
//
// Its alerts go first, so that nobody is told of its end, and its webhooks, so that
// nothing more comes in, then the traffic in batches,
// and the project itself last: what was broken off goes on when it is asked for again.
func (db *DB) DeleteProject(ctx context.Context, nameOrID string, by meshhook.Actor) (p meshhook.Project, err error) {
	if p, err = db.DeletableProject(ctx, nameOrID); err != nil {
		return p, err
	}
	t := db.Tenant(p.ID).As(by)
	if err := t.changeAlerts(ctx, "deleting the project's alerts", func(tx pgx.Tx) error {
		return t.deleteAlerts(ctx, tx, "project_id", p.ID)
	}); err != nil {
		return p, err
	}
	if err := t.deleteEndpoints(ctx); err != nil {
		return p, err
	}
	if err := t.deleteTraffic(ctx); err != nil {
		return p, err
	}
	err = db.inTx(ctx, "deleting the project", func(tx pgx.Tx) error { return deleteProject(ctx, tx, p, by) })
	if err == nil {
		db.Ring(BellConfig)
	}
	return p, err
}

// DeletableProject returns the project that DeleteProject would delete, or its error.
func (db *DB) DeletableProject(ctx context.Context, nameOrID string) (p meshhook.Project, err error) {
	err = db.pool.QueryRow(ctx, `SELECT id, name, created_at FROM projects WHERE name = $1 OR id::text = $1`, nameOrID).
		Scan(&p.ID, &p.Name, &p.CreatedAt)
	if err != nil {
		return p, translate(noSuch(err, "project", nameOrID), "finding the project")
	}
	inUTC(&p.CreatedAt)
	if p.Name == meshhook.DefaultProject {
		err = meshhook.Errorf(meshhook.CodeConflict, "the project %s cannot be deleted, because every installation has it; delete what is in it", p.Name)
	}
	return p, err
}

// deleteEndpoints deletes the project's webhooks, their secrets and where their rate
// limits stand.
func (t *Tenant) deleteEndpoints(ctx context.Context) error {
	return t.changeEndpoints(ctx, "deleting the project's webhooks", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			DELETE FROM rate_limits WHERE split_part(key, ' ', 1) IN (SELECT id::text FROM webhook_endpoints WHERE project_id = $1)`, t.id)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `DELETE FROM webhook_endpoints WHERE project_id = $1 RETURNING url_path`, t.id)
		if err != nil {
			return err
		}
		paths, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := t.audit(ctx, tx, meshhook.AuditWebhookDeleted, path, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// traffic are the statements that delete the next batch of the tables that grow: from
// the id $2 on, $3 of them. They return the id of the last.
var traffic = []string{
	`WITH batch AS (SELECT id FROM events WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3),
	      gone AS (DELETE FROM events e USING batch b WHERE e.id = b.id)
	 SELECT id FROM batch ORDER BY id DESC LIMIT 1`,
	`WITH batch AS (SELECT id FROM runs WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3),
	      steps AS (DELETE FROM run_steps s USING batch b WHERE s.run_id = b.id),
	      gone AS (DELETE FROM runs r USING batch b WHERE r.id = b.id)
	 SELECT id FROM batch ORDER BY id DESC LIMIT 1`,
	`WITH batch AS (SELECT id FROM deliveries WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3),
	      gone AS (DELETE FROM deliveries d USING batch b WHERE d.id = b.id)
	 SELECT id FROM batch ORDER BY id DESC LIMIT 1`,
	`WITH batch AS (SELECT id FROM alert_logs WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3),
	      gone AS (DELETE FROM alert_logs l USING batch b WHERE l.id = b.id)
	 SELECT id FROM batch ORDER BY id DESC LIMIT 1`,
	`WITH batch AS (SELECT id FROM journal WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3),
	      gone AS (DELETE FROM journal j USING batch b WHERE j.project_id = $1 AND j.id = b.id)
	 SELECT id FROM batch ORDER BY id DESC LIMIT 1`,
}

// deleteTraffic deletes the project's events, runs, deliveries and journal, batch by
// batch.
func (t *Tenant) deleteTraffic(ctx context.Context) error {
	for _, statement := range traffic {
		var last meshhook.ID
		for {
			err := t.inTx(ctx, "deleting what came in", func(tx pgx.Tx) error {
				return tx.QueryRow(ctx, statement, t.id, last, deleteBatch).Scan(&last)
			})
			if errors.Is(err, pgx.ErrNoRows) {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteProject deletes the project's row, with what the database ties to it, and what
// a daemon may have recorded since the batches. The change is the default project's,
// whose admins alone can make it: in its log it can be read.
func deleteProject(ctx context.Context, tx pgx.Tx, p meshhook.Project, by meshhook.Actor) error {
	for _, table := range []string{"events", "run_steps", "runs", "deliveries", "alert_logs", "journal", "dedup_keys"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE project_id = $1`, p.ID); err != nil {
			return err
		}
	}
	var version int64
	err := tx.QueryRow(ctx, `DELETE FROM projects WHERE id = $1 RETURNING config_version`, p.ID).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // somebody else deletes it, too
	}
	if err != nil {
		return err
	}
	// The sum of the versions grows with every change, with this one too.
	var owner meshhook.ID
	err = tx.QueryRow(ctx, `UPDATE projects SET config_version = config_version + $2 + 2 WHERE name = $1 RETURNING id`, meshhook.DefaultProject, version).Scan(&owner)
	if err != nil {
		return err
	}
	return insertAudit(ctx, tx, owner, by, meshhook.AuditProjectDeleted, p.Name, map[string]any{"id": p.ID})
}
