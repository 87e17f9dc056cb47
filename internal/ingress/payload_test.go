package ingress_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/schema"
	"github.com/profullstack/meshhook/internal/workflow"
)

// stored returns the event of an answer, as it was stored.
func (h *house) stored(got reply) meshhook.Event {
	h.t.Helper()
	require.Equal(h.t, http.StatusAccepted, got.code, got.text)
	id, err := meshhook.ParseID(got.EventID)
	require.NoError(h.t, err)
	event, err := h.project.Event(h.t.Context(), id)
	require.NoError(h.t, err)
	return event
}

// Every body is stored as it came, and expressions see the same as the
// signature was made for; what they could not see exactly is refused.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	const form = "application/x-www-form-urlencoded"
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	for _, c := range []struct {
		kind, body string
		status     int
		want       string // what expressions see, as JSON: body, body_text, body_base64
	}{
		{"application/json", "", 202, `[null,null,null]`},
		{"", "", 202, `[null,null,null]`},
		{"application/json", "\ufeff{\"a\":1}", 202, `[{"a":1},null,null]`},
		{"application/json", `{"a":1,"a":2}`, 202, `[{"a":2},null,null]`},
		{"application/json", `["\u0000",90071992547409931234,1e400,-0,1E5]`, 202, `[["\u0000",90071992547409931234,1e400,-0,1E5],null,null]`},
		{"application/json", `[1e999999999]`, 202, `[[1e999999999],null,null]`},
		{"application/json", deep(128), 202, `[` + deep(128) + `,null,null]`},
		{"application/json", deep(129), 400, ""},
		{"application/json", strings.Repeat("[", 1<<19), 400, ""},
		{"application/json", `[NaN]`, 400, ""},
		{"application/json", `{"a":"\ud800"}`, 400, ""},
		{"application/json", "{\"a\":\"\xff\"}", 400, ""},
		{"application/json", "[" + strings.Repeat("9", 10_000) + "]", 400, ""},
		{"application/json", "{\x00\"\x00a\x00\"", 400, ""},
		{"application/json", " ", 400, ""},
		{"text/json; charset=utf-16", "[]", 400, ""},
		{form, "a[]=1&a[]=2&b[c]=d&e=%00", 202, `[{"a[]":["1","2"],"b[c]":"d","e":"\u0000"},null,null]`},
		{form, "n=Jos%E9&charset=windows-1252", 202, `[{"charset":"windows-1252","n":"José"},null,null]`},
		{form, "n=Jos%E9", 400, ""},
		{"text/plain; charset=iso-8859-1", "caf\xe9", 202, `[null,"café",null]`},
		{"text/plain", "caf\xe9\x00", 202, `[null,null,"Y2Fm6QA="]`},
		{"text/plain", "a\x00b", 202, `[null,"a\u0000b",null]`},
		{"text/plain; charset=x-unknown", "a", 202, `[null,null,"YQ=="]`},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n", 202, `[{"a":"1"},null,null]`},
		{"multipart/form-data; boundary=x", "--x\r\n", 400, ""},
		{"application/octet-stream", "\x00\xff", 202, `[null,null,"AP8="]`},
	} {
		r := h.request(c.body)
		r.Header.Set("Content-Type", c.kind)
		got := h.send(r)
		require.Equal(t, c.status, got.code, "%s %.40q: %s", c.kind, c.body, got.text)
		if c.status != http.StatusAccepted {
			require.Equal(t, "malformed_payload", got.Error.Code)
			continue
		}
		event := h.stored(got)
		require.Equal(t, c.body, string(event.Body))
		seen := workflow.EventContext(&event)
		text, err := json.Marshal([]any{seen["body"], seen["body_text"], seen["body_base64"]})
		require.NoError(t, err)
		require.Equal(t, c.want, string(text))
	}
}

// Bytes outside of the body that are no text are kept as what they can be read
// as, and do not keep the event from being stored.
func TestOddHeadersAndQueries(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.Dedup = ".event.query.q" })
	r := h.request(`{}`)
	r.URL.RawQuery = "q=%00%ff&r=\xe9"
	r.Header.Set("X-Odd", "caf\xe9")
	event := h.stored(h.send(r))
	require.Equal(t, "q=%00%ff&r=%E9", event.Query)
	require.Equal(t, []string{"café"}, event.Header["X-Odd"])
	require.Equal(t, "\x00ÿ", event.DedupKey)
	require.Equal(t, map[string]any{"q": "\x00ÿ", "r": "é"}, workflow.EventContext(&event)["query"])
}

// The default limit, at its edge, with and without an announced length.
func TestAMebibyte(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	body := `"` + strings.Repeat("x", meshhook.DefaultMaxBody-2) + `"`
	for _, chunked := range []bool{false, true} {
		r, more := h.request(body), h.request(body+"\n")
		if chunked {
			r.ContentLength, more.ContentLength = -1, -1
		}
		require.Equal(t, body, string(h.stored(h.send(r)).Body))
		require.Equal(t, http.StatusRequestEntityTooLarge, h.send(more).code)
	}
}

// encode is a body with content encodings, one after the other; raw is deflate
// without its wrapper.
func encode(t *testing.T, body string, encodings ...string) string {
	t.Helper()
	for _, encoding := range encodings {
		var buffer bytes.Buffer
		var w io.WriteCloser
		var err error
		switch encoding {
		case "gzip":
			w = gzip.NewWriter(&buffer)
		case "zlib":
			w = zlib.NewWriter(&buffer)
		case "raw":
			w, err = flate.NewWriter(&buffer, flate.BestCompression)
			require.NoError(t, err)
		}
		_, err = io.WriteString(w, body)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		body = buffer.String()
	}
	return body
}

func TestContentEncodings(t *testing.T) {
	t.Parallel()
	const limit = 1000
	h := build(t, func(e *meshhook.Endpoint) { e.MaxBody = limit })
	body := `{"a":"` + strings.Repeat("x", limit-8) + `"}`
	require.Len(t, body, limit)
	zipped := encode(t, body, "gzip")
	for _, c := range []struct {
		header []string
		body   string
		status int
	}{
		{[]string{"gzip"}, zipped, 202},
		{[]string{"X-GZIP"}, zipped, 202},
		{[]string{"identity, gzip"}, zipped, 202},
		{[]string{"identity"}, body, 202},
		{[]string{""}, body, 202},
		{[]string{"deflate"}, encode(t, body, "zlib"), 202},
		{[]string{"deflate"}, encode(t, body, "raw"), 202},
		{[]string{"gzip, gzip"}, encode(t, body, "gzip", "gzip"), 202},
		{[]string{"deflate", "gzip"}, encode(t, body, "zlib", "gzip"), 202},
		{[]string{"gzip"}, encode(t, body[:500], "gzip") + encode(t, body[500:], "gzip"), 202}, // two members
		{[]string{"gzip"}, "", 202},

		{[]string{"gzip"}, encode(t, body+" ", "gzip"), 413},
		{[]string{"deflate"}, encode(t, body+" ", "zlib"), 413},
		{[]string{"deflate"}, encode(t, body+" ", "raw"), 413},
		{[]string{"gzip, gzip"}, encode(t, strings.Repeat("x", 400_000), "gzip", "gzip"), 413}, // the bomb is the inner one
		{[]string{"gzip"}, zipped[:len(zipped)-1], 400},
		{[]string{"gzip"}, zipped + "x", 400},
		{[]string{"gzip"}, zipped[:len(zipped)-8] + "12345678", 400},
		{[]string{"gzip"}, body, 400},
		{[]string{"deflate"}, body, 400},
		{[]string{"deflate"}, encode(t, body, "zlib") + "x", 400},
		{[]string{"deflate"}, encode(t, body, "raw") + "x", 400},
		{[]string{"deflate"}, encode(t, body, "raw")[:10], 400},
		{[]string{"gzip, deflate"}, zipped, 400},

		{[]string{"br"}, body, 415},
		{[]string{strings.Repeat("x", 1000)}, body, 415},
		{[]string{"gzip, br"}, body, 415},
		{[]string{"gzip, gzip, gzip"}, encode(t, body, "gzip", "gzip", "gzip"), 415},
	} {
		r := h.request(c.body)
		r.Header["Content-Encoding"] = c.header
		got := h.send(r)
		require.Equal(t, c.status, got.code, "%q %.20q: %s", c.header, c.body, got.text)
		switch c.status {
		case http.StatusAccepted:
			if c.body != "" {
				require.Equal(t, body, string(h.stored(got).Body))
			}
		case http.StatusUnsupportedMediaType:
			require.Equal(t, "gzip, deflate, identity", got.header.Get("Accept-Encoding"))
		}
	}
}

// Nothing, compressed, is nothing; its signature may be for either.
func TestNothingCompressed(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	for _, signed := range []string{"", encode(t, "", "gzip")} {
		r := h.request(encode(t, "", "gzip"))
		r.Header.Set("Content-Encoding", "gzip")
		sign(t, r, signed)
		require.Empty(t, h.stored(h.send(r)).Body)
	}
}

// Sixty-four megabytes in sixty-four kilobytes are not unfolded further than the limit.
func TestBombs(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 64 {
		_, err := w.Write(zeros)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.Less(t, bomb.Len(), 1<<20)
	r := h.request(bomb.String())
	r.Header.Set("Content-Encoding", "gzip")
	require.Equal(t, http.StatusRequestEntityTooLarge, h.send(r).code)
}

// A Content-Length that is more than what comes is a body that did not arrive.
func TestContentLengthThatLies(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	var dialer net.Dialer
	dialed, err := dialer.DialContext(t.Context(), "tcp", h.server.Listener.Addr().String())
	require.NoError(t, err)
	conn, ok := dialed.(*net.TCPConn)
	require.True(t, ok)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = fmt.Fprintf(conn, "POST /hooks/%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}", h.endpoint.Path)
	require.NoError(t, err)
	require.NoError(t, conn.CloseWrite())
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
	require.NoError(t, answer.Body.Close())
	events := h.events()
	require.Len(t, events, 1)
	require.True(t, events[0].BodyTruncated)
}

// A schema is about what expressions see as the body.
func TestSchemasOfForms(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) {
		e.Schema = json.RawMessage(`{"required":["a"],"properties":{"a":{"type":"string"}}}`)
	})
	for _, c := range []struct {
		kind, body string
		status     int
	}{
		{"application/x-www-form-urlencoded", "a=1", 202},
		{"application/x-www-form-urlencoded", "a=1&a=2", 422},
		{"application/x-www-form-urlencoded", "b=1", 422},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--", 202},
		{"text/plain", `{"a":"1"}`, 202},
		{"text/plain", `{"a":1}`, 422},
		{"text/plain", `hello`, 415},
		{"text/xml", `<a/>`, 415},
		{"", `1`, 415},
		{"", `1 1`, 400},
		{"application/json", ``, 400},
	} {
		r := h.request(c.body)
		r.Header.Set("Content-Type", c.kind)
		got := h.send(r)
		require.Equal(t, c.status, got.code, "%s %q: %s", c.kind, c.body, got.text)
	}
}

// The engine that the configuration names is the one for every webhook.
func TestSchemaEngines(t *testing.T) {
	t.Parallel()
	outside := func(e *meshhook.Endpoint) { e.Schema = json.RawMessage(`{"multipleOf":2}`) }
	h := build(t, outside)
	require.Equal(t, "accepted", h.send(h.request(`4`)).Status)
	require.Equal(t, "schema_violation", h.send(h.request(`5`)).Error.Code)

	qri := schema.Options{Engine: schema.EngineQri}
	require.EqualError(t, ingress.Check(h.endpoint, qri),
		"the schema is outside the subset that qri is proven for: it uses multipleOf; use engine auto")
	h = build(t, outside, func(o *ingress.Options) { o.Schema = qri })
	require.Equal(t, http.StatusServiceUnavailable, h.send(h.request(`4`)).code, "it is refused, not guessed at")
}

func TestFormatsAreAssertedOnDemand(t *testing.T) {
	t.Parallel()
	dated := func(e *meshhook.Endpoint) { e.Schema = json.RawMessage(`{"format":"date"}`) }
	h := build(t, dated)
	require.Equal(t, "accepted", h.send(h.request(`"soon"`)).Status)
	h = build(t, dated, func(o *ingress.Options) { o.Schema.AssertFormats = true })
	require.Equal(t, "schema_violation", h.send(h.request(`"soon"`)).Error.Code)
	require.Equal(t, "accepted", h.send(h.request(`"2026-05-15"`)).Status)
}

// A mismatch of the engines is logged with the webhook, and counted.
func TestMismatchesAreReported(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var details []string
	h := ingress.New(ingress.Options{
		Log:    slog.New(slog.NewTextHandler(&log, nil)),
		Schema: schema.Options{OnMismatch: func(detail string) { details = append(details, detail) }},
	})
	h.SchemaOptions("shop/orders").OnMismatch("qri refused a valid payload")
	require.Equal(t, []string{"qri refused a valid payload"}, details)
	require.Contains(t, log.String(), `level=WARN msg="the engines that check payloads do not agree" webhook=shop/orders detail="qri refused a valid payload"`)
	ingress.New(ingress.Options{Log: slog.New(slog.DiscardHandler)}).SchemaOptions("x").OnMismatch("nobody counts")
}
