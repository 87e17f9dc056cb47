package signature

import (
	"fmt"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Reason is why a request was refused, from a closed set: logs and metrics
// group by it.
type Reason string

// The reasons.
const (
	ReasonMissingHeader       Reason = "missing_header"       // a header that the scheme needs is absent or empty
	ReasonDuplicateHeader     Reason = "duplicate_header"     // it came more than once
	ReasonMalformedHeader     Reason = "malformed_header"     // it is not written as the scheme has it
	ReasonUnreadableTimestamp Reason = "unreadable_timestamp" // it is no number of Unix seconds
	ReasonStaleTimestamp      Reason = "stale_timestamp"      // it lies too far back, or ahead
	ReasonMismatch            Reason = "mismatch"             // no signature fits any secret
	ReasonNoSecret            Reason = "no_secret"            // the endpoint has no active secret
	ReasonBadSecret           Reason = "bad_secret"           // no active secret is of the scheme's form
)

// Failure is a refusal. Its JSON is stored with the rejected event. It holds no
// secret, nothing that came in a header, and no signature that would have been
// right.
type Failure struct {
	Reason Reason `json:"reason"`
	// Message is for the sender: what to look at, and nothing to learn from.
	Message string `json:"message"`
	// Findings are for the endpoint's owner.
	Findings Findings `json:"findings"`
}

// Findings say what was looked at before a request was refused.
type Findings struct {
	Scheme string `json:"scheme"`
	// Headers are those that the scheme reads.
	Headers []HeaderFinding `json:"headers"`
	// Variants say in words what was computed and compared.
	Variants []string `json:"variants"`
	// SkewSeconds is now minus the timestamp: positive for the past. Nil when no
	// timestamp was read.
	SkewSeconds *int64 `json:"timestamp_skew_seconds,omitempty"`
	// Tolerance is how far the timestamp may lie away.
	Tolerance meshhook.Duration `json:"tolerance,omitzero"`
	// SignedLength is the length of the signed string in bytes, 0 when it did
	// not come to signing.
	SignedLength int `json:"signed_length,omitempty"`
	// Signatures is how many were compared, and Ignored how many values of the
	// header were of a kind that the scheme does not look at.
	Signatures int `json:"signatures_tried"`
	Ignored    int `json:"values_ignored,omitempty"`
	// Secrets is how many were tried, and BadSecrets how many could not be, being
	// empty or not of the scheme's form.
	Secrets    int `json:"secrets_tried"`
	BadSecrets int `json:"bad_secrets,omitempty"`
}

// HeaderFinding is what came of one header. The value is left out: it may be a
// token, and a signature helps nobody to read.
type HeaderFinding struct {
	Name string `json:"name"`
	// Count is how often it came; 0 is absent.
	Count int `json:"count"`
	// Length of the first value in bytes.
	Length int `json:"length,omitempty"`
}

// Error returns the message for the sender.
func (f *Failure) Error() string { return f.Message }

// Unwrap gives the failure its place among the product's errors: whatever the
// reason, the sender's code is CodeInvalidSignature.
func (f *Failure) Unwrap() error {
	return &meshhook.Error{Code: meshhook.CodeInvalidSignature, Message: f.Message}
}

// refuse makes a Failure; Verify adds the findings.
func refuse(reason Reason, format string, args ...any) *Failure {
	return &Failure{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
