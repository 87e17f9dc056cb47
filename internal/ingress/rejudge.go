package ingress

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// Judge judges stored events by one webhook's present configuration. It is not for
// concurrent use.
type Judge struct {
	door    *door
	handler *Handler
}

// NewJudge compiles a webhook's configuration. Of the options, PublicURL, Fetch and
// Schema count. The error is what is wrong with the configuration.
func NewJudge(live meshhook.LiveEndpoint, o Options) (*Judge, error) {
	o.Log = slog.New(slog.DiscardHandler)
	h := New(o)
	d := newDoor(live, h.tools)
	return &Judge{d, h}, d.broken
}

// Rejudge judges an event that was rejected again, by the very checks of a request
// that comes in, as of the moment at which it came: its signature has not grown
// stale since. Rates are not counted.
//
// It returns how the event is promoted, or the refusal that it would get: an error
// with the code of a rejection, or CodeInvalid where the webhook's filter is false.
func (j *Judge) Rejudge(ctx context.Context, e meshhook.Event) (meshhook.Promotion, error) {
	h, c := j.handler, storedCall(j.door, e)
	for _, check := range []func(context.Context, *call) *refusal{
		h.enabled, h.method, h.address, c.kept, h.size, h.greet, c.isEvent, c.hasCredential, h.verify, c.isEvent, h.syntax, h.schema, h.wanted,
	} {
		if refusal := check(ctx, c); refusal != nil {
			return meshhook.Promotion{}, &meshhook.Error{Code: refusal.code, Message: refusal.forOwner(), Details: refusal.details}
		}
	}
	return meshhook.Promotion{
		EndpointID: c.door.ID, DedupKey: h.dedupKey(ctx, c), DedupUntil: time.Now().Add(c.door.DedupWindow.Std()),
	}, nil
}

// Explain returns the mistakes that would explain why an event was refused for its
// signature, as signature.Verifier.Explain does. Expired are the endpoint's secrets
// that no longer verify.
func (j *Judge) Explain(ctx context.Context, expired []meshhook.EndpointSecret, e meshhook.Event) []signature.Suspicion {
	c := storedCall(j.door, e)
	c.body.decoded = e.Body
	old := make([]signature.Key, 0, len(expired))
	for _, s := range expired {
		old = append(old, signature.Key{ID: s.ID.String(), Value: s.Value})
	}
	var was *signature.Failure
	if e.Findings != nil && json.Unmarshal(e.Findings, &was) != nil {
		was = nil // of another check
	}
	found := j.door.verifier.Explain(ctx, j.handler.signed(c, e.Body), j.door.keys(c.now), old, was)
	if (e.BodyTruncated || e.HeaderTruncated) && !found[0].Proven {
		return []signature.Suspicion{{
			Mistake: signature.MistakeTruncated, Message: "not all of the request was kept, so that no signature over it can be tried", Remedy: "have the sender send it again",
		}}
	}
	for i := range found {
		found[i].Remedy = strings.ReplaceAll(found[i].Remedy, signature.PathInRemedy, e.Webhook)
	}
	return found
}

// storedCall makes the request of an event again. What the log holds of its body
// has its Content-Encoding undone.
func storedCall(d *door, e meshhook.Event) *call {
	header := e.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	host := header.Get("Host")
	header.Del("Host")
	header.Del("Content-Encoding")
	r := &http.Request{
		Method: e.Method, URL: &url.URL{Path: e.Path, RawQuery: e.Query}, Host: host, Header: header,
		Body: io.NopCloser(bytes.NewReader(e.Body)), ContentLength: int64(len(e.Body)),
	}
	from, err := netip.ParseAddr(e.RemoteAddr)
	if err != nil {
		from = netip.Addr{} // which no network holds
	}
	e.Status = meshhook.EventAccepted
	c := &call{door: d, request: r, id: e.ID, now: e.ReceivedAt, sender: from, event: &e, stored: true}
	if e.Credential != nil {
		c.presented = &signature.Presented{Digest: e.Credential, Salt: e.ID[:]}
	}
	return c
}

// kept refuses to judge what is not whole.
func (c *call) kept(context.Context, *call) *refusal {
	switch {
	case c.event.BodyTruncated:
		return refuse(meshhook.CodePayloadTooLarge, "only %d of %d bytes of the body were kept", len(c.event.Body), c.event.BodySize)
	case c.event.HeaderTruncated:
		return refuse(meshhook.CodePayloadTooLarge, "not all of its headers were kept")
	case c.event.BodyEncoded:
		return refuse(meshhook.CodeUnsupportedMediaType, "the Content-Encoding of its body could not be undone")
	}
	return nil
}

// hasCredential refuses to verify a credential of which the log holds nothing.
func (c *call) hasCredential(context.Context, *call) *refusal {
	v := c.door.verifier
	name := http.CanonicalHeaderKey(v.Scheme().Header)
	if c.presented != nil || !slices.Contains(v.SecretHeaders(), name) || c.request.Header.Get(name) != signature.Redacted {
		return nil
	}
	return refuse(meshhook.CodeInvalidSignature, "the credential in %s is not kept, so it cannot be verified again; use --force", name)
}

// isEvent refuses a question of the provider's, which the daemon answers and no
// workflow.
func (c *call) isEvent(context.Context, *call) *refusal {
	if c.handshake == nil {
		return nil
	}
	return refuse(meshhook.CodeInvalid, "it is a handshake of %s, which starts no run", c.door.Verification.Scheme)
}

// wanted refuses what the webhook's filter would have let start nothing.
func (h *Handler) wanted(ctx context.Context, c *call) *refusal {
	if h.filtered(ctx, c) {
		return refuse(meshhook.CodeInvalid, "the webhook's filter is false for it")
	}
	return nil
}
