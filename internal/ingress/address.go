package ingress

import (
	"net/http"
	"net/netip"
	"strings"
)

// Sender is the address that a request came from, trusted proxies looked through.
func Sender(r *http.Request, proxies []netip.Prefix) netip.Addr { return sender(r, proxies) }

// sender is the address a request came from: that of the connection, or, when
// that is a trusted proxy, the rightmost address of X-Forwarded-For that is not
// one. Whatever stands left of it the client may have written itself.
func sender(r *http.Request, proxies []netip.Prefix) netip.Addr {
	port, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := port.Addr().Unmap().WithZone("") // no configured network has a zone
	if !trusted(addr, proxies) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := parseHop(strings.TrimSpace(hops[i]))
		if !ok {
			break // nothing left of an unreadable hop can be believed
		}
		addr = hop
		if !trusted(addr, proxies) {
			break
		}
	}
	return addr
}

// parseHop reads an entry of X-Forwarded-For: an address, with or without a port.
func parseHop(text string) (netip.Addr, bool) {
	if port, err := netip.ParseAddrPort(text); err == nil {
		return port.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return addr.Unmap().WithZone(""), err == nil
}

func trusted(addr netip.Addr, proxies []netip.Prefix) bool {
	for _, p := range proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
