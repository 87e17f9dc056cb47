package cli

import (
	"context"

	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/workflow"
)

// carryOut does what a plan says, in the transaction of the tenant's Atomically, and
// reports how many changes are made.
func carryOut(ctx context.Context, t *postgres.Tenant, plan *manifest.Plan, report func(done int64)) error {
	for i := range plan.Changes {
		report(int64(i))
		c := &plan.Changes[i]
		var err error
		switch c.Kind {
		case manifest.KindWorkflow:
			err = carryWorkflow(ctx, t, c)
		case manifest.KindWebhook:
			err = carryWebhook(ctx, t, c)
		case manifest.KindAlert:
			err = carryAlert(ctx, t, c)
		}
		if err != nil {
			return meshhook.Errorf(meshhook.ErrorCode(err), "%s %s: %w; nothing was changed", c.Kind, c.Name, err)
		}
	}
	return nil
}

func carryWorkflow(ctx context.Context, t *postgres.Tenant, c *manifest.Change) error {
	if c.Action == manifest.Delete {
		return t.DeleteWorkflow(ctx, c.Name)
	}
	applied, err := apply(ctx, t, &workflow.Document{Definition: c.Workflow.Definition, Source: c.Workflow.Source})
	if err == nil && applied.Workflow.Version != c.WasVersion+1 {
		err = errOvertaken()
	}
	return err
}

// errOvertaken tells of a change between the look at a thing and its lock.
func errOvertaken() error {
	return meshhook.Errorf(meshhook.CodeConflict, "somebody else is changing it; apply the files again")
}

func carryWebhook(ctx context.Context, t *postgres.Tenant, c *manifest.Change) error {
	if c.Action == manifest.Delete {
		return t.DeleteEndpoint(ctx, c.Name)
	}
	wanted := c.Webhook.Endpoint
	w, err := t.Workflow(ctx, wanted.Workflow)
	if err != nil {
		return err
	}
	wanted.WorkflowID = w.ID
	if c.Action == manifest.Create {
		wanted.ID = meshhook.NewID()
		_, err = t.CreateEndpoint(ctx, wanted, c.Given)
		return err
	}
	was := c.WasWebhook
	_, err = t.ChangeEndpoint(ctx, was.ID.String(), func(e *meshhook.Endpoint) error {
		if !e.UpdatedAt.Equal(was.UpdatedAt) {
			return errOvertaken()
		}
		wanted.ID, wanted.ProjectID, wanted.CreatedAt = e.ID, e.ProjectID, e.CreatedAt
		*e = wanted
		return nil
	})
	if err != nil || c.Given.IsZero() {
		return err
	}
	return t.RotateEndpointSecret(ctx, was.ID.String(), c.Given, c.Webhook.Grace.Std())
}

func carryAlert(ctx context.Context, t *postgres.Tenant, c *manifest.Change) error {
	if c.Action == manifest.Delete {
		id, err := t.AlertID(ctx, c.Name)
		if err != nil {
			return err
		}
		return t.DeleteAlert(ctx, id)
	}
	wanted := c.Alert.Alert
	if wanted.Workflow != "" {
		w, err := t.Workflow(ctx, wanted.Workflow)
		if err != nil {
			return err
		}
		wanted.WorkflowID = &w.ID
	}
	if c.Action == manifest.Create {
		wanted.ID = meshhook.NewID()
		_, err := t.CreateAlert(ctx, wanted, c.Given)
		return err
	}
	was := c.WasAlert
	another := was.Signing != wanted.Signing
	_, err := t.ChangeAlert(ctx, was.ID, func(a *meshhook.Alert) (secret meshhook.Secret, err error) {
		if !a.UpdatedAt.Equal(was.UpdatedAt) {
			return secret, errOvertaken()
		}
		wanted.ID, wanted.ProjectID, wanted.CreatedAt, wanted.DisabledReason = a.ID, a.ProjectID, a.CreatedAt, a.DisabledReason
		*a = wanted
		if another {
			secret = c.Given
		}
		return secret, nil
	})
	if err != nil || another || c.Given.IsZero() {
		return err
	}
	return t.RotateAlertSecret(ctx, was.ID, c.Given, c.Alert.Grace.Std())
}
