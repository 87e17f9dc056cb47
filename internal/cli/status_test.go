package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestCircuitText(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := meshhook.Circuit{Host: "crm.example.com:443", State: meshhook.CircuitOpen, Failures: 5, Reason: "503", RetryAt: now.Add(25 * time.Second)}
	require.Equal(t, "crm.example.com:443 open, 5 failures (503), tried again in 25s", circuitText(&c, now))
	require.Equal(t, "crm.example.com:443 open, 5 failures (503), tried again by the next call", circuitText(&c, now.Add(time.Minute)))
	c.State = meshhook.CircuitHalfOpen
	require.Equal(t, "crm.example.com:443 half open, 5 failures (503), one call is trying it again", circuitText(&c, now))
}

func TestBrokenAt(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"one two", "three"}, brokenAt("one two three", 8))
	require.Equal(t, []string{"a-word-that-is-long", "x"}, brokenAt("a-word-that-is-long x", 8))
	require.Equal(t, []string{""}, brokenAt("", 8))
	require.Equal(t, []string{"日本", "語"}, brokenAt("日本 語", 5), "wide characters count twice")
}

func TestPerSecond(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 1: "0.0167", 61: "1.02", 5_999: "100", 6_000: "100", 123_456: "2058", 6_000_000_000: "100000000"} {
		require.Equal(t, want, perSecond(n, 60), n)
	}
}

// One screen: nothing is wider than sixty columns, and every value stands in the order of
// the names.
func TestStatusAtSixtyColumns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Now()
	ms, share := 12.0, 0.5
	a := &app{noColor: true, IO: IO{Out: &out, OutTTY: true, Size: func() (int, int) { return 60, 24 }}}
	status := meshhook.Status{
		Daemons: []meshhook.Daemon{{Host: "hooks-1.example.com", PID: 12345, Version: "1.2.3", Roles: []string{"ingress", "worker", "admin"}, StartedAt: now.Add(-72 * time.Hour)}},
		Events:  map[meshhook.EventStatus]int64{meshhook.EventAccepted: 100000, meshhook.EventRejected: 1000, meshhook.EventDuplicate: 10},
		Blocked: 3, OldestQueued: &now, Circuits: []meshhook.Circuit{{Host: "crm.example.com:443", Failures: 5, Reason: "503", RetryAt: now}},
		Alerts: meshhook.AlertHealth{Unheard: 1},
		More: &meshhook.StatusMore{
			Rates:  meshhook.Rates{Events: meshhook.Lately{Minute: 600, Hour: 3700}},
			Places: []meshhook.Places{{Workflow: "orders", Limit: 2, Taken: 2, Waiting: 7}, {Workflow: "freed", Taken: 1}},
			Ledger: meshhook.ReportAlerts(now, meshhook.AlertStats{
				Delivered: &share, Dispatch: meshhook.Percentiles{P50: &ms, P95: &ms, P99: &ms},
			}, nil, nil),
			Storage: meshhook.Storage{Total: 1 << 40, Events: 1 << 30},
		},
	}
	require.NoError(t, writeStatus(a, &out, "default", status))
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, cells(strings.TrimRight(line, "\n")), 60, line)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"version 1.2.3, up 72h0m0s", "events/s 10 last minute, 1.03 last hour", "places orders: 2 taken, 7 waiting, at most 2 for each key",
		"freed: 1 taken, 0 waiting, without a limit by now", "delivered, 24h 50 %, promised 99.99 %", "p99 12ms, promised 500ms", "storage 1 TiB: events 1 GiB",
	} {
		require.Contains(t, text, want)
	}
	require.Less(t, strings.Index(text, "daemon"), strings.Index(text, "webhooks"))
}

func TestRatesAndLatenciesAreReadable(t *testing.T) {
	t.Parallel()
	for text, n := range map[string]int64{"0": 0, "0.0167": 1, "0.983": 59, "99.8": 5990, "100": 6000, "1000": 60_000, "2041": 122_460} {
		require.Equal(t, text, perSecond(n, 60))
	}
	for text, ms := range map[string]float64{"0ms": 0.2, "63ms": 63, "9999ms": 9999, "10s": 10_000, "1m5s": 65_006} {
		require.Equal(t, text, msText(&ms))
	}
	require.Empty(t, msText(nil))
}
