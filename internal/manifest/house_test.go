package manifest_test

import (
	"errors"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/workflow"
)

const maxBody = 1 << 20

// options check webhooks as far as pure packages can.
var options = manifest.Options{
	MaxBody: maxBody,
	CheckWebhook: func(e *meshhook.Endpoint, _ bool) (*signature.Verifier, error) {
		if err := e.Validate(); err != nil {
			return nil, err
		}
		return signature.New(e.Verification)
	},
}

// parse reads documents that must be right.
func parse(t require.TestingT, source string) *manifest.Manifest {
	m, err := manifest.Parse([]manifest.File{{Name: "f.yaml", Source: []byte(source), Key: "1/f.yaml"}}, options)
	require.NoError(t, err, source)
	return m
}

// wrongs are the problems of a document, without the name of its file.
func wrongs(err error) (list []string) {
	problems, _ := errors.AsType[workflow.Problems](err)
	for _, p := range problems {
		list = append(list, p.String())
	}
	return list
}

// noSecrets is for documents that name none.
func noSecrets(*manifest.Reference) (meshhook.Secret, error) {
	return meshhook.Secret{}, meshhook.Errorf(meshhook.CodeInvalid, "there is none")
}

// made is what a project has after a plan was carried out: as the database would store
// it.
func made(plan *manifest.Plan, have manifest.Present) manifest.Present {
	if have.WebhookSecrets == nil {
		have.WebhookSecrets, have.AlertSecrets = map[meshhook.ID]meshhook.Secret{}, map[meshhook.ID]meshhook.Secret{}
	}
	for _, c := range plan.Changes {
		switch {
		case c.Workflow != nil:
			have.Workflows = append(have.Workflows, meshhook.Version{Workflow: c.Name, Number: 1, Digest: c.Workflow.Definition.Digest(), Source: c.Workflow.Source})
		case c.Webhook != nil:
			e := c.Webhook.Endpoint
			e.ID, e.HasSecret = meshhook.NewID(), !c.Given.IsZero()
			if e.HasSecret {
				have.WebhookSecrets[e.ID] = c.Given
			}
			have.Webhooks = append(have.Webhooks, e)
		case c.Alert != nil:
			a := c.Alert.Alert
			a.ID = meshhook.NewID()
			if !c.Given.IsZero() {
				have.AlertSecrets[a.ID] = c.Given
			}
			have.Alerts = append(have.Alerts, a)
		}
	}
	return have
}
