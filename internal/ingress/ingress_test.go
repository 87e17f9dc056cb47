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
)

func TestAnAcceptedRequestIsStoredAndStartsARun(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	r := h.request(`{"a":1}`)
	r.URL.RawQuery = "q=1"
	got := h.send(r)
	require.Equal(t, http.StatusAccepted, got.code)
	require.Equal(t, "accepted", got.Status)
	require.JSONEq(t, `{"status":"accepted","event_id":"`+got.EventID+`","run_id":"`+got.RunID+`"}`, got.text)

	id, err := meshhook.ParseID(got.EventID)
	require.NoError(t, err)
	event, err := h.project.Event(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, meshhook.EventAccepted, event.Status)
	require.Equal(t, `{"a":1}`, string(event.Body))
	require.Equal(t, "q=1", event.Query)
	require.Equal(t, "127.0.0.1", event.RemoteAddr)
	require.NotNil(t, event.SecretID)
	require.Equal(t, got.RunID, event.RunIDs[0].String())
	require.Equal(t, r.URL.Host, event.Header.Get("Host"))
	outcome := <-h.outcomes
	require.Equal(t, "accepted", outcome.Result)
	require.Equal(t, "shop/orders", outcome.Webhook)
}

// Every refusal of the contract: its status, its code, and the event that it leaves.
func TestRefusals(t *testing.T) {
	t.Parallel()
	withSchema := func(e *meshhook.Endpoint) {
		e.Schema = json.RawMessage(`{"type":"object","required":["id"],"properties":{"id":{"type":"integer"}}}`)
	}
	for name, c := range map[string]struct {
		change func(*meshhook.Endpoint)
		body   string
		edit   func(*http.Request)
		status int
		code   meshhook.Code
	}{
		"disabled":             {func(e *meshhook.Endpoint) { e.Enabled = false }, "{}", nil, 410, meshhook.CodeWebhookDisabled},
		"method":               {nil, "{}", func(r *http.Request) { r.Method = "PUT" }, 405, meshhook.CodeMethodNotAllowed},
		"address":              {func(e *meshhook.Endpoint) { e.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }, "{}", nil, 403, meshhook.CodeIPNotAllowed},
		"size":                 {func(e *meshhook.Endpoint) { e.MaxBody = 10 }, `{"abcde":12}`, nil, 413, meshhook.CodePayloadTooLarge},
		"no signature":         {nil, "{}", func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }, 401, meshhook.CodeInvalidSignature},
		"wrong signature":      {nil, "{}", func(r *http.Request) { sign(t, r, "[]") }, 401, meshhook.CodeInvalidSignature},
		"not JSON":             {nil, `{"a":`, nil, 400, meshhook.CodeMalformedPayload},
		"not a form":           {nil, "a=%zz", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 400, meshhook.CodeMalformedPayload},
		"not gzip":             {nil, "{}", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 400, meshhook.CodeMalformedPayload},
		"encoding":             {nil, "{}", func(r *http.Request) { r.Header.Set("Content-Encoding", "br") }, 415, meshhook.CodeUnsupportedMediaType},
		"media type":           {withSchema, "<id/>", func(r *http.Request) { r.Header.Set("Content-Type", "text/xml") }, 415, meshhook.CodeUnsupportedMediaType},
		"bad type":             {nil, "{}", func(r *http.Request) { r.Header.Set("Content-Type", ";;") }, 415, meshhook.CodeUnsupportedMediaType},
		"schema":               {withSchema, `{"id":"x"}`, nil, 422, meshhook.CodeSchemaViolation},
		"no type but not JSON": {withSchema, "<id/>", func(r *http.Request) { r.Header.Del("Content-Type") }, 400, meshhook.CodeMalformedPayload},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, c.change)
			h.t = t
			r := h.request(c.body)
			if c.edit != nil {
				c.edit(r)
			}
			got := h.send(r)
			require.Equal(t, c.status, got.code, got.text)
			require.Equal(t, "error", got.Status)
			require.Equal(t, string(c.code), got.Error.Code)
			require.NotEmpty(t, got.Error.Message)
			require.NotContains(t, got.text, secret)

			events := h.events()
			require.Len(t, events, 1)
			require.Equal(t, meshhook.EventRejected, events[0].Status)
			require.Equal(t, c.code, events[0].Code)
			require.Equal(t, got.Error.Message, events[0].Reason)
			event, err := h.project.Event(t.Context(), events[0].ID)
			require.NoError(t, err)
			require.Empty(t, event.RunIDs)
			require.True(t, strings.HasPrefix(c.body, string(event.Body)))
			require.NotEmpty(t, event.Body)
		})
	}
}

func TestSchemaViolationsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) {
		e.Schema = json.RawMessage(`{"type":"object","properties":{"id":{"type":"integer"}}}`)
	})
	got := h.send(h.request(`{"id":"x"}`))
	require.Len(t, got.Error.Details, 1)
	require.Equal(t, "/id", got.Error.Details[0].Path)
	require.Equal(t, "type", got.Error.Details[0].Keyword)
}

func TestMethodNotAllowedNamesThoseThatAre(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.Methods = []string{"POST", "PUT"} })
	r := h.request("{}")
	r.Method = http.MethodDelete
	require.Equal(t, "POST, PUT", h.send(r).header.Get("Allow"))
}

func TestAnUnknownPathIsNotRecorded(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	for _, path := range []string{"/hooks/other", "/hooks/", "/hooks/shop", "/hooks/shop/orders/", "/", "/hooks/shop%2Forders%00"} {
		r := h.request("{}")
		r.URL.Path, r.URL.RawPath = "", ""
		r.URL.Opaque = "//" + r.URL.Host + path
		got := h.send(r)
		require.Equal(t, http.StatusNotFound, got.code, path)
		require.Equal(t, "not_found", got.Error.Code)
		require.Empty(t, (<-h.outcomes).Webhook)
	}
	require.Empty(t, h.events())
}

func TestBodyLimitAtItsEdge(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.MaxBody = 100 })
	exact := `{"a":"` + strings.Repeat("x", 92) + `"}`
	require.Len(t, exact, 100)
	require.Equal(t, http.StatusAccepted, h.send(h.request(exact)).code)
	require.Equal(t, http.StatusRequestEntityTooLarge, h.send(h.request(exact+" ")).code)

	chunked := h.request(exact + " ")
	chunked.ContentLength = -1
	require.Equal(t, http.StatusRequestEntityTooLarge, h.send(chunked).code)
	for _, event := range h.events()[:2] {
		require.True(t, event.BodyTruncated)
	}
}

// A compressed body is logged as what it says, may be signed before or after
// compression, and is limited by what it unfolds to.
func TestGzip(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.MaxBody = 1000 })
	plain := `{"a":"` + strings.Repeat("x", 500) + `"}`
	for _, signed := range []string{plain, zipped(t, plain)} {
		r := h.request(zipped(t, plain))
		r.Header.Set("Content-Encoding", "gzip")
		sign(t, r, signed)
		got := h.send(r)
		require.Equal(t, http.StatusAccepted, got.code, got.text)
		id, err := meshhook.ParseID(got.EventID)
		require.NoError(t, err)
		event, err := h.project.Event(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, plain, string(event.Body))
	}
	bomb := h.request(zipped(t, strings.Repeat("x", 1001)))
	bomb.Header.Set("Content-Encoding", "gzip")
	require.Equal(t, http.StatusRequestEntityTooLarge, h.send(bomb).code)
}

func TestOtherBodiesAreLoggedByteForByte(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	for kind, body := range map[string]string{
		"text/plain": "caf\xe9\x00", "application/xml": "<a/>", "application/octet-stream": "\xff\x00",
		"application/x-www-form-urlencoded": "a=1&a=2", "": "whatever", "multipart/form-data; boundary=x": "--x--",
	} {
		r := h.request(body)
		r.Header.Set("Content-Type", kind)
		got := h.send(r)
		require.Equal(t, http.StatusAccepted, got.code, kind)
		id, err := meshhook.ParseID(got.EventID)
		require.NoError(t, err)
		event, err := h.project.Event(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, body, string(event.Body))
	}
}

// A header may hold bytes that are no text; the event is logged all the same.
func TestHeadersOfAnyBytes(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	r := h.request("{}")
	r.Header.Set("X-Odd", "caf\xe9")
	require.Equal(t, http.StatusAccepted, h.send(r).code)
	r = h.request("{}")
	r.Header.Set("Content-Type", "text/pl\xffain")
	require.Equal(t, http.StatusUnsupportedMediaType, h.send(r).code)
	require.Equal(t, "text/plÿain", h.events()[0].ContentType)
}

func TestDuplicatesAreAnsweredWithTheFirst(t *testing.T) {
	t.Parallel()
	h := build(t, nil) // github's own dedup key is the delivery's id
	r := h.request("{}")
	r.Header.Set("X-GitHub-Delivery", "d-1")
	first := h.send(r)
	require.Equal(t, "accepted", first.Status)
	r = h.request("{}")
	r.Header.Set("X-GitHub-Delivery", "d-1")
	second := h.send(r)
	require.Equal(t, http.StatusOK, second.code)
	require.JSONEq(t, `{"status":"duplicate","event_id":"`+first.EventID+`"}`, second.text)
	require.Equal(t, meshhook.EventDuplicate, h.events()[0].Status)
}

func TestDedupByExpression(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.Dedup = ".event.body.id" })
	require.Equal(t, "accepted", h.send(h.request(`{"id":9007199254740993}`)).Status)
	require.Equal(t, "accepted", h.send(h.request(`{"id":9007199254740992}`)).Status)
	require.Equal(t, "duplicate", h.send(h.request(`{"id":9007199254740993}`)).Status)
	require.Equal(t, "accepted", h.send(h.request(`{}`)).Status, "no key, no duplicate")
	require.Equal(t, "accepted", h.send(h.request(`{}`)).Status)
	require.Equal(t, "accepted", h.send(h.request(`[]`)).Status, "an expression that fails finds no key")
	require.Contains(t, string(h.events()[0].Findings), "dedup")
}

// What differs only behind the longest key that is kept still differs.
func TestLongDedupKeysKeepTheirDifference(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.Dedup = ".event.body.id" })
	long := strings.Repeat("x", 2000)
	require.Equal(t, "accepted", h.send(h.request(`{"id":"`+long+`a"}`)).Status)
	require.Equal(t, "accepted", h.send(h.request(`{"id":"`+long+`b"}`)).Status)
	require.Equal(t, "duplicate", h.send(h.request(`{"id":"`+long+`a"}`)).Status)
}

// A request that is refused before its body is looked at is answered although the
// body never comes, and is logged.
func TestARefusalDoesNotWaitForTheBody(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.Enabled = false })
	reader, writer := io.Pipe()
	t.Cleanup(func() { require.NoError(t, writer.Close()) })
	r := h.request("")
	r.Body, r.ContentLength = reader, 100
	require.Equal(t, http.StatusGone, h.send(r).code)
	events := h.events()
	require.Len(t, events, 1)
	require.True(t, events[0].BodyTruncated)
}

func TestFilter(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.Filter = `.event.body.kind == "order"` })
	require.Equal(t, "accepted", h.send(h.request(`{"kind":"order"}`)).Status)
	got := h.send(h.request(`{"kind":"ping"}`))
	require.Equal(t, http.StatusOK, got.code)
	require.JSONEq(t, `{"status":"filtered","event_id":"`+got.EventID+`"}`, got.text)
	require.Equal(t, "accepted", h.send(h.request(`[1]`)).Status, "a filter that fails lets through")
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	limit := meshhook.RateLimit{Limit: 2, Period: time.Hour}
	h := build(t, func(e *meshhook.Endpoint) { e.RateLimit = &limit })

	forged := h.request("{}")
	sign(t, forged, "[]")
	got := h.send(forged)
	require.Equal(t, http.StatusUnauthorized, got.code)
	require.Equal(t, "2", got.header.Get("X-RateLimit-Remaining"), "a forgery costs nothing of the quota")
	require.Equal(t, "2", got.header.Get("X-RateLimit-Limit"))
	require.NotEmpty(t, got.header.Get("X-RateLimit-Reset"))

	require.Equal(t, "1", h.send(h.request("{}")).header.Get("X-RateLimit-Remaining"))
	require.Equal(t, "0", h.send(h.request("{}")).header.Get("X-RateLimit-Remaining"))
	got = h.send(h.request("{}"))
	require.Equal(t, http.StatusTooManyRequests, got.code)
	require.Equal(t, "rate_limited", got.Error.Code)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	require.Equal(t, "0", got.header.Get("X-RateLimit-Remaining"))
}

func TestOwnResponse(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) {
		e.Response = &meshhook.Response{
			Status: 201, Headers: map[string]string{"X-Run": "{{ .run.id }}"},
			Body: map[string]any{"you": "{{ .event.body.name }}"},
		}
	})
	got := h.send(h.request(`{"name":"octocat"}`))
	require.Equal(t, 201, got.code)
	require.JSONEq(t, `{"you":"octocat"}`, got.text)
	_, err := meshhook.ParseID(got.header.Get("X-Run"))
	require.NoError(t, err)
}

func TestOwnResponseAsText(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.Response = &meshhook.Response{Body: "thanks, {{ .event.body.name }}"} })
	got := h.send(h.request(`{"name":"octocat"}`))
	require.Equal(t, http.StatusAccepted, got.code)
	require.Equal(t, "thanks, octocat", got.text)
	require.Equal(t, "text/plain; charset=utf-8", got.header.Get("Content-Type"))
}

// Whatever fails after the event is stored, its sender hears that it is stored.
func TestOwnResponseThatFails(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.Response = &meshhook.Response{Body: "{{ .event.body | keys }}"} })
	require.Equal(t, "accepted", h.send(h.request(`3`)).Status)
}

func TestConfigurationChangesTakeEffect(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	require.Equal(t, "accepted", h.send(h.request("{}")).Status)

	require.NoError(t, h.project.RotateEndpointSecret(t.Context(), h.endpoint.Path, meshhook.NewSecret("another"), time.Hour))
	h.refresh()
	require.Equal(t, "accepted", h.send(h.request("{}")).Status, "the old secret verifies during its grace")

	h.endpoint.Enabled = false
	_, err := pgtest.Update(t.Context(), h.project, h.endpoint)
	require.NoError(t, err)
	h.refresh()
	require.Equal(t, http.StatusGone, h.send(h.request("{}")).code)

	require.NoError(t, h.project.DeleteEndpoint(t.Context(), h.endpoint.Path))
	h.refresh()
	require.Equal(t, http.StatusNotFound, h.send(h.request("{}")).code)
}

// A flood of forgeries stores a bounded number of events and counts the rest.
func TestRejectionsAreBounded(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	const forgeries = 60
	for range forgeries {
		r := h.request("{}")
		sign(t, r, "[]")
		require.Equal(t, http.StatusUnauthorized, h.send(r).code)
	}
	stored := len(h.events())
	require.GreaterOrEqual(t, stored, 10)
	require.Less(t, stored, forgeries)
	_, err := h.handler.FlushSuppressed(t.Context())
	require.NoError(t, err)
	// The journal shows nothing above the oldest open transaction of the server.
	var entries []meshhook.Entry
	require.Eventually(t, func() bool {
		entries = h.journal(meshhook.EntryEventSuppressed)
		return len(entries) > 0
	}, 10*time.Second, 10*time.Millisecond)
	require.Len(t, entries, 1)
	require.Equal(t, int64(forgeries-stored), entries[0].Count)
}

func TestWithoutADatabaseNothingIsAcknowledged(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	h.db.Close()
	got := h.send(h.request("{}"))
	require.Equal(t, http.StatusServiceUnavailable, got.code)
	require.Equal(t, "unavailable", got.Error.Code)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	_, err := h.handler.Refresh(context.Background())
	require.Error(t, err)
	require.True(t, h.handler.Ready(), "what was known is still known")
}

func TestForwardedAddresses(t *testing.T) {
	t.Parallel()
	loopback := func(o *ingress.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }
	for name, c := range map[string]struct {
		forwarded []string
		options   []func(*ingress.Options)
		want      string
	}{
		"no proxy is trusted":   {[]string{"198.51.100.7"}, nil, "127.0.0.1"},
		"by a trusted proxy":    {[]string{"198.51.100.7"}, []func(*ingress.Options){loopback}, "198.51.100.7"},
		"the rightmost counts":  {[]string{"203.0.113.9, 198.51.100.7"}, []func(*ingress.Options){loopback}, "198.51.100.7"},
		"several headers":       {[]string{"203.0.113.9", "198.51.100.7, 127.0.0.2"}, []func(*ingress.Options){loopback}, "198.51.100.7"},
		"unreadable":            {[]string{"203.0.113.9, nonsense"}, []func(*ingress.Options){loopback}, "127.0.0.1"},
		"with a port":           {[]string{"198.51.100.7:4711"}, []func(*ingress.Options){loopback}, "198.51.100.7"},
		"v6 in brackets":        {[]string{"[2001:db8::1]"}, []func(*ingress.Options){loopback}, "2001:db8::1"},
		"none although trusted": {nil, []func(*ingress.Options){loopback}, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, nil, c.options...)
			r := h.request("{}")
			for _, value := range c.forwarded {
				r.Header.Add("X-Forwarded-For", value)
			}
			require.Equal(t, http.StatusAccepted, h.send(r).code)
			require.Equal(t, c.want, h.events()[0].RemoteAddr)
		})
	}
}
