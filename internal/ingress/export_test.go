package ingress

import "github.com/profullstack/meshhook/internal/schema"

// SchemaOptions are those of one webhook.
func (h *Handler) SchemaOptions(webhook string) schema.Options { return h.toolsFor(webhook).schemas }
