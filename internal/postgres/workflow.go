package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const workflowFields = `id, project_id, name, description, version, created_at, updated_at`

func scanWorkflow(row pgx.CollectableRow) (w meshhook.Workflow, err error) {
	err = row.Scan(&w.ID, &w.ProjectID, &w.Name, &w.Description, &w.Version, &w.CreatedAt, &w.UpdatedAt)
	inUTC(&w.CreatedAt, &w.UpdatedAt)
	return w, err
}

// Apply stores a workflow document under its name: a new workflow, a new
// version where the digest is another one than the newest version's, or nothing.
func (t *Tenant) Apply(ctx context.Context, name, description string, v meshhook.Version) (meshhook.Applied, error) {
	var applied meshhook.Applied
	err := t.inTx(ctx, "applying the workflow", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO workflows (id, project_id, name) VALUES ($1, $2, $3)
			ON CONFLICT ON CONSTRAINT workflows_name_key DO NOTHING`, meshhook.NewID(), t.id, name)
		if err != nil {
			return err
		}
		w, err := t.workflow(ctx, tx, name, "FOR UPDATE")
		if err != nil {
			return err
		}
		applied.Created = w.Version == 0
		var newest string
		err = tx.QueryRow(ctx, `SELECT digest FROM workflow_versions WHERE workflow_id = $1 AND version = $2`, w.ID, w.Version).Scan(&newest)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if newest == v.Digest {
			applied.Workflow = w
			return nil
		}
		applied.Changed = true
		if applied.Workflow, err = t.addVersion(ctx, tx, w, description, v); err != nil {
			return err
		}
		return t.audit(ctx, tx, meshhook.AuditWorkflowApplied, name, map[string]any{"version": applied.Workflow.Version, "created": applied.Created})
	})
	if err == nil && applied.Changed {
		t.ring(BellConfig)
	}
	return applied, err
}

func (t *Tenant) addVersion(ctx context.Context, tx pgx.Tx, w meshhook.Workflow, description string, v meshhook.Version) (meshhook.Workflow, error) {
	_, err := tx.Exec(ctx, `
		INSERT INTO workflow_versions (workflow_id, project_id, version, digest, source) VALUES ($1, $2, $3, $4, $5)`,
		w.ID, t.id, w.Version+1, v.Digest, v.Source)
	if err != nil {
		return w, err
	}
	rows, err := tx.Query(ctx, `
		UPDATE workflows SET version = $2, description = $3, run_limit = $4, updated_at = now() WHERE id = $1
		RETURNING `+workflowFields, w.ID, w.Version+1, description, v.RunLimit)
	if err != nil {
		return w, err
	}
	if w, err = pgx.CollectExactlyOneRow(rows, scanWorkflow); err != nil {
		return w, err
	}
	return w, t.changedConfig(ctx, tx)
}

// Workflow returns a workflow by name or id.
func (t *Tenant) Workflow(ctx context.Context, nameOrID string) (w meshhook.Workflow, err error) {
	err = t.inTx(ctx, "reading the workflow", func(tx pgx.Tx) error {
		w, err = t.workflow(ctx, tx, nameOrID, "")
		return err
	})
	return w, err
}

// workflow reads one workflow in a transaction; lock is "" or a locking clause.
func (t *Tenant) workflow(ctx context.Context, tx pgx.Tx, nameOrID, lock string) (meshhook.Workflow, error) {
	rows, err := tx.Query(ctx, `SELECT `+workflowFields+` FROM workflows WHERE project_id = $1 AND (name = $2 OR id::text = $2) `+lock, t.id, nameOrID)
	if err != nil {
		return meshhook.Workflow{}, err
	}
	w, err := pgx.CollectExactlyOneRow(rows, scanWorkflow)
	return w, noSuch(err, "workflow", nameOrID)
}

// Workflows lists a project's workflows by name.
func (t *Tenant) Workflows(ctx context.Context) (list []meshhook.Workflow, err error) {
	err = t.inTx(ctx, "listing workflows", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+workflowFields+` FROM workflows WHERE project_id = $1 ORDER BY name`, t.id)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanWorkflow)
		return err
	})
	return list, err
}

// Versions lists a workflow's versions, newest first, without their sources.
func (t *Tenant) Versions(ctx context.Context, nameOrID string) (list []meshhook.Version, err error) {
	err = t.inTx(ctx, "listing versions", func(tx pgx.Tx) error {
		w, err := t.workflow(ctx, tx, nameOrID, "")
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT workflow_id, project_id, version, digest, '', created_at FROM workflow_versions
			 WHERE workflow_id = $1 ORDER BY version DESC`, w.ID)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanVersion)
		for i := range list {
			list[i].Workflow = w.Name
		}
		return err
	})
	return list, err
}

func scanVersion(row pgx.CollectableRow) (v meshhook.Version, err error) {
	err = row.Scan(&v.WorkflowID, &v.ProjectID, &v.Number, &v.Digest, &v.Source, &v.CreatedAt)
	inUTC(&v.CreatedAt)
	return v, err
}

// Version returns one version of a workflow with its source; number 0 is the newest.
func (t *Tenant) Version(ctx context.Context, nameOrID string, number int) (v meshhook.Version, err error) {
	err = t.inTx(ctx, "reading the version", func(tx pgx.Tx) error {
		w, err := t.workflow(ctx, tx, nameOrID, "")
		if err != nil {
			return err
		}
		if number == 0 {
			number = w.Version
		}
		v, err = version(ctx, tx, w.ID, number)
		v.Workflow = w.Name
		return notFound(err, "workflow %s has no version %d; the newest is %d", w.Name, number, w.Version)
	})
	return v, err
}

func version(ctx context.Context, tx pgx.Tx, workflow meshhook.ID, number int) (meshhook.Version, error) {
	rows, err := tx.Query(ctx, `
		SELECT workflow_id, project_id, version, digest, source, created_at FROM workflow_versions
		 WHERE workflow_id = $1 AND version = $2`, workflow, number)
	if err != nil {
		return meshhook.Version{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanVersion)
}

// VersionOf returns one version of any project's workflow, for the engine.
func (db *DB) VersionOf(ctx context.Context, workflow meshhook.ID, number int) (v meshhook.Version, err error) {
	err = db.inTx(ctx, "reading the version", func(tx pgx.Tx) error {
		v, err = version(ctx, tx, workflow, number)
		return notFound(err, "version %d of workflow %s does not exist", number, workflow)
	})
	return v, err
}

// DeleteWorkflow removes a workflow, its versions and the alerts about it alone.
// Errors: CodeNotFound, and CodeConflict while a webhook names it or runs of it are not
// over.
func (t *Tenant) DeleteWorkflow(ctx context.Context, nameOrID string) error {
	err := t.inTx(ctx, "deleting the workflow", func(tx pgx.Tx) error {
		w, err := t.workflow(ctx, tx, nameOrID, "FOR UPDATE")
		if err != nil {
			return err
		}
		var live int
		err = tx.QueryRow(ctx, `SELECT count(*) FROM runs WHERE workflow_id = $1 AND status IN ('queued', 'running', 'waiting')`, w.ID).Scan(&live)
		if err != nil {
			return err
		}
		if live > 0 {
			return meshhook.Errorf(meshhook.CodeConflict, "%d runs of workflow %s are not over; wait for them, or cancel them ('meshhook run list --workflow %s')", live, w.Name, w.Name)
		}
		if err := t.deleteAlerts(ctx, tx, "workflow_id", w.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM workflows WHERE id = $1`, w.ID); err != nil {
			return err
		}
		if err := t.audit(ctx, tx, meshhook.AuditWorkflowDeleted, w.Name, map[string]any{"version": w.Version}); err != nil {
			return err
		}
		return t.changedConfig(ctx, tx)
	})
	if err == nil {
		t.ring(BellConfig)
	}
	return err
}
