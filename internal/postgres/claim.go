package postgres

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// claimRuns takes runs that are ready, oldest first, and leaves those that
// another daemon is taking at this moment. A run that starts gets its journal
// entry in the same statement.
const (
	readyRuns = `
		SELECT id, started_at FROM runs
		 WHERE status IN ('queued', 'waiting') AND wake_at <= now()
		 ORDER BY wake_at, id LIMIT $1 FOR UPDATE SKIP LOCKED`

	claimRuns = `
	WITH ready AS (` + readyRuns + `
	), claimed AS (
		UPDATE runs r
		   SET status = 'running', waiting_for = '', wake_at = NULL, fence = r.fence + 1,
		       lease_owner = $2, lease_until = now() + $3, started_at = coalesce(r.started_at, now())
		  FROM ready WHERE r.id = ready.id
		RETURNING r.*, ready.started_at IS NULL AS fresh
	), started AS (
		INSERT INTO journal (id, project_id, at, kind, event_id, webhook, run_id, workflow, status, attempt)
		SELECT ($4::uuid[])[row_number() OVER ()], project_id, now(), 'run.started', event_id, webhook, id, workflow, status, attempt
		  FROM claimed WHERE fresh
	)
	SELECT c.id, c.project_id, c.workflow_id, c.workflow, c.version, c.event_id, c.webhook, c.attempt, c.fence,
	       c.started_at, c.input, c.fresh, now(), c.place, c.placed,
	       e.endpoint_id, e.received_at, e.remote_addr, e.method, e.path, e.content_type, e.head, e.body, e.body_size
	  FROM claimed c LEFT JOIN events e ON e.id = c.event_id
	 ORDER BY c.id`
)

// ClaimRuns gives up to limit ready runs into the hands of the daemon owner for
// the time of the lease, with their events and recorded steps.
func (db *DB) ClaimRuns(ctx context.Context, owner meshhook.ID, limit int, lease time.Duration) ([]meshhook.RunClaim, error) {
	var claims []meshhook.RunClaim
	var resumed []meshhook.ID
	err := db.inTx(ctx, "claiming runs", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, claimRuns, limit, owner, lease, entryIDs(limit))
		if err != nil {
			return err
		}
		claims, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (meshhook.RunClaim, error) {
			claim, fresh, err := db.scanClaim(row)
			// A retried run starts anew with the steps that are done.
			if !fresh || claim.Run.Attempt > 1 {
				resumed = append(resumed, claim.Run.ID)
			}
			return claim, err
		})
		if err != nil || len(resumed) == 0 {
			return err
		}
		steps, unreadable, err := db.stepsOf(ctx, tx, stepsForEngine, resumed)
		for i := range claims {
			c := &claims[i]
			c.Run.Steps, c.Unreadable = steps[c.Run.ID], errors.Join(c.Unreadable, unreadable[c.Run.ID])
		}
		return err
	})
	if len(claims) > 0 && err == nil {
		db.Ring(BellJournal)
	}
	return claims, err
}

// entryIDs makes the ids of a statement's journal entries: Postgres takes ten times as
// long for it.
func entryIDs(count int) [][16]byte {
	list := make([][16]byte, count)
	for i := range list {
		list[i] = meshhook.NewID()
	}
	return list
}

func (db *DB) scanClaim(row pgx.CollectableRow) (claim meshhook.RunClaim, fresh bool, err error) {
	run := &claim.Run
	var input, place []byte
	var e joinedEvent
	err = row.Scan(&run.ID, &run.ProjectID, &run.WorkflowID, &run.Workflow, &run.Version, &run.EventID, &run.Webhook, &run.Attempt, &claim.Fence,
		&run.StartedAt, &input, &fresh, &claim.Now, &place, &claim.Placed,
		&e.endpointID, &e.receivedAt, &e.remoteAddr, &e.method, &e.path, &e.contentType, &e.head, &e.body, &e.bodySize)
	if err != nil {
		return claim, fresh, err
	}
	copy(claim.Place[:], place)
	run.Status = meshhook.RunRunning
	run.CreatedAt = meshhook.IDTime(run.ID)
	inUTC(run.StartedAt, &claim.Now)
	var noInput, noEvent error
	run.Input, noInput = db.openBody("runs.input", run.ID, input)
	claim.Event, noEvent = db.openJoinedEvent(run, &e)
	claim.Unreadable = errors.Join(noInput, noEvent)
	return claim, fresh, nil
}

// joinedEvent holds the columns of an event that may be absent: a run that was
// started by hand has none, and an old event may have been expired.
type joinedEvent struct {
	endpointID                            *meshhook.ID
	receivedAt                            *time.Time
	remoteAddr, method, path, contentType *string
	head, body                            []byte
	bodySize                              *int64
}

func (db *DB) openJoinedEvent(run *meshhook.Run, e *joinedEvent) (*meshhook.Event, error) {
	if run.EventID == nil || e.endpointID == nil {
		return nil, nil
	}
	event := &meshhook.Event{
		ID: *run.EventID, ProjectID: run.ProjectID, EndpointID: *e.endpointID, Webhook: run.Webhook,
		ReceivedAt: *e.receivedAt, RemoteAddr: *e.remoteAddr, Method: *e.method, Path: *e.path,
		ContentType: *e.contentType, BodySize: *e.bodySize,
	}
	return event, db.openEvent(event, e.head, e.body)
}

// ExtendLeases renews the leases of runs that owner holds, those of which less than
// two thirds are left, and returns all that it still holds; the others were taken
// over or canceled. Of each it tells whether somebody answered it (see Decide).
func (db *DB) ExtendLeases(ctx context.Context, owner meshhook.ID, runs []meshhook.ID, lease time.Duration) (held map[meshhook.ID]bool, err error) {
	held = make(map[meshhook.ID]bool, len(runs))
	err = db.inTx(ctx, "extending leases", func(tx pgx.Tx) error {
		// In the order in which moves lock rows, so that neither waits for the other.
		slices.SortFunc(runs, compareIDs)
		_, err := tx.Exec(ctx, `
			UPDATE runs r SET lease_until = now() + $3::interval
			  FROM unnest($2::uuid[]) AS u (id)
			 WHERE r.id = u.id AND r.lease_owner = $1 AND r.status = 'running' AND r.lease_until < now() + $3::interval * 2 / 3`, owner, runs, lease)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT r.id, r.wake_at IS NOT NULL FROM unnest($2::uuid[]) AS u (id)
			  JOIN runs r ON r.id = u.id AND r.lease_owner = $1 AND r.status = 'running'`, owner, runs)
		if err != nil {
			return err
		}
		var id meshhook.ID
		var answered bool
		_, err = pgx.ForEachRow(rows, []any{&id, &answered}, func() error {
			held[id] = answered
			return nil
		})
		return err
	})
	return held, err
}

// NextWake returns how long it is until the next sleeping run is due, if that is
// within the time given.
func (db *DB) NextWake(ctx context.Context, within time.Duration) (wait time.Duration, soon bool, err error) {
	err = db.inTx(ctx, "looking for the next run to wake", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			SELECT wake_at - now() FROM runs
			 WHERE status IN ('queued', 'waiting') AND wake_at > now() AND wake_at <= now() + $1::interval
			 ORDER BY wake_at LIMIT 1`, within).Scan(&wait)
		soon = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return wait, soon, err
}

// RecoverRuns puts runs whose lease ran out back into the queue: their daemon
// died or lost its database. It returns how many there were.
func (db *DB) RecoverRuns(ctx context.Context, limit int) (int, error) {
	return db.requeue(ctx, "recovering runs", meshhook.EntryRunRecovered, `
		SELECT id FROM runs WHERE status = 'running' AND lease_until < now()
		 ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED`, limit)
}

// ReleaseRuns puts the runs that owner still holds back into the queue: it stops
// and others go on with them at once.
func (db *DB) ReleaseRuns(ctx context.Context, owner meshhook.ID) (int, error) {
	return db.requeue(ctx, "releasing runs", meshhook.EntryRunReleased, `
		SELECT id FROM runs WHERE status = 'running' AND lease_owner = $2 FOR UPDATE`, owner)
}

func (db *DB) requeue(ctx context.Context, doing string, kind meshhook.EntryKind, which string, arg any) (count int, err error) {
	err = db.inTx(ctx, doing, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			WITH lost AS (`+which+`), requeued AS (
				UPDATE runs r SET status = 'queued', wake_at = now(), lease_owner = NULL, lease_until = NULL, fence = r.fence + 1
				  FROM lost WHERE r.id = lost.id
				RETURNING r.*
			)
			INSERT INTO journal (id, project_id, at, kind, event_id, webhook, run_id, workflow, status, attempt)
			SELECT meshhook_id(), project_id, now(), $1, event_id, webhook, id, workflow, status, attempt FROM requeued`, kind, arg)
		count = int(tag.RowsAffected())
		return err
	})
	if count > 0 && err == nil {
		db.Ring(BellRuns, BellJournal)
	}
	return count, err
}

func compareIDs(a, b meshhook.ID) int { return bytes.Compare(a[:], b[:]) }
