package meshhook

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"time"
)

// EventStatus is what became of a request.
type EventStatus string

// The statuses of an event. None of them ever changes.
const (
	EventAccepted  EventStatus = "accepted"  // stored, and a run was started
	EventRejected  EventStatus = "rejected"  // a check failed; Code says which
	EventDuplicate EventStatus = "duplicate" // its dedup key was seen before
	EventFiltered  EventStatus = "filtered"  // the endpoint's filter was false
)

// EventStatuses lists every EventStatus, in the order of their constants.
func EventStatuses() []EventStatus {
	return []EventStatus{EventAccepted, EventRejected, EventDuplicate, EventFiltered}
}

// Event is one request that came to a webhook, kept as it came.
type Event struct {
	ID         ID          `json:"id"`
	ProjectID  ID          `json:"-"`
	EndpointID ID          `json:"webhook_id"`
	Webhook    string      `json:"webhook"`
	Status     EventStatus `json:"status"`
	// Code says why a rejected event was rejected.
	Code Code `json:"code,omitempty"`
	// Reason is the sentence that the sender was told.
	Reason string `json:"reason,omitempty"`
	// Findings is what verification looked at, or the schema's problems; JSON.
	Findings   json.RawMessage `json:"findings,omitempty"`
	ReceivedAt time.Time       `json:"received_at"`
	RemoteAddr string          `json:"remote_addr"`
	Method     string          `json:"method"`
	// Path is the request's path, /hooks/ included.
	Path        string      `json:"path"`
	Query       string      `json:"query,omitempty"`
	Header      http.Header `json:"headers,omitempty"`
	ContentType string      `json:"content_type,omitempty"`
	// Body holds the bytes as they came (after Content-Encoding was undone).
	Body []byte `json:"-"`
	// BodySize is the number of bytes that came; a rejected event may hold fewer.
	BodySize int64 `json:"body_size"`
	// BodyTruncated tells that Body was cut short.
	BodyTruncated bool `json:"body_truncated,omitempty"`
	// Handshake tells that it was a question of the provider's, which was answered and
	// starts no run.
	Handshake bool `json:"handshake,omitempty"`
	// BodyEncoded tells that Body holds the bytes before Content-Encoding was
	// undone, because that was not possible.
	BodyEncoded bool `json:"body_encoded,omitempty"`
	// HeaderTruncated tells that not all headers, or not the whole query, were kept.
	HeaderTruncated bool `json:"headers_truncated,omitempty"`
	// Credential is a salted digest of the credential that came in a header of which
	// the log holds no value, so that it can be verified again; nil for none.
	Credential []byte `json:"-"`
	DedupKey   string `json:"dedup_key,omitempty"`
	// DuplicateOf is the first event with the same key, for a duplicate.
	DuplicateOf *ID `json:"duplicate_of,omitempty"`
	// SecretID is the endpoint secret that matched.
	SecretID *ID `json:"secret_id,omitempty"`
	// RunIDs are the runs that the event started, its replays included.
	RunIDs []ID `json:"run_ids,omitempty"`
}

// EventFilter narrows a list of events; zero fields do not narrow.
type EventFilter struct {
	Webhook string
	Status  EventStatus
	// Code is why rejected events were rejected.
	Code Code
	// Since and Until bound when the events came: from Since on, and before Until.
	Since time.Time
	Until time.Time
	// From is the network that they came from.
	From netip.Prefix
	// DedupKey is sealed, so that it is looked for in each event in turn.
	DedupKey string
	// Before and After are cursors: only events older, or newer, than this one.
	Before ID
	After  ID
	// WithoutRuns leaves out what has started a run, whatever became of it.
	WithoutRuns bool
	// OldestFirst turns the list round; it begins with the newest otherwise.
	OldestFirst bool
	// Bodies asks for the bodies, too.
	Bodies bool
	// Limit is how many events there are at most; 0 is no limit.
	Limit int
}

// Promotion says how a rejected event that passes every check now starts a run: as
// an accepted one would have, it holds its dedup key.
type Promotion struct {
	EndpointID ID
	// DedupKey is "" for none.
	DedupKey string
	// DedupUntil is when the key is forgotten.
	DedupUntil time.Time
}

// Intake is what ingress asks the store to record for one request.
type Intake struct {
	Event Event
	// Run is the run to start; nil for an event that starts none.
	Run *Run
	// DedupUntil is when Event.DedupKey is forgotten; zero when there is no key.
	DedupUntil time.Time
}

// Recorded is the store's answer to an Intake.
type Recorded struct {
	// DuplicateOf is the first event with the same dedup key; nil when this
	// event is the first.
	DuplicateOf *ID
}

// Suppressed counts rejected requests of one endpoint that were not stored.
type Suppressed struct {
	ProjectID  ID
	EndpointID ID
	Webhook    string
	Count      int64
}
