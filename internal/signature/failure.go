package signature

import (
	"errors"
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
	ReasonUnreadableTimestamp Reason = "unreadable_timestamp" // it is not written as the scheme has it
	ReasonStaleTimestamp      Reason = "stale_timestamp"      // it lies too far back, or ahead
	ReasonMismatch            Reason = "mismatch"             // no signature fits any secret
	ReasonNoSecret            Reason = "no_secret"            // the endpoint has no active secret
	ReasonBadSecret           Reason = "bad_secret"           // no active secret is of the scheme's form
	ReasonBadCertificate      Reason = "bad_certificate"      // the signer's certificate is not the provider's, or not valid
	ReasonBadToken            Reason = "bad_token"            // a JWT is malformed, out of time, or claims the wrong things
	ReasonBadHandshake        Reason = "bad_handshake"        // a handshake's own token is not right
	ReasonKeysUnavailable     Reason = "keys_unavailable"     // keys could not be fetched: nothing is said of the request
)

// Failure is a refusal. Its JSON is stored with the rejected event. It holds no
// secret, nothing that came in a header, and no signature that would have been
// right.
type Failure struct {
	Reason Reason `json:"reason"`
	// Message is for the endpoint's owner; what of it the sender hears, ForSender says.
	Message string `json:"message"`
	// Findings are for the endpoint's owner.
	Findings Findings `json:"findings"`

	private bool // the message is not for the sender
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
	// Token is what a JWT says of itself; none of it is secret without its signature.
	Token *TokenFinding `json:"token,omitempty"`
	// Fetch is why keys could not be fetched.
	Fetch string `json:"fetch_error,omitempty"`
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

// TokenFinding is what of a JWT helps to see why it was refused.
type TokenFinding struct {
	Algorithm string   `json:"alg,omitempty"`
	KeyID     string   `json:"kid,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	// ExpiresAt, NotBefore and IssuedAt are Unix seconds.
	ExpiresAt int64 `json:"exp,omitempty"`
	NotBefore int64 `json:"nbf,omitempty"`
	IssuedAt  int64 `json:"iat,omitempty"`
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }

// ForSender is the message for the sender: what to look at, and nothing to learn from.
// That an endpoint has no secret yet is an invitation, and where its keys are fetched
// nobody's business.
func (f *Failure) ForSender() string {
	if f.Reason == ReasonNoSecret || f.Reason == ReasonBadSecret || f.private {
		return "the request could not be verified"
	}
	return f.Message
}

// Unwrap gives the failure its place among the product's errors: whatever the
// reason, the sender's code is CodeInvalidSignature.
func (f *Failure) Unwrap() error {
	return &meshhook.Error{Code: meshhook.CodeInvalidSignature, Message: f.Message}
}

// asFailure returns err as a refusal, or nil if it is something else. A prover's
// errors are refusals of the request or, with CodeInvalid, of a secret.
func asFailure(err error) *Failure {
	f, _ := errors.AsType[*Failure](err)
	return f
}

// refuse makes a Failure; Verify adds the findings.
func refuse(reason Reason, format string, args ...any) *Failure {
	return &Failure{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
