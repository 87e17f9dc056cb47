package daemon_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// flood sends as many requests to the webhook `limited`, by the daemons in turn and 16
// at a time, and returns how many were accepted. All others must be refused for the
// rate, with a time to wait.
func flood(t *testing.T, count int, daemons ...*daemon.Daemon) int64 {
	t.Helper()
	var accepted atomic.Int64
	var group errgroup.Group
	group.SetLimit(16)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	t.Cleanup(client.CloseIdleConnections)
	for i := range count {
		group.Go(func() error {
			url := "http://" + daemons[i%len(daemons)].Addr("ingress") + "/hooks/limited"
			r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader("{}"))
			if err != nil {
				return err
			}
			answer, err := client.Do(r)
			if err != nil {
				return err
			}
			defer func() { _ = answer.Body.Close() }() // it is not read
			wait, err := strconv.Atoi(answer.Header.Get("Retry-After"))
			switch {
			case answer.Header.Get("X-RateLimit-Limit") == "":
				return fmt.Errorf("an answer without X-RateLimit-Limit: %s", answer.Status)
			case answer.StatusCode == http.StatusAccepted:
				accepted.Add(1)
			case answer.StatusCode != http.StatusTooManyRequests || err != nil || wait < 1:
				return fmt.Errorf("%s, Retry-After %q", answer.Status, answer.Header.Get("Retry-After"))
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	return accepted.Load()
}

// Two daemons, 1,000 requests, spread over both: exactly the limit is accepted,
// whether they were started together or the second joins when the first has already
// admitted a part.
func TestTwoDaemonsKeepOneRateLimit(t *testing.T) {
	t.Parallel()
	limit := meshhook.RateLimit{Limit: 100, Period: time.Minute}
	for _, before := range []int{0, 40} {
		t.Run(fmt.Sprintf("after %d", before), func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.URL(t)
			furnish(t, dsn, "limited", func(e *meshhook.Endpoint) { e.RateLimit = &limit })
			one, _ := start(t, settings(t, dsn))
			require.Equal(t, int64(before), flood(t, before, one))
			two, _ := start(t, settings(t, dsn))
			require.Equal(t, int64(100-before), flood(t, 1000, one, two))
		})
	}
}

// When one of two stops, the other goes on from where both stood.
func TestADaemonThatIsLeftAloneForgivesNothing(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	limit := meshhook.RateLimit{Limit: 100, Period: 24 * time.Hour}
	furnish(t, dsn, "limited", func(e *meshhook.Endpoint) { e.RateLimit = &limit })
	one, _ := start(t, settings(t, dsn))
	two, stop := start(t, settings(t, dsn))
	require.Equal(t, int64(80), flood(t, 80, one, two))
	require.NoError(t, stop())
	require.Equal(t, int64(20), flood(t, 100, one))
}

// A restart forgives nothing.
func TestADaemonThatStopsHandsItsCountersOn(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	limit := meshhook.RateLimit{Limit: 100, Period: 24 * time.Hour}
	furnish(t, dsn, "limited", func(e *meshhook.Endpoint) { e.RateLimit = &limit })
	one, stop := start(t, settings(t, dsn))
	require.Equal(t, int64(60), flood(t, 60, one))
	require.NoError(t, stop())
	two, _ := start(t, settings(t, dsn))
	require.Equal(t, int64(40), flood(t, 100, two))
}

// A changed rate begins anew on every daemon.
func TestAChangedRateBeginsAnew(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	limit := meshhook.RateLimit{Limit: 5, Period: 24 * time.Hour}
	furnish(t, dsn, "limited", func(e *meshhook.Endpoint) { e.RateLimit = &limit })
	one, _ := start(t, settings(t, dsn))
	two, _ := start(t, settings(t, dsn, "MESHHOOK_LIMITS_STORE=postgres"))
	require.Equal(t, int64(5), flood(t, 50, one, two))

	project := pgtest.Project(t, pgtest.Open(t, dsn))
	endpoint, _, err := project.Endpoint(t.Context(), "limited")
	require.NoError(t, err)
	endpoint.RateLimit = &meshhook.RateLimit{Limit: 7, Period: 24 * time.Hour}
	_, err = pgtest.Update(t.Context(), project, endpoint)
	require.NoError(t, err)
	total := int64(0)
	require.Eventually(t, func() bool {
		total += flood(t, 20, one, two)
		return total >= 7
	}, 5*time.Second, 20*time.Millisecond)
	require.Equal(t, int64(7), total)
}

// Forgeries of one address and its tries of paths end in 429, on the daemon as it
// is configured.
func TestSendersAreLimitedAsConfigured(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	d, _ := start(t, settings(t, dsn, "MESHHOOK_LIMITS_UNKNOWN_PATHS=3/hour"))
	for range 3 {
		require.Equal(t, http.StatusNotFound, post(t, d.Addr("ingress"), "/hooks/nothing"))
	}
	require.Equal(t, http.StatusTooManyRequests, post(t, d.Addr("ingress"), "/hooks/nothing"))
	free, _ := start(t, settings(t, dsn, "MESHHOOK_LIMITS_UNKNOWN_PATHS=none", "MESHHOOK_LIMITS_STORE=memory"))
	for range 400 {
		require.Equal(t, http.StatusNotFound, post(t, free.Addr("ingress"), "/hooks/nothing"))
	}
}
