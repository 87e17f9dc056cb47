package ingress_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// cramped is a webhook without signatures in a handler with so much room for bodies.
func cramped(t *testing.T, room int64) *house {
	t.Helper()
	return buildWithSecret(t, "", by("none"), func(o *ingress.Options) { o.MaxBuffered = room })
}

// begin sends the beginning of a request that announces a body of that size.
func (h *house) begin(announced, sent int) net.Conn {
	h.t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(h.t.Context(), "tcp", h.server.Listener.Addr().String())
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(h.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = fmt.Fprintf(conn, "POST /hooks/%s HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
		h.endpoint.Path, announced, strings.Repeat("x", sent))
	require.NoError(h.t, err)
	return conn
}

// hears reads an answer, after sending so much more of a body.
func (h *house) hears(conn net.Conn, more int) reply {
	h.t.Helper()
	_, err := io.WriteString(conn, strings.Repeat("x", more))
	require.NoError(h.t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(h.t, err)
	require.NoError(h.t, answer.Body.Close())
	if answer.Close { // as its header said, which is taken out
		answer.Header.Set("Connection", "close")
	}
	return reply{code: answer.StatusCode, header: answer.Header}
}

// holds waits until so many bytes of bodies are held.
func (h *house) holds(bytes int64) {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return h.handler.Held() == bytes }, 10*time.Second, time.Millisecond, "%d", bytes)
}

// However many senders stop in the middle of their bodies, no more is held of them than
// is allowed. One too many is refused at once, and nobody waits for room.
func TestBodiesAreHeldWithinBounds(t *testing.T) {
	t.Parallel()
	const chunk = 64 << 10
	h := cramped(t, 4*chunk)
	var slow []net.Conn
	for i := range 4 {
		slow = append(slow, h.begin(100_000, 60_000))
		h.holds(int64(i+1) * chunk)
	}
	announcing := h.begin(1<<20, 0) // an announcement takes nothing
	late := h.begin(100_000, 60_000)
	answer := h.hears(late, 0)
	require.Equal(t, http.StatusServiceUnavailable, answer.code)
	require.NotEmpty(t, answer.header.Get("Retry-After"))
	require.Equal(t, "close", answer.header.Get("Connection"))
	require.Equal(t, http.StatusServiceUnavailable, h.hears(announcing, 1).code)
	h.holds(4 * chunk)
	refused := h.last()
	require.Equal(t, meshhook.CodeUnavailable, refused.Code)

	require.Equal(t, http.StatusServiceUnavailable, h.hears(slow[0], 40_000).code, "its body does not fit")
	for _, conn := range slow[1:] {
		require.Equal(t, http.StatusAccepted, h.hears(conn, 40_000).code)
	}
	h.holds(0)
	require.Equal(t, http.StatusAccepted, h.send(h.request("{}")).code)
	h.holds(0)
}

// Whoever goes away in the middle leaves nothing behind.
func TestBrokenOffBodiesAreGivenBack(t *testing.T) {
	t.Parallel()
	h := cramped(t, 1<<20)
	conn := h.begin(100_000, 60_000)
	h.holds(64 << 10)
	require.NoError(t, conn.Close())
	h.holds(0)
}

// What a body is unpacked to counts, too; one that does not fit when it is alone need
// not be sent again.
func TestUnpackedBodiesCount(t *testing.T) {
	t.Parallel()
	h := cramped(t, 256<<10)
	send := func(size int) reply {
		r := h.request(encode(t, strings.Repeat("x", size), "gzip", "gzip"))
		r.Header.Set("Content-Type", "text/plain")
		r.Header.Set("Content-Encoding", "gzip, gzip")
		return h.send(r)
	}
	require.Equal(t, http.StatusAccepted, send(60_000).code)
	got := send(300_000)
	require.Equal(t, http.StatusRequestEntityTooLarge, got.code)
	require.Contains(t, got.Error.Message, "ingress.max_buffered")
	h.holds(0)

	one, two := h.begin(100_000, 60_000), h.begin(100_000, 60_000)
	h.holds(128 << 10)
	require.Equal(t, http.StatusServiceUnavailable, send(100_000).code)
	require.Equal(t, http.StatusAccepted, h.hears(one, 40_000).code)
	require.Equal(t, http.StatusAccepted, h.hears(two, 40_000).code)
	require.Equal(t, http.StatusAccepted, send(100_000).code)
	h.holds(0)
}

// A long header is held while its body comes, and counts.
func TestLongHeadersCount(t *testing.T) {
	t.Parallel()
	h := cramped(t, 64<<10)
	long := func(size int) reply {
		r := h.request("{}")
		r.Header.Set("X-Long", strings.Repeat("x", size))
		return h.send(r)
	}
	require.Equal(t, http.StatusAccepted, long(50_000).code)
	require.Equal(t, http.StatusRequestEntityTooLarge, long(80_000).code)
	slow := h.begin(30_000, 2)
	h.holds(4 << 10)
	require.Equal(t, http.StatusServiceUnavailable, long(64<<10+1000).code)
	require.Equal(t, http.StatusAccepted, h.hears(slow, 29_998).code)
	h.holds(0)
}
