package meshhook

import (
	"encoding/json"
	"time"
)

// Actor is who changed something: "cli:USER@HOST" for a command, "token:NAME" for
// the REST API. The zero Actor stands for the product itself.
type Actor string

// The actions of the audit log: noun.past-participle.
const (
	AuditWebhookCreated   = "webhook.created"
	AuditWebhookUpdated   = "webhook.updated"
	AuditWebhookEnabled   = "webhook.enabled"
	AuditWebhookDisabled  = "webhook.disabled"
	AuditWebhookDeleted   = "webhook.deleted"
	AuditSecretRotated    = "webhook.secret-rotated" // of a webhook
	AuditWorkflowApplied  = "workflow.applied"
	AuditWorkflowDeleted  = "workflow.deleted"
	AuditSecretSet        = "secret.set" // of the vault
	AuditSecretDeleted    = "secret.deleted"
	AuditTokenCreated     = "token.created"
	AuditTokenRevoked     = "token.revoked"
	AuditProjectCreated   = "project.created"
	AuditProjectDeleted   = "project.deleted" // in the log of the default project
	AuditEventReplayed    = "event.replayed"  // one, or many of a webhook
	AuditRunStarted       = "run.started"     // by hand
	AuditRunCanceled      = "run.canceled"
	AuditRunRetried       = "run.retried"
	AuditRunApproved      = "run.approved" // an approval in it
	AuditRunRejected      = "run.rejected"
	AuditAlertCreated     = "alert.created"
	AuditAlertUpdated     = "alert.updated"
	AuditAlertEnabled     = "alert.enabled"
	AuditAlertDisabled    = "alert.disabled" // by a person, or since its receiver is gone
	AuditAlertDeleted     = "alert.deleted"
	AuditAlertRotated     = "alert.secret-rotated"
	AuditAlertRedelivered = "alert.redelivered"
)

// AuditEntry is one change that somebody made. It is written in the transaction
// of the change and never changed itself.
type AuditEntry struct {
	ID     ID        `json:"id"`
	At     time.Time `json:"at"`
	Actor  Actor     `json:"actor"`
	Action string    `json:"action"`
	// Target names what was changed: a path, a name or an id.
	Target string `json:"target"`
	// Detail says which fields changed; a JSON object without any secret.
	Detail json.RawMessage `json:"detail,omitempty"`
}

// AuditFilter narrows a list of audit entries; zero fields do not narrow.
type AuditFilter struct {
	Since  time.Time
	Actor  Actor
	Action string
	// Before is the cursor: only entries older than this one.
	Before ID
	Limit  int
}
