package ingress

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/workflow"
)

// call is one request on its way through the checks, and what they found out.
type call struct {
	door    *door
	request *http.Request
	id      meshhook.ID
	now     time.Time
	sender  netip.Addr
	writer  http.ResponseWriter
	// entered tells that the call holds a place among those in flight.
	entered bool

	body body
	// secret is the endpoint secret that matched.
	secret *meshhook.ID
	// handshake is the answer to a provider's question; nil for everything else.
	handshake *signature.Reply
	// stored tells that the request comes from the event log; then presented stands
	// for the credential that the log does not keep.
	stored    bool
	presented *signature.Presented
	// flooding tells that more forgeries come from the sender than are worth storing.
	flooding bool
	// quota is the endpoint's rate limit after this request; nil before it was asked.
	quota *quota
	// content is what the body is, once syntax has read it.
	content content.Body
	// findings explain a rejection or a failed expression; JSON-marshalable.
	findings any

	event   *meshhook.Event
	context map[string]any
}

// asEvent returns the request as the event that it becomes when it is accepted.
func (c *call) asEvent() *meshhook.Event {
	if c.event != nil {
		return c.event
	}
	r := c.request
	keys := c.door.keys(c.now)
	header := c.door.verifier.Redact(r.Header, keys)
	header.Set("Host", r.Host)
	for _, values := range header {
		for i, value := range values {
			values[i] = content.Legible(value)
		}
	}
	c.event = &meshhook.Event{
		ID: c.id, ProjectID: c.door.ProjectID, EndpointID: c.door.ID, Webhook: c.door.Path,
		Status: meshhook.EventAccepted, ReceivedAt: c.now, RemoteAddr: c.sender.String(),
		Method: r.Method, Path: r.URL.Path, Query: escaped(c.door.verifier.RedactQuery(r.URL.RawQuery, keys)), Header: header,
		ContentType: c.contentType(), Body: c.body.decoded, BodySize: int64(len(c.body.decoded)), SecretID: c.secret,
	}
	return c.event
}

// contentType is the request's, as it is stored and read.
func (c *call) contentType() string { return content.Legible(c.request.Header.Get("Content-Type")) }

// escaped writes the bytes of a query string that are not UTF-8 as escapes, which
// say the same: what is stored is text.
func escaped(query string) string {
	if utf8.ValidString(query) {
		return query
	}
	var b strings.Builder
	for i := range len(query) {
		if query[i] < utf8.RuneSelf {
			b.WriteByte(query[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", query[i])
		}
	}
	return b.String()
}

// scope is the input of the endpoint's expressions: {event}.
func (c *call) scope() map[string]any {
	if c.context == nil {
		c.context = map[string]any{"event": workflow.EventContextOf(c.asEvent(), c.content)}
	}
	return c.context
}
