package egress

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// connectionHeaders are not the caller's to set: they say how the message is
// framed and what becomes of the connection (RFC 9110, section 7.6.1), and a
// lie in them can smuggle a second request past a proxy.
var connectionHeaders = []string{
	"Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// request builds what is sent, or says why it cannot be.
func (c *Client) request(ctx context.Context, call Call) (*http.Request, *Error) {
	u, bad := parseURL(call.URL)
	if bad != nil {
		return nil, bad
	}
	method := call.Method
	if method == "" {
		method = http.MethodGet
	}
	if !isToken(method) || strings.EqualFold(method, http.MethodConnect) {
		return nil, newError(ReasonBadRequest, u, fmt.Sprintf("%q is not a method that can be sent", clip(method)), nil)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://host.invalid", bytes.NewReader(call.Body))
	if err != nil {
		return nil, newError(ReasonBadRequest, u, clip(err.Error()), err)
	}
	req.URL, req.Host = u, u.Host
	if problem := setHeader(req, call.Header); problem != "" {
		return nil, newError(ReasonBadRequest, u, problem, nil)
	}
	if _, own := req.Header["User-Agent"]; !own {
		req.Header.Set("User-Agent", c.userAgent)
	}
	if u.User != nil && req.Header.Get("Authorization") == "" {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	return req, nil
}

// parseURL reads a URL that can be called. Its errors show nothing of it, as
// there is no telling which part of what cannot be parsed is a password.
func parseURL(raw string) (*url.URL, *Error) {
	bad := func(message string) (*url.URL, *Error) {
		return nil, &Error{Reason: ReasonBadURL, Message: message}
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return bad("the URL cannot be read; look for spaces, and for characters that must be escaped")
	case u.Scheme != "http" && u.Scheme != "https":
		return bad("the URL must begin with http:// or https://")
	case u.Hostname() == "":
		return bad("the URL names no host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return bad("the URL's port must lie between 1 and 65535")
		}
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	return u, nil
}

// escapeQuery escapes what url.Parse lets stand in a query but a request line
// cannot carry: spaces and everything that is not ASCII.
func escapeQuery(query string) string {
	var b strings.Builder
	for i := range len(query) {
		if ch := query[i]; ch <= ' ' || ch >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", ch)
		} else {
			b.WriteByte(ch)
		}
	}
	return b.String()
}

// setHeader copies header into req and says what is wrong with it.
func setHeader(req *http.Request, header http.Header) (problem string) {
	for name, values := range header {
		if !isToken(name) {
			return fmt.Sprintf("%q is not a header's name", clip(name))
		}
		name = http.CanonicalHeaderKey(name)
		if slices.Contains(connectionHeaders, name) {
			return fmt.Sprintf("the header %s cannot be set: it belongs to the connection", name)
		}
		for _, value := range values {
			if !validHeaderValue(value) {
				return fmt.Sprintf("the value of the header %s has a line break or control character in it", clip(name))
			}
		}
	}
	for name, values := range header { // after the checks: nothing is sent of a bad header
		switch name = http.CanonicalHeaderKey(name); {
		case name != "Host":
			req.Header[name] = append(req.Header[name], values...) // x-a and X-A are one header
		case len(values) != 1 || !validHost(values[0]):
			return "the header Host must be one host, with or without a port"
		default:
			req.Host = values[0]
		}
	}
	return ""
}

// validHost tells whether host is what can stand in a URL between // and /.
func validHost(host string) bool {
	u, err := url.Parse("http://" + host)
	return err == nil && host != "" && u.Host == host && u.Hostname() != ""
}

// validHeaderValue follows RFC 9110, section 5.5: no control characters but tab.
func validHeaderValue(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// isToken follows RFC 9110, section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return false
		}
		return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}
