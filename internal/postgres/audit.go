package postgres

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// As returns the same view of the project, whose changes are written down as
// those of the actor.
func (t *Tenant) As(actor meshhook.Actor) *Tenant {
	return &Tenant{db: t.db, id: t.id, actor: actor, whole: t.whole}
}

// itself is the actor of changes that nobody asked for.
const itself meshhook.Actor = "meshhook"

// who is the actor of what is done in this view of the project.
func (t *Tenant) who() meshhook.Actor { return cmp.Or(t.actor, itself) }

// audit writes down who did what to what, in the transaction of the change. The
// detail must hold no secret.
func (t *Tenant) audit(ctx context.Context, tx pgx.Tx, action, target string, detail any) error {
	return insertAudit(ctx, tx, t.id, t.who(), action, target, detail)
}

func insertAudit(ctx context.Context, tx pgx.Tx, project meshhook.ID, actor meshhook.Actor, action, target string, detail any) error {
	if detail == nil {
		detail = struct{}{}
	}
	_, err := tx.Exec(ctx, `INSERT INTO audit_log (id, project_id, actor, action, target, detail) VALUES ($1, $2, $3, $4, $5, $6)`,
		meshhook.NewID(), project, text(string(actor)), action, text(target), detail)
	return err
}

// AuditLog lists the project's audit entries, newest first.
func (t *Tenant) AuditLog(ctx context.Context, f meshhook.AuditFilter) (list []meshhook.AuditEntry, err error) {
	err = t.inTx(ctx, "reading the audit log", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT id, at, actor, action, target, detail FROM audit_log
			 WHERE project_id = $1
			   AND ($2 = '' OR actor = $2)
			   AND ($3 = '' OR action = $3)
			   AND id >= $4 AND id < $5
			 ORDER BY id DESC LIMIT nullif($6::bigint, 0)`,
			t.id, f.Actor, f.Action, meshhook.FirstIDAt(f.Since), upperBound(f.Before, time.Time{}), f.Limit)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e meshhook.AuditEntry, err error) {
			err = row.Scan(&e.ID, &e.At, &e.Actor, &e.Action, &e.Target, &e.Detail)
			inUTC(&e.At)
			if string(e.Detail) == "{}" {
				e.Detail = nil
			}
			return e, err
		})
		return err
	})
	return list, err
}

// change is what became of one field.
type change struct {
	Old json.RawMessage `json:"old,omitempty"`
	New json.RawMessage `json:"new,omitempty"`
}

// maxAudited is the size above which a value is not repeated in the audit log, in
// bytes of JSON: that it changed is enough to know.
const maxAudited = 1 << 10

// changes compares what two values of one type show as JSON objects, field by
// field, and leaves out what is not worth telling. Secrets are no part of what
// they show.
func changes(before, after any, but ...string) (map[string]change, error) {
	var was, is map[string]json.RawMessage
	for value, fields := range map[*map[string]json.RawMessage]any{&was: before, &is: after} {
		text, err := json.Marshal(fields)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, value); err != nil {
			return nil, err
		}
	}
	for _, name := range but {
		delete(was, name)
		delete(is, name)
	}
	found := map[string]change{}
	for name, value := range is {
		if !bytes.Equal(value, was[name]) {
			found[name] = change{Old: audited(was[name]), New: audited(value)}
		}
	}
	for name, value := range was {
		if _, there := is[name]; !there {
			found[name] = change{Old: audited(value)}
		}
	}
	return found, nil
}

func audited(value json.RawMessage) json.RawMessage {
	if len(value) > maxAudited {
		return json.RawMessage(`"…"`)
	}
	return value
}
