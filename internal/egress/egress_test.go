package egress

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// errOffline is what every name lookup of a test ends in: tests send nothing.
var errOffline = errors.New("this test has no network")

func newTestClient(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := newClient(o, &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errOffline
	}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// serve starts a server on the loopback address.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// requireFailure checks the error of a call: its reason, its text, and whether
// another try makes sense.
func requireFailure(t *testing.T, err error, reason Reason, text string, temporary bool) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	require.True(t, ok, "%T: %v", err, err)
	require.Equal(t, reason, e.Reason, "%v", err)
	require.ErrorContains(t, err, text)
	require.Equal(t, temporary, e.Temporary())
}

func TestDo_SendsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	type seen struct {
		Method, Target, Host, Body string
		Header                     http.Header
		Length                     int64
	}
	var got seen
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = seen{r.Method, r.RequestURI, r.Host, string(body), r.Header, r.ContentLength}
		w.Header().Set("X-Answer", "42")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
	})
	host := strings.TrimPrefix(s.URL, "http://")
	c := newTestClient(t, Options{Allow: loopback, UserAgent: "meshhook/1.2.3"})

	for name, tt := range map[string]struct {
		call Call
		want seen
	}{
		"nothing but a URL": {
			Call{URL: s.URL},
			seen{"GET", "/", host, "", http.Header{"User-Agent": {"meshhook/1.2.3"}, "Accept-Encoding": {"gzip"}}, 0},
		},
		"everything": {
			Call{
				Method: "POST", URL: "http://joe:s%C3%A9cret@" + host + "/a%2Fb?q=a b&ü#part", Body: []byte("{}"),
				Header: http.Header{
					"content-type": {"application/json"}, "X-Many": {"1", "2"}, "Host": {"example.com:81"},
					"User-Agent": {"mine"}, "Accept-Encoding": {"identity"},
				},
			},
			seen{"POST", "/a%2Fb?q=a%20b&%C3%BC", "example.com:81", "{}", http.Header{
				"Content-Type": {"application/json"}, "X-Many": {"1", "2"}, "Content-Length": {"2"},
				"User-Agent": {"mine"}, "Accept-Encoding": {"identity"}, "Authorization": {"Basic am9lOnPDqWNyZXQ="},
			}, 2},
		},
		"an Authorization before that of the URL": {
			Call{Method: "DELETE", URL: "http://joe:pw@" + host, Header: http.Header{
				"authorization": {"Bearer x"}, "Accept-Encoding": {"identity"},
			}},
			seen{"DELETE", "/", host, "", http.Header{
				"Authorization": {"Bearer x"}, "User-Agent": {"meshhook/1.2.3"}, "Accept-Encoding": {"identity"},
			}, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			reply, err := c.Do(t.Context(), tt.call)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			require.Positive(t, reply.Duration)
			require.NotEmpty(t, reply.Header.Get("Date"))
			reply.Header.Del("Date")
			reply.Duration = 0
			require.Equal(t, Reply{
				Status: http.StatusTeapot, Body: []byte("short and stout"),
				Header: http.Header{"X-Answer": {"42"}, "Content-Length": {"15"}, "Content-Type": {"text/plain; charset=utf-8"}},
			}, reply)
		})
	}
}

func TestDo_FollowsNoRedirect(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	c := newTestClient(t, Options{Allow: loopback})
	for i, to := range []string{"/elsewhere", "http://169.254.169.254/latest/meta-data", "%25%25bad%25"} {
		reply, err := c.Do(t.Context(), Call{Method: "POST", URL: s.URL + "/?to=" + to, Body: []byte("x")})
		require.NoError(t, err)
		require.Equal(t, http.StatusTemporaryRedirect, reply.Status)
		require.EqualValues(t, i+1, calls.Load())
	}
}

func TestDo_KeepsNoCookie(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if len(r.Cookies()) > 0 {
			t.Errorf("cookies came back: %v", r.Cookies())
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	})
	c := newTestClient(t, Options{Allow: loopback})
	for range 2 {
		_, err := c.Do(t.Context(), Call{URL: s.URL})
		require.NoError(t, err)
	}
}

func TestDo_UsesNoProxy(t *testing.T) {
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was called") })
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	c := newTestClient(t, Options{})
	_, err := c.Do(t.Context(), Call{URL: "http://198.51.100.1/"})
	requireFailure(t, err, ReasonRefusedAddress, "198.51.100.1 is a private or special address", false)
}

func TestDo_CapsTheReply(t *testing.T) {
	t.Parallel()
	huge := bytes.Repeat([]byte("0123456789abcdef"), 1<<20/16)
	var connections atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/huge":
			_, _ = w.Write(huge) // the reader leaves in the midst
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			_, _ = zip.Write(huge)
			_ = zip.Close()
		default:
			_, _ = io.WriteString(w, "0123456789")
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)

	for name, tt := range map[string]struct {
		path        string
		max         int
		want        []byte
		truncated   bool
		connections int32 // for two calls; 0 is any
	}{
		"one byte over": {"/", 9, []byte("012345678"), true, 1}, // drained, so one connection
		"exactly full":  {"/", 10, []byte("0123456789"), false, 1},
		"room to spare": {"/", 11, []byte("0123456789"), false, 1},
		"the default":   {"/huge", 0, huge[:DefaultMaxReply], true, 2},
		"huge":          {"/huge", 1, huge[:1], true, 2},
		"absurd":        {"/huge", int(^uint(0) >> 1), huge, false, 1},
		"a bomb is measured after it has gone off": {"/bomb", 100, huge[:100], true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			connections.Store(0)
			c := newTestClient(t, Options{Allow: loopback})
			for range 2 {
				reply, err := c.Do(t.Context(), Call{URL: s.URL + tt.path, MaxReply: tt.max})
				require.NoError(t, err)
				require.Equal(t, tt.truncated, reply.Truncated)
				require.True(t, bytes.Equal(tt.want, reply.Body), "%d bytes", len(reply.Body))
			}
			if tt.connections > 0 {
				require.Equal(t, tt.connections, connections.Load())
			}
		})
	}
}

// A reply that goes on and on, byte by byte, past the cap does not hold the call.
func TestDo_DoesNotWaitForTheRest(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "12345")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	c := newTestClient(t, Options{Allow: loopback})
	reply, err := c.Do(t.Context(), Call{URL: s.URL, MaxReply: 3, Timeout: time.Minute})
	require.NoError(t, err)
	require.Equal(t, "123", string(reply.Body))
	require.True(t, reply.Truncated)
	require.Less(t, reply.Duration, 30*time.Second)
}

func TestDo_Timeouts(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow-body" {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "so far")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	})
	silent := listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	c := newTestClient(t, Options{Allow: loopback})

	for name, tt := range map[string]struct {
		url     string
		timeout time.Duration
		want    Reply
	}{
		"no header":            {s.URL, 50 * time.Millisecond, Reply{}},
		"no TLS handshake":     {"https://" + silent, 50 * time.Millisecond, Reply{}},
		"no answer whatsoever": {"http://" + silent, 50 * time.Millisecond, Reply{}},
		// Long enough for a busy machine to bring the first half.
		"half a body": {s.URL + "/slow-body", 2 * time.Second, Reply{Status: http.StatusCreated, Body: []byte("so far")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply, err := c.Do(t.Context(), Call{URL: tt.url, Timeout: tt.timeout})
			requireFailure(t, err, ReasonTimeout, "no complete reply within ", true)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.GreaterOrEqual(t, reply.Duration, tt.timeout)
			reply.Header, reply.Duration = nil, 0
			require.Equal(t, tt.want, reply)
		})
	}
	t.Run("of the caller", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := c.Do(ctx, Call{URL: s.URL})
		requireFailure(t, err, ReasonTimeout, "no complete reply within ", true)
	})
}

func TestDo_Canceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	c := newTestClient(t, Options{Allow: loopback})
	_, err := c.Do(ctx, Call{URL: s.URL})
	requireFailure(t, err, ReasonCanceled, s.URL+": the call was canceled", true)
}

// listen serves raw connections on the loopback address.
func listen(t *testing.T, handle func(net.Conn)) (addr string) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			}()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, ln.Close())
		<-done
	})
	return ln.Addr().String()
}

// say reads the beginning of a request, answers with text and hangs up. It reads
// on to the end, as unread bytes would turn the close into a reset.
func say(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, text)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		_, _ = io.Copy(io.Discard, conn)
	}
}

func TestDo_BrokenServers(t *testing.T) {
	t.Parallel()
	reset := listen(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1)) // unread bytes make the close a reset
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	})
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := ln.Addr().String()
	require.NoError(t, ln.Close())
	c := newTestClient(t, Options{Allow: loopback})

	for name, tt := range map[string]struct {
		url    string
		reason Reason
		text   string
		body   string
	}{
		"nobody there":  {"http://" + closed, ReasonConnect, "cannot connect: ", ""},
		"reset":         {"http://" + reset, ReasonReset, "closed the connection before its reply was complete", ""},
		"closed":        {"http://" + listen(t, say("")), ReasonReset, "closed the connection", ""},
		"cut in header": {"http://" + listen(t, say("HTTP/1.1 200 OK\r\nX-A: b\r\n")), ReasonReset, "closed the connection", ""},
		"cut in body":   {"http://" + listen(t, say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")), ReasonReset, "closed the connection", "abc"},
		"no HTTP":       {"http://" + listen(t, say("SSH-2.0-OpenSSH_9.9\r\n\x1b[2J\r\n")), ReasonProtocol, "malformed HTTP", ""},
		"bad chunk":     {"http://" + listen(t, say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")), ReasonProtocol, "invalid byte in chunk length", ""},
		"long header":   {"http://" + listen(t, say("HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("a", maxReplyHeader+1)+"\r\n\r\n")), ReasonProtocol, "response headers exceeded", ""},
		"TLS, no TLS":   {"https://" + listen(t, say("HTTP/1.1 400 Bad Request\r\n\r\n")), ReasonTLS, "the server speaks plain HTTP at this port", ""},
		"TLS, garbage":  {"https://" + listen(t, say("garbage, and more garbage")), ReasonTLS, "no trusted connection: ", ""},
		"TLS, closed":   {"https://" + listen(t, say("")), ReasonTLS, "no trusted connection: ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply, err := c.Do(t.Context(), Call{Method: "POST", URL: tt.url + "/path?token=hush", Body: []byte("body")})
			requireFailure(t, err, tt.reason, tt.text, true)
			require.Equal(t, tt.body, string(reply.Body))
			require.NotContains(t, err.Error(), "hush")
			require.NotContains(t, err.Error(), "\x1b")
			require.True(t, strings.HasPrefix(err.Error(), tt.url+"/…: "), "%v", err)
			require.Error(t, errors.Unwrap(err), "the cause")
		})
	}
}

func TestDo_TLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that are to fail
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())

	t.Run("trusted, over HTTP/2", func(t *testing.T) {
		reply, err := newTestClient(t, Options{Allow: loopback, RootCAs: roots}).Do(t.Context(), Call{URL: s.URL})
		require.NoError(t, err)
		require.Equal(t, "HTTP/2.0", string(reply.Body))
	})
	t.Run("unknown authority", func(t *testing.T) {
		_, err := newTestClient(t, Options{Allow: loopback}).Do(t.Context(), Call{URL: s.URL})
		requireFailure(t, err, ReasonTLS, "certificate signed by unknown authority", true)
	})
	t.Run("a name the certificate does not have", func(t *testing.T) {
		url := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
		_, err := newTestClient(t, Options{Allow: loopback, RootCAs: roots}).Do(t.Context(), Call{URL: url})
		requireFailure(t, err, ReasonTLS, "not localhost", true)
	})
}

func TestDo_UnknownHost(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, Options{})
	_, err := c.Do(t.Context(), Call{URL: "https://joe:pw@hooks.invalid/T0/secret?token=hush"})
	requireFailure(t, err, ReasonDNS, "https://hooks.invalid/…: cannot look up hooks.invalid: ", true)
	require.ErrorContains(t, err, errOffline.Error())
}

// Sixty-four calls at once and again need no more than sixty-four connections.
func TestDo_PoolsConnections(t *testing.T) {
	t.Parallel()
	const calls = 64
	var connections atomic.Int32
	arrived, release := make(chan struct{}, calls), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := newTestClient(t, Options{Allow: loopback})
	for range 2 {
		errs := make(chan error, calls)
		for range calls {
			go func() {
				_, err := c.Do(t.Context(), Call{URL: s.URL})
				errs <- err
			}()
		}
		for range calls {
			<-arrived
		}
		for range calls {
			release <- struct{}{}
		}
		for range calls {
			require.NoError(t, <-errs)
		}
	}
	require.EqualValues(t, calls, connections.Load())
}

// A dial that times out by itself, before the call does.
func TestExplain_ConnectTimeout(t *testing.T) {
	t.Parallel()
	target, err := url.Parse("https://example.com/T0")
	require.NoError(t, err)
	cause := &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	failed := failure{ctx: t.Context(), url: target, begin: time.Now()}.explain(cause)
	requireFailure(t, failed, ReasonTimeout, "https://example.com/…: no connection within ", true)
	require.ErrorIs(t, failed, os.ErrDeadlineExceeded)
}

// net/http hands the connection over after such an answer, and forgets the call's timeout.
func TestDo_DoesNotReadOnAfterSwitchingProtocols(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(closed)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_, _ = conn.Read(make([]byte, 1)) // until the caller closes it
	})
	reply, err := newTestClient(t, Options{Allow: loopback}).Do(t.Context(), Call{Method: http.MethodPost, URL: s.URL, Timeout: 5 * time.Second})
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, reply.Status)
	require.Empty(t, reply.Body)
	<-closed
}
