package ingress_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// twin is another daemon's ingress on the same database.
func (h *house) twin() *house {
	h.t.Helper()
	other := *h
	other.handler = ingress.New(ingress.Options{Store: h.db, Log: slog.New(slog.DiscardHandler)})
	other.refresh()
	other.server = httptest.NewServer(other.handler)
	h.t.Cleanup(other.server.Close)
	return &other
}

// The old secret ends by itself, at its time, on every daemon: no request that
// begins after it is verified, and none that ended before it is refused.
func TestASecretExpiresAtItsTimeOnEveryDaemon(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	require.NoError(t, h.project.RotateEndpointSecret(t.Context(), h.endpoint.Path, meshhook.NewSecret("another"), 700*time.Millisecond))
	_, secrets, err := h.project.Endpoint(t.Context(), h.endpoint.Path)
	require.NoError(t, err)
	expires := *secrets[0].ExpiresAt
	h.refresh()
	daemons := []*house{h, h.twin()}
	for _, d := range daemons {
		accepted := 0
		for {
			begun := time.Now()
			got := d.send(d.request("{}"))
			if got.code == http.StatusUnauthorized {
				require.False(t, time.Now().Before(expires), "refused before its time")
				break
			}
			require.Equal(t, http.StatusAccepted, got.code)
			require.True(t, begun.Before(expires), "verified after its time")
			accepted++
		}
		if d == h {
			require.Positive(t, accepted)
		}
	}
}

// The time of a secret's last use is kept, the first at once and then one in a
// minute, and what is collected is stored in the end.
func TestTheLastUseOfASecretIsKept(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	used := func() *time.Time {
		_, secrets, err := h.project.Endpoint(t.Context(), h.endpoint.Path)
		require.NoError(t, err)
		return secrets[0].LastUsedAt
	}
	flush := func() {
		_, err := h.handler.FlushUses(t.Context())
		require.NoError(t, err)
	}
	forged := h.request("{}")
	sign(t, forged, "[]")
	require.Equal(t, http.StatusUnauthorized, h.send(forged).code)
	flush()
	require.Nil(t, used(), "a forgery is no use")

	begun := time.Now().Truncate(time.Microsecond)
	require.Equal(t, http.StatusAccepted, h.send(h.request("{}")).code)
	flush()
	first := *used()
	require.False(t, first.Before(begun))
	require.Equal(t, http.StatusAccepted, h.send(h.request("{}")).code)
	flush()
	require.Equal(t, first, *used(), "not written with every request")
	require.NoError(t, h.handler.Finish(t.Context()))
	require.True(t, used().After(first), "a daemon that stops leaves nothing out")
}

// A database that is away loses no use.
func TestUsesSurviveAFailedFlush(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	require.Equal(t, http.StatusAccepted, h.send(h.request("{}")).code)
	h.db.Close()
	_, err := h.handler.FlushUses(t.Context())
	require.Equal(t, meshhook.CodeUnavailable, meshhook.ErrorCode(err))
	require.Equal(t, meshhook.CodeUnavailable, meshhook.ErrorCode(h.handler.Finish(t.Context())), "it is still due")
}
