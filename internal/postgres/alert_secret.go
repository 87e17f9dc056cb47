package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// RotateAlertSecret gives an alert a new secret. The old ones sign beside it until the
// grace period is over, so that recipients can change theirs meanwhile. Errors:
// CodeInvalid for an empty secret, CodeConflict for an alert that does not sign, and for
// one more secret than may be active.
func (t *Tenant) RotateAlertSecret(ctx context.Context, id meshhook.ID, secret meshhook.Secret, grace time.Duration) error {
	if secret.IsZero() {
		return meshhook.Errorf(meshhook.CodeInvalid, "the new secret is empty; leave it out to have one made")
	}
	return t.changeAlerts(ctx, "rotating the secret", func(tx pgx.Tx) error {
		a, err := t.sealedAlert(ctx, tx, id, "FOR UPDATE OF a")
		if err != nil {
			return err
		}
		if a.Signing == meshhook.SigningNone {
			return meshhook.Errorf(meshhook.CodeConflict, "the alert %s does not sign its messages; change that with 'meshhook alerts update %s --signing v1'", id, id)
		}
		return t.rotateAlertSecret(ctx, tx, id, secret, grace)
	})
}

// changeAlertSecrets keeps the secrets of a changed alert in step with how it signs.
func (t *Tenant) changeAlertSecrets(ctx context.Context, tx pgx.Tx, before, after meshhook.Alert, secret meshhook.Secret) error {
	switch {
	case after.Signing != before.Signing:
		if _, err := tx.Exec(ctx, `DELETE FROM alert_secrets WHERE alert_id = $1`, after.ID); err != nil {
			return err
		}
		if after.Signing == meshhook.SigningNone {
			return nil
		}
		if secret.IsZero() {
			return meshhook.Errorf(meshhook.CodeInvalid, "another way of signing needs a secret of its own")
		}
		return t.addAlertSecret(ctx, tx, after.ID, secret)
	case secret.IsZero():
		return nil
	default:
		return t.rotateAlertSecret(ctx, tx, after.ID, secret, meshhook.DefaultGrace)
	}
}

func (t *Tenant) rotateAlertSecret(ctx context.Context, tx pgx.Tx, id meshhook.ID, secret meshhook.Secret, grace time.Duration) error {
	_, err := tx.Exec(ctx, `
		UPDATE alert_secrets SET expires_at = now() + $2
		 WHERE alert_id = $1 AND (expires_at IS NULL OR expires_at > now() + $2)`, id, grace)
	if err != nil {
		return err
	}
	var active int
	err = tx.QueryRow(ctx, `SELECT count(*) FROM alert_secrets WHERE alert_id = $1 AND (expires_at IS NULL OR expires_at > now())`, id).Scan(&active)
	if err != nil {
		return err
	}
	if active >= meshhook.MaxActiveSecrets {
		return meshhook.Errorf(meshhook.CodeConflict, "the alert has %d active secrets, which is the most; wait until one expires ('meshhook alerts show %s'), or end them all now with --grace 0s", active, id)
	}
	if err := t.addAlertSecret(ctx, tx, id, secret); err != nil {
		return err
	}
	return t.audit(ctx, tx, meshhook.AuditAlertRotated, id.String(), map[string]any{"grace": grace.String()})
}

func (t *Tenant) addAlertSecret(ctx context.Context, tx pgx.Tx, alert meshhook.ID, secret meshhook.Secret) error {
	id := meshhook.NewID()
	sealed, err := t.db.sealText("alert_secrets.value", id, secret.Reveal())
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO alert_secrets (id, alert_id, project_id, value) VALUES ($1, $2, $3, $4)`, id, alert, t.id, sealed)
	return err
}

// AlertSecrets returns the secrets by which an alert signs now, with their values,
// newest first. The value of one that cannot be read is left out. An alert that is not
// there has none.
func (t *Tenant) AlertSecrets(ctx context.Context, alert meshhook.ID) (secrets []meshhook.AlertSecret, err error) {
	err = t.inTx(ctx, "reading secrets", func(tx pgx.Tx) error {
		secrets, err = t.alertSecrets(ctx, tx, alert)
		return err
	})
	return secrets, err
}

func (t *Tenant) alertSecrets(ctx context.Context, tx pgx.Tx, alert meshhook.ID) ([]meshhook.AlertSecret, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, alert_id, value, created_at, expires_at FROM alert_secrets
		 WHERE project_id = $1 AND alert_id = $2 AND (expires_at IS NULL OR expires_at > now()) ORDER BY id DESC`, t.id, alert)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s meshhook.AlertSecret, err error) {
		var sealed []byte
		if err := row.Scan(&s.ID, &s.AlertID, &sealed, &s.CreatedAt, &s.ExpiresAt); err != nil {
			return s, err
		}
		inUTC(&s.CreatedAt, s.ExpiresAt)
		value, err := t.db.openText("alert_secrets.value", s.ID, sealed)
		if err != nil {
			t.db.log.Error("a secret of an alert cannot be read", "alert_id", alert, "secret_id", s.ID, "error", err)
		}
		s.Value = meshhook.NewSecret(value)
		return s, nil
	})
}
