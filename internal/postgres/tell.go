package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// tellOfRuns writes the deliveries that moves of runs ask for, in the transaction of the
// moves: there is no moment at which a crash loses one. It sees the rows that this very
// transaction changed (xmin). What an alert says, and whether its `when` lets it, is
// decided when it is sent.
//
// `recovered` remembers that a workflow failed, for each alert that wants to know.
const tellOfRuns = `
	WITH told AS (
		SELECT u.condition, r.id, r.project_id, r.workflow_id, r.workflow, r.attempt
		  FROM unnest($1::uuid[], $2::text[]) AS u (id, condition)
		  JOIN runs r ON r.id = u.id AND r.xmin = pg_current_xact_id()::xid
	), failing AS (
		INSERT INTO alert_states (alert_id, kind, key, project_id, at)
		SELECT DISTINCT a.id, 'failing', uuid_send(t.workflow_id), a.project_id, now()
		  FROM told t JOIN alert_configs a ON a.project_id = t.project_id AND (a.workflow_id IS NULL OR a.workflow_id = t.workflow_id)
		 WHERE t.condition = 'failed' AND 'recovered' = ANY (a.conditions)
		ON CONFLICT DO NOTHING
	), recovered AS (
		DELETE FROM alert_states s USING told t, alert_configs a
		 WHERE t.condition = 'succeeded' AND s.kind = 'failing' AND s.key = uuid_send(t.workflow_id)
		   AND a.id = s.alert_id AND a.project_id = t.project_id
		RETURNING s.alert_id, a.enabled, t.id, t.project_id, t.workflow_id, t.workflow, t.attempt
	)
	INSERT INTO deliveries (id, project_id, alert_id, type, status, run_id, run_attempt, workflow_id, workflow, next_at)
	SELECT meshhook_id(), t.project_id, a.id, 'run.' || t.condition, 'pending', t.id, t.attempt, t.workflow_id, t.workflow, now()
	  FROM told t JOIN alert_configs a ON a.project_id = t.project_id AND a.enabled AND t.condition = ANY (a.conditions)
	       AND (a.workflow_id IS NULL OR a.workflow_id = t.workflow_id)
	UNION ALL
	SELECT meshhook_id(), project_id, alert_id, 'run.recovered', 'pending', id, attempt, workflow_id, workflow, now()
	  FROM recovered WHERE enabled`

// tellings collects what is to be told of runs.
type tellings struct {
	runs       []meshhook.ID
	conditions []string
}

func (l *tellings) add(run meshhook.ID, c meshhook.Condition) {
	l.runs, l.conditions = append(l.runs, run), append(l.conditions, string(c))
}

// of adds what a move is told of: the end of a run, and an approval that begins to wait.
func (l *tellings) of(m *moveRow) {
	switch m.Status {
	case meshhook.RunSucceeded:
		l.add(m.RunID, meshhook.OnSucceeded)
	case meshhook.RunFailed:
		l.add(m.RunID, meshhook.OnFailed)
	}
	for i := range m.Steps {
		if s := &m.Steps[i]; s.Kind == "approval" && s.Status == meshhook.StepWaiting {
			l.add(m.RunID, meshhook.OnWaiting)
			return
		}
	}
}

// tell writes the deliveries that a change of a run by a person asks for; the caller
// rings BellDeliveries after the commit.
func (t *Tenant) tell(ctx context.Context, tx pgx.Tx, run meshhook.ID, c meshhook.Condition) error {
	_, err := tx.Exec(ctx, tellOfRuns, []meshhook.ID{run}, []string{string(c)})
	return err
}

// TellOfDelayed writes the deliveries of alerts about runs that take too long: of runs
// that became late since the moment given, or of all when it is zero. Each is told once
// for each attempt of the run; one that was tried again counts from its new start. It
// returns how many were written.
func (db *DB) TellOfDelayed(ctx context.Context, since time.Time) (count int, err error) {
	err = db.inTx(ctx, "looking for delayed runs", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			WITH watch AS (
				SELECT a.id AS alert_id, a.project_id, w.id AS workflow_id, make_interval(secs => a.delay_threshold_ms / 1000.0) AS threshold
				  FROM alert_configs a JOIN workflows w ON w.project_id = a.project_id AND (a.workflow_id IS NULL OR a.workflow_id = w.id)
				 WHERE a.enabled AND a.delay_threshold_ms IS NOT NULL
			), late AS (
				SELECT w.alert_id, w.project_id, r.id, r.attempt, r.workflow_id, r.workflow
				  FROM watch w JOIN runs r ON r.workflow_id = w.workflow_id AND r.finished_at IS NULL AND r.attempt = 1
				   AND r.id < first_id_at(now() - w.threshold)
				   AND r.id >= coalesce(first_id_at($1::timestamptz - w.threshold), '00000000-0000-0000-0000-000000000000')
				UNION ALL
				SELECT w.alert_id, w.project_id, r.id, r.attempt, r.workflow_id, r.workflow
				  FROM watch w JOIN runs r ON r.workflow_id = w.workflow_id AND r.finished_at IS NULL AND r.attempt > 1
				   AND r.started_at < now() - w.threshold
			), new AS (
				INSERT INTO alert_states (alert_id, kind, key, project_id, at)
				SELECT alert_id, 'delayed', uuid_send(id) || int4send(attempt), project_id, now() FROM late
				ON CONFLICT DO NOTHING RETURNING alert_id, key
			)
			INSERT INTO deliveries (id, project_id, alert_id, type, status, run_id, run_attempt, workflow_id, workflow, next_at)
			SELECT meshhook_id(), l.project_id, l.alert_id, 'run.delayed', 'pending', l.id, l.attempt, l.workflow_id, l.workflow, now()
			  FROM late l JOIN new n ON n.alert_id = l.alert_id AND n.key = uuid_send(l.id) || int4send(l.attempt)`, orNull(since))
		count = int(tag.RowsAffected())
		return err
	})
	if count > 0 && err == nil {
		db.Ring(BellDeliveries)
	}
	return count, err
}

// TellOfAbsent writes the deliveries of alerts about webhooks whose expected event has
// not come, once for each gap. It returns how many were written.
func (db *DB) TellOfAbsent(ctx context.Context) (count int, err error) {
	err = db.inTx(ctx, "looking for expected events", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			WITH gap AS (
				SELECT a.id AS alert_id, a.project_id, coalesce(uuid_send(e.id), '\x') AS key
				  FROM alert_configs a
				  JOIN webhook_endpoints w ON w.id = a.expect_endpoint_id
				  LEFT JOIN LATERAL (SELECT id, received_at FROM events WHERE webhook = w.url_path AND status = 'accepted' ORDER BY id DESC LIMIT 1) e ON true
				 WHERE a.enabled AND greatest(coalesce(e.received_at, a.created_at), a.updated_at) < now() - make_interval(secs => a.expect_within_ms / 1000.0)
			), new AS (
				INSERT INTO alert_states (alert_id, kind, key, project_id, at)
				SELECT alert_id, 'absent', key, project_id, now() FROM gap
				ON CONFLICT DO NOTHING RETURNING alert_id, project_id
			)
			INSERT INTO deliveries (id, project_id, alert_id, type, status, next_at)
			SELECT meshhook_id(), project_id, alert_id, 'webhook.absent', 'pending', now() FROM new`)
		count = int(tag.RowsAffected())
		return err
	})
	if count > 0 && err == nil {
		db.Ring(BellDeliveries)
	}
	return count, err
}
