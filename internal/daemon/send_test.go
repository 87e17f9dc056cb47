package daemon

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestListening(t *testing.T) {
	t.Parallel()
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	for address, want := range map[string]string{":8080": "127.0.0.1:8080", "0.0.0.0:1": "127.0.0.1:1", "[::]:2": "127.0.0.1:2", "127.0.0.1:3": "127.0.0.1:3"} {
		host, networks := listening(address)
		require.Equal(t, want, host)
		require.Equal(t, loopback, networks)
	}
	host, networks := listening("10.1.2.3:80")
	require.Equal(t, "10.1.2.3:80", host)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.1.2.3/32")}, networks)
	host, networks = listening("localhost:80")
	require.Equal(t, "localhost:80", host)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, networks)
}
