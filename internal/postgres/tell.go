package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// tellOfRuns writes the deliveries that moves of runs ask for, in the transaction of the
// moves: there is no moment at which a crash loses one. It sees the rows that this very
// transaction changed (xmin). What an alert says, and whether its `when` lets it, is
// decided when it is sent.
//
// `recovered` remembers that a workflow failed, for each alert that wants to know.
//
// States are locked in the order of their keys, since others do the same.
const tellOfRuns = `
	WITH told AS (
		SELECT u.condition, u.step, r.id, r.project_id, r.workflow_id, r.workflow, r.attempt
		  FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS u (id, fence, condition, step)
		  JOIN runs r ON r.id = u.id AND (u.fence IS NULL OR r.fence = u.fence) AND r.xmin = pg_current_xact_id()::xid
	), failing AS (
		INSERT INTO alert_states (alert_id, kind, key, project_id, at)
		SELECT DISTINCT a.id, 'failing', uuid_send(t.workflow_id), a.project_id, now()
		  FROM told t JOIN alert_configs a ON a.project_id = t.project_id AND (a.workflow_id IS NULL OR a.workflow_id = t.workflow_id)
		 WHERE t.condition = 'failed' AND 'recovered' = ANY (a.conditions)
		 ORDER BY 1, 3
		ON CONFLICT DO NOTHING
	), failed AS (
		SELECT s.alert_id, s.key, a.enabled AND 'recovered' = ANY (a.conditions) AND (a.workflow_id IS NULL OR a.workflow_id = t.workflow_id) AS wanted,
		       t.id, t.project_id, t.workflow_id, t.workflow, t.attempt
		  FROM told t JOIN alert_configs a ON a.project_id = t.project_id
		  JOIN alert_states s ON s.alert_id = a.id AND s.kind = 'failing' AND s.key = uuid_send(t.workflow_id)
		 WHERE t.condition = 'succeeded'
		 ORDER BY s.alert_id, s.key FOR UPDATE OF s
	), recovered AS (
		DELETE FROM alert_states s USING failed f
		 WHERE s.alert_id = f.alert_id AND s.kind = 'failing' AND s.key = f.key
		RETURNING f.*
	)
	INSERT INTO deliveries (id, project_id, alert_id, type, status, run_id, run_attempt, workflow_id, workflow, step, next_at)
	SELECT meshhook_id(), t.project_id, a.id, 'run.' || t.condition, 'pending', t.id, t.attempt, t.workflow_id, t.workflow, t.step, now()
	  FROM told t JOIN alert_configs a ON a.project_id = t.project_id AND a.enabled AND t.condition = ANY (a.conditions)
	       AND (a.workflow_id IS NULL OR a.workflow_id = t.workflow_id)
	UNION ALL
	SELECT meshhook_id(), project_id, alert_id, 'run.recovered', 'pending', id, attempt, workflow_id, workflow, '', now()
	  FROM recovered WHERE wanted`

// tellings collects what is to be told of runs. A fence holds each to the hands that
// made the move; nil is whoever changed the run.
type tellings struct {
	runs       []meshhook.ID
	fences     []*int64
	conditions []string
	steps      []string
}

func (l *tellings) add(run meshhook.ID, fence *int64, c meshhook.Condition, step string) {
	l.runs, l.fences, l.conditions, l.steps = append(l.runs, run), append(l.fences, fence), append(l.conditions, string(c)), append(l.steps, step)
}

// args are those of tellOfRuns.
func (l *tellings) args() []any { return []any{l.runs, l.fences, l.conditions, l.steps} }

// of adds what a move is told of: the end of a run, or each approval that begins to wait.
// In a run that is over nobody has anything to decide.
func (l *tellings) of(m *moveRow) {
	switch m.Status {
	case meshhook.RunSucceeded:
		l.add(m.RunID, &m.Fence, meshhook.OnSucceeded, "")
		return
	case meshhook.RunFailed:
		l.add(m.RunID, &m.Fence, meshhook.OnFailed, "")
		return
	}
	for i := range m.Steps {
		if s := &m.Steps[i]; s.Kind == approvalKind && s.Status == meshhook.StepWaiting {
			l.add(m.RunID, &m.Fence, meshhook.OnWaiting, s.ID)
		}
	}
}

// queueTell writes the deliveries that moves ask for, and counts them.
func queueTell(b *pgx.Batch, rows []moveRow, count *int64) {
	var told tellings
	for i := range rows {
		told.of(&rows[i])
	}
	if len(told.runs) == 0 {
		return
	}
	b.Queue(tellOfRuns, told.args()...).Exec(func(tag pgconn.CommandTag) error {
		*count = tag.RowsAffected()
		return nil
	})
}

// tell writes the deliveries that a change of a run by a person asks for; the caller
// rings BellDeliveries after the commit.
func (t *Tenant) tell(ctx context.Context, tx pgx.Tx, run meshhook.ID, c meshhook.Condition) error {
	var told tellings
	told.add(run, nil, c, "")
	_, err := tx.Exec(ctx, tellOfRuns, told.args()...)
	return err
}

// tellOfCircuit writes the deliveries of alerts that want to know that a receiver has
// failed too often, and returns how many; whoever calls it looks that it is once for each
// circuit. A host is a receiver while another alert's message waits to go there that is
// not itself about alerts.
func (db *DB) tellOfCircuit(ctx context.Context, tx pgx.Tx, c *meshhook.Circuit) (count int, err error) {
	rows, err := tx.Query(ctx, `
		SELECT a.id FROM alert_configs a
		 WHERE a.project_id = $1 AND a.enabled AND 'circuit_open' = ANY (a.conditions)
		   AND EXISTS (SELECT FROM deliveries d
		                WHERE d.project_id = $1 AND d.host = $2 AND d.status = 'pending' AND NOT d.sample AND d.alert_id <> a.id
		                  AND d.type NOT IN ('alert.exhausted', 'alert.circuit_open'))`,
		c.ProjectID, circuitKey(c.Host))
	if err != nil {
		return 0, err
	}
	alerts, err := pgx.CollectRows(rows, pgx.RowTo[meshhook.ID])
	if err != nil {
		return 0, err
	}
	for _, alert := range alerts {
		id := meshhook.NewID()
		sealed, err := db.sealJSON("deliveries.circuit", id, c)
		if err != nil {
			return 0, err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO deliveries (id, project_id, alert_id, type, status, circuit, next_at) VALUES ($1, $2, $3, $4, 'pending', $5, now())`,
			id, c.ProjectID, alert, meshhook.OnCircuitOpen.Type(), sealed)
		if err != nil {
			return 0, err
		}
	}
	if len(alerts) > 0 {
		_, err = tx.Exec(ctx, `UPDATE circuits SET told = true WHERE id = $1`, c.ID)
	}
	return len(alerts), err
}

// WithholdDelivery is ReleaseDelivery for one whose host's circuit is open. It is told of
// now if that has not been yet: the circuit may have opened over what steps of workflows
// sent, when no alert waited to go there.
func (db *DB) WithholdDelivery(ctx context.Context, c *meshhook.DeliveryClaim, refused *meshhook.CircuitRefusal) error {
	told := 0
	err := db.inTx(ctx, "withholding the delivery", func(tx pgx.Tx) error {
		if err := db.releaseDelivery(ctx, tx, c, refused.Wait); err != nil || c.Delivery.Type.AboutAlerts() {
			return err
		}
		var id meshhook.ID
		err := tx.QueryRow(ctx, `
			SELECT id FROM circuits
			 WHERE id = $1 AND NOT told AND EXISTS (SELECT FROM alert_configs a WHERE a.project_id = $2 AND a.enabled AND 'circuit_open' = ANY (a.conditions)) FOR UPDATE`,
			refused.Circuit.ID, c.Delivery.ProjectID).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			told, err = db.tellOfCircuit(ctx, tx, &refused.Circuit)
		}
		return err
	})
	if err == nil {
		db.ringFor(told > 0, BellDeliveries)
	}
	return err
}

// AlertQueue returns how many alerts of all projects are still to be sent, and how long
// the oldest that is due has been waiting; 0 when none is.
func (db *DB) AlertQueue(ctx context.Context) (pending int64, oldest time.Duration, err error) {
	err = db.inTx(ctx, "counting alerts", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT (SELECT count(*) FROM deliveries WHERE status = 'pending' AND lease_owner IS NULL)
			     + (SELECT count(*) FROM deliveries WHERE lease_owner IS NOT NULL),
			       coalesce((SELECT greatest(now() - next_at, '0') FROM deliveries WHERE status = 'pending' AND lease_owner IS NULL ORDER BY next_at, id LIMIT 1), '0')`).
			Scan(&pending, &oldest)
	})
	return pending, oldest, err
}
