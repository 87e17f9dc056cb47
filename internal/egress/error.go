package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Reason is why a call failed. The set is closed: metrics, histories and
// policies group by it.
type Reason string

// The reasons.
const (
	ReasonBadURL         Reason = "bad_url"         // the URL cannot be called
	ReasonBadRequest     Reason = "bad_request"     // the method or a header cannot be sent
	ReasonRefusedAddress Reason = "refused_address" // the guard does not let the address be called
	ReasonDNS            Reason = "dns"             // the name was not found
	ReasonConnect        Reason = "connect"         // nobody answers at the address
	ReasonTLS            Reason = "tls"             // no trusted, encrypted connection
	ReasonTimeout        Reason = "timeout"         // it took too long
	ReasonReset          Reason = "reset"           // the connection was closed under way
	ReasonCanceled       Reason = "canceled"        // the caller gave up
	ReasonProtocol       Reason = "protocol"        // the answer is not HTTP as it should be
)

// Error is a call without a complete reply.
type Error struct {
	Reason Reason
	// Message is one line for the user. It shows the URL redacted.
	Message string
	// Err is the cause; it may be nil.
	Err error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary tells whether the same call may succeed later.
func (e *Error) Temporary() bool {
	switch e.Reason {
	case ReasonBadURL, ReasonBadRequest, ReasonRefusedAddress:
		return false
	default:
		return true
	}
}

// Redact returns what of a URL may be shown: scheme and host. User, password and
// query hold secrets, and so does the path: in the URLs that chat services hand
// out it is the whole of the authentication.
func Redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "(unreadable URL)"
	}
	return redact(u)
}

func redact(u *url.URL) string {
	shown := u.Scheme + "://" + u.Host
	if u.RequestURI() != "/" {
		shown += "/…"
	}
	return shown
}

func newError(reason Reason, u *url.URL, text string, cause error) *Error {
	return &Error{Reason: reason, Message: clip(redact(u)) + ": " + text, Err: cause}
}

// failure is a call that went wrong, as far as it is known.
type failure struct {
	ctx    context.Context // the call's, with its deadline
	url    *url.URL
	begin  time.Time
	badTLS bool // the handshake failed
}

// explain finds the reason of err. The order matters: a context that has ended
// and a guard that refused show in many shapes further down.
func (f failure) explain(err error) *Error {
	var (
		refused *refusal
		dns     *net.DNSError
		op      *net.OpError
		network net.Error
	)
	switch {
	case errors.As(err, &refused):
		return newError(ReasonRefusedAddress, f.url, refused.text, err)
	case errors.Is(f.ctx.Err(), context.Canceled):
		return newError(ReasonCanceled, f.url, "the call was canceled", err)
	case f.ctx.Err() != nil:
		return newError(ReasonTimeout, f.url, fmt.Sprintf("no complete reply within %s", f.elapsed()), err)
	case errors.As(err, &dns):
		return newError(ReasonDNS, f.url, clip(fmt.Sprintf("cannot look up %s: %s", dns.Name, dns.Err)), err)
	case errors.As(err, &network) && network.Timeout():
		return newError(ReasonTimeout, f.url, fmt.Sprintf("no connection within %s", f.elapsed()), err)
	case f.badTLS:
		return newError(ReasonTLS, f.url, clip("no trusted connection: "+tlsText(err)), err)
	case errors.As(err, &op) && op.Op == "dial":
		return newError(ReasonConnect, f.url, clip("cannot connect: "+op.Err.Error()), err)
	case isReset(err):
		return newError(ReasonReset, f.url, "the other side closed the connection before its reply was complete", err)
	default:
		return newError(ReasonProtocol, f.url, clip(err.Error()), err)
	}
}

// tlsText words the one failure of a handshake whose own text misleads.
func tlsText(err error) string {
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && string(record.RecordHeader[:]) == "HTTP/" {
		return "the server speaks plain HTTP at this port"
	}
	return err.Error()
}

func (f failure) elapsed() time.Duration { return time.Since(f.begin).Round(time.Millisecond) }

func isReset(err error) bool {
	for _, target := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// clip makes a stranger's text fit for a line of ours.
func clip(text string) string {
	return meshhook.Clip(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text), 200)
}
