package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// SetSecret puts a value into the project's vault, under a new name or in the
// place of an old value; created tells which. An empty value is refused with
// CodeInvalid.
func (t *Tenant) SetSecret(ctx context.Context, name string, value meshhook.Secret) (created bool, err error) {
	if value.IsZero() {
		return false, meshhook.Errorf(meshhook.CodeInvalid, "the value of the secret is empty; 'meshhook secret delete %s' removes one", name)
	}
	err = t.inTx(ctx, "storing the secret", func(tx pgx.Tx) error {
		// The id must be known before the value is sealed for it.
		var id meshhook.ID
		fresh := meshhook.NewID()
		err := tx.QueryRow(ctx, `
			INSERT INTO secrets (id, project_id, name, value) VALUES ($1, $2, $3, '')
			ON CONFLICT ON CONSTRAINT secrets_name_key DO UPDATE SET updated_at = now()
			RETURNING id`, fresh, t.id, name).Scan(&id)
		if err != nil {
			return err
		}
		created = id == fresh
		sealed, err := t.db.sealText("secrets.value", id, value.Reveal())
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE secrets SET value = $2 WHERE id = $1`, id, sealed); err != nil {
			return err
		}
		if err := t.audit(ctx, tx, meshhook.AuditSecretSet, name, map[string]any{"created": created}); err != nil {
			return err
		}
		return t.changedConfig(ctx, tx)
	})
	if err == nil {
		t.ring(BellConfig)
	}
	return created, err
}

// Secrets lists the vault's entries by name, without their values.
func (t *Tenant) Secrets(ctx context.Context) (list []meshhook.VaultSecret, err error) {
	err = t.inTx(ctx, "listing secrets", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id, name, created_at, updated_at FROM secrets WHERE project_id = $1 ORDER BY name`, t.id)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s meshhook.VaultSecret, err error) {
			err = row.Scan(&s.ID, &s.Name, &s.CreatedAt, &s.UpdatedAt)
			inUTC(&s.CreatedAt, &s.UpdatedAt)
			return s, err
		})
		return err
	})
	return list, err
}

// DeleteSecret removes an entry of the vault.
func (t *Tenant) DeleteSecret(ctx context.Context, name string) error {
	err := t.inTx(ctx, "deleting the secret", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM secrets WHERE project_id = $1 AND name = $2`, t.id, name)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return meshhook.NoSuch("secret", name)
		}
		if err := t.audit(ctx, tx, meshhook.AuditSecretDeleted, name, nil); err != nil {
			return err
		}
		return t.changedConfig(ctx, tx)
	})
	if err == nil {
		t.ring(BellConfig)
	}
	return err
}

// SecretValues returns the values of the project's whole vault by name. They are to
// be evaluated with, and shown to nobody.
func (t *Tenant) SecretValues(ctx context.Context) (map[string]meshhook.Secret, error) {
	var values map[string]meshhook.Secret
	err := t.inTx(ctx, "reading secrets", func(tx pgx.Tx) (err error) {
		values, err = t.db.secretValues(ctx, tx, t.id)
		return err
	})
	return values, err
}

// SecretValues returns the values of a project's whole vault by name, for the
// engine, which keeps them until the configuration changes.
func (db *DB) SecretValues(ctx context.Context, project meshhook.ID) (map[string]meshhook.Secret, error) {
	var values map[string]meshhook.Secret
	err := db.inTx(ctx, "reading secrets", func(tx pgx.Tx) (err error) {
		values, err = db.secretValues(ctx, tx, project)
		return err
	})
	return values, err
}

func (db *DB) secretValues(ctx context.Context, tx pgx.Tx, project meshhook.ID) (map[string]meshhook.Secret, error) {
	rows, err := tx.Query(ctx, `SELECT id, name, value FROM secrets WHERE project_id = $1`, project)
	if err != nil {
		return nil, err
	}
	values := map[string]meshhook.Secret{}
	var id meshhook.ID
	var name string
	var sealed []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &name, &sealed}, func() error {
		value, err := db.openText("secrets.value", id, sealed)
		if err != nil {
			// Only the steps that use it fail, for want of it.
			db.log.Error("a secret of the vault cannot be read", "project_id", project, "secret", name, "error", err)
			return nil
		}
		values[name] = meshhook.NewSecret(value)
		return nil
	})
	return values, err
}
