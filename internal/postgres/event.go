package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const eventFields = `id, project_id, endpoint_id, webhook, status, code, received_at, remote_addr, method, path,
	content_type, head, body, body_size, body_truncated, secret_id, duplicate_of`

// eventHeadFields are eventFields without the body.
var eventHeadFields = strings.Replace(eventFields, "body,", "NULL::bytea AS body,", 1)

// Event returns one event with its headers, its body and the runs it started.
func (t *Tenant) Event(ctx context.Context, id meshhook.ID) (meshhook.Event, error) {
	var event meshhook.Event
	err := t.inTx(ctx, "reading the event", func(tx pgx.Tx) error {
		var err error
		if event, err = t.event(ctx, tx, id); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT id FROM runs WHERE project_id = $1 AND event_id = $2 ORDER BY id`, t.id, id)
		if err != nil {
			return err
		}
		event.RunIDs, err = pgx.CollectRows(rows, pgx.RowTo[meshhook.ID])
		return err
	})
	return event, err
}

// event reads one event, without its runs.
func (t *Tenant) event(ctx context.Context, tx pgx.Tx, id meshhook.ID) (meshhook.Event, error) {
	rows, err := tx.Query(ctx, `SELECT `+eventFields+` FROM events WHERE project_id = $1 AND id = $2`, t.id, id)
	if err != nil {
		return meshhook.Event{}, err
	}
	event, err := pgx.CollectExactlyOneRow(rows, t.db.scanEvent)
	return event, notFound(err, "there is no event %s", id)
}

// upperBound is the id below which a list stays: that of its cursor or of the
// time until, whichever is lower; neither means no bound.
func upperBound(before meshhook.ID, until time.Time) meshhook.ID {
	bound := meshhook.ID{}
	for i := range bound {
		bound[i] = 0xff
	}
	if !until.IsZero() {
		bound = meshhook.FirstIDAt(until)
	}
	if before != (meshhook.ID{}) && bytes.Compare(before[:], bound[:]) < 0 {
		bound = before
	}
	return bound
}

// sealedEvent is an event as it is stored: what is sealed of it is still sealed.
type sealedEvent struct {
	meshhook.Event
	head, body []byte
}

func scanSealedEvent(row pgx.CollectableRow) (e sealedEvent, err error) {
	err = row.Scan(&e.ID, &e.ProjectID, &e.EndpointID, &e.Webhook, &e.Status, &e.Code, &e.ReceivedAt, &e.RemoteAddr, &e.Method, &e.Path,
		&e.ContentType, &e.head, &e.body, &e.BodySize, &e.BodyTruncated, &e.SecretID, &e.DuplicateOf)
	return e, err
}

func (db *DB) scanEvent(row pgx.CollectableRow) (meshhook.Event, error) {
	e, err := scanSealedEvent(row)
	if err != nil {
		return e.Event, err
	}
	return e.Event, db.openEvent(&e.Event, e.head, e.body)
}

// openEvent unseals an event's head and body into it; a nil body was not read.
func (db *DB) openEvent(e *meshhook.Event, sealedHead, body []byte) (err error) {
	e.ReceivedAt = e.ReceivedAt.UTC()
	text, err := db.openBytes("events.head", e.ID, sealedHead)
	if err != nil {
		return err
	}
	var h head
	if err := json.Unmarshal(text, &h); err != nil {
		return meshhook.Errorf(meshhook.CodeInternal, "decoding event %s: %w", e.ID, err)
	}
	e.Header, e.Query, e.DedupKey, e.Reason, e.Findings = h.Header, h.Query, h.DedupKey, h.Reason, h.Findings
	e.Credential, e.BodyEncoded, e.HeaderTruncated, e.Handshake = h.Credential, h.BodyEncoded, h.HeaderTruncated, h.Handshake
	e.Body, err = db.openBody("events.body", e.ID, body)
	return err
}
