package daemon_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/daemon"
)

// shut returns when the public listener takes no more connections.
func shut(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	require.Eventually(t, func() bool {
		var dialer net.Dialer
		conn, err := dialer.DialContext(t.Context(), "tcp", d.Addr("ingress"))
		if err == nil {
			require.NoError(t, conn.Close())
		}
		return err != nil
	}, 10*time.Second, time.Millisecond)
}

// Whoever was let in before a daemon stops is answered, though it sends its request
// afterwards: in one piece or in two. A second request on its connection is not.
func TestWhoWasLetInIsAnswered(t *testing.T) {
	t.Parallel()
	d, _, stop := wiredStop(t)
	first, second, idle := dial(t, d), dial(t, d), dial(t, d).asked()
	second.send("%s", head)
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	shut(t, d)
	require.Empty(t, idle.ended())
	first.send("%sContent-Length: 2\r\n\r\n{}", head)
	second.send("Content-Length: 2\r\n\r\n{}")
	for _, w := range []wire{first, second} {
		answer := w.answer()
		require.Equal(t, http.StatusAccepted, answer.status)
		require.True(t, answer.last)
		require.Empty(t, w.ended())
	}
	require.NoError(t, <-stopped)
}

// So is the one that waits for a place at that moment.
func TestWhoWaitsForAPlaceIsAnswered(t *testing.T) {
	t.Parallel()
	d, _, stop := wiredStop(t, "MESHHOOK_INGRESS_MAX_CONNECTIONS=1")
	first := dial(t, d).asked().busy()
	second := dial(t, d)
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	shut(t, d)
	second.send("%sContent-Length: 2\r\n\r\n{}", head)
	require.Equal(t, http.StatusAccepted, second.answer().status)
	first.send("{}")
	require.Equal(t, http.StatusAccepted, first.answer().status)
	require.NoError(t, <-stopped)
}

// Whoever says nothing holds the daemon up for five seconds and no longer.
func TestWhoSaysNothingIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	d, _, stop := wiredStop(t)
	silent := dial(t, d)
	begin := time.Now()
	require.NoError(t, stop())
	require.Less(t, time.Since(begin), 9*time.Second)
	require.Empty(t, silent.ended())
}
