package ingress

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/schema"
	"github.com/profullstack/meshhook/internal/signature"
)

// intact refuses to judge by a configuration that could not be compiled.
func (h *Handler) intact(_ context.Context, c *call) *refusal {
	if c.door.broken == nil {
		return nil
	}
	return unavailable("this webhook's configuration cannot be used; its owner finds the reason in the daemon's log")
}

func (h *Handler) enabled(_ context.Context, c *call) *refusal {
	if c.door.Enabled {
		return nil
	}
	return refuse(meshhook.CodeWebhookDisabled, "this webhook is disabled")
}

func (h *Handler) method(_ context.Context, c *call) *refusal {
	if slices.Contains(c.door.Methods, c.request.Method) {
		return nil
	}
	allow := strings.Join(c.door.Methods, ", ")
	refusal := refuse(meshhook.CodeMethodNotAllowed, "this webhook answers %s, not %s", allow, c.request.Method)
	refusal.header.Set("Allow", allow)
	return refusal
}

func (h *Handler) address(_ context.Context, c *call) *refusal {
	if len(c.door.AllowedIPs) == 0 {
		return nil
	}
	for _, network := range c.door.AllowedIPs {
		if network.Contains(c.sender) {
			return nil
		}
	}
	return refuse(meshhook.CodeIPNotAllowed, "requests from %s are not allowed here", c.sender)
}

// size reads the body, with the endpoint's limit before and after decompression.
func (h *Handler) size(_ context.Context, c *call) *refusal {
	err := c.body.read(c.request, c.door.MaxBody)
	switch {
	case errors.Is(err, errTooLarge):
		return refuse(meshhook.CodePayloadTooLarge, "the body is larger than this webhook's limit of %d bytes", c.door.MaxBody)
	case err != nil:
		return refuse(meshhook.CodeMalformedPayload, "the body did not arrive whole")
	}
	return nil
}

// enter takes a place among the requests in flight. It is taken once the body has
// arrived, so that slow senders cannot hold all the places.
func (h *Handler) enter(_ context.Context, c *call) *refusal {
	select {
	case h.inFlight <- struct{}{}:
		c.entered = true
		return nil
	default:
		return unavailable("too many requests are under way; try again soon")
	}
}

// leave gives the place back.
func (h *Handler) leave(c *call) {
	if c.entered {
		<-h.inFlight
	}
}

// verify checks the signature on the bytes before anything looks into them. A
// sender may have signed a compressed body before or after compressing it.
func (h *Handler) verify(_ context.Context, c *call) *refusal {
	request := signature.Request{
		Method: c.request.Method, URL: h.url(c.request), Header: c.request.Header, Body: c.body.decoded, Now: c.now,
	}
	key, failure := c.door.verifier.Verify(request, c.door.keys(c.now))
	if failure != nil && c.body.compressed() {
		request.Body = c.body.raw
		key, failure = c.door.verifier.Verify(request, c.door.keys(c.now))
	}
	if failure != nil {
		c.findings = failure
		return refuse(meshhook.CodeInvalidSignature, "%s", failure.Message)
	}
	if id, err := meshhook.ParseID(key.ID); err == nil {
		c.secret = &id
	}
	return nil
}

// url is the request's URL as its sender knows it.
func (h *Handler) url(r *http.Request) string {
	if h.publicURL != "" {
		return h.publicURL + r.URL.RequestURI()
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + r.URL.RequestURI()
}

// schema checks a JSON payload against the endpoint's schema.
func (h *Handler) schema(_ context.Context, c *call) *refusal {
	if c.door.schema == nil {
		return nil
	}
	if !c.decoded {
		payload, err := schema.Decode(c.body.decoded)
		if err != nil {
			return refuse(meshhook.CodeMalformedPayload, "%s", err.Error())
		}
		c.payload, c.decoded = payload, true
	}
	problems := c.door.schema.Validate(c.payload) //nolint:contextcheck // it counts its steps, and needs no deadline
	if len(problems) == 0 {
		return nil
	}
	refusal := refuse(meshhook.CodeSchemaViolation, "the payload does not satisfy this webhook's schema")
	refusal.details = problems
	c.findings = problems
	return refusal
}
