package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// NewestVersions lists the newest version of each workflow of the project, with its
// source, by the workflow's name.
func (t *Tenant) NewestVersions(ctx context.Context) (list []meshhook.Version, err error) {
	err = t.inTx(ctx, "reading the workflows", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT v.workflow_id, v.project_id, v.version, v.digest, v.source, v.created_at, w.name
			  FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = w.version
			 WHERE w.project_id = $1 ORDER BY w.name`, t.id)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (v meshhook.Version, err error) {
			err = row.Scan(&v.WorkflowID, &v.ProjectID, &v.Number, &v.Digest, &v.Source, &v.CreatedAt, &v.Workflow)
			inUTC(&v.CreatedAt)
			return v, err
		})
		return err
	})
	return list, err
}

// NewestSecrets returns the newest active secret of each webhook and of each alert, by
// its id. One that cannot be read is left out. They are to be compared with, and shown to
// nobody.
func (t *Tenant) NewestSecrets(ctx context.Context) (webhooks, alerts map[meshhook.ID]meshhook.Secret, err error) {
	err = t.inTx(ctx, "reading secrets", func(tx pgx.Tx) error {
		if webhooks, err = t.newestSecrets(ctx, tx, "endpoint_secrets", "endpoint_id"); err != nil {
			return err
		}
		alerts, err = t.newestSecrets(ctx, tx, "alert_secrets", "alert_id")
		return err
	})
	return webhooks, alerts, err
}

func (t *Tenant) newestSecrets(ctx context.Context, tx pgx.Tx, table, owner string) (map[meshhook.ID]meshhook.Secret, error) {
	rows, err := tx.Query(ctx, `
		SELECT DISTINCT ON (`+owner+`) `+owner+`, id, value FROM `+table+`
		 WHERE project_id = $1 AND (expires_at IS NULL OR expires_at > now()) ORDER BY `+owner+`, id DESC`, t.id)
	if err != nil {
		return nil, err
	}
	secrets := map[meshhook.ID]meshhook.Secret{}
	var of, id meshhook.ID
	var sealed []byte
	_, err = pgx.ForEachRow(rows, []any{&of, &id, &sealed}, func() error {
		value, err := t.db.openText(table+".value", id, sealed)
		if err != nil {
			t.db.log.Error("a secret cannot be read", "of", of, "secret_id", id, "error", err)
			return nil
		}
		secrets[of] = meshhook.NewSecret(value)
		return nil
	})
	return secrets, err
}
