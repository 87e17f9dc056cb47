package circuit

import (
	"net"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxHost is the longest host that is told apart, in bytes with its port. A DNS
// name has at most 253 characters (RFC 1035, section 2.3.4); what is longer leads
// nowhere.
const maxHost = 253 + len(":65535")

// Host returns where a call to the URL goes, as host:port in lower case: the port
// is the scheme's where the URL names none, and a name's last dot is left out. ok
// is false for what is no URL that can be called; it has no circuit.
func Host(raw string) (host string, ok bool) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", false
	}
	port := u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return "", false
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	name := u.Hostname()
	if strings.ContainsFunc(name, unresolvable) {
		return "", false
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	host = net.JoinHostPort(name, port)
	if name == "" || len(host) > maxHost {
		return "", false
	}
	return host, true
}

// unresolvable tells of a character that url.Parse takes in a host and no resolver
// does.
func unresolvable(r rune) bool {
	return r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune(`[]/\@?#`, r)
}
