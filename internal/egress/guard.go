package egress

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// guard decides which addresses may be dialled. It judges the address that the
// socket is about to connect to, after name lookup, so neither a name that
// changes its mind (DNS rebinding) nor an odd spelling gets past it.
type guard struct {
	guardian *ssrf.Guardian
	dialer   net.Dialer
}

func newGuard(allow []netip.Prefix) (*guard, error) {
	var v4, v6 []netip.Prefix
	for _, p := range allow {
		switch {
		case !p.IsValid():
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "network.allow has an invalid network; write it like 192.168.0.0/16 or fd00::/8")
		case p.Addr().Is4In6() && p.Bits() >= 96:
			// ::ffff:10.0.0.0/104 and 10.0.0.0/8 are the same network, and sockets
			// are given its addresses in their IPv4 form.
			v4 = append(v4, netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96))
		case p.Addr().Is4():
			v4 = append(v4, p)
		default:
			v6 = append(v6, p)
		}
	}
	return &guard{guardian: ssrf.New(
		ssrf.WithAnyPort(),
		ssrf.WithAllowedV4Prefixes(v4...),
		ssrf.WithAllowedV6Prefixes(v6...),
	)}, nil
}

// refusal is the guard's answer. Its text is for the user.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// dial is the transport's DialContext.
func (g *guard) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if host, _, err := net.SplitHostPort(addr); err == nil && oddAddress(host) {
		return nil, &refusal{fmt.Sprintf("%q is not an address in its usual spelling; write it like 192.0.2.1", clip(host))}
	}
	return g.dialer.DialContext(ctx, network, addr)
}

// control is called with the address of every socket before it connects.
func (g *guard) control(network, address string, c syscall.RawConn) error {
	if err := g.guardian.Safe(network, address, c); err != nil {
		host, _, splitErr := net.SplitHostPort(address)
		if splitErr != nil {
			host = address
		}
		return &refusal{fmt.Sprintf("%s is a private or special address; only networks that network.allow names may be called", host)}
	}
	return nil
}

// oddAddress tells whether host is a number that only some resolvers take for an
// IPv4 address: 2130706433, 0x7f.1, 0177.0.0.1, 127.0.0.1 with a dot behind it.
// The rule is the URL standard's "ends in a number" check
// (https://url.spec.whatwg.org/#ends-in-a-number-checker). No name of a host
// ends so, and asking the network about it would be of use to nobody.
func oddAddress(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.TrimSuffix(host, ".")
	last := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
