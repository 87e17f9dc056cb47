package meshhook

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// EntryKind names a fact of the journal: noun.past-participle.
type EntryKind string

// The kinds of journal entries.
const (
	EntryEventAccepted   EntryKind = "event.accepted"
	EntryEventRejected   EntryKind = "event.rejected"
	EntryEventDuplicate  EntryKind = "event.duplicate"
	EntryEventFiltered   EntryKind = "event.filtered"
	EntryEventSuppressed EntryKind = "event.suppressed" // rejections that were counted, not stored
	EntryRunQueued       EntryKind = "run.queued"       // by hand, by replay or by retry; or back, until it gets a place (QueuedForPlace)
	EntryRunStarted      EntryKind = "run.started"
	EntryRunRecovered    EntryKind = "run.recovered" // its daemon died; another goes on
	EntryRunReleased     EntryKind = "run.released"  // its daemon stops; another goes on
	EntryRunWaiting      EntryKind = "run.waiting"
	EntryRunApproved     EntryKind = "run.approved" // a person answered an approval
	EntryRunRejected     EntryKind = "run.rejected"
	EntryRunSucceeded    EntryKind = "run.succeeded"
	EntryRunFailed       EntryKind = "run.failed"
	EntryRunCanceled     EntryKind = "run.canceled"
	EntryStepStarted     EntryKind = "step.started"
	EntryStepRetrying    EntryKind = "step.retrying"
	EntryStepWaiting     EntryKind = "step.waiting" // asleep on a delay or an approval
	EntryStepSucceeded   EntryKind = "step.succeeded"
	EntryStepFailed      EntryKind = "step.failed"
	EntryStepSkipped     EntryKind = "step.skipped"
	EntryAlertDelivered  EntryKind = "alert.delivered"
	EntryAlertRetrying   EntryKind = "alert.retrying" // an attempt failed; there will be another
	EntryAlertExhausted  EntryKind = "alert.exhausted"
	EntryAlertDiscarded  EntryKind = "alert.discarded" // not to be sent: Code says why
	EntryCircuitOpened   EntryKind = "circuit.opened"  // a host fails; calls to it wait
	EntryCircuitClosed   EntryKind = "circuit.closed"  // it answers again, or nobody calls it any more
)

// EventEntry returns the kind of entry that records an event of status s.
func EventEntry(s EventStatus) EntryKind { return EntryKind("event." + string(s)) }

// AlertEntry returns the kind of entry that records a delivery's move to status s.
func AlertEntry(s DeliveryStatus) EntryKind {
	if s == DeliveryPending {
		return EntryAlertRetrying
	}
	return EntryKind("alert." + string(s))
}

// RunEntry returns the kind of entry that records a run's move to status s.
func RunEntry(s RunStatus) EntryKind { return EntryKind("run." + string(s)) }

// Entry is one fact of the journal. It says what happened to what. Only Detail may
// quote a payload, as an expression's error does; it is sealed at rest.
type Entry struct {
	ID        ID        `json:"id"`
	ProjectID ID        `json:"-"`
	At        time.Time `json:"at"`
	Kind      EntryKind `json:"kind"`
	EventID   *ID       `json:"event_id,omitempty"`
	Webhook   string    `json:"webhook,omitempty"`
	RunID     *ID       `json:"run_id,omitempty"`
	Workflow  string    `json:"workflow,omitempty"`
	Step      string    `json:"step,omitempty"`
	// AlertID and DeliveryID are those of an entry about an alert.
	AlertID    *ID `json:"alert_id,omitempty"`
	DeliveryID *ID `json:"delivery_id,omitempty"`
	// Alert is the name of that alert; "" when it is gone. It is read and never stored.
	Alert string `json:"alert,omitempty"`
	// Status is the state that the event, run, step or circuit is in now.
	Status string `json:"status,omitempty"`
	// Code is the reason of a rejection or failure, or what a run waits for, from a closed set.
	Code string `json:"code,omitempty"`
	// Detail is one sentence for a person. It holds no secret of the vault.
	Detail string `json:"detail,omitempty"`
	// Attempt is the try of a step or run; 0 where it has no meaning.
	Attempt int `json:"attempt,omitempty"`
	// DurationMS is how long the step or run took, in milliseconds.
	DurationMS int64 `json:"duration_ms,omitempty"`
	// HTTPStatus is the answer of an http step.
	HTTPStatus int `json:"http_status,omitempty"`
	// Count is the number of rejections that an event.suppressed stands for.
	Count int64 `json:"count,omitempty"`
	// Cursor is the place of the entry in the journal.
	Cursor Cursor `json:"-"`
}

// Cursor is a place in the journal: after every entry of transactions before
// XID, and of those of XID up to ID. The zero Cursor is the journal's beginning.
type Cursor struct {
	XID uint64
	ID  ID
}

// String returns the text that ParseCursor reads: the transaction and the id.
func (c Cursor) String() string {
	return strconv.FormatUint(c.XID, 10) + "-" + hex.EncodeToString(c.ID[:])
}

// ParseCursor reads the text of a Cursor; any other text is CodeInvalid.
func ParseCursor(text string) (c Cursor, err error) {
	xid, id, _ := strings.Cut(text, "-")
	c.XID, err = strconv.ParseUint(xid, 10, 63) // transaction ids are below 2^63
	if n, bad := hex.Decode(c.ID[:], []byte(id[:min(len(id), 2*len(c.ID))])); err != nil || bad != nil || n != len(c.ID) || c.String() != text {
		return Cursor{}, Errorf(CodeInvalid, "%q is not a place in the journal; take the id of the last entry that came", text[:min(len(text), 64)])
	}
	return c, nil
}

// EntryFilter narrows what tail shows; zero fields do not narrow.
type EntryFilter struct {
	Webhook  string
	Workflow string
	Status   string
	// Kinds are the nouns shown, of EntryNouns.
	Kinds []string
	// Since leaves older entries out.
	Since time.Time
}

// EntryNouns lists what entries are about, and what a follower can ask for. Steps
// belong to run.
func EntryNouns() []string { return []string{"event", "run", "alert", "circuit"} }

// Noun returns the first half of the kind; a step counts as its run.
func (k EntryKind) Noun() string {
	for i, c := range k {
		if c == '.' {
			if k[:i] == "step" {
				return "run"
			}
			return string(k[:i])
		}
	}
	return string(k)
}
