package meshhook

import (
	"encoding/json"
	"slices"
	"time"
)

// DeliveryStatus is the state of a delivery.
type DeliveryStatus string

// The states of a delivery.
const (
	DeliveryPending   DeliveryStatus = "pending"   // to be sent, now or later
	DeliveryDelivered DeliveryStatus = "delivered" // the receiver has it
	DeliveryExhausted DeliveryStatus = "exhausted" // given up: a dead letter
	DeliveryDiscarded DeliveryStatus = "discarded" // not to be sent: Reason says why
)

// deliveryMoves is the state machine of a delivery. A dead letter, and what was
// delivered, can be sent again.
var deliveryMoves = map[DeliveryStatus][]DeliveryStatus{
	DeliveryPending:   {DeliveryDelivered, DeliveryExhausted, DeliveryDiscarded},
	DeliveryDelivered: {DeliveryPending},
	DeliveryExhausted: {DeliveryPending},
	DeliveryDiscarded: {DeliveryPending},
}

// DeliveryStatuses lists every DeliveryStatus.
func DeliveryStatuses() []DeliveryStatus {
	return []DeliveryStatus{DeliveryPending, DeliveryDelivered, DeliveryExhausted, DeliveryDiscarded}
}

// CanBecome tells whether a delivery in the state s may move to the state to.
func (s DeliveryStatus) CanBecome(to DeliveryStatus) bool {
	return slices.Contains(deliveryMoves[s], to)
}

// DeliveryReason says why an attempt failed, or why a delivery was given up or
// discarded. The set is closed: metrics and lists group by it.
type DeliveryReason string

// The reasons of deliveries and attempts.
const (
	DeliveryHTTPStatus  DeliveryReason = "http_status"  // the answer was no 2xx
	DeliveryConnection  DeliveryReason = "connection"   // no answer came
	DeliveryTimeout     DeliveryReason = "timeout"      // none in time
	DeliveryRefused     DeliveryReason = "refused"      // the address or URL is not allowed
	DeliveryGone        DeliveryReason = "gone"         // 410: the receiver wants no more
	DeliveryCircuitOpen DeliveryReason = "circuit_open" // no call went out: the host has failed before
	DeliveryNarrowed    DeliveryReason = "when"         // the alert's `when` was false
	DeliveryThrottled   DeliveryReason = "throttled"    // another went out in this window
	DeliveryDisabled    DeliveryReason = "disabled"     // the alert is disabled or deleted
	DeliveryExpression  DeliveryReason = "expression"   // the URL's expression failed
	DeliveryCrashed     DeliveryReason = "crashed"      // the daemon died during the attempt
	DeliveryInternal    DeliveryReason = "internal"     // a fault of ours
)

// Delivery is one alert to be sent to one URL.
type Delivery struct {
	// ID is the webhook-id of the message, the same on every attempt.
	ID        ID `json:"id"`
	ProjectID ID `json:"-"`
	AlertID   ID `json:"alert_id"`
	// Alert is the alert's name; "" when it is gone, or nobody asked.
	Alert  string         `json:"alert,omitempty"`
	Type   AlertType      `json:"type"`
	Status DeliveryStatus `json:"status"`
	Reason DeliveryReason `json:"reason,omitempty"`
	RunID  *ID            `json:"run_id,omitempty"`
	// RunAttempt is which attempt of the run it tells of; 0 without a run.
	RunAttempt int    `json:"run_attempt,omitempty"`
	WorkflowID *ID    `json:"-"`
	Workflow   string `json:"workflow,omitempty"`
	// Step is the approval that a run waits for; "" for all else.
	Step string `json:"step,omitempty"`
	// Subject is the delivery that an alert about alerts is about.
	Subject *ID `json:"subject,omitempty"`
	// Sample tells that it was sent to try the alert.
	Sample bool `json:"sample,omitempty"`
	// Held is how many messages were held back since the last one.
	Held int64 `json:"held,omitempty"`
	// Attempt counts the attempts made.
	Attempt   int        `json:"attempts"`
	NextAt    *time.Time `json:"next_at,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	// SentAt is when the first attempt left.
	SentAt     *time.Time `json:"sent_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	// Error says why it was given up without an attempt; of one that was made, the attempt does.
	Error string `json:"error,omitempty"`
	// Request is what is sent, once it is rendered. It is a secret of the owner.
	Request *AlertRequest `json:"-"`
}

// AlertRequest is a rendered message.
type AlertRequest struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
	// Fallback says why the message is not what its template says; "" when it is.
	Fallback string `json:"fallback,omitempty"`
	// AsOf is the UpdatedAt of the alert by which it was made.
	AsOf time.Time `json:"as_of,omitzero"`
}

// AlertAttempt is one HTTP try of a delivery: a row of alert_logs.
type AlertAttempt struct {
	ID         ID                `json:"id"`
	DeliveryID ID                `json:"delivery_id"`
	AlertID    ID                `json:"alert_id"`
	ProjectID  ID                `json:"-"`
	Attempt    int               `json:"attempt"`
	At         time.Time         `json:"at"`
	URL        string            `json:"url"`
	Headers    map[string]string `json:"headers,omitempty"`
	Body       []byte            `json:"-"`
	// HTTPStatus is that of the answer; 0 when none came.
	HTTPStatus int `json:"http_status,omitempty"`
	// LatencyMS is how long the attempt took, in milliseconds.
	LatencyMS int64 `json:"latency_ms"`
	// Answer is the first 4 KiB of the answer's body.
	Answer []byte         `json:"-"`
	Reason DeliveryReason `json:"reason,omitempty"`
	Error  string         `json:"error,omitempty"`
	// Fallback is AlertRequest.Fallback.
	Fallback string `json:"fallback,omitempty"`
}

// AlertMessage is what presets and payloads are made of, and the default body.
type AlertMessage struct {
	Type      AlertType       `json:"type"`
	Timestamp string          `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// DeliveryClaim is a delivery in a daemon's hands.
type DeliveryClaim struct {
	Delivery Delivery
	// Fence grows with every claim; a write with an older fence is refused.
	Fence int64
	// Unkept tells that what is to be sent was rendered, but is not stored yet.
	Unkept bool
	// Host tells hosts apart; nil until the delivery is rendered.
	Host []byte
	// Passed tells that neither its throttle nor quiet hours hold it back any more.
	Passed bool
	// Due is from when on it was to be sent.
	Due time.Time
	// Snapshot is the run as it was, where it has gone on since; nil otherwise.
	Snapshot *Run
	// Circuit is the one that opened, of which it tells; nil for all else.
	Circuit *Circuit
	// Now is the server's time when the delivery was claimed.
	Now time.Time
	// Unreadable is why what is recorded cannot be read; nil in all health.
	Unreadable error
}

// DeliveryRoom is how many deliveries a daemon can take.
type DeliveryRoom struct {
	// Limit is for all, PerHost for those to one host that is not in Hosts.
	Limit, PerHost int
	// Hosts are those that calls go to already, and Free how many more each may get.
	Hosts [][]byte
	Free  []int
}

// DeliveryMove is what becomes of a delivery after an attempt, or without one.
type DeliveryMove struct {
	// Status is DeliveryPending for another attempt, after Wait.
	Status DeliveryStatus
	Reason DeliveryReason
	// Error is that of Delivery.
	Error string
	Wait  time.Duration
	// Attempt is the one that was made; nil when none was.
	Attempt *AlertAttempt
	// Disable disables the alert: its receiver wants no more.
	Disable bool
	Entry   Entry
}

// DeliverySubject is what is needed to send a delivery.
type DeliverySubject struct {
	// Project is the project's name.
	Project string
	// Alert is the configuration; nil when it was deleted.
	Alert *Alert
	// Unreadable is why the alert cannot be opened, and Incomplete why the run, its steps or
	// its event can only in part; nil in all health.
	Unreadable, Incomplete error
	// Secrets sign the message: the active ones, the newest first.
	Secrets []Secret
	// Vault are the project's secrets, where the alert reads any.
	Vault map[string]Secret
	// What follows is read only for a delivery that is not rendered yet.
	Run       *Run
	Event     *Event
	About     *Delivery
	LastError string
	// URL is where About was to go.
	URL       string
	Webhook   string
	LastEvent *time.Time
}

// DeliveryFilter narrows a list of deliveries; zero fields do not narrow.
type DeliveryFilter struct {
	Alert  ID
	Status DeliveryStatus
	Run    ID
	Since  time.Time
	// Before is the cursor: only deliveries older than this one.
	Before ID
	Limit  int
}

// AttemptFilter narrows a list of attempts; zero fields do not narrow.
type AttemptFilter struct {
	Alert    ID
	Delivery ID
	Since    time.Time
	Before   ID
	Limit    int
	// Full asks for the bodies of requests and answers, which can be large.
	Full bool
}

// AlertStats is how alerts were delivered over a window, all together or of one alert.
type AlertStats struct {
	AlertID *ID `json:"alert_id,omitempty"`
	// Alert is its name; "" when it is gone.
	Alert string `json:"alert,omitempty"`
	// Counts are deliveries by status.
	Counts map[DeliveryStatus]int64 `json:"deliveries"`
	// Attempts are HTTP tries, Again those beyond each delivery's first.
	Attempts int64 `json:"attempts"`
	Again    int64 `json:"again"`
	// Delivered is the share that was delivered of what ended otherwise than discarded,
	// from 0 to 1; nil when nothing ended.
	Delivered *float64 `json:"delivered_share"`
	// Dispatch is from the commit, or the end of what held it back, to the first
	// attempt, Delivery to the answer that took it, in milliseconds.
	Dispatch  Percentiles `json:"dispatch_ms"`
	Delivery  Percentiles `json:"delivery_ms"`
	OldestDue *time.Time  `json:"oldest_due,omitempty"`
}

// What is promised of alerts: the share that is delivered, and how long after the commit
// of what it tells of 99 of 100 leave for the first time, in milliseconds.
const (
	PromisedDelivered  = 0.9999
	PromisedDispatchMS = 500
)

// AlertReport is how alerts were delivered over a window: each, and all together.
type AlertReport struct {
	Since    time.Time     `json:"since"`
	Promised AlertPromises `json:"promised"`
	All      AlertStats    `json:"all"`
	Alerts   []AlertStats  `json:"alerts"`
}

// ReportAlerts makes the report of a window; with one, of that alert beside all together.
func ReportAlerts(since time.Time, all AlertStats, each []AlertStats, one *ID) AlertReport {
	r := AlertReport{Since: since.UTC(), Promised: AlertPromises{PromisedDelivered, PromisedDispatchMS}, All: all, Alerts: each}
	if one == nil {
		return r
	}
	r.Alerts = []AlertStats{{AlertID: one, Counts: map[DeliveryStatus]int64{}}}
	for _, s := range each {
		if s.AlertID != nil && *s.AlertID == *one {
			r.Alerts[0] = s
		}
	}
	return r
}

// AlertPromises are PromisedDelivered and PromisedDispatchMS.
type AlertPromises struct {
	Delivered  float64 `json:"delivered_share"`
	DispatchMS float64 `json:"dispatch_p99_ms"`
}

// Percentiles of a distribution; nil when it is empty.
type Percentiles struct {
	P50 *float64 `json:"p50"`
	P95 *float64 `json:"p95"`
	P99 *float64 `json:"p99"`
}
