package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// moveRow is a RunMove with what is to be sealed sealed.
type moveRow struct {
	meshhook.RunMove
	key             uint32 // the data key that sealed it
	output, failure []byte
	steps           []stepRow
	entries         []entryRow
}

// Move records what a daemon did with a run that it holds: steps, the change of
// the run and the journal entries, in one transaction with the moves of other
// runs. A daemon that lost the run records nothing and gets CodeLeaseLost.
func (db *DB) Move(ctx context.Context, m meshhook.RunMove) error {
	row, err := db.sealMove(m)
	if err != nil {
		return err
	}
	held, err := db.moves.Do(ctx, row)
	if err != nil {
		return translate(err, "recording the move")
	}
	if !held {
		return meshhook.Errorf(meshhook.CodeLeaseLost, "run %s is in other hands now", m.RunID)
	}
	db.Ring(BellJournal)
	return nil
}

func (db *DB) sealMove(m meshhook.RunMove) (row moveRow, err error) {
	row.RunMove = m
	if row.key, err = db.sealingKey(); err != nil {
		return row, err
	}
	if row.output, err = db.sealBody("runs.output", m.RunID, m.Output); err != nil {
		return row, err
	}
	if m.Error != nil {
		if row.failure, err = db.sealText("runs.failure", m.RunID, m.Error.Message); err != nil {
			return row, err
		}
	}
	for _, s := range m.Steps {
		step, err := db.sealStep(&m, s)
		if err != nil {
			return row, err
		}
		row.steps = append(row.steps, step)
	}
	for _, e := range m.Entries {
		entry, err := db.sealEntry(e)
		if err != nil {
			return row, err
		}
		entry.fence = m.Fence
		row.entries = append(row.entries, entry)
	}
	return row, nil
}

// The statements of a group of moves. The first holds each to its fence and
// changes the row of the run; the others write for the rows that this very
// transaction changed (xmin), so a move that was refused leaves nothing.
const (
	updateRuns = `
		UPDATE runs r
		   SET status = u.status, waiting_for = u.waiting_for, finished_at = u.finished_at,
		       -- A wake_at on a run that is under way says that somebody answered it: it stays awake.
		       wake_at = CASE u.status WHEN 'waiting' THEN coalesce(r.wake_at, now() + u.wake_in) WHEN 'running' THEN r.wake_at WHEN 'queued' THEN now() END,
		       lease_owner = CASE WHEN u.status = 'running' THEN r.lease_owner END,
		       lease_until = CASE WHEN u.status = 'running' THEN r.lease_until END,
		       output = u.output, failure_reason = u.failure_reason, failure = u.failure, failed_step = u.failed_step
		  FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::interval[], $6::timestamptz[], $7::bytea[], $8::text[], $9::bytea[], $10::text[])
		       AS u (id, fence, status, waiting_for, wake_in, finished_at, output, failure_reason, failure, failed_step)
		 WHERE r.id = u.id AND r.fence = u.fence AND r.status = 'running'
		RETURNING r.id, r.fence`

	upsertSteps = `
		INSERT INTO run_steps AS s (run_id, step_id, project_id, kind, status, attempt, started_at, finished_at, next_at, output, failure_reason, failure,
		       failed_step, scope, parent, input)
		SELECT u.run_id, u.step_id, u.project_id, u.kind, u.status, u.attempt, u.started_at, u.finished_at, u.next_at, u.output, u.failure_reason, u.failure,
		       u.failed_step, u.scope, u.parent, u.input
		  FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::integer[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[],
		       $10::bytea[], $11::text[], $12::bytea[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::bigint[])
		       AS u (run_id, step_id, project_id, kind, status, attempt, started_at, finished_at, next_at, output, failure_reason, failure,
		       failed_step, scope, parent, input, fence)
		  JOIN runs r ON r.id = u.run_id AND r.fence = u.fence AND r.xmin = pg_current_xact_id()::xid
		ON CONFLICT (run_id, step_id) DO UPDATE
		   SET status = EXCLUDED.status, attempt = EXCLUDED.attempt, started_at = EXCLUDED.started_at, finished_at = EXCLUDED.finished_at,
		       next_at = EXCLUDED.next_at, output = EXCLUDED.output, failure_reason = EXCLUDED.failure_reason, failure = EXCLUDED.failure,
		       failed_step = EXCLUDED.failed_step, input = coalesce(EXCLUDED.input, s.input)
		 WHERE s.status IN ('running', 'waiting')`

	insertMoveEntries = `
		INSERT INTO journal (` + entryColumns + `)
		SELECT ` + entryColumnsOf + `
		  FROM ` + entryUnnest + `
		  JOIN runs r ON r.id = u.run_id AND r.fence = u.fence AND r.xmin = pg_current_xact_id()::xid`
)

// hold is one claim of a run. The old and the new hands of a run may be of one
// daemon, and their moves of one group.
type hold struct {
	run   meshhook.ID
	fence int64
}

// writeMoves is the group commit of the engine. Its result tells for each move
// whether the run was still held.
func (db *DB) writeMoves(ctx context.Context, rows []moveRow) ([]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := sealQueued(db, rows, func(r *moveRow) uint32 { return r.key }, func(r *moveRow) (moveRow, error) { return db.sealMove(r.RunMove) }); err != nil {
		return nil, err
	}
	// Rows are locked in the order of their ids, here and in ExtendLeases.
	sorted := slices.SortedFunc(slices.Values(rows), func(a, b moveRow) int { return compareIDs(a.RunID, b.RunID) })
	var steps []stepRow
	var entries []entryRow
	for i := range rows {
		steps = append(steps, rows[i].steps...)
		entries = append(entries, rows[i].entries...)
	}
	holds := make(map[hold]bool, len(rows))
	freed, woken := freedPlaces(rows), 0
	var alerts int64
	err := db.inBatch(ctx, "recording moves", func(b *pgx.Batch) {
		if len(freed) > 0 {
			b.Queue(lockPlaces, lockKeys(freed))
		}
		b.Queue(updateRuns, moveColumns(sorted)...).Query(func(answer pgx.Rows) error {
			var h hold
			_, err := pgx.ForEachRow(answer, []any{&h.run, &h.fence}, func() error {
				holds[h] = true
				return nil
			})
			return err
		})
		if len(steps) > 0 {
			b.Queue(upsertSteps, stepColumns(steps)...)
		}
		if len(entries) > 0 {
			b.Queue(insertMoveEntries, entryValues(entries)...)
		}
		queueTell(b, rows, &alerts)
		if len(freed) > 0 {
			queueWake(b, freed, &woken)
		}
	})
	if err == nil {
		db.ringFor(woken > 0, BellRuns)
		db.ringFor(alerts > 0, BellDeliveries)
	}
	held := make([]bool, len(rows))
	for i := range rows {
		held[i] = holds[hold{rows[i].RunID, rows[i].Fence}]
	}
	return held, err
}

// ringFor rings a bell if there is a reason to.
func (db *DB) ringFor(reason bool, c Channel) {
	if reason {
		db.Ring(c)
	}
}

func moveColumns(rows []moveRow) []any {
	return []any{
		ids(rows, func(r *moveRow) meshhook.ID { return r.RunID }),
		column(rows, func(r *moveRow) int64 { return r.Fence }),
		column(rows, func(r *moveRow) string { return string(r.Status) }),
		column(rows, func(r *moveRow) string { return string(r.WaitingFor) }),
		column(rows, func(r *moveRow) *time.Duration { return r.wakeIn() }),
		column(rows, func(r *moveRow) *time.Time { return orNull(r.FinishedAt) }),
		column(rows, func(r *moveRow) []byte { return r.output }),
		column(rows, func(r *moveRow) string { return string(failureOf(r.Error).Reason) }),
		column(rows, func(r *moveRow) []byte { return r.failure }),
		column(rows, func(r *moveRow) string { return failureOf(r.Error).Step }),
	}
}

// wakeIn is how long a waiting run sleeps, or NULL where it does not or without end.
// The server adds it to its own clock, by which runs are claimed.
func (r *moveRow) wakeIn() *time.Duration {
	if r.Status != meshhook.RunWaiting || r.WakeIn < 0 {
		return nil
	}
	return &r.WakeIn
}

// orNull turns the zero time into NULL.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// failureOf returns the failure, or the empty one where there is none.
func failureOf(f *meshhook.Failure) meshhook.Failure {
	if f == nil {
		return meshhook.Failure{}
	}
	return *f
}
