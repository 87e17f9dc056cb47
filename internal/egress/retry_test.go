package egress

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryable(t *testing.T) {
	t.Parallel()
	want := map[int]bool{408: true, 409: true, 425: true, 429: true}
	for status := 500; status <= 599; status++ {
		want[status] = true
	}
	for status := range 1000 {
		require.Equal(t, want[status], Retryable(status), "%d", status)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for value, tt := range map[string]struct {
		wait time.Duration
		ok   bool
	}{
		"120":                            {2 * time.Minute, true},
		" 5 ":                            {5 * time.Second, true},
		"0":                              {0, true},
		"9223372036":                     {9223372036 * time.Second, true},
		"9223372037":                     {math.MaxInt64, true},
		"99999999999999999999999999999":  {math.MaxInt64, true},
		"Sun, 22 Nov 2026 10:00:30 GMT":  {30 * time.Second, true},
		"Sunday, 22-Nov-26 10:00:30 GMT": {30 * time.Second, true},
		"Sun Nov 22 10:00:30 2026":       {30 * time.Second, true},
		"Sun, 22 Nov 2026 09:00:00 GMT":  {0, true},
		"Fri, 01 Jan 9999 00:00:00 GMT":  {math.MaxInt64, true},
		"":                               {0, false},
		"-1":                             {0, false},
		"+1":                             {0, false},
		"1.5":                            {0, false},
		"1e9":                            {0, false},
		"soon":                           {0, false},
		"10s":                            {0, false},
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			wait, ok := RetryAfter(http.Header{"Retry-After": {value, "7"}}, now)
			require.Equal(t, tt.wait, wait)
			require.Equal(t, tt.ok, ok)
		})
	}
	_, ok := RetryAfter(http.Header{}, now)
	require.False(t, ok)
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "-1", "Sun, 22 Nov 2026 10:00:30 GMT", "99999999999999999999"} {
		f.Add(seed, int64(0))
	}
	f.Fuzz(func(t *testing.T, value string, unix int64) {
		wait, ok := RetryAfter(http.Header{"Retry-After": {value}}, time.Unix(unix, 0))
		require.GreaterOrEqual(t, wait, time.Duration(0))
		if !ok {
			require.Zero(t, wait)
		}
	})
}
