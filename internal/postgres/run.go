package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// A blocked run is asleep until the end of time, which is no time that Go knows.
const runFields = `id, project_id, workflow_id, workflow, version, event_id, webhook, status, waiting_for, nullif(wake_at, 'infinity'), ` + isBlocked + `, attempt,
	started_at, finished_at, input, output, failure_reason, failure, failed_step`

// scanRun reads the runFields of a row. With the error of what cannot be opened comes all
// else.
func (db *DB) scanRun(row pgx.CollectableRow) (r meshhook.Run, err error) {
	var input, output, failure []byte
	var reason meshhook.FailureReason
	var failedStep string
	err = row.Scan(&r.ID, &r.ProjectID, &r.WorkflowID, &r.Workflow, &r.Version, &r.EventID, &r.Webhook, &r.Status, &r.WaitingFor, &r.WakeAt, &r.Blocked, &r.Attempt,
		&r.StartedAt, &r.FinishedAt, &input, &output, &reason, &failure, &failedStep)
	if err != nil {
		return r, err
	}
	r.CreatedAt = meshhook.IDTime(r.ID)
	inUTC(r.WakeAt, r.StartedAt, r.FinishedAt)
	var noInput, noOutput, noFailure error
	r.Input, noInput = db.openBody("runs.input", r.ID, input)
	r.Output, noOutput = db.openBody("runs.output", r.ID, output)
	if reason != "" {
		r.Error = &meshhook.Failure{Reason: reason, Step: failedStep}
		r.Error.Message, noFailure = db.openText("runs.failure", r.ID, failure)
	}
	return r, errors.Join(noInput, noOutput, noFailure)
}

// inUTC moves times to UTC, in which all of the product speaks.
func inUTC(times ...*time.Time) {
	for _, t := range times {
		if t != nil {
			*t = t.UTC()
		}
	}
}

// Run returns one run with its recorded steps, but for the items of a foreach that
// succeeded and what is inside them.
func (t *Tenant) Run(ctx context.Context, id meshhook.ID) (meshhook.Run, error) {
	return t.runWith(ctx, id, stepsForPeople)
}

// FullRun returns one run with all its recorded steps.
func (t *Tenant) FullRun(ctx context.Context, id meshhook.ID) (meshhook.Run, error) {
	return t.runWith(ctx, id, allSteps)
}

func (t *Tenant) runWith(ctx context.Context, id meshhook.ID, which string) (run meshhook.Run, err error) {
	err = t.inTx(ctx, "reading the run", func(tx pgx.Tx) error {
		if run, err = t.run(ctx, tx, id, ""); err != nil {
			return err
		}
		return t.withSteps(ctx, tx, &run, which)
	})
	return run, err
}

// withSteps reads the steps of a run for people, with the counts of items.
func (t *Tenant) withSteps(ctx context.Context, tx pgx.Tx, run *meshhook.Run, which string) error {
	steps, unreadable, err := t.db.stepsOf(ctx, tx, which, []meshhook.ID{run.ID})
	if err != nil {
		return err
	}
	run.Steps = steps[run.ID]
	return errors.Join(countItems(ctx, tx, run), unreadable[run.ID])
}

// run reads one run in a transaction; lock is "" or "FOR UPDATE".
func (t *Tenant) run(ctx context.Context, tx pgx.Tx, id meshhook.ID, lock string) (meshhook.Run, error) {
	rows, err := tx.Query(ctx, `SELECT `+runFields+` FROM runs WHERE project_id = $1 AND id = $2 `+lock, t.id, id)
	if err != nil {
		return meshhook.Run{}, err
	}
	run, err := pgx.CollectExactlyOneRow(rows, t.db.scanRun)
	return run, notFound(err, "there is no run %s", id)
}

// Runs lists runs, newest first, without their steps.
func (t *Tenant) Runs(ctx context.Context, f meshhook.RunFilter) ([]meshhook.Run, error) {
	var runs []meshhook.Run
	err := t.inTx(ctx, "listing runs", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT `+runFields+` FROM runs
			 WHERE project_id = $1
			   AND ($2 = '' OR workflow = $2)
			   AND ($3 = '' OR status = $3)
			   AND ($7 = '' OR waiting_for = $7)
			   AND id >= $4 AND id < $5
			 ORDER BY id DESC LIMIT nullif($6::bigint, 0)`,
			t.id, f.Workflow, f.Status, meshhook.FirstIDAt(f.Since), upperBound(f.Before, time.Time{}), f.Limit, f.WaitingFor)
		if err != nil {
			return err
		}
		runs, err = pgx.CollectRows(rows, t.db.scanRun)
		return err
	})
	return runs, err
}

// StartRun queues a run that no request started: by hand, with an input, or as
// the replay of an event. Errors: CodeNotFound unless the project has the
// version and the event.
func (t *Tenant) StartRun(ctx context.Context, run meshhook.Run) error {
	return t.startRun(ctx, run, func(tx pgx.Tx) error { return t.auditStart(ctx, tx, run) })
}

// ReplayMany writes down that many events of a webhook, up to count that the filter
// lets through, are about to be replayed as how says. It returns a view of the
// project in which the replays are no entries of their own, but for forced ones.
func (t *Tenant) ReplayMany(ctx context.Context, f meshhook.EventFilter, how meshhook.Replay, count int64) (*Tenant, error) {
	detail := map[string]any{"events": count, "status": f.Status, "since": meshhook.FormatTime(f.Since), "until": meshhook.FormatTime(f.Until)}
	for name, value := range map[string]string{"code": string(f.Code), "workflow": how.Workflow} {
		if value != "" {
			detail[name] = value
		}
	}
	if f.After != (meshhook.ID{}) {
		detail["cursor"] = f.After
	}
	if how.Version != 0 {
		detail["version"] = how.Version
	}
	if how.Force {
		detail["force"] = true
	}
	err := t.inTx(ctx, "replaying events", func(tx pgx.Tx) error {
		return t.audit(ctx, tx, meshhook.AuditEventReplayed, f.Webhook, detail)
	})
	return &Tenant{db: t.db, id: t.id, actor: t.actor, many: true, whole: t.whole}, err
}

// auditStart writes down that a run was started by hand, or on an event again.
func (t *Tenant) auditStart(ctx context.Context, tx pgx.Tx, run meshhook.Run) error {
	switch {
	case run.EventID == nil:
		return t.audit(ctx, tx, meshhook.AuditRunStarted, run.ID.String(), map[string]any{"workflow": run.Workflow, "version": run.Version})
	case t.many:
		return nil
	}
	return t.audit(ctx, tx, meshhook.AuditEventReplayed, run.EventID.String(), map[string]any{
		"webhook": run.Webhook, "workflow": run.Workflow, "version": run.Version, "run_id": run.ID,
	})
}

// ForceRun is StartRun on an event that was rejected with the code; it is audited
// even as one of many, since checks that the webhook's owner wanted are passed over.
func (t *Tenant) ForceRun(ctx context.Context, run meshhook.Run, rejected meshhook.Code) error {
	return t.startRun(ctx, run, func(tx pgx.Tx) error {
		return t.audit(ctx, tx, meshhook.AuditEventReplayed, run.EventID.String(), map[string]any{
			"force": true, "rejected": rejected, "webhook": run.Webhook, "workflow": run.Workflow, "version": run.Version, "run_id": run.ID,
		})
	})
}

func (t *Tenant) startRun(ctx context.Context, run meshhook.Run, also func(pgx.Tx) error) error {
	err := t.inTx(ctx, "starting the run", func(tx pgx.Tx) error {
		// Here and not before the wait for a connection: see sealQueued.
		input, err := t.db.sealBody("runs.input", run.ID, run.Input)
		if err != nil {
			return err
		}
		// The engine works for the whole system: what a run names must be its project's.
		tag, err := tx.Exec(ctx, `
			INSERT INTO runs (id, project_id, workflow_id, workflow, version, event_id, webhook, status, wake_at, input)
			SELECT $1, $2, $3, $4, $5, $6, $7, 'queued', now(), $8
			 WHERE EXISTS (SELECT FROM workflow_versions WHERE project_id = $2 AND workflow_id = $3 AND version = $5)
			   AND ($6::uuid IS NULL OR EXISTS (SELECT FROM events WHERE project_id = $2 AND id = $6))`,
			run.ID, t.id, run.WorkflowID, run.Workflow, run.Version, run.EventID, run.Webhook, input)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return meshhook.Errorf(meshhook.CodeNotFound, "there is no version %d of workflow %s, or its event is gone", run.Version, run.Workflow)
		}
		if err := also(tx); err != nil {
			return err
		}
		run.Attempt = 1
		return t.db.insertEntries(ctx, tx, t.runEntry(run, meshhook.RunQueued))
	})
	if err == nil {
		t.ring(BellRuns, BellJournal)
	}
	return err
}

// CancelRun ends a run that is not over. The daemon that holds it loses it and
// can record nothing more. Errors: CodeNotFound, CodeConflict when it is over.
func (t *Tenant) CancelRun(ctx context.Context, id meshhook.ID) (meshhook.Run, error) {
	return t.changeRun(ctx, id, meshhook.RunCanceled, `
		UPDATE runs SET status = 'canceled', waiting_for = '', wake_at = NULL, lease_owner = NULL, lease_until = NULL,
		       fence = fence + 1, finished_at = now()
		 WHERE id = $1`, func(tx pgx.Tx) error {
		return t.audit(ctx, tx, meshhook.AuditRunCanceled, id.String(), nil)
	}, func(tx pgx.Tx) error { return t.cancelSteps(ctx, tx, id) }, func(tx pgx.Tx) error {
		return t.tell(ctx, tx, id, meshhook.OnCanceled)
	})
}

// cancelSteps ends the steps of a canceled run that were under way or waited.
func (t *Tenant) cancelSteps(ctx context.Context, tx pgx.Tx, id meshhook.ID) error {
	rows, err := tx.Query(ctx, `SELECT step_id FROM run_steps WHERE run_id = $1 AND status IN ('running', 'waiting')`, id)
	if err != nil {
		return err
	}
	steps, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	failures := make([][]byte, len(steps))
	for i, step := range steps {
		if failures[i], err = t.db.sealText(stepPlace("failure", step), id, "the run was canceled by "+string(t.who())); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `
		UPDATE run_steps s SET status = 'failed', next_at = NULL, finished_at = now(), failure_reason = 'canceled', failure = u.failure
		  FROM unnest($2::text[], $3::bytea[]) AS u (step_id, failure) WHERE s.run_id = $1 AND s.step_id = u.step_id`, id, steps, failures)
	return err
}

// changeRun moves a run to another state, if its state machine allows that.
func (t *Tenant) changeRun(ctx context.Context, id meshhook.ID, to meshhook.RunStatus, update string, more ...func(pgx.Tx) error) (meshhook.Run, error) {
	run, err := t.tryChange(ctx, id, to, update, more...)
	for errors.Is(err, errPlaceChanged) {
		run, err = t.tryChange(ctx, id, to, update, more...)
	}
	if err == nil {
		t.ring(BellRuns, BellControl, BellDeliveries, BellJournal)
	}
	return run, err
}

// refuseChange says why a run cannot be canceled or retried.
func refuseChange(run meshhook.Run, to meshhook.RunStatus) error {
	if to == meshhook.RunQueued {
		return meshhook.Errorf(meshhook.CodeConflict, "run %s (%s) cannot be retried: only a run that failed or was canceled can", run.ID, run.Status)
	}
	return meshhook.Errorf(meshhook.CodeConflict, "run %s is over (%s); there is nothing to cancel", run.ID, run.Status)
}

func (t *Tenant) tryChange(ctx context.Context, id meshhook.ID, to meshhook.RunStatus, update string, more ...func(pgx.Tx) error) (run meshhook.Run, err error) {
	err = t.inTx(ctx, "changing the run", func(tx pgx.Tx) error {
		place, err := t.lockRunAndPlace(ctx, tx, id)
		if err != nil {
			return err
		}
		if run, err = t.run(ctx, tx, id, ""); err != nil {
			return err
		}
		if !run.Status.CanBecome(to) || (to == meshhook.RunQueued && !run.Status.Ended()) {
			return refuseChange(run, to)
		}
		if to == meshhook.RunQueued {
			if err := t.freezeAlerts(ctx, tx, run); err != nil {
				return err
			}
		}
		if _, err = tx.Exec(ctx, update, id); err != nil {
			return err
		}
		for _, fn := range more {
			if err := fn(tx); err != nil {
				return err
			}
		}
		if place != nil && to.Ended() {
			if _, err := tx.Exec(ctx, wakeBlocked, [][]byte{place}); err != nil {
				return err
			}
		}
		if run, err = t.run(ctx, tx, id, ""); err != nil {
			return err
		}
		return t.db.insertEntries(ctx, tx, t.runEntry(run, to))
	})
	return run, err
}

func (t *Tenant) runEntry(run meshhook.Run, status meshhook.RunStatus) meshhook.Entry {
	return meshhook.Entry{
		ProjectID: t.id, At: time.Now(), Kind: meshhook.RunEntry(status), EventID: run.EventID, Webhook: run.Webhook,
		RunID: &run.ID, Workflow: run.Workflow, Status: string(status), Attempt: run.Attempt,
	}
}
