package ingress

import (
	"context"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/schema"
)

// syntax checks that the body is what its content type says. Only what somebody
// will read as structure must be well-formed: JSON and forms. Everything else is
// logged as it came.
func (h *Handler) syntax(_ context.Context, c *call) *refusal {
	if c.body.refusal != nil {
		return c.body.refusal
	}
	header := c.request.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(header)
	if err != nil && header != "" && kind == "" {
		return refuse(meshhook.CodeUnsupportedMediaType, "the content type %q cannot be read", cut(header))
	}
	switch {
	case isJSON(kind):
		return h.syntaxJSON(c)
	case c.door.schema != nil && kind != "":
		return refuse(meshhook.CodeUnsupportedMediaType, "this webhook takes JSON (its payloads have a schema), not %q", cut(kind))
	case kind == "application/x-www-form-urlencoded":
		if _, err := url.ParseQuery(string(c.body.decoded)); err != nil || !utf8.Valid(c.body.decoded) {
			return refuse(meshhook.CodeMalformedPayload, "the body is not the form that its content type says")
		}
	}
	return nil
}

func (h *Handler) syntaxJSON(c *call) *refusal {
	payload, err := schema.Decode(c.body.decoded)
	if err != nil {
		return refuse(meshhook.CodeMalformedPayload, "%s", err.Error())
	}
	c.payload, c.decoded = payload, true
	return nil
}

// isJSON tells whether a media type is JSON: application/json or a structured
// suffix +json (RFC 6839).
func isJSON(kind string) bool {
	return kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}

// cut shortens what a sender wrote for a message to them.
func cut(text string) string {
	if len(text) > 80 {
		return text[:80] + "…"
	}
	return text
}
