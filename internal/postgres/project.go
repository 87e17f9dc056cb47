package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Project returns the view of the project with this name.
func (db *DB) Project(ctx context.Context, name string) (*Tenant, error) {
	var id meshhook.ID
	err := db.pool.QueryRow(ctx, `SELECT id FROM projects WHERE name = $1`, name).Scan(&id)
	if err != nil {
		return nil, translate(noSuch(err, "project", name), "finding the project")
	}
	return db.Tenant(id), nil
}

// CreateProject adds a tenant for the actor. Errors: CodeInvalid for a bad name,
// CodeConflict when there is one of this name.
func (db *DB) CreateProject(ctx context.Context, name string, by meshhook.Actor) (p meshhook.Project, err error) {
	if err := meshhook.CheckName("project", name); err != nil {
		return p, err
	}
	err = db.inTx(ctx, "creating the project", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO projects (id, name) VALUES ($1, $2) RETURNING id, name, created_at`, meshhook.NewID(), name).
			Scan(&p.ID, &p.Name, &p.CreatedAt)
		if err != nil {
			return err
		}
		return db.Tenant(p.ID).As(by).audit(ctx, tx, meshhook.AuditProjectCreated, name, nil)
	})
	inUTC(&p.CreatedAt)
	return p, err
}

// Projects lists all projects by name.
func (db *DB) Projects(ctx context.Context) (list []meshhook.Project, err error) {
	err = db.inTx(ctx, "listing projects", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id, name, created_at FROM projects ORDER BY name`)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p meshhook.Project, err error) {
			err = row.Scan(&p.ID, &p.Name, &p.CreatedAt)
			inUTC(&p.CreatedAt)
			return p, err
		})
		return err
	})
	return list, err
}

// ConfigVersion returns a number that grows with every change of any project's
// configuration: what daemons poll behind the bell.
func (db *DB) ConfigVersion(ctx context.Context) (version int64, err error) {
	err = db.pool.QueryRow(ctx, `SELECT coalesce(sum(config_version), 0)::bigint + count(*) FROM projects`).Scan(&version)
	return version, translate(err, "reading the configuration's version")
}
