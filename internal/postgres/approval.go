package postgres

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Decide answers an approval of a run, and wakes the run. With step "" it is the
// only one that waits. Errors: CodeNotFound for an unknown run; CodeConflict when
// nothing waits for an answer, or it was answered already; CodeInvalid when several
// wait and none is named, and for a note that meshhook.CheckNote refuses. The run
// comes with its steps, as Run has them.
func (t *Tenant) Decide(ctx context.Context, id meshhook.ID, step string, approved bool, note string) (run meshhook.Run, err error) {
	if err := meshhook.CheckNote(note); err != nil {
		return run, err
	}
	d := meshhook.Decision{Approved: approved, By: t.who(), Note: note, At: time.Now().UTC()}
	err = t.inTx(ctx, "answering the approval", func(tx pgx.Tx) error {
		if run, err = t.run(ctx, tx, id, "FOR UPDATE"); err != nil {
			return err
		}
		if step, err = awaited(ctx, tx, run, step); err != nil {
			return err
		}
		if err := t.decide(ctx, tx, &run, step, d); err != nil {
			return err
		}
		return t.withSteps(ctx, tx, &run, stepsForPeople)
	})
	if err == nil {
		t.ring(BellRuns, BellControl, BellJournal)
	}
	return run, err
}

// decide writes the answer down, and wakes the run.
func (t *Tenant) decide(ctx context.Context, tx pgx.Tx, run *meshhook.Run, step string, d meshhook.Decision) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	sealed, err := t.db.sealBody(stepPlace("decision", step), run.ID, text)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE run_steps SET decision = $3 WHERE run_id = $1 AND step_id = $2`, run.ID, step, sealed); err != nil {
		return err
	}
	// A run that is asleep wakes now; one that is under way is told by its wake_at,
	// and does not fall asleep before it has looked.
	if _, err := tx.Exec(ctx, `UPDATE runs SET wake_at = now() WHERE id = $1`, run.ID); err != nil {
		return err
	}
	action, kind := meshhook.AuditRunApproved, meshhook.EntryRunApproved
	if !d.Approved {
		action, kind = meshhook.AuditRunRejected, meshhook.EntryRunRejected
	}
	if err := t.audit(ctx, tx, action, run.ID.String(), map[string]any{"step": step}); err != nil {
		return err
	}
	entry := t.runEntry(*run, run.Status)
	entry.Kind, entry.Step, entry.Detail = kind, step, "by "+string(d.By)
	if d.Note != "" {
		entry.Detail += ": " + d.Note
	}
	return t.db.insertEntries(ctx, tx, entry)
}

// Awaited lists approvals that runs sleep on, those of the newest runs first, up to
// limit. It needs no key: names of steps are not sealed.
func (t *Tenant) Awaited(ctx context.Context, limit int) (list []meshhook.Awaited, err error) {
	err = t.inTx(ctx, "listing approvals", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT r.id, r.workflow, s.step_id
			  FROM (SELECT id, workflow FROM runs WHERE project_id = $1 AND waiting_for = 'approval' AND status = 'waiting'
			         ORDER BY id DESC LIMIT $2) r
			  JOIN run_steps s ON s.run_id = r.id
			 WHERE s.kind = 'approval' AND s.status = 'waiting' AND s.decision IS NULL
			 ORDER BY r.id DESC, s.position LIMIT $2`, t.id, limit)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[meshhook.Awaited])
		return err
	})
	return list, err
}

// awaited returns the id of the approval that is meant.
func awaited(ctx context.Context, tx pgx.Tx, run meshhook.Run, step string) (string, error) {
	if run.Status.Ended() {
		return "", meshhook.Errorf(meshhook.CodeConflict, "run %s is over (%s); there is nothing to answer", run.ID, run.Status)
	}
	rows, err := tx.Query(ctx, `
		SELECT step_id FROM run_steps WHERE run_id = $1 AND kind = 'approval' AND status = 'waiting' AND decision IS NULL ORDER BY position`, run.ID)
	if err != nil {
		return "", err
	}
	waiting, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", err
	}
	for _, id := range waiting {
		if id == step || step == "" && len(waiting) == 1 {
			return id, nil
		}
	}
	switch {
	case len(waiting) == 0:
		return "", meshhook.Errorf(meshhook.CodeConflict, "no step of run %s waits for an approval", run.ID)
	case step == "":
		return "", meshhook.Errorf(meshhook.CodeInvalid, "%d steps of run %s wait for an approval; name one of them as the step: %s", len(waiting), run.ID, list(waiting))
	default:
		return "", meshhook.Errorf(meshhook.CodeConflict, "step %s of run %s does not wait for an approval; these do: %s", step, run.ID, list(waiting))
	}
}

// list joins names for a message, the first ten of them.
func list(names []string) string {
	if len(names) > 10 {
		names = append(names[:10:10], "…")
	}
	return strings.Join(names, ", ")
}

// Decisions returns the answers to approvals of a run, by step.
func (db *DB) Decisions(ctx context.Context, run meshhook.ID) (map[string]meshhook.Decision, error) {
	decisions := map[string]meshhook.Decision{}
	err := db.inTx(ctx, "reading the answers to approvals", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT step_id, decision FROM run_steps WHERE run_id = $1 AND decision IS NOT NULL`, run)
		if err != nil {
			return err
		}
		var step string
		var sealed []byte
		_, err = pgx.ForEachRow(rows, []any{&step, &sealed}, func() error {
			d, err := db.openDecision(run, step, sealed)
			if err == nil {
				decisions[step] = *d
			}
			return err
		})
		return err
	})
	return decisions, err
}

func (db *DB) openDecision(run meshhook.ID, step string, sealed []byte) (*meshhook.Decision, error) {
	if sealed == nil {
		return nil, nil
	}
	text, err := db.openBody(stepPlace("decision", step), run, sealed)
	if err != nil {
		return nil, err
	}
	var d meshhook.Decision
	return &d, json.Unmarshal(text, &d)
}
