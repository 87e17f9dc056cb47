package daemon

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/delivery"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/loop"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/workflow"
)

const (
	// takeOver is how long a daemon has to take a sample up, before it is sent from here.
	takeOver = 3 * time.Second
	// trialSlack is how long a trial may take beyond the time-out of the attempt.
	trialSlack = takeOver + 10*time.Second
)

// Trials try alerts of one project.
type Trials struct {
	DB      *postgres.DB
	Project *postgres.Tenant
	// Listen hears the journal, as tail.Source does.
	Listen func(ctx context.Context, ring func()) error
	Client *egress.Client
	Log    *slog.Logger
	// View is how attempts are shown; nil is alert.ViewAttempt.
	View func(meshhook.AlertAttempt, map[string]meshhook.Secret) alert.AttemptView
}

// Stored sends a sample of a stored alert, and tells what came of it. A daemon sends it,
// as every message; where none does, this process. An alert that is disabled is tried,
// too.
func (t Trials) Stored(ctx context.Context, id meshhook.ID) (trial alert.Trial, err error) {
	a, err := t.Project.Alert(ctx, id)
	if err != nil {
		return trial, err
	}
	sample, err := t.sample(ctx, a)
	if err != nil {
		return trial, err
	}
	deliveryID, err := t.Project.SampleDelivery(ctx, id)
	if err != nil {
		return trial, err
	}
	d, err := t.await(ctx, deliveryID, a.Timeout.Std())
	if err != nil {
		return trial, err
	}
	attempts, err := t.Project.Attempts(ctx, meshhook.AttemptFilter{Delivery: deliveryID, Full: true, Limit: 1})
	if err != nil {
		return trial, err
	}
	if len(attempts) > 0 {
		trial = t.of(attempts[0], sample) //nolint:contextcheck // it computes, and fetches nothing
	} else if _, notMade := sample.Render(ctx); notMade != nil {
		trial.Error = explain(notMade, sample).Error()
	}
	trial.Delivered, trial.Reason, trial.Delivery = d.Status == meshhook.DeliveryDelivered, d.Reason, &d
	return trial, nil
}

// Unstored sends a sample of an alert that is not stored, and records nothing of it. What
// keeps a message from being made is an error with CodeInvalid.
func (t Trials) Unstored(ctx context.Context, a meshhook.Alert, secret meshhook.Secret) (trial alert.Trial, err error) {
	sample, err := t.sample(ctx, a)
	if err != nil {
		return trial, err
	}
	if !secret.IsZero() {
		sample.Secrets = []meshhook.Secret{secret}
	}
	attempt, err := sample.Try(ctx, t.Client)
	if err != nil {
		return trial, explain(err, sample)
	}
	return t.of(attempt, sample), nil //nolint:contextcheck // it computes, and fetches nothing
}

// explain adds to what kept a message from being made which secrets of the vault are not
// there: an expression that reads one just finds null.
func explain(notMade error, s delivery.Sample) error {
	program, err := alert.Compile(s.Alert)
	if err != nil {
		return notMade
	}
	read, _ := program.Secrets()
	var vault []meshhook.VaultSecret
	for name := range s.Vault {
		vault = append(vault, meshhook.VaultSecret{Name: name})
	}
	missing := workflow.MissingSecrets(read, vault)
	if len(missing) == 0 {
		return notMade
	}
	return meshhook.Errorf(meshhook.ErrorCode(notMade), "%w; %s", notMade, strings.Join(missing, "; "))
}

// sample collects what a sample of an alert is made of.
func (t Trials) sample(ctx context.Context, a meshhook.Alert) (delivery.Sample, error) {
	name, noName := t.Project.Name(ctx)
	vault, noVault := t.Project.SecretValues(ctx)
	stored, noSecrets := t.Project.AlertSecrets(ctx, a.ID)
	s := delivery.Sample{Project: name, Alert: a, Vault: vault}
	for _, secret := range stored {
		if !secret.Value.IsZero() {
			s.Secrets = append(s.Secrets, secret.Value)
		}
	}
	return s, errors.Join(noName, noVault, noSecrets)
}

func (t Trials) of(a meshhook.AlertAttempt, s delivery.Sample) alert.Trial {
	view := t.View
	if view == nil {
		view = alert.ViewAttempt
	}
	return alert.TrialOf(a, view(a, s.Vault), s.Alert.Signing, s.Secrets)
}

// await returns the delivery once it is over.
func (t Trials) await(ctx context.Context, id meshhook.ID, timeout time.Duration) (d meshhook.Delivery, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout+trialSlack)
	defer cancel()
	served, err := t.served(ctx)
	if err != nil {
		return d, err
	}
	patience := takeOver
	if !served {
		patience = 0
	}
	bell, done := loop.NewBell(), make(chan struct{})
	listening, stop := context.WithCancel(ctx)
	go func() {
		defer close(done)
		_ = t.Listen(listening, bell.Ring) // without the bell the poll is left, which is enough
	}()
	defer func() {
		stop()
		<-done
	}()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	tooLong := time.After(patience)
	for {
		d, err = t.Project.Delivery(ctx, id)
		if err != nil || d.Status != meshhook.DeliveryPending {
			return d, err
		}
		select {
		case <-bell.C():
		case <-ticker.C:
		case <-tooLong:
			if err := t.send(ctx, id, timeout); err != nil {
				return d, err
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return d, meshhook.Errorf(meshhook.CodeConflict, "the sample %s has not been sent yet; 'meshhook alerts log %s' tells what becomes of it", id, id)
			}
			return d, ctx.Err()
		}
	}
}

// served tells whether a daemon sends alerts.
func (t Trials) served(ctx context.Context) (bool, error) {
	status, err := t.Project.Status(ctx)
	return slices.ContainsFunc(status.Daemons, func(d meshhook.Daemon) bool { return slices.Contains(d.Roles, roleWorker) }), err
}

// send sends the delivery from here, unless somebody has it in hand.
func (t Trials) send(ctx context.Context, id meshhook.ID, timeout time.Duration) error {
	stage := delivery.New(delivery.Options{
		Store: justOne{t.DB, id, timeout + delivery.Lease}, Owner: meshhook.NewID(), Egress: t.Client, Log: t.Log,
	})
	_, err := stage.Claim(ctx)
	return errors.Join(err, stage.Stop(ctx))
}

// justOne is a store with one delivery to claim.
type justOne struct {
	*postgres.DB
	id    meshhook.ID
	lease time.Duration // nobody extends it
}

// ClaimDeliveries claims the one, if it is due.
func (j justOne) ClaimDeliveries(ctx context.Context, owner meshhook.ID, _ meshhook.DeliveryRoom, _ time.Duration) (claims []meshhook.DeliveryClaim, seen int, err error) {
	claims, err = j.ClaimDelivery(ctx, owner, j.id, j.lease)
	return claims, len(claims), err
}
