package meshhook

import (
	"errors"
	"fmt"
)

// Code is the machine-readable kind of an Error. The set is closed: each code
// maps to one HTTP status (answer.go) and one exit code (cli/exit.go).
type Code string

// The codes of the whole product. Those from CodeMalformedPayload on, and
// CodeUnavailable, are also the reasons for which ingress rejects an event.
const (
	CodeInternal    Code = "internal"    // a fault of ours; the text is for the operator
	CodeUsage       Code = "usage"       // the command line is wrong
	CodeInvalid     Code = "invalid"     // a value or document is wrong
	CodeNotFound    Code = "not_found"   // no such thing
	CodeConflict    Code = "conflict"    // it exists already, or is not in a state for this
	CodeUnavailable Code = "unavailable" // the database cannot be reached or refuses
	CodeLeaseLost   Code = "lease_lost"  // another daemon holds the run now
	CodeRunFailed   Code = "run_failed"  // the run for which a sender waited did not succeed

	CodeMalformed    Code = "malformed"    // a request to the API that cannot be read
	CodeUnauthorized Code = "unauthorized" // no token, or one that is not known
	CodeForbidden    Code = "forbidden"    // a token that may not do this

	CodeMalformedPayload     Code = "malformed_payload"
	CodeInvalidSignature     Code = "invalid_signature"
	CodeIPNotAllowed         Code = "ip_not_allowed"
	CodeMethodNotAllowed     Code = "method_not_allowed"
	CodeWebhookDisabled      Code = "webhook_disabled"
	CodePayloadTooLarge      Code = "payload_too_large"
	CodeUnsupportedMediaType Code = "unsupported_media_type"
	CodeSchemaViolation      Code = "schema_violation"
	CodeRateLimited          Code = "rate_limited"
)

// RejectionCodes lists the reasons for which ingress rejects an event.
func RejectionCodes() []Code {
	return []Code{
		CodeMalformedPayload, CodeInvalidSignature, CodeIPNotAllowed, CodeMethodNotAllowed, CodeWebhookDisabled,
		CodePayloadTooLarge, CodeUnsupportedMediaType, CodeSchemaViolation, CodeRateLimited,
		CodeUnavailable, // the keys of its signature could not be fetched, or too many requests were under way
	}
}

// Problem is one thing wrong inside a document or payload.
type Problem struct {
	// Path is a JSON Pointer (RFC 6901) to the offending value.
	Path string `json:"path"`
	// Message says what was expected, for a person.
	Message string `json:"message"`
	// Keyword is the JSON Schema keyword that failed, where one did.
	Keyword string `json:"keyword,omitempty"`
}

// Error is a failure with a Code. Message is shown to users as it stands, so it
// says what to do and holds no secret.
type Error struct {
	Code    Code
	Message string
	Details []Problem
	// Noun and Name say what is missing, where the Code is CodeNotFound and the thing has
	// a name: who knows those there are can say which was meant.
	Noun, Name string
	// Err is the cause, for errors.Is and errors.As; its text already stands in
	// Message. It may be nil.
	Err error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error whose message is formatted as by fmt.Errorf; an operand
// of %w is its cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// NoSuch makes the error of a thing that is not there, by the command that lists those
// there are: "workflow" is listed by 'meshhook workflow list'.
func NoSuch(noun, name string) *Error {
	group := noun
	if noun == "alert" {
		group = "alerts"
	}
	e := Errorf(CodeNotFound, "there is no %s %q; 'meshhook %s list' shows those there are", noun, name, group)
	e.Noun, e.Name = noun, name
	return e
}

// ErrorCode returns the code of the first Error in err's chain, "" for nil and
// CodeInternal for anything else.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
