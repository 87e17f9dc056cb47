package egress

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Every one of these is refused before a packet leaves, so the test sends none.
func TestGuard_Refuses(t *testing.T) {
	t.Parallel()
	const private, odd = " is a private or special address", "is not an address in its usual spelling"
	for host, text := range map[string]string{
		"127.0.0.1":            "127.0.0.1" + private,
		"127.255.255.254:8081": "127.255.255.254" + private,
		"localhost":            private,
		"[::1]":                "::1" + private,
		"[::]":                 private,
		"0.0.0.0":              private,
		"[::ffff:127.0.0.1]":   "127.0.0.1" + private,
		"[::ffff:a9fe:a9fe]":   "169.254.169.254" + private,
		"[64:ff9b::7f00:1]":    private, // NAT64
		"[2002:7f00:1::]":      private, // 6to4
		"[fe80::1]":            private,
		"[fd00:ec2::254]":      private,
		"169.254.169.254":      "169.254.169.254" + private,
		"10.0.0.1":             "10.0.0.1" + private,
		"10.255.255.255":       "10.255.255.255" + private,
		"172.16.0.1":           "172.16.0.1" + private,
		"192.168.1.1:5432":     "192.168.1.1" + private,
		"100.64.0.1":           "100.64.0.1" + private,
		"198.18.0.1":           "198.18.0.1" + private,
		"224.0.0.1":            "224.0.0.1" + private,
		"255.255.255.255":      "255.255.255.255" + private,
		"①②⑦.⓪.⓪.①":            "127.0.0.1" + private,
		"127。0。0。1":            "127.0.0.1" + private,
		"2130706433":           odd,
		"0x7f000001":           odd,
		"0x7f.1":               odd,
		"0X7F.0x0.0x0.0x1":     odd,
		"0177.0.0.1":           odd,
		"017700000001":         odd,
		"127.1":                odd,
		"127.0.0.1.":           odd,
		"127.0.0.01":           odd,
		"1.2.3.4.5":            odd,
		"256.0.0.1":            odd,
		"metadata.0x":          odd,
		"⓪x7f.1":               odd,
	} {
		for _, scheme := range []string{"http://", "https://"} {
			t.Run(scheme+host, func(t *testing.T) {
				t.Parallel()
				c := newTestClient(t, Options{})
				_, err := c.Do(t.Context(), Call{URL: scheme + host + "/"})
				requireFailure(t, err, ReasonRefusedAddress, text, false)
			})
		}
	}
}

func TestGuard_Allows(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	for network, reason := range map[string]Reason{
		"127.0.0.0/8":          "",
		"127.0.0.1/32":         "",
		"0.0.0.0/0":            "",
		"::ffff:127.0.0.0/104": "",
		"127.0.0.2/32":         ReasonRefusedAddress,
		"10.0.0.0/8":           ReasonRefusedAddress,
		"::/0":                 ReasonRefusedAddress, // all of IPv6 is nothing of IPv4
		"::ffff:10.0.0.0/104":  ReasonRefusedAddress,
	} {
		t.Run(network, func(t *testing.T) {
			c := newTestClient(t, Options{Allow: []netip.Prefix{netip.MustParsePrefix(network)}})
			reply, err := c.Do(t.Context(), Call{URL: s.URL})
			if reason == "" {
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, reply.Status)
				return
			}
			requireFailure(t, err, reason, "network.allow", false)
		})
	}
}

// What is allowed opens nothing beside it.
func TestGuard_JudgesAddresses(t *testing.T) {
	t.Parallel()
	g, err := newGuard([]netip.Prefix{netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fd00::/8")})
	require.NoError(t, err)
	for address, allowed := range map[string]bool{
		"93.184.216.34:443":       true,
		"93.184.216.34:22":        true, // any port
		"[2606:2800:220:1::]:443": true,
		"192.168.3.4:80":          true,
		"192.169.0.1:80":          true,
		"[fd12::1]:80":            true,
		"10.0.0.1:80":             false,
		"169.254.169.254:80":      false,
		"[fe80::1]:80":            false,
		"[fc00::1]:80":            false,
		"[::1]:80":                false,
		"[fe80::1%lo]:80":         false,
		"no address":              false,
	} {
		network := "tcp4"
		if address[0] == '[' {
			network = "tcp6"
		}
		err := g.control(network, address, nil)
		require.Equal(t, allowed, err == nil, "%s: %v", address, err)
	}
	require.Error(t, g.control("udp4", "93.184.216.34:443", nil), "only TCP")
}

func TestNew_RefusesNonsense(t *testing.T) {
	t.Parallel()
	for text, o := range map[string]Options{
		"network.allow has an invalid network; write it like 192.168.0.0/16 or fd00::/8": {Allow: []netip.Prefix{{}}},
		`"mesh\r\nhook" cannot be a user agent`:                                          {UserAgent: "mesh\r\nhook"},
	} {
		_, err := New(o)
		require.EqualError(t, err, text)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	}
}
