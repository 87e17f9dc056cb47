package ingress

import (
	"context"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// syntax checks that the body is what its content type says. Only what somebody
// will read as structure must be well-formed: JSON and forms. Everything else is
// logged as it came.
func (h *Handler) syntax(_ context.Context, c *call) *refusal {
	if c.body.refusal != nil {
		return c.body.refusal
	}
	var err error
	if c.content, err = content.Read(c.contentType(), c.body.decoded); err != nil {
		return refuse(meshhook.ErrorCode(err), "%s", err.Error())
	}
	return nil
}

// schema checks what expressions see as the body against the endpoint's schema.
func (h *Handler) schema(_ context.Context, c *call) *refusal {
	if c.door.schema == nil {
		return nil
	}
	if c.content.Kind != content.Data {
		return c.noData()
	}
	problems := c.door.schema.Validate(c.content.Data) //nolint:contextcheck // it counts its steps, and needs no deadline
	if len(problems) == 0 {
		return nil
	}
	refusal := refuse(meshhook.CodeSchemaViolation, "the payload does not satisfy this webhook's schema")
	refusal.details = problems
	c.findings = problems
	return refusal
}

// noData refuses a body that a schema cannot be about.
func (c *call) noData() *refusal {
	media := content.MediaType(c.contentType())
	if c.content.Kind == content.Empty {
		return refuse(meshhook.CodeMalformedPayload, "the body is empty, and this webhook's payloads have a schema")
	}
	if media == "" {
		if _, err := content.Decode(c.body.decoded); err != nil {
			return refuse(meshhook.CodeMalformedPayload, "%s", err.Error())
		}
		media = "nothing"
	}
	return refuse(meshhook.CodeUnsupportedMediaType, "this webhook takes JSON and forms (its payloads have a schema), and the content type says %s", media)
}
