package meshhook

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of an endpoint's configuration.
const (
	// DefaultMaxBody is the body limit of an endpoint that sets none, in bytes.
	DefaultMaxBody = 1 << 20
	// MaxMaxBody is the largest body limit an endpoint may set, in bytes.
	MaxMaxBody = 64 << 20
	// DefaultDedupWindow is how long an endpoint that sets no window remembers a
	// dedup key.
	DefaultDedupWindow = 24 * time.Hour
	// MinDedupWindow and MaxDedupWindow bound the window that an endpoint may set.
	MinDedupWindow = time.Second
	MaxDedupWindow = 30 * 24 * time.Hour
	// DefaultGrace is how long old secrets verify after a rotation that names no time.
	DefaultGrace = 24 * time.Hour
	// MaxActiveSecrets is how many secrets of an endpoint may verify at once: each
	// costs a computation for every forgery.
	MaxActiveSecrets = 16
)

// Endpoint is a webhook: an ingress endpoint under /hooks/, named by its path,
// that starts runs of one workflow.
type Endpoint struct {
	ID           ID           `json:"id"`
	ProjectID    ID           `json:"-"`
	Path         string       `json:"url_path"`
	WorkflowID   ID           `json:"workflow_id"`
	Workflow     string       `json:"workflow"`
	Description  string       `json:"description,omitempty"`
	Enabled      bool         `json:"enabled"`
	Verification Verification `json:"verification"`
	// HasSecret tells that it has an active secret. It is read and never stored.
	HasSecret bool `json:"-"`
	// RateLimit is nil for an endpoint without one.
	RateLimit *RateLimit `json:"rate_limit,omitempty"`
	// Schema is the JSON Schema that payloads must satisfy, as it was given.
	Schema json.RawMessage `json:"validation_schema,omitempty"`
	// Dedup is a jq expression over {event} giving the dedup key; "" takes the
	// scheme's own, "none" switches it off.
	Dedup string `json:"dedup,omitempty"`
	// DedupWindow is how long a dedup key is remembered.
	DedupWindow Duration `json:"dedup_window"`
	// Filter is a jq condition over {event}; events for which it is false start no run.
	Filter string `json:"filter,omitempty"`
	// Methods are the HTTP methods the endpoint answers; never empty.
	Methods []string `json:"methods"`
	// AllowedIPs are the sender networks let in; empty lets all in.
	AllowedIPs []netip.Prefix `json:"allowed_ips,omitempty"`
	// MaxBody is the body limit in bytes, before and after decompression.
	MaxBody int64 `json:"max_body_bytes"`
	// Response replaces the standard 202 answer; nil keeps it.
	Response  *Response `json:"response,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// EndpointSecret is one of an endpoint's verification secrets. Value is only
// set where a request is verified; lists leave it empty.
type EndpointSecret struct {
	ID         ID         `json:"id"`
	EndpointID ID         `json:"-"`
	Value      Secret     `json:"-"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	// LastUsedAt is when a request was last verified by it, to the minute; nil
	// when none has been.
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}

// SecretUse is the time at which a request was verified by an endpoint's secret.
type SecretUse struct {
	SecretID ID
	At       time.Time
}

// ActiveAt tells whether the secret still verifies at the time now.
func (s EndpointSecret) ActiveAt(now time.Time) bool {
	return s.ExpiresAt == nil || now.Before(*s.ExpiresAt)
}

// LiveEndpoint is an endpoint as ingress keeps it: with the values of its active
// secrets and the version of its workflow that new runs take.
type LiveEndpoint struct {
	Endpoint Endpoint
	Secrets  []EndpointSecret
	Version  int
	// Unreadable is why a secret of the endpoint cannot be read; nil in all health.
	Unreadable error
}

// Tested is the answer that a webhook gave to a test: what a sender would get.
type Tested struct {
	Status     int    `json:"status"`
	Body       string `json:"body"`
	DurationMS int64  `json:"duration_ms"`
}

var pathShape = regexp.MustCompile(`^[A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`)

// CheckPath returns a CodeInvalid error unless path can be an endpoint's path:
// segments of RFC 3986 unreserved characters joined by single slashes, no
// segment beginning with a dot, 200 bytes at most.
func CheckPath(path string) error {
	if len(path) > 200 || !pathShape.MatchString(path) {
		return Errorf(CodeInvalid, "%q cannot be a webhook's path; use letters, digits, '-', '_', '.' and '~' in segments joined by '/', like stripe or shop/orders", path)
	}
	return nil
}

// endpointMethods are the methods an endpoint may answer.
var endpointMethods = []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"}

// Validate fills what was left at zero with its default and returns a
// CodeInvalid error for the first field that is wrong. Expressions, the schema
// and the verification are compiled by their own packages.
func (e *Endpoint) Validate() error {
	if err := CheckPath(e.Path); err != nil {
		return err
	}
	if err := e.validateMethods(); err != nil {
		return err
	}
	if e.MaxBody == 0 {
		e.MaxBody = DefaultMaxBody
	}
	if e.MaxBody < 1 || e.MaxBody > MaxMaxBody {
		return Errorf(CodeInvalid, "a body limit of %s is out of range; use 1B to %s", FormatSize(e.MaxBody), FormatSize(MaxMaxBody))
	}
	if len(e.Description) > 1000 {
		return Errorf(CodeInvalid, "the description is longer than 1000 bytes")
	}
	if e.DedupWindow == 0 {
		e.DedupWindow = Duration(DefaultDedupWindow)
	}
	if w := e.DedupWindow.Std(); w < MinDedupWindow || w > MaxDedupWindow {
		return Errorf(CodeInvalid, "a dedup window of %s is out of range; use 1s to 720h", e.DedupWindow)
	}
	return e.Response.validate()
}

// CheckRetention returns a CodeInvalid error when the endpoint remembers dedup
// keys for longer than events are kept: a duplicate would be answered with an
// event that is gone.
func (e *Endpoint) CheckRetention(events time.Duration) error {
	if e.DedupWindow.Std() > events {
		return Errorf(CodeInvalid, "a dedup window of %s is longer than events are kept (retention.events is %s); use a shorter one", e.DedupWindow, Duration(events))
	}
	return nil
}

func (e *Endpoint) validateMethods() error {
	if len(e.Methods) == 0 {
		e.Methods = []string{"POST"}
	}
	for i, m := range e.Methods {
		e.Methods[i] = strings.ToUpper(m)
		if !slices.Contains(endpointMethods, e.Methods[i]) {
			return Errorf(CodeInvalid, "%q is not a method a webhook can answer; use %s", m, strings.Join(endpointMethods, ", "))
		}
	}
	slices.Sort(e.Methods)
	e.Methods = slices.Compact(e.Methods)
	return nil
}
