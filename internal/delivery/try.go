package delivery

import (
	"context"
	"time"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// Sample is an alert that is to be tried.
type Sample struct {
	// Project is the project's name.
	Project string
	Alert   meshhook.Alert
	// Secrets sign the message, the newest first; Vault are those that expressions read.
	Secrets []meshhook.Secret
	Vault   map[string]meshhook.Secret
}

// Render makes the message as a Stage would. An alert that cannot be compiled, or whose
// URL fails, is an error with CodeInvalid.
func (s Sample) Render(ctx context.Context) (meshhook.AlertRequest, error) {
	_, request, err := s.rendered(ctx)
	return request, err
}

// Try sends the sample once, by the same steps as a Stage, and records nothing. Whatever
// comes of that stands in the attempt. Errors are those of Render, and the context's.
func (s Sample) Try(ctx context.Context, client *egress.Client) (meshhook.AlertAttempt, error) {
	d, request, err := s.rendered(ctx)
	if err != nil {
		return meshhook.AlertAttempt{}, err
	}
	d.claim.Delivery.Request = &request
	attempt, header, err := d.sign()
	if err != nil {
		return meshhook.AlertAttempt{}, err
	}
	left := time.Now()
	reply, err := client.Do(ctx, d.call(header))
	if ctx.Err() != nil {
		return attempt, ctx.Err()
	}
	conclude(&attempt, time.Since(left), reply, err)
	return attempt, nil
}

func (s Sample) rendered(ctx context.Context) (*sender, meshhook.AlertRequest, error) {
	a := alert.WithDefaults(s.Alert)
	program, err := alert.Compile(a)
	if err != nil {
		return nil, meshhook.AlertRequest{}, err
	}
	now := time.Now().UTC()
	d := &sender{
		claim: &meshhook.DeliveryClaim{Now: now, Delivery: meshhook.Delivery{
			ID: meshhook.NewID(), ProjectID: a.ProjectID, AlertID: a.ID, Type: meshhook.AlertTest, Sample: true, Workflow: a.Workflow, CreatedAt: now,
		}},
		subject: meshhook.DeliverySubject{Project: s.Project, Alert: &a, Secrets: s.Secrets, Vault: s.Vault},
		program: program, claimed: now,
	}
	told := d.told()
	var said []string
	if _, err := program.Wanted(ctx, told); err != nil && ctx.Err() == nil {
		said = append(said, err.Error())
	}
	request, err := d.rendered(ctx, told, said)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return d, request, err
}
