package ingress

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// refusal is why a request is not accepted, in words for its sender: never what
// the right signature or secret would have been.
type refusal struct {
	code    meshhook.Code
	message string
	// why is for the endpoint's owner, where that is not for strangers; or empty.
	why     string
	details []meshhook.Problem
	header  http.Header
}

// forOwner is why, in words for the endpoint's owner.
func (r *refusal) forOwner() string { return cmp.Or(r.why, r.message) }

func refuse(code meshhook.Code, format string, args ...any) *refusal {
	return &refusal{code: code, message: fmt.Sprintf(format, args...), header: http.Header{}}
}

// unverified is the refusal of a request for its signature.
func unverified(c *call, failure *signature.Failure) *refusal {
	c.findings = failure
	r := refuse(meshhook.CodeInvalidSignature, "%s", failure.ForSender())
	r.why = failure.Message
	return r
}

// unavailable is a refusal that asks the sender to come back.
func unavailable(message string) *refusal {
	r := refuse(meshhook.CodeUnavailable, "%s", message)
	r.header.Set("Retry-After", "5")
	return r
}

func (r *refusal) answer() answer {
	body := meshhook.NewErrorAnswer(r.code, r.message, r.details)
	return jsonAnswer(meshhook.HTTPStatus(r.code), string(r.code), r.header, body)
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
	// waited is how long it took a run to end, which is no time of ingress's.
	waited time.Duration
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
