package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Places are what the concurrency of a workflow is made of (migrations/0005). Whoever
// gives one away, or frees one, does so under the place's advisory lock, which it takes
// before it locks any row: so the counts below are of a moment at which nobody else
// changes them, a wake-up cannot get lost between a take and an end, and nobody who
// waits for the lock holds a row that its holder wants.

// isBlocked is what the row of a run says that waits for a place.
const isBlocked = `(status = 'queued' AND place IS NOT NULL AND NOT placed)`

const (
	// lockPlaces is a statement of its own: those after it see what was committed
	// before the lock was given.
	lockPlaces = `SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) AS k`

	// room has, for each place of u in which runs wait, how many more may be under way.
	// Without a limit, which a newer version may have done away with, the first hundred
	// let the next in.
	room = `
		CROSS JOIN LATERAL (
			SELECT CASE WHEN f.run_limit = 0 THEN 100
			       ELSE greatest(f.run_limit - (SELECT count(*) FROM runs p WHERE p.place = u.place AND p.placed AND p.finished_at IS NULL), 0) END AS free
			  FROM runs o JOIN workflows f ON f.id = o.workflow_id
			 WHERE o.place = u.place AND NOT o.placed AND o.finished_at IS NULL LIMIT 1
		) room
		CROSS JOIN LATERAL (
			SELECT w.id, w.status, w.wake_at FROM runs w
			 WHERE w.place = u.place AND NOT w.placed AND w.finished_at IS NULL ORDER BY w.id LIMIT room.free
		) next`

	// wakeBlocked wakes those blocked runs of the places $1 whose turn it is. It asks
	// next and not r whether they sleep: else it would read r by wake_at, all that sleep.
	wakeBlocked = `
		UPDATE runs r SET wake_at = now()
		  FROM unnest($1::bytea[]) AS u (place)` + room + `
		 WHERE r.id = next.id AND next.status = 'queued' AND next.wake_at = 'infinity'`
)

// The statements by which runs that are held take places. All of a group are written
// down as waiting first; then each that has few enough before it gets its place, and
// the others go back to the queue.
const (
	takers = ` FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::uuid[]) AS u (id, fence, place, workflow_id)
		  LEFT JOIN workflows f ON f.id = u.workflow_id
		 WHERE r.id = u.id AND r.fence = u.fence AND r.status = 'running'`

	askForPlaces = `UPDATE runs r SET place = u.place` + takers + ` AND NOT r.placed`

	// A run that has its place already did not hear of it.
	givePlaces = `
		UPDATE runs r SET placed = true` + takers + ` AND (r.placed OR coalesce(f.run_limit, 0) = 0 OR f.run_limit >
		       (SELECT count(*) FROM runs p WHERE p.place = u.place AND p.placed AND p.finished_at IS NULL) +
		       (SELECT count(*) FROM (SELECT FROM runs o WHERE o.place = u.place AND NOT o.placed AND o.finished_at IS NULL AND o.id < u.id LIMIT f.run_limit) older))
		RETURNING u.id, u.fence`

	// What goes back has begun nothing: its time counts from when it does.
	blockRuns = `
		UPDATE runs r SET status = 'queued', wake_at = 'infinity', lease_owner = NULL, lease_until = NULL, fence = r.fence + 1, started_at = NULL` + takers + ` AND NOT r.placed
		RETURNING u.id, u.fence, now(), f.run_limit, (SELECT count(*) FROM runs p WHERE p.place = u.place AND p.placed AND p.finished_at IS NULL)`
)

// placeRow is a run that asks for its place.
type placeRow struct {
	*meshhook.RunClaim
	key string
}

// placing is what came of asking for a place.
type placing int

const (
	placeLost placing = iota // the run is in other hands
	placeTaken
	placeBlocked
)

// TakePlace gives a run that is held its place (claim.Place) among those of its
// workflow that may be under way: as many as the workflow's newest version says, the
// oldest first. Where there is no room, or older ones wait, taken is false, and the run
// is out of hand and back in the queue, asleep until it is its turn. key is what the
// journal says of it. Errors: CodeLeaseLost when the run is in other hands.
func (db *DB) TakePlace(ctx context.Context, claim *meshhook.RunClaim, key string) (taken bool, err error) {
	came, err := db.places.Do(ctx, placeRow{claim, key})
	switch {
	case err != nil:
		return false, translate(err, "taking a place")
	case came == placeLost:
		return false, meshhook.Errorf(meshhook.CodeLeaseLost, "run %s is in other hands now", claim.Run.ID)
	case came == placeBlocked:
		db.Ring(BellJournal)
	}
	return came == placeTaken, nil
}

// writePlaces is TakePlace for those that ask at the same time.
func (db *DB) writePlaces(ctx context.Context, rows []placeRow) ([]placing, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	came := make(map[hold]placing, len(rows))
	var woken int
	err := db.inTx(ctx, "taking places", func(tx pgx.Tx) error {
		var entries []meshhook.Entry
		if err := tx.SendBatch(ctx, db.takePlaces(rows, came, &entries, &woken)).Close(); err != nil || len(entries) == 0 {
			return err
		}
		return db.insertEntries(ctx, tx, entries...)
	})
	if woken > 0 && err == nil {
		db.Ring(BellRuns)
	}
	results := make([]placing, len(rows))
	for i := range rows {
		results[i] = came[hold{rows[i].Run.ID, rows[i].Fence}]
	}
	return results, err
}

// takePlaces is the batch that gives places. It fills came with what came of each
// run, entries with what the journal says of those that are blocked, and woken with
// how many older ones it woke.
func (db *DB) takePlaces(rows []placeRow, came map[hold]placing, entries *[]meshhook.Entry, woken *int) *pgx.Batch {
	// In the order in which moves lock rows.
	rows = slices.SortedFunc(slices.Values(rows), func(a, b placeRow) int { return compareIDs(a.Run.ID, b.Run.ID) })
	byHold := make(map[hold]*placeRow, len(rows))
	places := make([]meshhook.PlaceID, len(rows))
	for i := range rows {
		places[i] = rows[i].Place
		byHold[hold{rows[i].Run.ID, rows[i].Fence}] = &rows[i]
	}
	args := []any{
		ids(rows, func(r *placeRow) meshhook.ID { return r.Run.ID }),
		column(rows, func(r *placeRow) int64 { return r.Fence }),
		column(rows, func(r *placeRow) []byte { return r.Place[:] }),
		ids(rows, func(r *placeRow) meshhook.ID { return r.Run.WorkflowID }),
	}
	places = distinct(places)
	b := &pgx.Batch{}
	b.Queue(lockPlaces, lockKeys(places))
	b.Queue(askForPlaces, args...)
	var h hold
	b.Queue(givePlaces, args...).Query(func(answer pgx.Rows) error {
		_, err := pgx.ForEachRow(answer, []any{&h.run, &h.fence}, func() error {
			came[h] = placeTaken
			return nil
		})
		return err
	})
	var at time.Time
	var limit, placed int64
	b.Queue(blockRuns, args...).Query(func(answer pgx.Rows) error {
		_, err := pgx.ForEachRow(answer, []any{&h.run, &h.fence, &at, &limit, &placed}, func() error {
			came[h] = placeBlocked
			*entries = append(*entries, byHold[h].blocked(at, limit, placed))
			return nil
		})
		return err
	})
	// There may be more room than there was: a newer version has a higher limit.
	queueWake(b, places, woken)
	return b
}

// blocked is the journal's entry of a run that has to wait.
func (r *placeRow) blocked(at time.Time, limit, placed int64) meshhook.Entry {
	with := ""
	if r.key != "" {
		with = fmt.Sprintf(" with the key %q", r.key)
	}
	detail := fmt.Sprintf("waits for a place: %d of %d runs%s are under way", placed, limit, with)
	if placed < limit {
		detail += ", and older ones wait"
	}
	return meshhook.Entry{
		ProjectID: r.Run.ProjectID, At: at, Kind: meshhook.EntryRunQueued, EventID: r.Run.EventID, Webhook: r.Run.Webhook, RunID: &r.Run.ID,
		Workflow: r.Run.Workflow, Status: string(meshhook.RunQueued), Code: meshhook.QueuedForPlace, Detail: detail, Attempt: r.Run.Attempt,
	}
}

// freedPlaces are the places of the runs that end with these moves.
func freedPlaces(rows []moveRow) (places []meshhook.PlaceID) {
	for i := range rows {
		if r := &rows[i]; r.Place != (meshhook.PlaceID{}) && r.Status.Ended() {
			places = append(places, r.Place)
		}
	}
	return distinct(places)
}

// distinct sorts places and leaves out what stands in the list twice.
func distinct(places []meshhook.PlaceID) []meshhook.PlaceID {
	slices.SortFunc(places, func(a, b meshhook.PlaceID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(places)
}

// lockKeys are the keys of the places' advisory locks, in the one order in which
// everybody takes them.
func lockKeys(places []meshhook.PlaceID) []int64 {
	keys := make([]int64, len(places))
	for i := range places {
		keys[i] = int64(binary.BigEndian.Uint64(places[i][:])) //nolint:gosec // any number will do
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// queueWake wakes the blocked runs of places whose turn it is, and counts them.
func queueWake(b *pgx.Batch, places []meshhook.PlaceID, woken *int) {
	b.Queue(wakeBlocked, column(places, func(p *meshhook.PlaceID) []byte { return p[:] })).Exec(func(tag pgconn.CommandTag) error {
		*woken = int(tag.RowsAffected())
		return nil
	})
}

// errPlaceChanged tells that a run got a place while its row was being locked.
var errPlaceChanged = errors.New("the run has asked for a place meanwhile")

// lockRunAndPlace locks the place that a run has or waits for, which it returns (nil
// for none), and then its row.
func (t *Tenant) lockRunAndPlace(ctx context.Context, tx pgx.Tx, id meshhook.ID) ([]byte, error) {
	var before, place []byte
	err := tx.QueryRow(ctx, `SELECT place FROM runs WHERE project_id = $1 AND id = $2`, t.id, id).Scan(&before)
	if before != nil && err == nil {
		_, err = tx.Exec(ctx, lockPlaces, lockKeys([]meshhook.PlaceID{meshhook.PlaceID(before)}))
	}
	if err == nil {
		err = tx.QueryRow(ctx, `SELECT place FROM runs WHERE project_id = $1 AND id = $2 FOR UPDATE`, t.id, id).Scan(&place)
	}
	if err == nil && !slices.Equal(before, place) {
		err = errPlaceChanged
	}
	return place, notFound(err, "there is no run %s", id)
}

// sleepingPlaces are places in which runs sleep whose turn it is.
const sleepingPlaces = `
	WITH RECURSIVE waiting AS (
		(SELECT place FROM runs WHERE place IS NOT NULL AND NOT placed AND finished_at IS NULL ORDER BY place LIMIT 1)
		UNION ALL
		SELECT (SELECT n.place FROM runs n WHERE n.place > u.place AND NOT n.placed AND n.finished_at IS NULL ORDER BY n.place LIMIT 1)
		  FROM waiting u WHERE u.place IS NOT NULL
	)
	SELECT DISTINCT u.place FROM waiting u` + room + `
	 WHERE u.place IS NOT NULL AND next.status = 'queued' AND next.wake_at = 'infinity' LIMIT $1`

// WakeBlocked wakes the runs of up to limit places that sleep although it is their
// turn, and returns how many it woke. That they sleep is a limit that was raised
// meanwhile, or the doing of a daemon of another version.
func (db *DB) WakeBlocked(ctx context.Context, limit int) (woken int, err error) {
	err = db.inTx(ctx, "waking blocked runs", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sleepingPlaces, limit)
		if err != nil {
			return err
		}
		places, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p meshhook.PlaceID, err error) {
			var place []byte
			err = row.Scan(&place)
			copy(p[:], place)
			return p, err
		})
		if err != nil || len(places) == 0 {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(lockPlaces, lockKeys(places))
		queueWake(b, places, &woken)
		return tx.SendBatch(ctx, b).Close()
	})
	if woken > 0 && err == nil {
		db.Ring(BellRuns)
	}
	return woken, err
}
