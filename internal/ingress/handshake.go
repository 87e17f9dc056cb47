package ingress

import (
	"context"
	"net/http"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// greet looks whether a request is a question that its provider does not sign, and
// keeps the answer in c. A wrong token in one counts as a wrong signature does.
func (h *Handler) greet(_ context.Context, c *call) *refusal { return h.forged(c, h.shake(c, false)) }

// shake keeps the answer to a provider's question in c, if the request is one.
func (h *Handler) shake(c *call, verified bool) *refusal {
	reply, failure := c.door.verifier.Handshake(h.signed(c, c.body.decoded), c.door.keys(c.now), verified)
	if failure != nil {
		return unverified(c, failure)
	}
	c.handshake = reply
	return nil
}

// answerHandshake does what a question asks for and answers it. It is logged as an
// event that starts no run.
func (h *Handler) answerHandshake(ctx context.Context, c *call) answer {
	if refusal := h.fulfil(ctx, c); refusal != nil {
		h.recordRefusal(ctx, c, refusal)
		return refusal.answer()
	}
	h.recordHandshake(ctx, c)
	header := c.handshake.Header
	if header == nil {
		header = http.Header{}
	}
	return answer{status: c.handshake.Status, result: resultHandshake, header: header, body: c.handshake.Body}
}

// recordHandshake logs a question that was answered. Some of them anybody may ask, as
// often as they like, so that of each webhook's only so many are kept an hour, and
// little of what came with them.
func (h *Handler) recordHandshake(ctx context.Context, c *call) {
	if !h.rejected.admitHandshake(c) {
		return
	}
	event := c.asEvent()
	event.Status, event.Handshake, event.Reason = meshhook.EventFiltered, true, "a handshake of "+c.door.Verification.Scheme+", answered"
	shorten(event)
	level := h.log.Info
	if _, err := h.store.Record(ctx, meshhook.Intake{Event: *event}); err != nil {
		level = h.log.With("error", err).Warn
	}
	level("handshake answered", "webhook", c.door.Path, "event_id", c.id, "scheme", c.door.Verification.Scheme, "sender", c.sender)
}

// resultHandshake stands in the metrics for what is neither event nor error.
const resultHandshake = "handshake"

// fulfil does what has to be done before a question is answered.
func (h *Handler) fulfil(ctx context.Context, c *call) *refusal {
	if secret := c.handshake.Adopt; !secret.IsZero() && len(c.door.keys(c.now)) == 0 {
		if err := c.door.verifier.CheckSecret(secret); err != nil {
			return refuse(meshhook.CodeInvalidSignature, "the secret of the handshake cannot be used: %s", err.Error())
		}
		if err := h.store.AdoptSecret(ctx, c.door.ProjectID, c.door.ID, secret); err != nil {
			h.log.Error("the secret of a handshake could not be stored", "webhook", c.door.Path, "error", err)
			return unavailable("the secret could not be stored; send it again")
		}
		h.log.Warn("the webhook had no secret and took over the one that came with the handshake", "webhook", c.door.Path, "sender", c.sender)
	}
	if c.handshake.Confirm == "" || !c.door.Verification.ConfirmSubscription {
		return nil
	}
	var err error
	if refusal := h.aside(ctx, c, h.fetching, func() { _, err = h.fetch(ctx, c.handshake.Confirm, nil) }); refusal != nil {
		return refusal
	}
	if err != nil {
		h.log.Error("a subscription could not be confirmed", "webhook", c.door.Path, "error", err)
		return unavailable("the subscription could not be confirmed now; send it again")
	}
	return nil
}

// unfetched is the Fetch of a Handler that was given none.
func unfetched(context.Context, string, []byte) ([]byte, error) {
	return nil, meshhook.Errorf(meshhook.CodeUnavailable, "nothing can be fetched here")
}

var _ signature.Fetch = unfetched
