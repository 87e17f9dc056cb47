package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// DeliverySubject returns what is needed to send a delivery: the alert and its active
// secrets, and, for one that is not rendered yet, what it tells of. What is gone is nil.
// It is read as the engine reads runs, by plans that are made once. What cannot be opened
// is no error: it would keep the delivery for ever.
func (db *DB) DeliverySubject(ctx context.Context, c *meshhook.DeliveryClaim) (s meshhook.DeliverySubject, err error) {
	t := db.Tenant(c.Delivery.ProjectID)
	err = db.inTx(ctx, "reading what an alert tells of", func(tx pgx.Tx) error { return t.readSubject(ctx, tx, c, &s) })
	if err != nil || s.Alert == nil || s.Unreadable != nil || c.Delivery.Request != nil {
		return s, err
	}
	return s, t.addOthers(ctx, c, &s)
}

// readSubject reads the alert, and the run that it tells of.
func (t *Tenant) readSubject(ctx context.Context, tx pgx.Tx, c *meshhook.DeliveryClaim, s *meshhook.DeliverySubject) error {
	sealed, err := t.sealedAlert(ctx, tx, c.Delivery.AlertID, "")
	if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	a, err := t.db.openAlert(sealed)
	if s.Alert = &a; err != nil {
		s.Unreadable = err
		return nil
	}
	secrets, err := t.alertSecrets(ctx, tx, a.ID)
	if err != nil {
		return err
	}
	for _, secret := range secrets {
		if !secret.Value.IsZero() {
			s.Secrets = append(s.Secrets, secret.Value)
		}
	}
	if c.Delivery.Request != nil {
		return nil
	}
	if s.Project, err = t.name(ctx, tx); err != nil {
		return err
	}
	if c.Delivery.RunID == nil || c.Delivery.Subject != nil { // an alert about an alert names the run, and tells of the delivery
		return nil
	}
	return t.addRun(ctx, tx, c, s)
}

// addOthers adds what else a delivery tells of: another delivery, or events.
func (t *Tenant) addOthers(ctx context.Context, c *meshhook.DeliveryClaim, s *meshhook.DeliverySubject) error {
	if c.Delivery.Subject != nil {
		if err := t.addAbout(ctx, *c.Delivery.Subject, s); err != nil {
			return err
		}
	}
	if s.Alert.Expect == nil {
		return nil
	}
	s.Webhook = s.Alert.Expect.Webhook
	err := t.db.inTx(ctx, "reading when the last event came", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT greatest(expect_seen_at, (SELECT received_at FROM events WHERE webhook = $2 AND status = 'accepted' ORDER BY id DESC LIMIT 1))
			  FROM alert_configs WHERE id = $1`, s.Alert.ID, s.Webhook).Scan(&s.LastEvent)
	})
	inUTC(s.LastEvent)
	return notFound(err, "the alert is gone")
}

// addRun adds the run, as it was where it has gone on since, and its event.
func (t *Tenant) addRun(ctx context.Context, tx pgx.Tx, c *meshhook.DeliveryClaim, s *meshhook.DeliverySubject) error {
	run, unreadable := t.run(ctx, tx, *c.Delivery.RunID, "")
	if meshhook.ErrorCode(unreadable) == meshhook.CodeNotFound {
		return nil
	}
	if run.ID != *c.Delivery.RunID {
		return unreadable
	}
	steps, unreadableSteps, err := t.db.stepsOf(ctx, tx, stepsForPeople, []meshhook.ID{run.ID})
	if err != nil {
		return err
	}
	run.Steps, s.Incomplete = steps[run.ID], errors.Join(unreadable, unreadableSteps[run.ID])
	// Read after the run: who tries it again has kept how it was before that can be seen.
	if err := t.addSnapshot(ctx, tx, c); err != nil {
		return err
	}
	if was := c.Snapshot; was != nil {
		run.Status, run.Attempt, run.StartedAt, run.FinishedAt, run.Output, run.Error = was.Status, was.Attempt, was.StartedAt, was.FinishedAt, was.Output, was.Error
		run.Steps = was.Steps
	}
	s.Run = &run
	if run.EventID == nil {
		return nil
	}
	event, err := t.event(ctx, tx, *run.EventID)
	switch {
	case err == nil:
		s.Event = &event
	case meshhook.ErrorCode(err) == meshhook.CodeNotFound: // it has expired
	case event.ID == *run.EventID:
		s.Incomplete = errors.Join(s.Incomplete, err)
	default:
		return err
	}
	return nil
}

// addSnapshot adds how the run was, where that was kept after the delivery was claimed.
func (t *Tenant) addSnapshot(ctx context.Context, tx pgx.Tx, c *meshhook.DeliveryClaim) error {
	if c.Snapshot != nil {
		return nil
	}
	var sealed []byte
	err := tx.QueryRow(ctx, `SELECT snapshot FROM deliveries WHERE id = $1`, c.Delivery.ID).Scan(&sealed)
	if err != nil || sealed == nil {
		return notFound(err, "delivery %s is gone", c.Delivery.ID)
	}
	c.Snapshot = &meshhook.Run{}
	return t.db.openJSON("deliveries.snapshot", c.Delivery.ID, sealed, c.Snapshot)
}

// addAbout adds the delivery that an alert about alerts is about, and why it failed.
func (t *Tenant) addAbout(ctx context.Context, id meshhook.ID, s *meshhook.DeliverySubject) error {
	about, err := t.Delivery(ctx, id)
	if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	s.About = &about
	attempts, err := t.Attempts(ctx, meshhook.AttemptFilter{Delivery: id, Limit: 1})
	if meshhook.ErrorCode(err) == meshhook.CodeUnavailable {
		return err
	}
	if err == nil && len(attempts) > 0 { // else they cannot be opened, and that is told without them
		s.LastError, s.URL = attempts[0].Error, attempts[0].URL
	}
	if about.Error != "" {
		s.LastError = about.Error
	}
	return nil
}

// Name returns the project's name.
func (t *Tenant) Name(ctx context.Context) (name string, err error) {
	err = t.inTx(ctx, "reading the project", func(tx pgx.Tx) error {
		name, err = t.name(ctx, tx)
		return err
	})
	return name, err
}

func (t *Tenant) name(ctx context.Context, tx pgx.Tx) (name string, err error) {
	err = tx.QueryRow(ctx, `SELECT name FROM projects WHERE id = $1`, t.id).Scan(&name)
	return name, err
}

// freezeAlerts keeps, for the alerts about a run that are still to be rendered, how the
// run was before it is tried again.
func (t *Tenant) freezeAlerts(ctx context.Context, tx pgx.Tx, run meshhook.Run) error {
	rows, err := tx.Query(ctx, `SELECT id FROM deliveries WHERE run_id = $1 AND status = 'pending' AND request IS NULL AND snapshot IS NULL ORDER BY id FOR UPDATE`, run.ID)
	if err != nil {
		return err
	}
	pending, err := pgx.CollectRows(rows, pgx.RowTo[meshhook.ID])
	if err != nil || len(pending) == 0 {
		return err
	}
	// Its steps, too, which a retry forgets: a `when` may ask for what they gave out. One
	// that cannot be read is left out, for that must not stand in the way of a retry.
	steps, _, err := t.db.stepsOf(ctx, tx, stepsForPeople, []meshhook.ID{run.ID})
	if err != nil {
		return err
	}
	run.Steps = steps[run.ID]
	var errs []error
	for _, id := range pending {
		sealed, err := t.db.sealJSON("deliveries.snapshot", id, run)
		if err == nil {
			_, err = tx.Exec(ctx, `UPDATE deliveries SET snapshot = $2 WHERE id = $1`, id, sealed)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
