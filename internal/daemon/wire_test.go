package daemon_test

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

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// wire is a connection to the public listener, byte by byte.
type wire struct {
	t *testing.T
	net.Conn
	reader *bufio.Reader
}

func dial(t *testing.T, d *daemon.Daemon) wire {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", d.Addr("ingress"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return wire{t, conn, bufio.NewReader(conn)}
}

func (w wire) send(format string, args ...any) {
	w.t.Helper()
	_, err := fmt.Fprintf(w, format, args...)
	require.NoError(w.t, err)
}

// answered is an answer that was read to its end.
type answered struct {
	status int
	body   string
	last   bool // the server said that it closes the connection
}

// answer reads one answer.
func (w wire) answer() answered {
	w.t.Helper()
	r, err := http.ReadResponse(w.reader, nil)
	require.NoError(w.t, err)
	text, err := io.ReadAll(r.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, r.Body.Close())
	return answered{r.StatusCode, string(text), r.Close}
}

// ended reads to the end of the connection, which must come.
func (w wire) ended() string {
	w.t.Helper()
	rest, err := io.ReadAll(w.reader)
	if err != nil {
		require.NotErrorIs(w.t, err, net.ErrClosed)
		require.NotContains(w.t, err.Error(), "timeout")
	}
	return string(rest)
}

const head = "POST /hooks/open HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"

// wired is a daemon with the webhook `open`.
func wired(t *testing.T, environment ...string) (*daemon.Daemon, string) {
	t.Helper()
	d, dsn, _ := wiredStop(t, environment...)
	return d, dsn
}

// wiredStop returns a way to stop it, too.
func wiredStop(t *testing.T, environment ...string) (d *daemon.Daemon, dsn string, stop func() error) {
	t.Helper()
	dsn = pgtest.URL(t)
	furnish(t, dsn, "open")
	d, stop = start(t, settings(t, dsn, environment...))
	return d, dsn, stop
}

// Who sends slowly, or stops, is cut off; what came of a body is in the log.
func TestSlowSendersAreCutOff(t *testing.T) {
	t.Parallel()
	d, dsn := wired(t, "MESHHOOK_INGRESS_READ_TIMEOUT=300ms")
	for name, text := range map[string]string{
		"nothing": "", "half a line": "POST /hoo", "half the headers": head + "X-Slow: ",
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, d)
			w.send("%s", text)
			require.NotContains(t, w.ended(), "202")
		})
	}
	for name, text := range map[string]string{
		"length": "Content-Length: 100\r\n\r\n{\"a\":1", "chunks": "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":12\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, d)
			w.send("%s%s", head, text)
			answer := w.answer()
			require.Equal(t, http.StatusBadRequest, answer.status)
			require.Contains(t, answer.body, "did not arrive whole")
			require.Empty(t, w.ended())
		})
	}
	// A body that dribbles on is cut off just the same.
	w := dial(t, d)
	w.send("%sTransfer-Encoding: chunked\r\n\r\n", head)
	dribbled := make(chan struct{})
	go func() {
		defer close(dribbled)
		for {
			if _, err := io.WriteString(w, "1\r\n \r\n"); err != nil {
				return
			}
		}
	}()
	require.GreaterOrEqual(t, w.answer().status, 400)
	require.NoError(t, w.Close())
	<-dribbled

	project := pgtest.Project(t, pgtest.Open(t, dsn))
	events, err := project.Events(t.Context(), meshhook.EventFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, events, 3)
	for _, e := range events {
		require.Equal(t, meshhook.EventRejected, e.Status)
	}
}

func TestHeadersHaveALimit(t *testing.T) {
	t.Parallel()
	d, _ := wired(t)
	w := dial(t, d)
	w.send("%sX-Long: %s\r\nContent-Length: 2\r\n\r\n{}", head, strings.Repeat("x", 60<<10))
	require.Equal(t, http.StatusAccepted, w.answer().status)
	// The server does not read to the end: on a busy machine its answer can be lost
	// with the connection.
	require.Eventually(t, func() bool {
		w := dial(t, d)
		w.send("%sX-Long: %s\r\nContent-Length: 2\r\n\r\n{}", head, strings.Repeat("x", 72<<10))
		line, err := w.reader.ReadString('\n')
		require.NotContains(t, line, "202")
		return err == nil && strings.Contains(line, " 431 ")
	}, 10*time.Second, 10*time.Millisecond)
}

// No two readings of where a request ends.
func TestRequestsCannotBeSmuggled(t *testing.T) {
	t.Parallel()
	d, dsn := wired(t)
	for name, text := range map[string]string{
		"two lengths":          "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
		"a list of lengths":    "Content-Length: 2, 3\r\n\r\n{}x",
		"a signed length":      "Content-Length: +2\r\n\r\n{}",
		"an unknown coding":    "Transfer-Encoding: xchunked\r\n\r\n{}",
		"chunked twice":        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked and identity": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"a space in a name":    "Content-Length : 2\r\n\r\n{}",
		"a bare CR":            "X-A: b\rContent-Length: 2\r\n\r\n{}",
		"a NUL":                "X-A: b\x00c\r\nContent-Length: 2\r\n\r\n{}",
		"two hosts":            "Host: b\r\nContent-Length: 2\r\n\r\n{}",
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, d)
			w.send("%s%s", head, text)
			require.Contains(t, []int{http.StatusBadRequest, http.StatusNotImplemented}, w.answer().status)
			require.Empty(t, w.ended())
		})
	}
	project := pgtest.Project(t, pgtest.Open(t, dsn))
	events, err := project.Events(t.Context(), meshhook.EventFilter{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, events, "none of them was judged")

	// Chunks beside a length: the chunks count, and nothing that follows them does.
	w := dial(t, d)
	w.send("%sContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n%sContent-Length: 2\r\n\r\n{}", head, head)
	answer := w.answer()
	require.Equal(t, http.StatusAccepted, answer.status)
	require.True(t, answer.last)
	require.Empty(t, w.ended())
}

// Requests without tricks follow each other on one connection, also after one that
// was a little too large; after one that was much too large it is closed, but the
// sender hears why.
func TestConnectionsLiveOnAfterARefusal(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	furnish(t, dsn, "open", func(e *meshhook.Endpoint) { e.MaxBody = 1000 })
	d, _ := start(t, settings(t, dsn))
	w := dial(t, d)
	for range 2 {
		w.send("%sContent-Length: 1001\r\n\r\n%s", head, strings.Repeat(" ", 1001))
		require.Equal(t, http.StatusRequestEntityTooLarge, w.answer().status)
		w.send("%sContent-Length: 2\r\n\r\n{}", head)
		require.Equal(t, http.StatusAccepted, w.answer().status)
	}
	w.send("%sContent-Length: 10000000\r\n\r\n", head)
	_, err := io.WriteString(w, strings.Repeat(" ", 300<<10))
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.answer().status)
	require.Empty(t, w.ended())
}

// A sender that asks before it sends a body is not told to go on where it is
// refused anyway.
func TestARefusalComesBeforeTheBody(t *testing.T) {
	t.Parallel()
	d, dsn := wired(t)
	furnish(t, dsn, "closed", func(e *meshhook.Endpoint) { e.Enabled = false })
	for path, c := range map[string]struct{ length, want int }{
		"nothing": {100, http.StatusNotFound}, "closed": {100, http.StatusGone}, "open": {1<<20 + 1, http.StatusRequestEntityTooLarge},
	} {
		require.Eventually(t, func() bool {
			w := dial(t, d)
			w.send("POST /hooks/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", path, c.length)
			return w.answer().status == c.want // and never a 100
		}, 10*time.Second, 20*time.Millisecond, path)
	}
	w := dial(t, d)
	w.send("%sContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", head)
	line, err := w.reader.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
}

// asked is a connection on which one request has been answered: it is idle.
func (w wire) asked() wire {
	w.t.Helper()
	w.send("%sContent-Length: 2\r\n\r\n{}", head)
	require.Equal(w.t, http.StatusAccepted, w.answer().status)
	return w
}

// busy has the server wait for the body of a request.
func (w wire) busy() wire {
	w.t.Helper()
	w.send("%sContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", head)
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		line, err := w.reader.ReadString('\n')
		require.NoError(w.t, err)
		require.Equal(w.t, want, line)
	}
	return w
}

// More connections than allowed wait while all have something to do; one that ends
// makes room.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	d, _ := wired(t, "MESHHOOK_INGRESS_MAX_CONNECTIONS=2")
	var open []wire
	for range 2 {
		open = append(open, dial(t, d).asked().busy())
	}
	third := dial(t, d)
	third.send("%sContent-Length: 2\r\n\r\n{}", head)
	require.NoError(t, third.SetReadDeadline(time.Now().Add(1500*time.Millisecond)))
	_, err := third.reader.Peek(1)
	require.ErrorContains(t, err, "timeout")
	require.NoError(t, third.SetReadDeadline(time.Now().Add(20*time.Second)))
	require.NoError(t, open[0].Close())
	third.reader.Reset(third)
	require.Equal(t, http.StatusAccepted, third.answer().status)
	open[1].send("{}")
	require.Equal(t, http.StatusAccepted, open[1].answer().status, "whoever sends is not cut off")
}

// Whoever holds connections without using them shuts nobody out: the one that has
// been quiet the longest makes room, whether it has sent anything or not.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	d, _ := wired(t, "MESHHOOK_INGRESS_MAX_CONNECTIONS=3")
	silent := dial(t, d)
	first, second := dial(t, d).asked(), dial(t, d).asked()
	begin := time.Now()
	third := dial(t, d).asked()
	require.Less(t, time.Since(begin), 5*time.Second)
	require.Empty(t, silent.ended())
	first.asked() // so the second one is quiet the longest now

	first.busy()
	fourth := dial(t, d).asked()
	require.Empty(t, second.ended())
	fourth.busy()
	dial(t, d).asked()
	require.Empty(t, third.ended())
	first.send("{}")
	require.Equal(t, http.StatusAccepted, first.answer().status, "whoever sends is not cut off")
}
