package meshhook

import "net/http"

// httpStatus is the one place where codes become HTTP statuses.
var httpStatus = map[Code]int{
	CodeMalformed:            http.StatusBadRequest,
	CodeMalformedPayload:     http.StatusBadRequest,
	CodeUnauthorized:         http.StatusUnauthorized,
	CodeInvalidSignature:     http.StatusUnauthorized,
	CodeForbidden:            http.StatusForbidden,
	CodeIPNotAllowed:         http.StatusForbidden,
	CodeNotFound:             http.StatusNotFound,
	CodeMethodNotAllowed:     http.StatusMethodNotAllowed,
	CodeConflict:             http.StatusConflict,
	CodeWebhookDisabled:      http.StatusGone,
	CodePayloadTooLarge:      http.StatusRequestEntityTooLarge,
	CodeUnsupportedMediaType: http.StatusUnsupportedMediaType,
	CodeInvalid:              http.StatusUnprocessableEntity,
	CodeSchemaViolation:      http.StatusUnprocessableEntity,
	CodeRateLimited:          http.StatusTooManyRequests,
	CodeInternal:             http.StatusInternalServerError,
	CodeRunFailed:            http.StatusBadGateway,
	CodeUnavailable:          http.StatusServiceUnavailable,
}

// HTTPStatus returns the status of an answer that tells of the code; 500 for one
// that no request can cause.
func HTTPStatus(code Code) int {
	if status, ok := httpStatus[code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// ErrorAnswer is the body of every answer that tells of an error, on every listener.
type ErrorAnswer struct {
	Status string        `json:"status"` // error
	Error  ErrorInAnswer `json:"error"`
}

// ErrorInAnswer is what an ErrorAnswer tells.
type ErrorInAnswer struct {
	Code    Code      `json:"code"`
	Message string    `json:"message"`
	Details []Problem `json:"details,omitempty"`
}

// NewErrorAnswer returns the body for an error.
func NewErrorAnswer(code Code, message string, details []Problem) ErrorAnswer {
	return ErrorAnswer{Status: "error", Error: ErrorInAnswer{Code: code, Message: message, Details: details}}
}
