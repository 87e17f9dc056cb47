package api

import (
	"encoding/json"
	"reflect"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// webhookPatch is a change of a webhook, read but not applied yet.
type webhookPatch struct {
	body json.RawMessage
	// workflow is the workflow_id that it gives, "" when it gives none.
	workflow string
	// scheme is the verification.scheme that it gives, "" when it gives none.
	scheme string
	// window is the dedup_window that it gives, 0 when it gives none.
	window meshhook.Duration
	// schema tells that it says something of the validation_schema.
	schema bool
}

// newWebhookPatch reads a merge patch and says what cannot be in one.
func newWebhookPatch(body []byte) (p webhookPatch, err error) {
	if len(body) == 0 {
		return p, malformed("the body is missing; send the fields to change, as a JSON object")
	}
	if err := checkShape(body, reflect.TypeFor[WebhookFields]()); err != nil {
		return p, err
	}
	var given WebhookFields
	if err := unmarshal(body, &given); err != nil {
		return p, err
	}
	p.body, p.workflow, p.window = body, given.WorkflowID, given.DedupWindow
	p.schema = given.Schema != nil // null is there, too
	if given.Verification != nil {
		p.scheme = given.Verification.Scheme
	}
	return p, nil
}

// apply changes an endpoint as the patch says, but for its workflow. Another
// scheme begins without what the webhook set of the old one.
func (p webhookPatch) apply(e *meshhook.Endpoint, maxBody int64) error {
	before := fieldsOfWebhook(*e)
	if p.scheme != "" && p.scheme != e.Verification.Scheme {
		before.Verification = nil
	}
	text, err := json.Marshal(before)
	if err != nil {
		return err
	}
	merged, err := merge(text, p.body, "")
	if err != nil {
		return err
	}
	var after WebhookFields
	if err := unmarshal(merged, &after); err != nil {
		return err
	}
	if err := after.missing(); err != nil {
		return err
	}
	schema := e.Schema
	after.apply(e, maxBody)
	if !p.schema {
		e.Schema = schema // as it was given, and not as it was written out above
	}
	return nil
}
