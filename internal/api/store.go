package api

import (
	"context"
	"net/http"
	"time"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// Store is what the API asks of the installation.
type Store interface {
	// TokenByDigest returns the token with this SHA-256, or CodeNotFound.
	TokenByDigest(ctx context.Context, digest []byte) (meshhook.Token, error)
	// TouchTokens notes when tokens were last used.
	TouchTokens(ctx context.Context, used map[meshhook.ID]time.Time) error
	Projects(ctx context.Context) ([]meshhook.Project, error)
	CreateProject(ctx context.Context, name string, by meshhook.Actor) (meshhook.Project, error)
	// DeleteProject deletes a project with everything in it but its audit log.
	DeleteProject(ctx context.Context, nameOrID string, by meshhook.Actor) (meshhook.Project, error)
	// View returns one project as the actor sees and changes it.
	View(project meshhook.ID, by meshhook.Actor) Project
}

// Project is what the API asks of one project, noun by noun.
type Project interface {
	Webhooks
	Events
	Workflows
	Runs
	Alerts
	Vault
	Tokens
	tail.Source
	AuditLog(ctx context.Context, f meshhook.AuditFilter) ([]meshhook.AuditEntry, error)
}

// Webhooks is the part of Project that is about webhooks.
type Webhooks interface {
	Endpoint(ctx context.Context, pathOrID string) (meshhook.Endpoint, []meshhook.EndpointSecret, error)
	Endpoints(ctx context.Context) ([]meshhook.Endpoint, error)
	CreateEndpoint(ctx context.Context, e meshhook.Endpoint, secret meshhook.Secret) (meshhook.Endpoint, error)
	// ChangeEndpoint lets change have the webhook as it is, and stores it.
	ChangeEndpoint(ctx context.Context, pathOrID string, change func(*meshhook.Endpoint) error) (meshhook.Endpoint, error)
	DeleteEndpoint(ctx context.Context, pathOrID string) error
	RotateEndpointSecret(ctx context.Context, pathOrID string, secret meshhook.Secret, grace time.Duration) error
	// TestEndpoint sends a signed request to the daemon's own listener.
	TestEndpoint(ctx context.Context, e meshhook.Endpoint, header http.Header, body []byte) (meshhook.Tested, error)
}

// Events is the part of Project that is about events.
type Events interface {
	Event(ctx context.Context, id meshhook.ID) (meshhook.Event, error)
	// SearchEvents lists at most limit events that satisfy the filter and the jq
	// condition over {event}, if there is one; a broken one is CodeInvalid. A search that
	// takes too long ends at the event last, and goes on behind it; last is zero otherwise.
	SearchEvents(ctx context.Context, f meshhook.EventFilter, where string, limit int) (list []meshhook.Event, last meshhook.ID, err error)
	// Explain finds out why an event was refused for its signature.
	Explain(ctx context.Context, id meshhook.ID) (Explained, error)
	// Replay starts another run on an event.
	Replay(ctx context.Context, r meshhook.Replay) (meshhook.Run, error)
	// RehearseReplay does what Replay does but for calls and records.
	RehearseReplay(ctx context.Context, r meshhook.Replay) (DryRun, error)
}

// Workflows is the part of Project that is about workflows.
type Workflows interface {
	Workflow(ctx context.Context, nameOrID string) (meshhook.Workflow, error)
	Workflows(ctx context.Context) ([]meshhook.Workflow, error)
	Version(ctx context.Context, nameOrID string, number int) (meshhook.Version, error)
	Versions(ctx context.Context, nameOrID string) ([]meshhook.Version, error)
	Apply(ctx context.Context, name, description string, v meshhook.Version) (meshhook.Applied, error)
	DeleteWorkflow(ctx context.Context, nameOrID string) error
}

// Runs is the part of Project that is about runs.
type Runs interface {
	Run(ctx context.Context, id meshhook.ID) (meshhook.Run, error)
	Runs(ctx context.Context, f meshhook.RunFilter) ([]meshhook.Run, error)
	StartRun(ctx context.Context, run meshhook.Run) error
	// RehearseRun does what a run of the version on the input would, but for calls and records.
	RehearseRun(ctx context.Context, v meshhook.Version, input []byte) (DryRun, error)
	CancelRun(ctx context.Context, id meshhook.ID) (meshhook.Run, error)
	RetryRun(ctx context.Context, id meshhook.ID, from string) (meshhook.Run, error)
	// Decide answers an approval; with step "" the only one that waits.
	Decide(ctx context.Context, id meshhook.ID, step string, approved bool, note string) (meshhook.Run, error)
}

// Alerts is the part of Project that is about alerts.
type Alerts interface {
	Alert(ctx context.Context, id meshhook.ID) (meshhook.Alert, error)
	// AlertID is the id of the alert with this name; an id is that itself.
	AlertID(ctx context.Context, nameOrID string) (meshhook.ID, error)
	// Alerts lists all alerts, or those that tell of a workflow, by name or id.
	Alerts(ctx context.Context, workflow string) ([]meshhook.Alert, error)
	CreateAlert(ctx context.Context, a meshhook.Alert, secret meshhook.Secret) (meshhook.Alert, error)
	// ChangeAlert lets change have the alert as it is, and stores it, with the secret if
	// change returns one.
	ChangeAlert(ctx context.Context, id meshhook.ID, change func(*meshhook.Alert) (meshhook.Secret, error)) (meshhook.Alert, error)
	DeleteAlert(ctx context.Context, id meshhook.ID) error
	AlertSecrets(ctx context.Context, alert meshhook.ID) ([]meshhook.AlertSecret, error)
	RotateAlertSecret(ctx context.Context, id meshhook.ID, secret meshhook.Secret, grace time.Duration) error
	// TestAlert sends a sample of an alert, and waits for what comes of it.
	TestAlert(ctx context.Context, id meshhook.ID) (alert.Trial, error)
	// TryAlert does so with an alert that is not stored, signed by the secret unless that
	// is zero.
	TryAlert(ctx context.Context, a meshhook.Alert, secret meshhook.Secret) (alert.Trial, error)
	Deliveries(ctx context.Context, f meshhook.DeliveryFilter) ([]meshhook.Delivery, error)
	Delivery(ctx context.Context, id meshhook.ID) (meshhook.Delivery, error)
	Attempts(ctx context.Context, f meshhook.AttemptFilter) ([]meshhook.AlertAttempt, error)
	// Redeliver sends a delivery again that is over, RedeliverExhausted all that were given up.
	Redeliver(ctx context.Context, id meshhook.ID) error
	RedeliverExhausted(ctx context.Context, since time.Time) (int, error)
	AlertStats(ctx context.Context, since time.Time) (all meshhook.AlertStats, each []meshhook.AlertStats, err error)
}

// Vault is the part of Project that is about secrets.
type Vault interface {
	Secrets(ctx context.Context) ([]meshhook.VaultSecret, error)
	SetSecret(ctx context.Context, name string, value meshhook.Secret) (created bool, err error)
	DeleteSecret(ctx context.Context, name string) error
	// SecretValues are for hiding them; no answer holds one.
	SecretValues(ctx context.Context) (map[string]meshhook.Secret, error)
}

// Tokens is the part of Project that is about tokens.
type Tokens interface {
	Tokens(ctx context.Context) ([]meshhook.Token, error)
	CreateToken(ctx context.Context, token meshhook.Token, digest []byte) (meshhook.Token, error)
	RevokeToken(ctx context.Context, nameOrID string) (meshhook.Token, error)
}
