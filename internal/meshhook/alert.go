package meshhook

import (
	"encoding/json"
	"time"
)

// Condition is what an alert waits for.
type Condition string

// The conditions of alerts.
const (
	OnFailed    Condition = "failed"    // a run failed
	OnSucceeded Condition = "succeeded" // a run succeeded
	OnDelayed   Condition = "delayed"   // a run has not ended some time after it was asked for
	OnWaiting   Condition = "waiting"   // a run waits for a person
	OnCanceled  Condition = "canceled"  // a person ended a run
	OnRecovered Condition = "recovered" // the first success of a workflow after failures
	OnAbsent    Condition = "absent"    // an expected event did not come
	// The conditions of alerts about alerts: where the others cannot be delivered.
	OnExhausted   Condition = "exhausted"    // a delivery was given up
	OnCircuitOpen Condition = "circuit_open" // a destination has failed too often
)

// Conditions lists every Condition.
func Conditions() []Condition {
	return []Condition{OnFailed, OnSucceeded, OnDelayed, OnWaiting, OnCanceled, OnRecovered, OnAbsent, OnExhausted, OnCircuitOpen}
}

// AboutAlerts tells whether the condition is about alerts and not about runs.
func (c Condition) AboutAlerts() bool { return c == OnExhausted || c == OnCircuitOpen }

// AlertType is what a message is about, as its receiver reads it: run.failed.
type AlertType string

// AlertTest is the type of a message that was sent to try an alert.
const AlertTest AlertType = "alert.test"

// Type is the type of the messages that tell of the condition.
func (c Condition) Type() AlertType {
	switch {
	case c.AboutAlerts():
		return AlertType("alert." + string(c))
	case c == OnAbsent:
		return "webhook.absent"
	default:
		return AlertType("run." + string(c))
	}
}

// AboutAlerts tells whether messages of the type are about alerts. Of those nobody is told
// that they cannot be delivered, whatever else their alert tells of: that would go on for
// ever.
func (t AlertType) AboutAlerts() bool { return t == OnExhausted.Type() || t == OnCircuitOpen.Type() }

// Signing says how messages are signed.
type Signing string

// The ways to sign a message.
const (
	SigningV1   Signing = "v1"   // Standard Webhooks, HMAC-SHA256
	SigningV1a  Signing = "v1a"  // Standard Webhooks, Ed25519
	SigningHMAC Signing = "hmac" // X-Signature: sha256= and the hex HMAC-SHA256 of the body
	SigningNone Signing = "none"
)

// Signings lists every Signing.
func Signings() []Signing { return []Signing{SigningV1, SigningV1a, SigningHMAC, SigningNone} }

// Alert is a configured notification about runs.
type Alert struct {
	ID        ID `json:"id"`
	ProjectID ID `json:"-"`
	// Name is its own in the project; see CheckName.
	Name string `json:"name"`
	// WorkflowID and Workflow are the one whose runs are told of; nil and "" for all
	// workflows of the project.
	WorkflowID *ID         `json:"workflow_id,omitempty"`
	Workflow   string      `json:"workflow,omitempty"`
	On         []Condition `json:"on"`
	// When is an expression that narrows: nothing is told where it gives false or null.
	When string `json:"when,omitempty"`
	// DelayThreshold is after how long a run that has not ended is delayed.
	DelayThreshold Duration `json:"delay_threshold,omitzero"`
	// Throttle is the window in which at most one message goes out for each
	// ThrottleKey, an expression; "" is one for the type and what it is about.
	Throttle    Duration    `json:"throttle,omitzero"`
	ThrottleKey string      `json:"throttle_key,omitempty"`
	Quiet       *QuietHours `json:"quiet_hours,omitempty"`
	Expect      *Expect     `json:"expect,omitempty"`
	// Preset names the receiver whose form the message has; "generic" by default.
	Preset string `json:"preset"`
	// URL, Headers and Payload may hold {{ expressions }}. They are sealed at rest.
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	// Payload is the message: a JSON text is taken as text, anything else as structure;
	// nil is the preset's own.
	Payload json.RawMessage `json:"payload,omitempty"`
	Signing Signing         `json:"signing"`
	// Schedule is how long to wait before each attempt, the first included; nil is the
	// default one. It is shown as AlertRetry.
	Schedule []Duration `json:"-"`
	// Timeout bounds one attempt.
	Timeout     Duration `json:"timeout"`
	Description string   `json:"description,omitempty"`
	Enabled     bool     `json:"enabled"`
	// DisabledReason is why MeshHook disabled it: the receiver said that it is gone.
	DisabledReason string    `json:"disabled_reason,omitempty"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// alertNameRoom is how much of a workflow's name an alert's takes over, in bytes, so that
// the condition and a number have room behind it.
const alertNameRoom = 40

// DefaultName is what an alert is called that nobody named: by its workflow, or all, and
// the first condition. One that is taken gets a number behind it.
func (a Alert) DefaultName() string {
	subject, condition := "all", ""
	if a.Workflow != "" {
		subject = a.Workflow[:min(len(a.Workflow), alertNameRoom)]
	}
	if len(a.On) > 0 {
		condition = "-" + string(a.On[0])
	}
	return subject + condition
}

// QuietHours is a time of day in which messages wait for its end.
type QuietHours struct {
	// From and To are times of day like 22:00; To may be on the next day.
	From string `json:"from"`
	To   string `json:"to"`
	// Zone is a name of the IANA time zone database; "" is UTC.
	Zone string `json:"zone,omitempty"`
}

// Expect is an event that is to come again and again.
type Expect struct {
	// Webhook is the path of the webhook whose accepted events are waited for.
	Webhook string `json:"webhook"`
	// Within is the longest time between two of them.
	Within Duration `json:"within"`
}

// AlertSecret is a secret by which messages are signed.
type AlertSecret struct {
	ID        ID         `json:"id"`
	AlertID   ID         `json:"-"`
	Value     Secret     `json:"-"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}
