package meshhook_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestParseNetwork(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.0/24": "192.0.2.0/24", "192.0.2.7/24": "192.0.2.0/24", "192.0.2.7": "192.0.2.7/32", "0.0.0.0/0": "0.0.0.0/0",
		"2001:db8::1/32": "2001:db8::/32", "2001:db8::1": "2001:db8::1/128", "::/0": "::/0",
		"::ffff:192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7/120": "192.0.2.0/24", "::ffff:0.0.0.0/96": "0.0.0.0/0", "::ffff:0.0.0.0/95": "::fffe:0:0/95",
	} {
		got, err := meshhook.ParseNetwork(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got.String(), text)
	}
	for _, text := range []string{"", "x", "300.0.0.1", "192.0.2.0/33", "192.0.2.0/-1", "fe80::1%eth0", "fe80::1%eth0/64", " 192.0.2.1", "192.0.2.0/24/1"} {
		_, err := meshhook.ParseNetwork(text)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), text)
		require.EqualError(t, err, "write a network like 192.0.2.0/24, or an address")
	}
}

// What is read is a network of those addresses that senders have, and reads the same
// again.
func FuzzParseNetwork(f *testing.F) {
	for _, seed := range []string{"192.0.2.7/24", "::ffff:192.0.2.7/120", "::ffff:192.0.2.7", "fe80::1%eth0", "::/0", "1.2.3.4/032", "::ffff:0:0/95"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		network, err := meshhook.ParseNetwork(text)
		if err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			return
		}
		require.True(t, network.IsValid())
		require.Equal(t, network, network.Masked())
		again, err := meshhook.ParseNetwork(network.String())
		require.NoError(t, err)
		require.Equal(t, network, again)
		if address, notOne := netip.ParseAddr(text); notOne == nil {
			require.True(t, network.Contains(address.Unmap()), "an address is in its own network")
			require.True(t, network.IsSingleIP())
		}
	})
}
