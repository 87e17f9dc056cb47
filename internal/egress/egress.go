// Package egress is the only maker of outbound HTTP. It refuses addresses that a
// stranger's URL must not reach, follows no redirect, keeps no cookie, uses no
// proxy, and bounds whatever it waits for and reads.
package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// DefaultTimeout bounds a call that names no timeout.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxReply is how many bytes of a reply's body are kept when the call
	// does not say: 256 KiB, the bound of a step's output.
	DefaultMaxReply = 256 << 10
	// LargestMaxReply is the most that a call may ask to keep: 64 MiB.
	LargestMaxReply = 64 << 20

	connectTimeout = 10 * time.Second
	// maxReplyHeader bounds a reply's header. net/http's own bound, 10 MiB, would
	// let a stranger fill the history.
	maxReplyHeader = 256 << 10

	// A little more than the cap is read and thrown away, since a connection is
	// used again only when its reply was read to the end.
	drainBytes = 64 << 10
	drainTime  = 100 * time.Millisecond
)

// Options set a Client up.
type Options struct {
	// Allow names networks that may be called although they are private,
	// loopback, link-local or otherwise special: the setting network.allow.
	Allow []netip.Prefix
	// UserAgent is sent with calls that set none: "meshhook/1.2.3".
	UserAgent string
	// RootCAs verify servers; nil takes the system's.
	RootCAs *x509.CertPool
	// ServerName is the name that servers' certificates must bear; "" is the host of
	// the call's URL.
	ServerName string
}

// Client makes outbound calls. It is safe for concurrent use.
type Client struct {
	transport *http.Transport
	userAgent string
}

// Call is one request to make.
type Call struct {
	// Method is an HTTP method; "" is GET.
	Method string
	// URL is absolute, http or https. User and password in it are sent as Basic
	// authentication unless Header has an Authorization.
	URL string
	// Header is sent as given. Host replaces the URL's host in the request (the
	// connection still goes to the URL's). Headers that belong to the connection,
	// as Content-Length and Transfer-Encoding do, are refused.
	Header http.Header
	// Body is the request's body.
	Body []byte
	// Timeout bounds the whole call, from name lookup to the last byte of the
	// reply; 0 takes DefaultTimeout.
	Timeout time.Duration
	// MaxReply is how many bytes of the reply's body are kept; 0 takes
	// DefaultMaxReply, and more than LargestMaxReply is that.
	MaxReply int
}

// Reply is what the other side answered, with any status: a redirect and an
// error of the server's are replies, too.
type Reply struct {
	Status int
	Header http.Header
	// Body is the reply's body, decompressed where Header had no Accept-Encoding
	// of the caller's, up to MaxReply.
	Body []byte
	// Truncated tells that there was more of the body.
	Truncated bool
	// Duration is how long the call took, failed or not.
	Duration time.Duration
}

// New returns a client. A prefix or user agent that cannot be used is an error
// with CodeInvalid.
func New(o Options) (*Client, error) {
	return newClient(o, nil)
}

func newClient(o Options, resolver *net.Resolver) (*Client, error) {
	g, err := newGuard(o.Allow)
	if err != nil {
		return nil, err
	}
	if o.UserAgent == "" {
		o.UserAgent = "meshhook"
	}
	if !validHeaderValue(o.UserAgent) {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%q cannot be a user agent", o.UserAgent)
	}
	g.dialer = net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, Resolver: resolver, Control: g.control}
	return &Client{
		userAgent: o.UserAgent,
		transport: &http.Transport{
			Proxy:                  nil, // a proxy would make the connection behind the guard's back
			DialContext:            g.dial,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, ServerName: o.ServerName, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    connectTimeout,
			ForceAttemptHTTP2:      true,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
			MaxIdleConns:           512,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        60 * time.Second,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: maxReplyHeader,
			// No ResponseHeaderTimeout: Call.Timeout covers it, and a second bound
			// would cut off calls whose owner allowed them longer.
		},
	}, nil
}

// Close closes the idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Do makes one call, without retrying it. (net/http repeats a request on a fresh
// connection when an idle one turns out to be dead, which is safe: it does so
// only if nothing was written, or if the method or an Idempotency-Key says that
// it may.)
//
// The error is an *Error. When the reply broke off, Reply holds what had come.
func (c *Client) Do(ctx context.Context, call Call) (Reply, error) {
	begin := time.Now()
	reply, err := c.do(ctx, call, begin)
	reply.Duration = time.Since(begin)
	if err != nil {
		return reply, err
	}
	return reply, nil
}

func (c *Client) do(ctx context.Context, call Call, begin time.Time) (Reply, *Error) {
	timeout := call.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	var badTLS atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				badTLS.Store(true)
			}
		},
	})
	req, refused := c.request(traced, call)
	if refused != nil {
		return Reply{}, refused
	}
	// The transport itself and not an http.Client, which would follow redirects,
	// fail on a Location that it cannot read, and put whole URLs into errors.
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return Reply{}, failure{ctx, req.URL, begin, badTLS.Load()}.explain(err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing hangs on it: the reply is read

	reply := Reply{Status: resp.StatusCode, Header: resp.Header}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// Nobody asked for another protocol, and this answer has no body: what
		// stands there is the connection, which no timeout of the call ends.
		return reply, nil
	}
	reply.Body, reply.Truncated, err = read(resp.Body, call.MaxReply)
	if err != nil {
		return reply, failure{ctx, req.URL, begin, false}.explain(err)
	}
	if reply.Truncated {
		drain(resp.Body, cancel)
	}
	return reply, nil
}

// read returns the first limit bytes of body, and whether there are more.
func read(body io.Reader, limit int) ([]byte, bool, error) {
	if limit <= 0 {
		limit = DefaultMaxReply
	}
	limit = min(limit, LargestMaxReply)
	b, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if len(b) > limit {
		return b[:limit], true, nil
	}
	return b, false, err
}

// drain reads a little on, so that the connection can be used again if the end
// is near. stop ends a body that dribbles.
func drain(body io.Reader, stop func()) {
	timer := time.AfterFunc(drainTime, stop)
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, body, drainBytes) // its failure only costs the connection
}
