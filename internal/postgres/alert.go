package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// writeAlert stores an alert by the statement, after it has found what the alert
// names. Foreign keys see every project's rows, and say less.
func (t *Tenant) writeAlert(ctx context.Context, tx pgx.Tx, a meshhook.Alert, statement string) error {
	if a.WorkflowID != nil {
		w, err := t.workflow(ctx, tx, a.WorkflowID.String(), "FOR SHARE")
		if err != nil {
			return err
		}
		a.Workflow = w.Name
	}
	var expected *meshhook.ID
	if a.Expect != nil {
		// The foreign key would lock it, too, but after the project's row (nameAlert).
		e, err := t.endpoint(ctx, tx, a.Expect.Webhook, "FOR KEY SHARE OF e")
		if err != nil {
			return err
		}
		expected = &e.ID
	}
	if err := t.nameAlert(ctx, tx, &a); err != nil {
		return err
	}
	values, err := t.alertValues(a, expected)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, statement, values...)
	return err
}

// CreateAlert stores a new alert, which must have been checked, and the secret by
// which it signs (zero for none). One without a name gets its DefaultName, with a number
// behind it where that is taken. Errors: CodeNotFound for a workflow or an expected
// webhook that is not there, CodeConflict for a name that is taken.
func (t *Tenant) CreateAlert(ctx context.Context, a meshhook.Alert, secret meshhook.Secret) (meshhook.Alert, error) {
	err := t.changeAlerts(ctx, "creating the alert", func(tx pgx.Tx) error {
		err := t.writeAlert(ctx, tx, a, `
			INSERT INTO alert_configs (id, project_id, workflow_id, conditions, condition, delay_threshold_ms, throttle_ms, throttle_key, quiet,
			       expect_endpoint_id, expect_within_ms, preset, url, headers, payload, signing, schedule_ms, timeout_ms, description, enabled, disabled_reason, name)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`)
		if err != nil {
			return err
		}
		if !secret.IsZero() {
			if err := t.addAlertSecret(ctx, tx, a.ID, secret); err != nil {
				return err
			}
		}
		if a, err = t.alert(ctx, tx, a.ID, ""); err != nil {
			return err
		}
		return t.auditAlert(ctx, tx, meshhook.AuditAlertCreated, meshhook.Alert{}, a)
	})
	return a, err
}

// ChangeAlert lets change have the alert as it is now, and stores what it makes of it;
// nobody else changes the alert meanwhile. It is called within a transaction and must
// not ask the database for anything. The id stays, and an alert that is enabled has no
// reason for which it is not.
//
// A secret that change returns is the newest from then on. The others sign beside it
// for meshhook.DefaultGrace, unless the way of signing has become another one: they are
// none of that and go, so that a new one is needed.
func (t *Tenant) ChangeAlert(ctx context.Context, id meshhook.ID, change func(a *meshhook.Alert) (meshhook.Secret, error)) (a meshhook.Alert, err error) {
	err = t.changeAlerts(ctx, "changing the alert", func(tx pgx.Tx) error {
		before, err := t.alert(ctx, tx, id, "FOR NO KEY UPDATE OF a")
		if err != nil {
			return err
		}
		// A copy of its own: change may work on what the fields point to.
		if a, err = t.alert(ctx, tx, id, ""); err != nil {
			return err
		}
		secret, err := change(&a)
		if err != nil {
			return err
		}
		a.ID = before.ID
		if a.Enabled {
			a.DisabledReason = ""
		}
		if err := t.writeAlert(ctx, tx, a, `
			UPDATE alert_configs
			   SET workflow_id = $3, conditions = $4, condition = $5, delay_threshold_ms = $6, throttle_ms = $7, throttle_key = $8, quiet = $9,
			       expect_endpoint_id = $10, expect_within_ms = $11, expect_seen_at = CASE WHEN expect_endpoint_id = $10 THEN expect_seen_at END, preset = $12, url = $13, headers = $14, payload = $15, signing = $16,
			       schedule_ms = $17, timeout_ms = $18, description = $19, enabled = $20, disabled_reason = $21, name = $22, updated_at = now()
			 WHERE id = $1 AND project_id = $2`); err != nil {
			return err
		}
		if err := t.changeAlertSecrets(ctx, tx, before, a, secret); err != nil {
			return err
		}
		if err := freeHeld(ctx, tx, id); err != nil {
			return err
		}
		if a, err = t.alert(ctx, tx, id, ""); err != nil {
			return err
		}
		return t.auditAlert(ctx, tx, meshhook.AuditAlertUpdated, before, a)
	})
	return a, err
}

// freeHeld has what an alert held back for quiet hours or its schedule judged anew: it
// may have others now.
func freeHeld(ctx context.Context, tx pgx.Tx, alert meshhook.ID) error {
	_, err := tx.Exec(ctx, `
		WITH held AS (
			SELECT id FROM deliveries
			 WHERE alert_id = $1 AND status = 'pending' AND lease_owner IS NULL AND request IS NULL AND next_at > now()
			 ORDER BY id FOR UPDATE
		)
		UPDATE deliveries d SET next_at = now(), due_at = now() FROM held WHERE d.id = held.id`, alert)
	return err
}

// auditAlert writes down what of an alert changed; of what may hold a secret that it
// did, and to which host it goes. That it was switched on or off, and nothing else, has
// a name of its own; what changed nothing has none.
func (t *Tenant) auditAlert(ctx context.Context, tx pgx.Tx, action string, before, after meshhook.Alert) error {
	var was any = struct{}{}
	if before.ID != (meshhook.ID{}) {
		was = before.View()
	}
	changed, err := changes(was, after.View(), "id", "workflow_id", "created_at", "updated_at")
	if err != nil {
		return err
	}
	for name, same := range map[string]bool{
		"url": before.URL == after.URL, "payload": string(before.Payload) == string(after.Payload), "headers": sameHeaders(before.Headers, after.Headers),
	} {
		if _, told := changed[name]; !same && !told {
			changed[name] = change{} // from one masked value to another
		}
	}
	if len(changed) == 0 {
		return nil
	}
	_, toggled := changed["enabled"]
	_, explained := changed["disabled_reason"]
	if toggled && (len(changed) == 1 || explained && len(changed) == 2) {
		action = meshhook.AuditAlertDisabled
		if after.Enabled {
			action = meshhook.AuditAlertEnabled
		}
	}
	return t.audit(ctx, tx, action, after.ID.String(), map[string]any{"changed": changed})
}

func sameHeaders(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		if other, there := b[name]; !there || other != value {
			return false
		}
	}
	return true
}

// DeleteAlert removes an alert, its secrets and what it remembers. What it was to send
// and has not yet is not sent any more; what it has sent stays in the log.
func (t *Tenant) DeleteAlert(ctx context.Context, id meshhook.ID) error {
	return t.changeAlerts(ctx, "deleting the alert", func(tx pgx.Tx) error {
		// It need not be opened for that: one that cannot be is to be got rid of, too.
		sealed, err := t.sealedAlert(ctx, tx, id, "FOR UPDATE OF a")
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM alert_configs WHERE id = $1`, id); err != nil {
			return err
		}
		return t.deletedAlert(ctx, tx, id, map[string]any{"workflow": sealed.Workflow, "on": sealed.On})
	})
}

// deletedAlert discards what an alert that was deleted was still to send, and audits the
// deletion. What is in a daemon's hands meets its end there.
func (t *Tenant) deletedAlert(ctx context.Context, tx pgx.Tx, id meshhook.ID, detail map[string]any) error {
	tag, err := tx.Exec(ctx, `
		WITH pending AS (
			SELECT id FROM deliveries WHERE alert_id = $1 AND project_id = $2 AND status = 'pending' AND lease_owner IS NULL ORDER BY id FOR UPDATE
		)
		UPDATE deliveries d SET status = 'discarded', reason = 'disabled', next_at = NULL, finished_at = now() FROM pending WHERE d.id = pending.id`, id, t.id)
	if err != nil {
		return err
	}
	if tag.RowsAffected() > 0 {
		detail["discarded"] = tag.RowsAffected()
	}
	return t.audit(ctx, tx, meshhook.AuditAlertDeleted, id.String(), detail)
}

// deleteAlerts deletes, with what they are about, the alerts in whose column the id
// stands. The foreign keys would do it, but tell nobody.
func (t *Tenant) deleteAlerts(ctx context.Context, tx pgx.Tx, column string, id meshhook.ID) error {
	rows, err := tx.Query(ctx, `DELETE FROM alert_configs WHERE `+column+` = $1 AND project_id = $2 RETURNING id`, id, t.id)
	if err != nil {
		return err
	}
	gone, err := pgx.CollectRows(rows, pgx.RowTo[meshhook.ID])
	if err != nil {
		return err
	}
	for _, alert := range gone {
		if err := t.deletedAlert(ctx, tx, alert, map[string]any{}); err != nil {
			return err
		}
	}
	return nil
}

// Alert returns an alert.
func (t *Tenant) Alert(ctx context.Context, id meshhook.ID) (a meshhook.Alert, err error) {
	err = t.inTx(ctx, "reading the alert", func(tx pgx.Tx) error {
		a, err = t.alert(ctx, tx, id, "")
		return err
	})
	return a, err
}

// alert reads one alert in a transaction; lock is "" or a locking clause.
func (t *Tenant) alert(ctx context.Context, tx pgx.Tx, id meshhook.ID, lock string) (meshhook.Alert, error) {
	sealed, err := t.sealedAlert(ctx, tx, id, lock)
	if err != nil {
		return meshhook.Alert{}, err
	}
	return t.db.openAlert(sealed)
}

func (t *Tenant) sealedAlert(ctx context.Context, tx pgx.Tx, id meshhook.ID, lock string) (sealedAlert, error) {
	rows, err := tx.Query(ctx, `SELECT `+alertFields+` FROM `+alertTables+` WHERE a.project_id = $1 AND a.id = $2 `+lock, t.id, id)
	if err != nil {
		return sealedAlert{}, err
	}
	a, err := pgx.CollectExactlyOneRow(rows, scanAlert)
	if errors.Is(err, pgx.ErrNoRows) {
		err = meshhook.NoSuch("alert", id.String())
	}
	return a, err
}

// Alerts lists a project's alerts, oldest first: all, or those that tell of the
// workflow, by name or id, among them those for all workflows. One that cannot be
// opened is listed without what is sealed.
func (t *Tenant) Alerts(ctx context.Context, workflow string) ([]meshhook.Alert, error) {
	return t.alerts(ctx, workflow, func(sealed sealedAlert) meshhook.Alert {
		a, err := t.db.openAlert(sealed)
		if err != nil {
			t.db.log.Error("an alert cannot be read", "alert_id", a.ID, "error", err)
			return sealed.Alert
		}
		return a
	})
}

// ClosedAlerts lists a project's alerts, oldest first, without what is sealed: for
// who has no key.
func (t *Tenant) ClosedAlerts(ctx context.Context) ([]meshhook.Alert, error) {
	return t.alerts(ctx, "", func(sealed sealedAlert) meshhook.Alert { return sealed.Alert })
}

func (t *Tenant) alerts(ctx context.Context, workflow string, open func(sealedAlert) meshhook.Alert) (list []meshhook.Alert, err error) {
	err = t.inTx(ctx, "listing alerts", func(tx pgx.Tx) error {
		var only *meshhook.ID
		if workflow != "" {
			w, err := t.workflow(ctx, tx, workflow, "")
			if err != nil {
				return err
			}
			only = &w.ID
		}
		rows, err := tx.Query(ctx, `
			SELECT `+alertFields+` FROM `+alertTables+`
			 WHERE a.project_id = $1 AND ($2::uuid IS NULL OR a.workflow_id IS NULL OR a.workflow_id = $2) ORDER BY a.id`, t.id, only)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (meshhook.Alert, error) {
			sealed, err := scanAlert(row)
			return open(sealed), err
		})
		return err
	})
	return list, err
}

func (t *Tenant) changeAlerts(ctx context.Context, doing string, fn func(pgx.Tx) error) error {
	err := t.inTx(ctx, doing, func(tx pgx.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return t.changedConfig(ctx, tx)
	})
	if err == nil {
		t.ring(BellConfig)
	}
	return err
}
