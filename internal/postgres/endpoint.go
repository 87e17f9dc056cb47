package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const endpointFields = `e.id, e.project_id, e.url_path, e.workflow_id, w.name, e.description, e.enabled, e.verification, e.rate_limit, e.validation_schema,
	e.dedup, e.dedup_window_ms, e.filter, e.methods, e.allowed_ips, e.max_body_bytes, e.response, e.created_at, e.updated_at,
	EXISTS (SELECT FROM endpoint_secrets s WHERE s.endpoint_id = e.id AND (s.expires_at IS NULL OR s.expires_at > now())) AS has_secret`

// scanEndpoint reads the endpointFields of a row, and what stands behind them.
func scanEndpoint(row pgx.CollectableRow, more ...any) (e meshhook.Endpoint, err error) {
	var verification, response []byte
	var rate, schema *string
	var networks []string
	var window int64
	err = row.Scan(append([]any{
		&e.ID, &e.ProjectID, &e.Path, &e.WorkflowID, &e.Workflow, &e.Description, &e.Enabled, &verification, &rate, &schema,
		&e.Dedup, &window, &e.Filter, &e.Methods, &networks, &e.MaxBody, &response, &e.CreatedAt, &e.UpdatedAt, &e.HasSecret,
	}, more...)...)
	if err != nil {
		return e, err
	}
	inUTC(&e.CreatedAt, &e.UpdatedAt)
	e.DedupWindow = meshhook.Duration(time.Duration(window) * time.Millisecond)
	if err := json.Unmarshal(verification, &e.Verification); err != nil {
		return e, err
	}
	if response != nil {
		if err := json.Unmarshal(response, &e.Response); err != nil {
			return e, err
		}
	}
	if schema != nil {
		e.Schema = json.RawMessage(*schema)
	}
	if rate != nil {
		limit, err := meshhook.ParseRateLimit(*rate)
		if err != nil {
			return e, err
		}
		e.RateLimit = &limit
	}
	for _, text := range networks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return e, err
		}
		e.AllowedIPs = append(e.AllowedIPs, network)
	}
	return e, nil
}

func endpointRow(row pgx.CollectableRow) (meshhook.Endpoint, error) { return scanEndpoint(row) }

// CreateEndpoint stores a new webhook and its secret (zero for none). Errors:
// CodeConflict when the path is taken, CodeNotFound for an unknown workflow.
func (t *Tenant) CreateEndpoint(ctx context.Context, e meshhook.Endpoint, secret meshhook.Secret) (meshhook.Endpoint, error) {
	err := t.changeEndpoints(ctx, "creating the webhook", func(tx pgx.Tx) error {
		// Foreign keys see every project's rows, and say less.
		if _, err := t.workflow(ctx, tx, e.WorkflowID.String(), "FOR SHARE"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO webhook_endpoints (id, project_id, url_path, workflow_id, description, enabled, verification, rate_limit,
			       validation_schema, dedup, filter, methods, allowed_ips, max_body_bytes, response, dedup_window_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`, t.endpointValues(e)...); err != nil {
			return err
		}
		if !secret.IsZero() {
			if err := t.addEndpointSecret(ctx, tx, e.ID, secret); err != nil {
				return err
			}
		}
		var err error
		if e, err = t.endpoint(ctx, tx, e.ID.String(), ""); err != nil {
			return err
		}
		return t.auditEndpoint(ctx, tx, meshhook.AuditWebhookCreated, struct{}{}, e)
	})
	return e, err
}

// ChangeEndpoint lets change have the webhook as it is now, and stores what it
// makes of it; nobody else changes the webhook meanwhile. It is called within a
// transaction and must not ask the database for anything. The id stays.
func (t *Tenant) ChangeEndpoint(ctx context.Context, pathOrID string, change func(e *meshhook.Endpoint) error) (e meshhook.Endpoint, err error) {
	err = t.changeEndpoints(ctx, "changing the webhook", func(tx pgx.Tx) error {
		// The least lock that keeps others from changing it, so that a workflow that is
		// being deleted can look for the webhooks that name it.
		before, err := t.endpoint(ctx, tx, pathOrID, "FOR NO KEY UPDATE OF e")
		if err != nil {
			return err
		}
		// A copy of its own: change may work on what the fields point to.
		if e, err = t.endpoint(ctx, tx, before.ID.String(), ""); err != nil {
			return err
		}
		if err := change(&e); err != nil {
			return err
		}
		e.ID = before.ID
		if _, err := t.workflow(ctx, tx, e.WorkflowID.String(), "FOR SHARE"); err != nil {
			return err
		}
		if e.Path != before.Path {
			if err := keepSeen(ctx, tx, before); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `
			UPDATE webhook_endpoints
			   SET url_path = $3, workflow_id = $4, description = $5, enabled = $6, verification = $7, rate_limit = $8, validation_schema = $9,
			       dedup = $10, filter = $11, methods = $12, allowed_ips = $13, max_body_bytes = $14, response = $15, dedup_window_ms = $16, updated_at = now()
			 WHERE id = $1 AND project_id = $2`, t.endpointValues(e)...)
		if err != nil {
			return err
		}
		if e, err = t.endpoint(ctx, tx, e.ID.String(), ""); err != nil {
			return err
		}
		return t.auditEndpoint(ctx, tx, meshhook.AuditWebhookUpdated, before, e)
	})
	return e, err
}

// auditEndpoint writes down what of a webhook changed. That it was opened or
// closed, and nothing else, has a name of its own; what changed nothing has none.
func (t *Tenant) auditEndpoint(ctx context.Context, tx pgx.Tx, action string, before any, after meshhook.Endpoint) error {
	changed, err := changes(before, after, "id", "workflow_id", "created_at", "updated_at")
	if err != nil || len(changed) == 0 {
		return err
	}
	if _, toggled := changed["enabled"]; toggled && len(changed) == 1 {
		action = meshhook.AuditWebhookDisabled
		if after.Enabled {
			action = meshhook.AuditWebhookEnabled
		}
	}
	return t.audit(ctx, tx, action, after.Path, map[string]any{"changed": changed})
}

func (t *Tenant) endpointValues(e meshhook.Endpoint) []any {
	var rate, schema *string
	if e.RateLimit != nil {
		text := e.RateLimit.String()
		rate = &text
	}
	if e.Schema != nil {
		text := string(e.Schema)
		schema = &text
	}
	networks := make([]string, 0, len(e.AllowedIPs))
	for _, n := range e.AllowedIPs {
		networks = append(networks, n.String())
	}
	return []any{
		e.ID, t.id, e.Path, e.WorkflowID, e.Description, e.Enabled, e.Verification, rate,
		schema, e.Dedup, e.Filter, e.Methods, networks, e.MaxBody, e.Response,
		cmp.Or(e.DedupWindow.Std(), meshhook.DefaultDedupWindow).Milliseconds(),
	}
}

// DeleteEndpoint removes a webhook, its secrets and the alerts that expect events of
// it; its events stay.
func (t *Tenant) DeleteEndpoint(ctx context.Context, pathOrID string) error {
	return t.changeEndpoints(ctx, "deleting the webhook", func(tx pgx.Tx) error {
		e, err := t.endpoint(ctx, tx, pathOrID, "FOR UPDATE OF e")
		if err != nil {
			return err
		}
		if err := t.deleteAlerts(ctx, tx, "expect_endpoint_id", e.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM webhook_endpoints WHERE id = $1`, e.ID); err != nil {
			return err
		}
		return t.audit(ctx, tx, meshhook.AuditWebhookDeleted, e.Path, map[string]any{"workflow": e.Workflow})
	})
}

// Endpoint returns a webhook by path or id, and its secrets without their values.
func (t *Tenant) Endpoint(ctx context.Context, pathOrID string) (e meshhook.Endpoint, secrets []meshhook.EndpointSecret, err error) {
	err = t.inTx(ctx, "reading the webhook", func(tx pgx.Tx) error {
		if e, err = t.endpoint(ctx, tx, pathOrID, ""); err != nil {
			return err
		}
		secrets, err = secretsOf(ctx, tx, e.ID)
		return err
	})
	return e, secrets, err
}

// endpoint reads one webhook in a transaction; lock is "" or a locking clause.
// An id comes before a path that looks like it.
func (t *Tenant) endpoint(ctx context.Context, tx pgx.Tx, pathOrID, lock string) (meshhook.Endpoint, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+endpointFields+` FROM webhook_endpoints e JOIN workflows w ON w.id = e.workflow_id
		 WHERE e.project_id = $1 AND (e.url_path = $2 OR e.id::text = $2)
		 ORDER BY e.id::text = $2 DESC LIMIT 1 `+lock, t.id, pathOrID)
	if err != nil {
		return meshhook.Endpoint{}, err
	}
	e, err := pgx.CollectExactlyOneRow(rows, endpointRow)
	if errors.Is(err, pgx.ErrNoRows) {
		err = noEndpoint(pathOrID)
	}
	return e, err
}

func noEndpoint(pathOrID string) error {
	return meshhook.NoSuch("webhook", pathOrID)
}

// Endpoints lists a project's webhooks by path.
func (t *Tenant) Endpoints(ctx context.Context) (list []meshhook.Endpoint, err error) {
	err = t.inTx(ctx, "listing webhooks", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT `+endpointFields+` FROM webhook_endpoints e JOIN workflows w ON w.id = e.workflow_id
			 WHERE e.project_id = $1 ORDER BY e.url_path`, t.id)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, endpointRow)
		return err
	})
	return list, err
}

// RotateEndpointSecret gives a webhook a new secret; the old ones verify until
// the grace period is over, each at its time on every daemon. An empty secret is
// refused with CodeInvalid, and one more than may be active with CodeConflict.
func (t *Tenant) RotateEndpointSecret(ctx context.Context, pathOrID string, secret meshhook.Secret, grace time.Duration) error {
	if secret.IsZero() {
		return meshhook.Errorf(meshhook.CodeInvalid, "the new secret is empty; leave it out to have one made")
	}
	return t.changeEndpoints(ctx, "rotating the secret", func(tx pgx.Tx) error {
		e, err := t.endpoint(ctx, tx, pathOrID, "FOR UPDATE OF e")
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE endpoint_secrets SET expires_at = now() + $2
			 WHERE endpoint_id = $1 AND (expires_at IS NULL OR expires_at > now() + $2)`, e.ID, grace)
		if err != nil {
			return err
		}
		var active int
		err = tx.QueryRow(ctx, `SELECT count(*) FROM endpoint_secrets WHERE endpoint_id = $1 AND (expires_at IS NULL OR expires_at > now())`, e.ID).Scan(&active)
		if err != nil {
			return err
		}
		if active >= meshhook.MaxActiveSecrets {
			return meshhook.Errorf(meshhook.CodeConflict, "webhook %s has %d active secrets, which is the most; wait until one expires ('meshhook webhook show %s'), or end them all now with --grace 0s",
				e.Path, active, e.Path)
		}
		if err := t.addEndpointSecret(ctx, tx, e.ID, secret); err != nil {
			return err
		}
		return t.audit(ctx, tx, meshhook.AuditSecretRotated, e.Path, map[string]any{"grace": grace.String()})
	})
}

// AdoptSecret gives an endpoint that never had a secret this one, and changes nothing
// where it has or had: a handshake that anybody can send must not replace one.
func (db *DB) AdoptSecret(ctx context.Context, project, endpoint meshhook.ID, secret meshhook.Secret) error {
	t := db.Tenant(project)
	return t.changeEndpoints(ctx, "storing the secret of the handshake", func(tx pgx.Tx) error {
		e, err := t.endpoint(ctx, tx, endpoint.String(), "FOR UPDATE OF e")
		if err != nil {
			return err
		}
		var has bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM endpoint_secrets WHERE endpoint_id = $1)`, e.ID).Scan(&has); err != nil || has {
			return err
		}
		if err := t.addEndpointSecret(ctx, tx, e.ID, secret); err != nil {
			return err
		}
		return t.audit(ctx, tx, meshhook.AuditSecretRotated, e.Path, map[string]any{"handshake": e.Verification.Scheme})
	})
}

func (t *Tenant) addEndpointSecret(ctx context.Context, tx pgx.Tx, endpoint meshhook.ID, secret meshhook.Secret) error {
	id := meshhook.NewID()
	sealed, err := t.db.sealText("endpoint_secrets.value", id, secret.Reveal())
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO endpoint_secrets (id, endpoint_id, project_id, value) VALUES ($1, $2, $3, $4)`, id, endpoint, t.id, sealed)
	return err
}

func (t *Tenant) changeEndpoints(ctx context.Context, doing string, fn func(pgx.Tx) error) error {
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

// LiveEndpoints returns every project's webhooks with the values of their
// secrets, for ingress, which keeps them until the configuration changes.
func (db *DB) LiveEndpoints(ctx context.Context) (list []meshhook.LiveEndpoint, err error) {
	err = db.inTx(ctx, "reading webhooks", func(tx pgx.Tx) error {
		// As of one moment: a webhook that is made meanwhile must not be seen without its
		// secret.
		if _, err := tx.Exec(ctx, `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`); err != nil {
			return err
		}
		secrets, unreadable, err := db.endpointSecrets(ctx, tx, nil)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT `+endpointFields+`, w.version FROM webhook_endpoints e JOIN workflows w ON w.id = e.workflow_id`)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (live meshhook.LiveEndpoint, err error) {
			live.Endpoint, err = scanEndpoint(row, &live.Version)
			live.Secrets, live.Unreadable = secrets[live.Endpoint.ID], unreadable[live.Endpoint.ID]
			return live, err
		})
		return err
	})
	return list, err
}

// endpointSecrets reads the active secrets by endpoint: of the one, or of all where
// that is nil. One that cannot be opened is told apart, so that it closes its own
// webhook only.
func (db *DB) endpointSecrets(ctx context.Context, tx pgx.Tx, one *meshhook.ID) (secrets map[meshhook.ID][]meshhook.EndpointSecret, unreadable map[meshhook.ID]error, err error) {
	rows, err := tx.Query(ctx, `
		SELECT id, endpoint_id, value, created_at, expires_at FROM endpoint_secrets
		 WHERE (expires_at IS NULL OR expires_at > now()) AND ($1::uuid IS NULL OR endpoint_id = $1) ORDER BY id DESC`, one)
	if err != nil {
		return nil, nil, err
	}
	secrets, unreadable = map[meshhook.ID][]meshhook.EndpointSecret{}, map[meshhook.ID]error{}
	var s meshhook.EndpointSecret
	var sealed []byte
	_, err = pgx.ForEachRow(rows, []any{&s.ID, &s.EndpointID, &sealed, &s.CreatedAt, &s.ExpiresAt}, func() error {
		inUTC(&s.CreatedAt, s.ExpiresAt)
		value, err := db.openText("endpoint_secrets.value", s.ID, sealed)
		if err != nil {
			unreadable[s.EndpointID] = err
			return nil
		}
		s.Value = meshhook.NewSecret(value)
		secrets[s.EndpointID] = append(secrets[s.EndpointID], s)
		return nil
	})
	return secrets, unreadable, err
}
