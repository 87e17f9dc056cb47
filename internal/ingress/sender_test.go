package ingress_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/limit"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func behindLoopback(o *ingress.Options) {
	o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// Beyond their limit, an address' forgeries hear 429 and are not stored; what is
// signed as it should be still gets through, and so do forgeries of others.
func TestForgeriesOfOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	h := build(t, nil, behindLoopback, func(o *ingress.Options) {
		o.FailedVerifications = limit.NewSenders(meshhook.RateLimit{Limit: 3, Period: time.Hour})
	})
	send := func(from, signed string) reply {
		r := h.request("{}")
		r.Header.Set("X-Forwarded-For", from)
		sign(t, r, signed)
		return h.send(r)
	}
	for range 3 {
		require.Equal(t, http.StatusUnauthorized, send("198.51.100.7", "[]").code)
	}
	got := send("198.51.100.7", "[]")
	require.Equal(t, http.StatusTooManyRequests, got.code)
	require.Equal(t, "rate_limited", got.Error.Code)
	wait, err := strconv.Atoi(got.header.Get("Retry-After"))
	require.NoError(t, err)
	require.InDelta(t, 1200, wait, 2)
	require.Len(t, h.events(), 3, "the fourth is only counted")
	require.Equal(t, http.StatusUnauthorized, send("198.51.100.8", "[]").code)
	require.Equal(t, http.StatusAccepted, send("198.51.100.7", "{}").code)

	_, err = h.handler.FlushSuppressed(t.Context())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		entries := h.journal(meshhook.EntryEventSuppressed)
		return len(entries) == 1 && entries[0].Count == 1
	}, 10*time.Second, 10*time.Millisecond)
}

// Tries of paths cost no database, and end in 429.
func TestUnknownPathsAreLimited(t *testing.T) {
	t.Parallel()
	h := build(t, nil, behindLoopback, func(o *ingress.Options) {
		o.UnknownPaths = limit.NewSenders(meshhook.RateLimit{Limit: 2, Period: time.Minute})
	})
	h.db.Close()
	send := func(from string) reply {
		r := h.request("{}")
		r.URL.Path = "/hooks/guess"
		r.Header.Set("X-Forwarded-For", from)
		return h.send(r)
	}
	for range 2 {
		require.Equal(t, http.StatusNotFound, send("198.51.100.7").code)
	}
	got := send("198.51.100.7")
	require.Equal(t, http.StatusTooManyRequests, got.code)
	require.Equal(t, "rate_limited", got.Error.Code)
	require.Equal(t, "30", got.header.Get("Retry-After"))
	require.Equal(t, http.StatusNotFound, send("198.51.100.8").code)
}

// The three headers stand on every answer of a limited endpoint.
func TestEveryAnswerOfALimitedEndpointSaysWhereItStands(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*meshhook.Endpoint)
		body   string
		edit   func(*http.Request)
		status int
	}{
		"accepted":  {nil, "{}", nil, 202},
		"disabled":  {func(e *meshhook.Endpoint) { e.Enabled = false }, "{}", nil, 410},
		"method":    {nil, "{}", func(r *http.Request) { r.Method = "PUT" }, 405},
		"address":   {func(e *meshhook.Endpoint) { e.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }, "{}", nil, 403},
		"size":      {func(e *meshhook.Endpoint) { e.MaxBody = 10 }, `{"abcde":12}`, nil, 413},
		"signature": {nil, "{}", func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }, 401},
		"syntax":    {nil, "{", nil, 400},
		"encoding":  {nil, "{}", func(r *http.Request) { r.Header.Set("Content-Encoding", "br") }, 415},
		"schema":    {func(e *meshhook.Endpoint) { e.Schema = []byte(`false`) }, "{}", nil, 422},
		"filtered":  {func(e *meshhook.Endpoint) { e.Filter = "false" }, "{}", nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, func(e *meshhook.Endpoint) {
				e.RateLimit = &meshhook.RateLimit{Limit: 9, Period: time.Hour}
				if c.change != nil {
					c.change(e)
				}
			})
			h.t = t
			r := h.request(c.body)
			if c.edit != nil {
				c.edit(r)
			}
			got := h.send(r)
			require.Equal(t, c.status, got.code, got.text)
			require.Equal(t, "9", got.header.Get("X-RateLimit-Limit"))
			remaining := 9
			if c.status == 202 || c.status == 200 || c.status == 400 || c.status == 415 || c.status == 422 {
				remaining = 8 // it was the signature's turn before
			}
			require.Equal(t, fmt.Sprint(remaining), got.header.Get("X-RateLimit-Remaining"))
			reset, err := strconv.ParseInt(got.header.Get("X-RateLimit-Reset"), 10, 64)
			require.NoError(t, err)
			require.InDelta(t, time.Now().Add(time.Duration(9-remaining)*time.Hour).Unix(), reset, 3, "the whole quota is there again after the hour")
		})
	}
}

// Whoever waits for as long as a 429 says does not come too early.
func TestRetryAfterIsNotTooEarly(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.RateLimit = &meshhook.RateLimit{Limit: 1, Period: 10 * time.Second} })
	sent := time.Now()
	require.Equal(t, http.StatusAccepted, h.send(h.request("{}")).code)
	free := sent.Add(10 * time.Second) // or a little later
	for range 3 {
		refused := h.send(h.request("{}"))
		answered := time.Now()
		require.Equal(t, http.StatusTooManyRequests, refused.code)
		wait, err := strconv.Atoi(refused.header.Get("Retry-After"))
		require.NoError(t, err)
		require.LessOrEqual(t, wait, 12)
		require.False(t, answered.Add(time.Duration(wait)*time.Second).Before(free))
		reset, err := strconv.ParseInt(refused.header.Get("X-RateLimit-Reset"), 10, 64)
		require.NoError(t, err)
		require.False(t, time.Unix(reset, 0).Before(free))
	}
}
