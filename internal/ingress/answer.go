package ingress

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// httpStatus is the one place where codes become HTTP statuses.
var httpStatus = map[meshhook.Code]int{
	meshhook.CodeInvalid:              http.StatusBadRequest,
	meshhook.CodeMalformedPayload:     http.StatusBadRequest,
	meshhook.CodeInvalidSignature:     http.StatusUnauthorized,
	meshhook.CodeIPNotAllowed:         http.StatusForbidden,
	meshhook.CodeNotFound:             http.StatusNotFound,
	meshhook.CodeMethodNotAllowed:     http.StatusMethodNotAllowed,
	meshhook.CodeConflict:             http.StatusConflict,
	meshhook.CodeWebhookDisabled:      http.StatusGone,
	meshhook.CodePayloadTooLarge:      http.StatusRequestEntityTooLarge,
	meshhook.CodeUnsupportedMediaType: http.StatusUnsupportedMediaType,
	meshhook.CodeSchemaViolation:      http.StatusUnprocessableEntity,
	meshhook.CodeRateLimited:          http.StatusTooManyRequests,
	meshhook.CodeInternal:             http.StatusInternalServerError,
	meshhook.CodeUnavailable:          http.StatusServiceUnavailable,
}

// refusal is why a request is not accepted, in words for its sender: never what
// the right signature or secret would have been.
type refusal struct {
	code    meshhook.Code
	message string
	details []meshhook.Problem
	header  http.Header
}

func refuse(code meshhook.Code, format string, args ...any) *refusal {
	return &refusal{code: code, message: fmt.Sprintf(format, args...), header: http.Header{}}
}

// unavailable is a refusal that asks the sender to come back.
func unavailable(message string) *refusal {
	r := refuse(meshhook.CodeUnavailable, "%s", message)
	r.header.Set("Retry-After", "5")
	return r
}

// errorBody is the body of every error answer.
type errorBody struct {
	Status string `json:"status"`
	Error  struct {
		Code    meshhook.Code      `json:"code"`
		Message string             `json:"message"`
		Details []meshhook.Problem `json:"details,omitempty"`
	} `json:"error"`
}

func (r *refusal) answer() answer {
	var body errorBody
	body.Status = "error"
	body.Error.Code, body.Error.Message, body.Error.Details = r.code, r.message, r.details
	return jsonAnswer(httpStatus[r.code], string(r.code), r.header, body)
}

// answer is what a sender gets.
type answer struct {
	// door is the webhook that answers; nil when there is none of that path.
	door   *door
	status int
	// result is the event's status, or the code of the error.
	result string
	header http.Header
	body   []byte
}

func jsonAnswer(status int, result string, header http.Header, body any) answer {
	text, err := json.Marshal(body)
	if err != nil { // of our own structs and of decoded JSON: cannot happen
		text, status = []byte(`{"status":"error"}`), http.StatusInternalServerError
	}
	header.Set("Content-Type", "application/json")
	return answer{status: status, result: result, header: header, body: append(text, '\n')}
}

func (a answer) write(w http.ResponseWriter) {
	header := w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a sender that left does not read its answer
}
