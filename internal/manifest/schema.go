package manifest

import (
	_ "embed"
	"slices"
)

//go:embed webhook.schema.json
var webhookSchema []byte

//go:embed alert.schema.json
var alertSchema []byte

// WebhookSchema returns the JSON Schema (draft 2020-12) of the documents of webhooks, for
// editors. It is written by hand: a test holds its keys against the tables of fields.
// Parse refuses more than a schema can.
func WebhookSchema() []byte { return slices.Clone(webhookSchema) }

// AlertSchema returns that of the documents of alerts.
func AlertSchema() []byte { return slices.Clone(alertSchema) }
