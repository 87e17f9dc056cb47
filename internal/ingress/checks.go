package ingress

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
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

// method refuses what the webhook does not answer. A provider's question may come
// by a method of its own.
func (h *Handler) method(_ context.Context, c *call) *refusal {
	if slices.Contains(c.door.Methods, c.request.Method) {
		return nil
	}
	if c.door.verifier.Asks(h.signed(c, nil)) {
		return nil
	}
	allow := strings.Join(slices.Compact(slices.Sorted(slices.Values(slices.Concat(c.door.Methods, c.door.verifier.Methods())))), ", ")
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
// A sender that asks before it sends too much is told not to.
func (h *Handler) size(_ context.Context, c *call) *refusal {
	err := errTooLarge
	if c.request.ContentLength <= c.door.MaxBody || !c.asks() {
		if err = c.body.room.take(longHeader(c.request.Header)); err == nil {
			err = c.body.read(c.request, c.door.MaxBody)
		}
	}
	c.body.more = err != nil
	switch {
	case errors.Is(err, errTooLarge):
		return refuse(meshhook.CodePayloadTooLarge, "the body is larger than this webhook's limit of %s", meshhook.FormatSize(c.door.MaxBody))
	case errors.Is(err, errNeverFits):
		c.body.cut()
		return refuse(meshhook.CodePayloadTooLarge, "the request takes more memory than there is for requests (ingress.max_buffered)")
	case errors.Is(err, errFull):
		c.body.cut()
		refusal := unavailable("too many bytes of requests are held; try again soon")
		if c.request.ProtoMajor == 1 { // the rest of the body is not waited for
			refusal.header.Set("Connection", "close")
		}
		return refusal
	case err != nil:
		return refuse(meshhook.CodeMalformedPayload, "the body did not arrive whole")
	}
	return nil
}

// signed is the request as its signature is checked, with this body.
func (h *Handler) signed(c *call, body []byte) signature.Request {
	return signature.Request{
		Method: c.request.Method, URL: h.urls(c)[0], Host: c.request.Host, Header: c.request.Header, Body: body, Now: c.now, Presented: c.presented,
	}
}

// verify checks the signature on the bytes before anything looks into them.
func (h *Handler) verify(ctx context.Context, c *call) *refusal {
	key, failure, refusal := h.verifyAside(ctx, c)
	switch {
	case refusal != nil:
		return refusal
	case failure == nil:
	case failure.Reason == signature.ReasonKeysUnavailable: // nothing is said against the request
		c.findings = failure
		refusal := unavailable(failure.ForSender())
		refusal.why = failure.Message + ": " + failure.Findings.Fetch
		return refusal
	default:
		return unverified(c, failure)
	}
	if id, err := meshhook.ParseID(key.ID); err == nil {
		c.secret = &id
	}
	return h.shake(c, true)
}

// verifyAside verifies by the keys that are there, and where they have to be fetched
// waits for them aside.
func (h *Handler) verifyAside(ctx context.Context, c *call) (key signature.Key, failure *signature.Failure, refusal *refusal) {
	if key, failure = h.verifyVariants(atOnce(ctx), c); failure == nil || failure.Reason != signature.ReasonKeysUnavailable {
		return key, failure, nil
	}
	refusal = h.aside(ctx, c, h.fetching, func() { key, failure = h.verifyVariants(ctx, c) })
	return key, failure, refusal
}

// verifyVariants verifies the request as it came and, if that fails, in the other
// ways in which the sender may have seen it: it may have signed a compressed body
// before or after compressing it, and of a stored event the URL is not known whole.
func (h *Handler) verifyVariants(ctx context.Context, c *call) (signature.Key, *signature.Failure) {
	keys := c.door.keys(c.now)
	bodies := [][]byte{c.body.decoded}
	if c.body.compressed() {
		bodies = append(bodies, c.body.raw)
	}
	request := h.signed(c, nil)
	var first *signature.Failure
	for _, request.URL = range h.urls(c) {
		for _, request.Body = range bodies {
			key, failure := c.door.verifier.Verify(ctx, request, keys)
			if failure == nil {
				return key, nil
			}
			if first == nil {
				first = failure
			}
		}
	}
	return signature.Key{}, first
}

// urls are the request's URL as its sender knows it, by public_url, by what a
// trusted proxy says of it, or as it came. Of a stored event there is no telling
// whether it came by TLS or through a proxy, so that there are several.
func (h *Handler) urls(c *call) []string {
	r := c.request
	if h.publicURL != "" {
		return []string{h.publicURL + r.URL.RequestURI()}
	}
	forwarded := lastOf(r.Header, "X-Forwarded-Host", r.Host)
	if c.stored {
		return []string{
			"https://" + forwarded + r.URL.RequestURI(), "https://" + r.Host + r.URL.RequestURI(),
			"http://" + r.Host + r.URL.RequestURI(), "http://" + forwarded + r.URL.RequestURI(),
		}
	}
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if port, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && trusted(port.Addr().Unmap().WithZone(""), h.proxies) {
		scheme, host = lastOf(r.Header, "X-Forwarded-Proto", scheme), forwarded
	}
	return []string{scheme + "://" + host + r.URL.RequestURI()}
}

// lastOf is the last value of a header that each proxy may add to: that of the
// one before us. Without any it is otherwise.
func lastOf(header http.Header, name, otherwise string) string {
	values := strings.Split(strings.Join(header.Values(name), ","), ",")
	if last := strings.TrimSpace(values[len(values)-1]); last != "" {
		return last
	}
	return otherwise
}
