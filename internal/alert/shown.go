package alert

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/mask"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// AttemptView is an attempt as commands and the API show it.
type AttemptView struct {
	ID         meshhook.ID `json:"id"`
	DeliveryID meshhook.ID `json:"delivery_id"`
	AlertID    meshhook.ID `json:"alert_id"`
	Attempt    int         `json:"attempt"`
	At         time.Time   `json:"at"`
	URL        string      `json:"url" doc:"Scheme and host: the rest may be a credential."`
	HTTPStatus int         `json:"http_status,omitempty" doc:"That of the answer; left out when none came."`
	LatencyMS  int64       `json:"latency_ms"`
	// Reason is "" for one that was answered by a 2xx, and for one that is under way.
	Reason meshhook.DeliveryReason `json:"reason,omitempty" doc:"Why it failed."`
	Error  string                  `json:"error,omitempty"`
	// Fallback says why the message is not what its template says.
	Fallback string        `json:"fallback,omitempty" doc:"Why the message is not what its template says."`
	Request  *RequestView  `json:"request,omitempty"`
	Response *ResponseView `json:"response,omitempty"`
}

// RequestView is what an attempt sent.
type RequestView struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// ResponseView is what an attempt was answered.
type ResponseView struct {
	Status int    `json:"status"`
	Body   string `json:"body" doc:"Its first 4 KiB."`
}

// State says how an attempt stands: delivered, failed or under way.
func (v AttemptView) State() string {
	switch {
	case v.Reason != "":
		return "failed"
	case v.HTTPStatus == 0:
		return "under way"
	default:
		return "delivered"
	}
}

// Brief returns the view without request and answer.
func (v AttemptView) Brief() AttemptView {
	v.Request, v.Response = nil, nil
	return v
}

// plainHeaders are set by MeshHook and its presets. The values of all others are the
// owner's, and may be credentials.
var plainHeaders = []string{
	"Content-Type", "User-Agent", HeaderID, HeaderTimestamp, HeaderSignature, headerHMAC, headerHMACPrevious,
	"Title", "Priority", "Tags", "Click",
}

// ViewAttempt returns an attempt as it is shown to everybody who may look at alerts:
// without the secrets of the vault, the values of the owner's headers, and all of the URL
// but its host, which are hidden in the answer, too.
func ViewAttempt(a meshhook.AlertAttempt, vault map[string]meshhook.Secret) AttemptView {
	secrets := slices.Collect(maps.Values(vault))
	shown := Recorded(meshhook.AlertRequest{URL: a.URL, Headers: a.Headers, Body: a.Body, Fallback: a.Fallback}, mask.New(secrets))
	for name, value := range a.Headers {
		if !slices.Contains(plainHeaders, http.CanonicalHeaderKey(name)) {
			shown.Headers[name] = meshhook.Mask
			for _, part := range append(strings.Fields(value), value) {
				secrets = append(secrets, meshhook.NewSecret(part))
			}
		}
	}
	if target, err := url.Parse(a.URL); err == nil && len(target.RequestURI()) >= minTarget {
		secrets = append(secrets, meshhook.NewSecret(target.RequestURI()))
	}
	hide := mask.New(secrets)
	v := viewOf(a, shown)
	v.Error = hide.Text(v.Error)
	if v.Response != nil {
		v.Response.Body = hidden(v.Response.Body, hide)
	}
	return v
}

// minTarget is the shortest path and query that are looked for in answers: a shorter one
// is a word like any other.
const minTarget = 12

func hidden(text string, m *mask.Masker) string {
	if json.Valid([]byte(text)) {
		return string(m.JSON(json.RawMessage(text)))
	}
	return m.Cut(m.Text(text)) // only its beginning is kept
}

// RevealAttempt returns an attempt as it is shown to its owner on request, as it was.
func RevealAttempt(a meshhook.AlertAttempt) AttemptView {
	return viewOf(a, meshhook.AlertRequest{URL: a.URL, Headers: a.Headers, Body: a.Body, Fallback: a.Fallback})
}

func viewOf(a meshhook.AlertAttempt, sent meshhook.AlertRequest) AttemptView {
	v := AttemptView{
		ID: a.ID, DeliveryID: a.DeliveryID, AlertID: a.AlertID, Attempt: a.Attempt, At: a.At, URL: sent.URL,
		HTTPStatus: a.HTTPStatus, LatencyMS: a.LatencyMS, Reason: a.Reason, Error: a.Error, Fallback: sent.Fallback,
		Request: &RequestView{URL: sent.URL, Headers: sent.Headers, Body: text(sent.Body)},
	}
	if a.HTTPStatus > 0 {
		v.Response = &ResponseView{Status: a.HTTPStatus, Body: text(a.Answer)}
	}
	return v
}

// text is a body as it is shown: what is no UTF-8 in it is replaced.
func text(body []byte) string { return strings.ToValidUTF8(string(body), "\uFFFD") }

// Trial is what came of a sample that was sent to try an alert.
type Trial struct {
	Delivered bool `json:"delivered" doc:"Whether the receiver took it."`
	// Request is nil where the message could not be made, Response where no answer came.
	Request  *RequestView  `json:"request"`
	Response *ResponseView `json:"response"`
	// LatencyMS is how long the attempt took, in milliseconds.
	LatencyMS int64 `json:"latency_ms"`
	// SignatureValid is nil for a message that is not signed.
	SignatureValid *bool                   `json:"signature_valid" doc:"Whether a recipient with the alert's secret finds the signature right; null for a message that is not signed."`
	Signature      string                  `json:"signature,omitempty" doc:"What is wrong with the signature."`
	Reason         meshhook.DeliveryReason `json:"reason,omitempty" doc:"Why it was not delivered."`
	Error          string                  `json:"error,omitempty"`
	Fallback       string                  `json:"fallback,omitempty" doc:"Why the message is not what its template says."`
	// Delivery is nil for an alert that is not stored: nothing is recorded of that.
	Delivery *meshhook.Delivery `json:"delivery,omitempty" doc:"Left out for an alert that is not stored: nothing is recorded of that."`
}

// TrialOf returns what came of an attempt, its signature checked as the recipient would
// who has the secrets. v is the attempt as it is to be shown.
func TrialOf(a meshhook.AlertAttempt, v AttemptView, signing meshhook.Signing, secrets []meshhook.Secret) Trial {
	t := Trial{
		Delivered: v.State() == "delivered", Request: v.Request, Response: v.Response, LatencyMS: v.LatencyMS,
		Reason: v.Reason, Error: v.Error, Fallback: v.Fallback,
	}
	if signing == meshhook.SigningNone {
		return t
	}
	headers := http.Header{}
	for name, value := range a.Headers {
		headers.Set(name, value)
	}
	_, err := Verify(headers, a.Body, secrets, a.At, DefaultTolerance)
	valid := err == nil
	if t.SignatureValid = &valid; !valid {
		t.Signature = err.Error()
	}
	return t
}
