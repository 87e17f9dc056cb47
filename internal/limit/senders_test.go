package limit_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/limit"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestSendersAtTheEdge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := limit.NewSenders(meshhook.RateLimit{Limit: 60, Period: time.Minute})
		a := netip.MustParseAddr("192.0.2.1")
		for range 60 {
			_, ok := s.Peek(a)
			require.True(t, ok)
			_, ok = s.Take(a)
			require.True(t, ok)
		}
		wait, ok := s.Peek(a)
		require.False(t, ok)
		require.Equal(t, time.Second, wait)
		wait, ok = s.Take(a)
		require.False(t, ok)
		require.Equal(t, time.Second, wait)
		_, ok = s.Take(netip.MustParseAddr("192.0.2.2"))
		require.True(t, ok)
		_, ok = s.Take(netip.MustParseAddr("::ffff:192.0.2.1"))
		require.False(t, ok, "the same address in another form")
		pass(wait)
		_, ok = s.Peek(a)
		require.True(t, ok)
		_, ok = s.Take(a)
		require.True(t, ok)
	})
}

// A host has a whole /64 of IPv6 to pick addresses from.
func TestSendersTakeAnIPv6NetworkAsOne(t *testing.T) {
	t.Parallel()
	s := limit.NewSenders(meshhook.RateLimit{Limit: 1, Period: time.Hour})
	_, ok := s.Take(netip.MustParseAddr("2001:db8::1"))
	require.True(t, ok)
	_, ok = s.Take(netip.MustParseAddr("2001:db8::ffff:2"))
	require.False(t, ok)
	_, ok = s.Take(netip.MustParseAddr("fe80::1%eth0"))
	require.True(t, ok)
	_, ok = s.Take(netip.MustParseAddr("fe80::2%eth1"))
	require.False(t, ok)
	_, ok = s.Take(netip.MustParseAddr("2001:db8:0:1::1"))
	require.True(t, ok)
	_, ok = s.Take(netip.Addr{})
	require.True(t, ok, "no address is one too")
}

// However many addresses come, so many are kept, and the busy ones are.
func TestSendersAreBounded(t *testing.T) {
	t.Parallel()
	s := limit.SmallSenders(meshhook.RateLimit{Limit: 2, Period: time.Hour}, 100)
	busy, address := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.0.0.0")
	refused := 0
	for i := range 10_000 {
		address = address.Next()
		_, ok := s.Take(address)
		require.True(t, ok)
		require.LessOrEqual(t, s.Kept(), 200)
		if i%10 == 0 {
			if _, ok := s.Take(busy); !ok {
				refused++
			}
		}
	}
	require.Equal(t, 998, refused)

	var none *limit.Senders
	_, ok := none.Take(busy)
	require.True(t, ok)
	_, ok = none.Peek(busy)
	require.True(t, ok)
}
