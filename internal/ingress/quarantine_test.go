package ingress_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/signature"
)

// last is the newest event, whole.
func (h *house) last() meshhook.Event {
	h.t.Helper()
	event, err := h.project.Event(h.t.Context(), h.events()[0].ID)
	require.NoError(h.t, err)
	return event
}

// forge sends a request with a wrong signature.
func (h *house) forge(body string, edits ...func(*http.Request)) {
	h.t.Helper()
	r := h.request(body)
	r.Host = "hooks.example"
	sign(h.t, r, "something else")
	for _, edit := range edits {
		edit(r)
	}
	require.Equal(h.t, http.StatusUnauthorized, h.send(r).code)
}

func TestARejectedRequestIsStoredWhole(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	body := `"` + strings.Repeat("x", 300<<10) + `"`
	h.forge(body)
	event := h.last()
	require.Equal(t, body, string(event.Body))
	require.False(t, event.BodyTruncated)
	require.Equal(t, int64(len(body)), event.BodySize)

	// Also one that was refused before its body was looked at, compressed or not.
	h.endpoint.Enabled = false
	_, err := pgtest.Update(t.Context(), h.project, h.endpoint)
	require.NoError(t, err)
	h.refresh()
	for _, encoding := range []string{"", "gzip"} {
		r := h.request(body)
		if encoding != "" {
			r = h.request(zipped(t, body))
			r.Header.Set("Content-Encoding", encoding)
		}
		require.Equal(t, http.StatusGone, h.send(r).code)
		event = h.last()
		require.Equal(t, body, string(event.Body))
		require.False(t, event.BodyTruncated)
		require.False(t, event.BodyEncoded)
	}
	r := h.request("not gzip")
	r.Header.Set("Content-Encoding", "gzip")
	require.Equal(t, http.StatusGone, h.send(r).code)
	require.True(t, h.last().BodyEncoded)
}

// Of a body over the limit, the beginning is kept.
func TestABodyOverTheLimitKeepsItsBeginning(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.MaxBody = 200 << 10 })
	body := `"` + strings.Repeat("x", 300<<10) + `"`
	for _, chunked := range []bool{false, true} {
		r := h.request(body)
		if chunked {
			r.ContentLength = -1
			r.Body = io.NopCloser(strings.NewReader(body))
		}
		require.Equal(t, http.StatusRequestEntityTooLarge, h.send(r).code)
		event := h.last()
		require.Len(t, event.Body, 64<<10)
		require.True(t, event.BodyTruncated)
	}
}

// What is stored whole of rejected requests is bounded, at its edge; of those that
// come after it the beginning is kept.
func TestTheBudgetOfRejectedRequests(t *testing.T) {
	t.Parallel()
	body := `"` + strings.Repeat("x", 20<<10) + `"`
	long := func(r *http.Request) {
		r.Header.Set("X-Long", strings.Repeat("h", 5000))
		r.URL.RawQuery = "q=" + strings.Repeat("q", 3000)
	}
	measure := build(t, nil)
	measure.forge(body, long)
	whole := measure.last()
	size := int64(len(whole.Body) + len(whole.Query))
	for name, values := range whole.Header {
		size += int64(len(name) + len(values[0]))
	}
	for budget, stored := range map[int64]int{2 * size: 2, 2*size - 1: 1} {
		h := build(t, nil, func(o *ingress.Options) { o.RejectedBudget = budget })
		for range stored {
			h.forge(body, long)
			event := h.last()
			require.Equal(t, body, string(event.Body))
			require.False(t, event.BodyTruncated || event.HeaderTruncated)
			require.Equal(t, whole.Header, event.Header)
		}
		h.forge(body, long)
		event := h.last()
		require.Equal(t, body[:4<<10], string(event.Body))
		require.True(t, event.BodyTruncated)
		require.Equal(t, int64(len(body)), event.BodySize)
		require.True(t, event.HeaderTruncated)
		require.Len(t, event.Query, 2<<10)
		require.NotContains(t, event.Header, "X-Long")
		require.Contains(t, event.Header, "X-Hub-Signature-256")

		// One that was refused before its body was read is not even read whole.
		h.endpoint.Enabled = false
		_, err := pgtest.Update(t.Context(), h.project, h.endpoint)
		require.NoError(t, err)
		h.refresh()
		require.Equal(t, http.StatusGone, h.send(h.request(body+body)).code)
		require.LessOrEqual(t, len(h.last().Body), 4<<10)
	}
}

// rejudge judges the newest event again.
func (h *house) rejudge() (meshhook.Promotion, error) {
	h.t.Helper()
	live, err := h.project.LiveEndpoint(h.t.Context(), h.endpoint.ID.String())
	require.NoError(h.t, err)
	return rejudge(h.t.Context(), live, h.last())
}

// Every check that can reject is asked again, under the webhook as it is now.
func TestRejudgeAsksEveryCheckAgain(t *testing.T) {
	t.Parallel()
	number := json.RawMessage(`{"type":"object","properties":{"id":{"type":"integer"}}}`)
	for name, c := range map[string]struct {
		before func(*meshhook.Endpoint)
		send   func(h *house) *http.Request
		code   meshhook.Code
		mend   func(*meshhook.Endpoint)
	}{
		"disabled": {
			func(e *meshhook.Endpoint) { e.Enabled = false }, nil,
			meshhook.CodeWebhookDisabled, func(e *meshhook.Endpoint) { e.Enabled = true },
		},
		"method": {
			func(e *meshhook.Endpoint) { e.Methods = []string{"PUT"} }, nil,
			meshhook.CodeMethodNotAllowed, func(e *meshhook.Endpoint) { e.Methods = []string{"POST"} },
		},
		"address": {
			func(e *meshhook.Endpoint) { e.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }, nil,
			meshhook.CodeIPNotAllowed,
			func(e *meshhook.Endpoint) { e.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} },
		},
		"signature": {
			func(e *meshhook.Endpoint) { e.Verification.Scheme = "stripe" }, nil,
			meshhook.CodeInvalidSignature, func(e *meshhook.Endpoint) { e.Verification.Scheme = "github" },
		},
		"schema": {
			func(e *meshhook.Endpoint) { e.Schema = json.RawMessage(`{"properties":{"id":{"type":"string"}}}`) }, nil,
			meshhook.CodeSchemaViolation, func(e *meshhook.Endpoint) { e.Schema = number },
		},
		"schema, compressed": {
			func(e *meshhook.Endpoint) { e.Schema = json.RawMessage(`{"properties":{"id":{"type":"string"}}}`) },
			func(h *house) *http.Request {
				r := h.request(zipped(h.t, `{"id":1}`))
				r.Header.Set("Content-Encoding", "gzip")
				sign(h.t, r, `{"id":1}`)
				return r
			},
			meshhook.CodeSchemaViolation, func(e *meshhook.Endpoint) { e.Schema = number },
		},
		"media type": {
			func(e *meshhook.Endpoint) { e.Schema = number },
			func(h *house) *http.Request {
				r := h.request(`{"id":1}`)
				r.Header.Set("Content-Type", "text/xml")
				return r
			},
			meshhook.CodeUnsupportedMediaType, func(e *meshhook.Endpoint) { e.Schema = nil },
		},
		"syntax": {
			nil, func(h *house) *http.Request { return h.request(`{"id":`) }, meshhook.CodeMalformedPayload, nil,
		},
		"encoding": {
			nil,
			func(h *house) *http.Request {
				r := h.request(`{"id":1}`)
				r.Header.Set("Content-Encoding", "gzip")
				return r
			},
			meshhook.CodeMalformedPayload, nil,
		},
		"size": {func(e *meshhook.Endpoint) { e.MaxBody = 7 }, nil, meshhook.CodePayloadTooLarge, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, c.before)
			h.t = t
			r := h.request(`{"id":1}`)
			if c.send != nil {
				r = c.send(h)
			}
			h.send(r)
			require.Equal(t, c.code, h.last().Code)
			_, err := h.rejudge()
			if name != "encoding" {
				require.Equal(t, c.code, meshhook.ErrorCode(err), "%v", err)
			}
			require.Error(t, err)
			if c.mend == nil {
				return
			}
			c.mend(&h.endpoint)
			_, err = pgtest.Update(t.Context(), h.project, h.endpoint)
			require.NoError(t, err)
			_, err = h.rejudge()
			require.NoError(t, err)
		})
	}
}

// A right secret that comes late finds what a wrong one refused, and its dedup key.
func TestRejudgeWithTheRightSecret(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.DedupWindow = meshhook.Duration(time.Hour) })
	require.NoError(t, h.project.RotateEndpointSecret(t.Context(), h.endpoint.Path, meshhook.NewSecret("mistyped"), 0))
	h.refresh()
	r := h.request(`{"id":1}`)
	r.Header.Set("X-GitHub-Delivery", "d-1")
	require.Equal(t, http.StatusUnauthorized, h.send(r).code)
	_, err := h.rejudge()
	require.Equal(t, meshhook.CodeInvalidSignature, meshhook.ErrorCode(err))
	require.NoError(t, h.project.RotateEndpointSecret(t.Context(), h.endpoint.Path, meshhook.NewSecret(secret), 0))
	promotion, err := h.rejudge()
	require.NoError(t, err)
	require.Equal(t, "d-1", promotion.DedupKey)
	require.Equal(t, h.endpoint.ID, promotion.EndpointID)
	require.WithinDuration(t, time.Now().Add(time.Hour), promotion.DedupUntil, time.Minute)

	h.endpoint.Filter = ".event.body.id == 2"
	_, err = pgtest.Update(t.Context(), h.project, h.endpoint)
	require.NoError(t, err)
	_, err = h.rejudge()
	require.ErrorContains(t, err, "the webhook's filter is false for it")
}

// A signature with a time in it is judged as of the moment at which it came.
func TestRejudgeAsOfTheTimeOfTheRequest(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	h.forge("{}")
	event := h.last()
	event.ReceivedAt = time.Unix(1700000000, 0)
	event.Header.Set("Stripe-Signature", "t=1700000000,v1=8b9bb5b4c3eeb1e1a6a4d1c9a3b7ac6d9a0a1e3c8cf6e1f0f7e5a0f8fd8b8cbb")
	h.endpoint.Verification.Scheme = "stripe"
	_, err := pgtest.Update(t.Context(), h.project, h.endpoint)
	require.NoError(t, err)
	live, err := h.project.LiveEndpoint(t.Context(), h.endpoint.ID.String())
	require.NoError(t, err)
	_, err = rejudge(t.Context(), live, event)
	require.ErrorContains(t, err, "signature")
	require.NotContains(t, err.Error(), "timestamp", "three years later, it is not stale")
	event.ReceivedAt = time.Unix(1700000000, 0).Add(time.Hour)
	_, err = rejudge(t.Context(), live, event)
	require.ErrorContains(t, err, "timestamp")
}

// What the log does not hold cannot be judged, and the refusal says so.
func TestRejudgeOfWhatWasNotKept(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.Verification.Scheme = "token" })
	r := h.request("{}")
	r.Header.Set("X-Webhook-Token", "wrong")
	require.Equal(t, http.StatusUnauthorized, h.send(r).code)
	_, err := h.rejudge()
	require.EqualError(t, err, "what the header X-Webhook-Token holds is not right")
	require.Equal(t, meshhook.CodeInvalidSignature, meshhook.ErrorCode(err))
	require.Equal(t, []string{signature.Redacted}, h.last().Header["X-Webhook-Token"])
	require.NoError(t, h.project.RotateEndpointSecret(t.Context(), h.endpoint.ID.String(), meshhook.NewSecret("wrong"), 0))
	_, err = h.rejudge()
	require.NoError(t, err, "what was presented is known by its digest alone")

	live, err := h.project.LiveEndpoint(t.Context(), h.endpoint.ID.String())
	require.NoError(t, err)
	for want, change := range map[string]func(*meshhook.Event){
		"only 2 of 9 bytes of the body were kept":                                                    func(e *meshhook.Event) { e.BodyTruncated, e.BodySize = true, 9 },
		"not all of its headers were kept":                                                           func(e *meshhook.Event) { e.HeaderTruncated = true },
		"the credential in X-Webhook-Token is not kept, so it cannot be verified again; use --force": func(e *meshhook.Event) { e.Credential = nil },
		"the Content-Encoding of its body could not be undone":                                       func(e *meshhook.Event) { e.BodyEncoded = true },
		"no token in the X-Webhook-Token header; it is missing":                                      nil,
		"requests from invalid IP are not allowed here":                                              func(e *meshhook.Event) { e.RemoteAddr = "?" },
	} {
		event, door := h.last(), live
		if change == nil {
			event.Header, event.Credential = nil, nil
			_, err = rejudge(t.Context(), door, event)
			require.Equal(t, meshhook.CodeInvalidSignature, meshhook.ErrorCode(err))
			continue
		}
		change(&event)
		if event.RemoteAddr == "?" {
			door.Endpoint.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
		}
		_, err = rejudge(t.Context(), door, event)
		require.EqualError(t, err, want)
	}
	live.Endpoint.Filter = "("
	_, err = rejudge(t.Context(), live, h.last())
	require.ErrorContains(t, err, "the filter: ")
}

// rejudge judges one event by a webhook's configuration.
func rejudge(ctx context.Context, live meshhook.LiveEndpoint, e meshhook.Event) (meshhook.Promotion, error) {
	judge, err := ingress.NewJudge(live, ingress.Options{})
	if err != nil {
		return meshhook.Promotion{}, err
	}
	return judge.Rejudge(ctx, e)
}
