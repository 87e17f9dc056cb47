package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// entryRow is an Entry with its detail sealed.
type entryRow struct {
	meshhook.Entry
	fence  int64
	detail []byte
}

// The journal's columns, as they are inserted and as unnest names them.
const (
	entryColumns = `id, project_id, at, kind, event_id, webhook, run_id, workflow, step, status, code, detail, attempt, duration_ms, http_status, count, alert_id, delivery_id`
	// entryAlert is the name of an entry's alert, "" for none.
	entryAlert     = `, coalesce((SELECT a.name FROM alert_configs a WHERE a.id = journal.alert_id), '')`
	entryColumnsOf = `u.id, u.project_id, u.at, u.kind, u.event_id, u.webhook, u.run_id, u.workflow, u.step, u.status, u.code, u.detail, u.attempt, u.duration_ms, u.http_status, u.count, u.alert_id, u.delivery_id`
	entryUnnest    = `unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::uuid[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[],
		       $11::text[], $12::bytea[], $13::integer[], $14::bigint[], $15::integer[], $16::bigint[], $17::uuid[], $18::uuid[], $19::bigint[])
		       AS u (id, project_id, at, kind, event_id, webhook, run_id, workflow, step, status, code, detail, attempt, duration_ms, http_status, count, alert_id, delivery_id, fence)`
)

func (db *DB) sealEntry(e meshhook.Entry) (entryRow, error) {
	if e.ID == (meshhook.ID{}) {
		e.ID = meshhook.NewID()
	}
	detail, err := db.sealText("journal.detail", e.ID, e.Detail)
	return entryRow{Entry: e, detail: detail}, err
}

func entryValues(rows []entryRow) []any {
	return []any{
		ids(rows, func(r *entryRow) meshhook.ID { return r.ID }),
		ids(rows, func(r *entryRow) meshhook.ID { return r.ProjectID }),
		column(rows, func(r *entryRow) time.Time { return r.At }),
		column(rows, func(r *entryRow) string { return string(r.Kind) }),
		nullableIDs(rows, func(r *entryRow) *meshhook.ID { return r.EventID }),
		column(rows, func(r *entryRow) string { return r.Webhook }),
		nullableIDs(rows, func(r *entryRow) *meshhook.ID { return r.RunID }),
		column(rows, func(r *entryRow) string { return r.Workflow }),
		column(rows, func(r *entryRow) string { return r.Step }),
		column(rows, func(r *entryRow) string { return r.Status }),
		column(rows, func(r *entryRow) string { return r.Code }),
		column(rows, func(r *entryRow) []byte { return r.detail }),
		column(rows, func(r *entryRow) int { return r.Attempt }),
		column(rows, func(r *entryRow) int64 { return r.DurationMS }),
		column(rows, func(r *entryRow) int { return r.HTTPStatus }),
		column(rows, func(r *entryRow) int64 { return r.Count }),
		nullableIDs(rows, func(r *entryRow) *meshhook.ID { return r.AlertID }),
		nullableIDs(rows, func(r *entryRow) *meshhook.ID { return r.DeliveryID }),
		column(rows, func(r *entryRow) int64 { return r.fence }),
	}
}

// insertEntries writes journal entries in the transaction of what they tell.
func (db *DB) insertEntries(ctx context.Context, tx pgx.Tx, entries ...meshhook.Entry) error {
	rows := make([]entryRow, 0, len(entries))
	for _, e := range entries {
		row, err := db.sealEntry(e)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	_, err := tx.Exec(ctx, `INSERT INTO journal (`+entryColumns+`) SELECT `+entryColumnsOf+` FROM `+entryUnnest, entryValues(rows)...)
	return err
}

// RecordSuppressed notes in the journal how many rejected requests were not
// stored, one entry for each endpoint.
func (db *DB) RecordSuppressed(ctx context.Context, counts []meshhook.Suppressed) error {
	now := time.Now()
	entries := make([]meshhook.Entry, 0, len(counts))
	for _, c := range counts {
		entries = append(entries, meshhook.Entry{
			ProjectID: c.ProjectID, At: now, Kind: meshhook.EntryEventSuppressed, Webhook: c.Webhook,
			Status: string(meshhook.EventRejected), Count: c.Count,
		})
	}
	err := db.inTx(ctx, "recording suppressed events", func(tx pgx.Tx) error {
		return db.insertEntries(ctx, tx, entries...)
	})
	if err == nil {
		db.Ring(BellJournal)
	}
	return err
}

// Listen calls ring once it listens to the journal's bell and then whenever it
// rings, until ctx ends or the connection is lost. It is half of a tail.Source.
func (t *Tenant) Listen(ctx context.Context, ring func()) error {
	return t.db.listen(ctx, []Channel{BellJournal}, func(Channel) { ring() })
}

// EntriesAfter returns up to limit committed entries after the cursor, in
// order. It reads only below the snapshot's xmin: every transaction below it has
// ended, so no entry can appear behind a cursor that was handed out.
func (t *Tenant) EntriesAfter(ctx context.Context, after meshhook.Cursor, limit int) ([]meshhook.Entry, error) {
	var entries []meshhook.Entry
	err := t.inTx(ctx, "reading the journal", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT xact::text::bigint, `+entryColumns+entryAlert+` FROM journal
			 WHERE project_id = $1 AND (xact, id) > ($2::text::xid8, $3)
			   AND xact < pg_snapshot_xmin(pg_current_snapshot())
			 ORDER BY xact, id LIMIT $4`, t.id, strconv.FormatUint(after.XID, 10), after.ID, limit)
		if err != nil {
			return err
		}
		entries, err = pgx.CollectRows(rows, t.db.scanEntry)
		return err
	})
	return entries, err
}

// clockSlack is how far the clocks of daemons may lie apart for RunEntries to find
// everything: an entry's id has the time of the daemon that wrote it.
const clockSlack = time.Hour

// RunEntries returns what the journal keeps of a run, in order; of what is older
// than the retention of the journal, nothing. There is no index on runs, for every
// entry would pay for it: what bounds the search are the days of the run's life, by
// which the journal is partitioned.
func (t *Tenant) RunEntries(ctx context.Context, run meshhook.Run) ([]meshhook.Entry, error) {
	until := time.Now()
	if run.FinishedAt != nil && run.FinishedAt.Before(until) {
		until = *run.FinishedAt
	}
	var entries []meshhook.Entry
	err := t.inTx(ctx, "reading the history of the run", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT xact::text::bigint, `+entryColumns+entryAlert+` FROM journal
			 WHERE project_id = $1 AND run_id = $2 AND id >= $3 AND id < $4
			 ORDER BY xact, id`, t.id, run.ID, meshhook.FirstIDAt(meshhook.IDTime(run.ID).Add(-clockSlack)), meshhook.FirstIDAt(until.Add(clockSlack)))
		if err != nil {
			return err
		}
		entries, err = pgx.CollectRows(rows, t.db.scanEntry)
		return err
	})
	return entries, err
}

func (db *DB) scanEntry(row pgx.CollectableRow) (e meshhook.Entry, err error) {
	var xid int64
	var detail []byte
	err = row.Scan(&xid, &e.ID, &e.ProjectID, &e.At, &e.Kind, &e.EventID, &e.Webhook, &e.RunID, &e.Workflow, &e.Step, &e.Status, &e.Code,
		&detail, &e.Attempt, &e.DurationMS, &e.HTTPStatus, &e.Count, &e.AlertID, &e.DeliveryID, &e.Alert)
	if err != nil {
		return e, err
	}
	e.At = e.At.UTC()
	e.Cursor = meshhook.Cursor{XID: uint64(xid), ID: e.ID} //nolint:gosec // transaction ids are below 2^63
	e.Detail, err = db.openText("journal.detail", e.ID, detail)
	return e, err
}

// CursorAt returns the cursor before the first entry that was made at or after
// at; for the zero time, the present or later, the one after everything that is
// committed.
func (t *Tenant) CursorAt(ctx context.Context, at time.Time) (meshhook.Cursor, error) {
	var first int64
	err := t.inTx(ctx, "reading the journal", func(tx pgx.Tx) error {
		if at.IsZero() || !at.Before(time.Now()) {
			return tx.QueryRow(ctx, `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint`).Scan(&first)
		}
		return tx.QueryRow(ctx, `
			SELECT least(
				(SELECT xact::text::bigint FROM journal WHERE project_id = $1 AND id >= $2 ORDER BY xact LIMIT 1),
				pg_snapshot_xmin(pg_current_snapshot())::text::bigint)`, t.id, meshhook.FirstIDAt(at)).Scan(&first)
	})
	if err != nil {
		return meshhook.Cursor{}, err
	}
	// The largest id there is, of the transaction before the first one wanted.
	last := meshhook.ID{}
	for i := range last {
		last[i] = 0xff
	}
	return meshhook.Cursor{XID: uint64(max(first-1, 0)), ID: last}, nil //nolint:gosec // never negative
}
