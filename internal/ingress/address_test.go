package ingress

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever stands in the header, the sender is an address that a trusted proxy
// wrote: never one left of an address that is not trusted, and never none.
func FuzzSender(f *testing.F) {
	for _, seed := range []string{
		"198.51.100.7", "203.0.113.9, 10.0.0.1", "[2001:db8::1]:443", "::ffff:192.0.2.1", "fe80::1%eth0", ",,", "unknown, 10.0.0.2",
		"10.0.0.1:80,10.0.0.2", "[::1", "1.2.3.4]", "\x00",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f.Fuzz(func(t *testing.T, header string, direct bool) {
		remote := "10.1.2.3:4711"
		if direct {
			remote = "192.0.2.200:4711"
		}
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {header}}}
		got := sender(r, proxies)
		require.True(t, got.IsValid())
		require.Empty(t, got.Zone())
		require.False(t, got.Is4In6())
		if direct {
			require.Equal(t, "192.0.2.200", got.String(), "nobody else is believed")
			return
		}
		hops := strings.Split(header, ",")
		last, readable := parseHop(strings.TrimSpace(hops[len(hops)-1]))
		switch {
		case !readable:
			require.Equal(t, "10.1.2.3", got.String())
		case !trusted(last, proxies):
			require.Equal(t, last, got)
		}
	})
}
