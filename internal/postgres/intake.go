package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/lane"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// writeTimeout bounds one group commit.
const writeTimeout = 10 * time.Second

// startLanes makes the lanes of the hot writes: what ingress records, what the
// engine records, and the places that its runs take.
func (db *DB) startLanes() {
	options := lane.Options{Workers: 2, MaxBatch: 128, Gather: time.Millisecond, Fatal: connectionLost}
	db.intakes = lane.New(options, db.writeIntakes)
	db.moves = lane.New(options, db.writeMoves)
	db.places = lane.New(options, db.writePlaces)
}

// head is what of an event, beside its body, may hold a payload. It is sealed
// as one JSON document.
type head struct {
	Header   http.Header     `json:"header,omitempty"`
	Query    string          `json:"query,omitempty"`
	DedupKey string          `json:"dedup_key,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Findings json.RawMessage `json:"findings,omitempty"`
	// Credential is a salted digest; BodyEncoded and HeaderTruncated tell what of
	// the request the row does not hold.
	Credential      []byte `json:"credential,omitempty"`
	BodyEncoded     bool   `json:"body_encoded,omitempty"`
	Handshake       bool   `json:"handshake,omitempty"`
	HeaderTruncated bool   `json:"header_truncated,omitempty"`
}

// intakeRow is an Intake with what is to be sealed sealed.
type intakeRow struct {
	meshhook.Intake
	key        uint32 // the data key that sealed it
	head, body []byte
	dedupKey   []byte // of its SHA-256; nil without a key
	entry      meshhook.ID
}

// Record stores one request: its event, its run where it starts one, its dedup
// key and its journal entry, durably, in one transaction with the other requests
// that wait. An event whose dedup key was seen before is stored as a duplicate
// and starts no run. Errors have CodeUnavailable when nothing could be stored.
func (db *DB) Record(ctx context.Context, in meshhook.Intake) (meshhook.Recorded, error) {
	row, err := db.sealIntake(in)
	if err != nil {
		return meshhook.Recorded{}, err
	}
	recorded, err := db.intakes.Do(ctx, row)
	if err != nil {
		return meshhook.Recorded{}, translate(err, "recording the event")
	}
	if in.Run != nil && recorded.DuplicateOf == nil {
		db.Ring(BellRuns, BellJournal)
	} else {
		db.Ring(BellJournal)
	}
	return recorded, nil
}

func (db *DB) sealIntake(in meshhook.Intake) (intakeRow, error) {
	e := &in.Event
	row := intakeRow{Intake: in, entry: meshhook.NewID()}
	var err error
	if row.key, err = db.sealingKey(); err != nil {
		return row, err
	}
	text, err := json.Marshal(head{
		Header: e.Header, Query: e.Query, DedupKey: e.DedupKey, Reason: e.Reason, Findings: e.Findings,
		Credential: e.Credential, BodyEncoded: e.BodyEncoded, HeaderTruncated: e.HeaderTruncated, Handshake: e.Handshake,
	})
	if err != nil {
		return row, meshhook.Errorf(meshhook.CodeInternal, "encoding an event: %w", err)
	}
	// Not compressed: a few hundred bytes gain less than it costs.
	if row.head, err = db.sealBytes("events.head", e.ID, text); err != nil {
		return row, err
	}
	if row.body, err = db.sealBody("events.body", e.ID, append([]byte{}, e.Body...)); err != nil {
		return row, err
	}
	if e.DedupKey != "" && !in.DedupUntil.IsZero() {
		row.dedupKey = dedupDigest(e.DedupKey)
	}
	return row, nil
}

// dedupDigest is what dedup_keys holds of a key, which may quote a payload.
func dedupDigest(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:16]
}

// The statements of a group commit. Duplicates are found by the database, in the
// same transaction: of requests with one key, wherever they came in, exactly one
// holds the row of dedup_keys, and the others see it there.
const (
	insertDedupKeys = `
		INSERT INTO dedup_keys AS d (endpoint_id, key, project_id, event_id, expires_at)
		SELECT DISTINCT ON (endpoint_id, key) *
		  FROM unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::uuid[], $5::timestamptz[]) AS u (endpoint_id, key, project_id, event_id, expires_at)
		 ORDER BY endpoint_id, key, event_id
		ON CONFLICT (endpoint_id, key) DO UPDATE
		   SET event_id = EXCLUDED.event_id, expires_at = EXCLUDED.expires_at
		 WHERE d.expires_at <= now()`

	insertEvents = `
		INSERT INTO events (id, project_id, endpoint_id, webhook, status, code, received_at, remote_addr, method, path,
		       content_type, head, body, body_size, body_truncated, secret_id, duplicate_of)
		SELECT u.id, u.project_id, u.endpoint_id, u.webhook,
		       CASE WHEN d.event_id IS NULL THEN u.status ELSE 'duplicate' END,
		       u.code, u.received_at, u.remote_addr, u.method, u.path,
		       u.content_type, u.head, u.body, u.body_size, u.body_truncated, u.secret_id, d.event_id
		  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[], $10::text[],
		       $11::text[], $12::bytea[], $13::bytea[], $14::bigint[], $15::boolean[], $16::uuid[], $17::bytea[])
		       AS u (id, project_id, endpoint_id, webhook, status, code, received_at, remote_addr, method, path,
		       content_type, head, body, body_size, body_truncated, secret_id, dedup_key)
		  LEFT JOIN dedup_keys d ON d.endpoint_id = u.endpoint_id AND d.key = u.dedup_key AND d.event_id <> u.id
		RETURNING id, duplicate_of`

	insertRuns = `
		INSERT INTO runs (id, project_id, workflow_id, workflow, version, event_id, webhook, status, wake_at)
		SELECT u.id, u.project_id, u.workflow_id, u.workflow, u.version, u.event_id, u.webhook, 'queued', now()
		  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::integer[], $6::uuid[], $7::text[], $8::uuid[], $9::bytea[])
		       AS u (id, project_id, workflow_id, workflow, version, event_id, webhook, endpoint_id, dedup_key)
		 WHERE NOT EXISTS (SELECT FROM dedup_keys d WHERE d.endpoint_id = u.endpoint_id AND d.key = u.dedup_key AND d.event_id <> u.event_id)`

	insertIntakeEntries = `
		INSERT INTO journal (id, project_id, at, kind, event_id, webhook, run_id, workflow, status, code)
		SELECT u.id, u.project_id, u.at,
		       CASE WHEN d.event_id IS NULL THEN 'event.' || u.status ELSE 'event.duplicate' END, u.event_id, u.webhook,
		       CASE WHEN d.event_id IS NULL THEN u.run_id END, u.workflow,
		       CASE WHEN d.event_id IS NULL THEN u.status ELSE 'duplicate' END, u.code
		  FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::uuid[], $11::bytea[])
		       AS u (id, project_id, at, event_id, webhook, run_id, workflow, status, code, endpoint_id, dedup_key)
		  LEFT JOIN dedup_keys d ON d.endpoint_id = u.endpoint_id AND d.key = u.dedup_key AND d.event_id <> u.event_id`
)

// writeIntakes is the group commit of ingress: one statement for each table.
func (db *DB) writeIntakes(ctx context.Context, rows []intakeRow) ([]meshhook.Recorded, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := sealQueued(db, rows, func(r *intakeRow) uint32 { return r.key }, func(r *intakeRow) (intakeRow, error) { return db.sealIntake(r.Intake) })
	if err != nil {
		return nil, err
	}
	place := make(map[meshhook.ID]int, len(rows))
	for i := range rows {
		place[rows[i].Event.ID] = i
	}
	recorded := make([]meshhook.Recorded, len(rows))
	err = db.inBatch(ctx, "recording events", func(b *pgx.Batch) {
		if keyed := only(rows, func(r *intakeRow) bool { return r.dedupKey != nil }); len(keyed) > 0 {
			b.Queue(insertDedupKeys, dedupColumns(keyed)...)
		}
		b.Queue(insertEvents, eventColumns(rows)...).Query(func(answer pgx.Rows) error {
			var id meshhook.ID
			var duplicateOf *meshhook.ID
			_, err := pgx.ForEachRow(answer, []any{&id, &duplicateOf}, func() error {
				if duplicateOf != nil {
					first := *duplicateOf
					recorded[place[id]].DuplicateOf = &first
				}
				return nil
			})
			return err
		})
		if starting := only(rows, func(r *intakeRow) bool { return r.Run != nil }); len(starting) > 0 {
			b.Queue(insertRuns, runColumns(starting)...)
		}
		b.Queue(insertIntakeEntries, intakeEntryColumns(rows)...)
	})
	return recorded, err
}
