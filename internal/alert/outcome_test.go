package alert_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status  int
		failed  meshhook.DeliveryReason
		outcome alert.Outcome
		reason  meshhook.DeliveryReason
		state   meshhook.DeliveryStatus
	}{
		{200, "", alert.Delivered, "", meshhook.DeliveryDelivered},
		{299, "", alert.Delivered, "", meshhook.DeliveryDelivered},
		{410, "", alert.Gone, meshhook.DeliveryGone, meshhook.DeliveryDiscarded},
		{199, "", alert.Exhausted, meshhook.DeliveryHTTPStatus, meshhook.DeliveryExhausted},
		{300, "", alert.Exhausted, meshhook.DeliveryHTTPStatus, meshhook.DeliveryExhausted},
		{302, "", alert.Exhausted, meshhook.DeliveryHTTPStatus, meshhook.DeliveryExhausted},
		{401, "", alert.Exhausted, meshhook.DeliveryHTTPStatus, meshhook.DeliveryExhausted},
		{600, "", alert.Exhausted, meshhook.DeliveryHTTPStatus, meshhook.DeliveryExhausted},
		{0, meshhook.DeliveryRefused, alert.Exhausted, meshhook.DeliveryRefused, meshhook.DeliveryExhausted},
		{0, meshhook.DeliveryExpression, alert.Exhausted, meshhook.DeliveryExpression, meshhook.DeliveryExhausted},
		{200, meshhook.DeliveryConnection, alert.Retry, meshhook.DeliveryConnection, meshhook.DeliveryPending},
		{0, meshhook.DeliveryTimeout, alert.Retry, meshhook.DeliveryTimeout, meshhook.DeliveryPending},
		{0, meshhook.DeliveryCircuitOpen, alert.Retry, meshhook.DeliveryCircuitOpen, meshhook.DeliveryPending},
		{0, meshhook.DeliveryCrashed, alert.Retry, meshhook.DeliveryCrashed, meshhook.DeliveryPending},
		{0, meshhook.DeliveryInternal, alert.Retry, meshhook.DeliveryInternal, meshhook.DeliveryPending},
	}
	for _, status := range []int{408, 409, 425, 429, 500, 503, 599} {
		tests = append(tests, tests[0])
		last := &tests[len(tests)-1]
		last.status, last.outcome, last.reason, last.state = status, alert.Retry, meshhook.DeliveryHTTPStatus, meshhook.DeliveryPending
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.status, test.failed), func(t *testing.T) {
			t.Parallel()
			outcome, reason := alert.Judge(test.status, test.failed)
			require.Equal(t, test.outcome, outcome)
			require.Equal(t, test.reason, reason)
			require.Equal(t, test.state, outcome.Status())
			require.True(t, outcome == alert.Retry || meshhook.DeliveryPending.CanBecome(outcome.Status()))
		})
	}
}

func TestDefaultSchedule(t *testing.T) {
	t.Parallel()
	text := fmt.Sprint(alert.DefaultSchedule())
	require.Equal(t, "[0s 5s 30s 2m 10m 30m 2h 5h 10h 14h]", text)
	alert.DefaultSchedule()[0] = 1
	require.Equal(t, text, fmt.Sprint(alert.DefaultSchedule()), "it gives a copy")
}

func TestNextWait(t *testing.T) {
	t.Parallel()
	tests := []struct {
		schedule []meshhook.Duration
		attempts int
		random   float64
		after    time.Duration
		wait     time.Duration
		ok       bool
	}{
		{nil, 0, 0.9, 0, 0, true},
		{nil, 1, 0.5, 0, 5 * time.Second, true},
		{nil, 1, 0, 0, 4 * time.Second, true},
		{nil, 9, 0.5, 0, 14 * time.Hour, true},
		{nil, 10, 0.5, time.Minute, 0, false},
		{nil, -1, 0.5, 0, 0, false},
		{[]meshhook.Duration{0, 0}, 1, 0.5, 0, 0, true},
		{[]meshhook.Duration{0}, 1, 0.5, 0, 0, false},
		{nil, 1, 0, time.Minute, time.Minute, true},
		{nil, 1, 0.5, time.Minute, 66 * time.Second, true},
		{nil, 1, 0.5, time.Second, 5 * time.Second, true},
		{nil, 1, 0, 1 << 62, time.Hour, true},
		{nil, 1, 0.5, -time.Second, 5 * time.Second, true},
		{nil, 9, 0.5, 1 << 62, 14 * time.Hour, true},
	}
	for _, test := range tests {
		wait, ok := alert.NextWait(test.schedule, test.attempts, test.random, test.after)
		require.Equal(t, test.ok, ok, test)
		require.Equal(t, test.wait, wait, test)
	}
}

func TestNextWaitStaysInItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		schedule := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) meshhook.Duration {
			return meshhook.Duration(rapid.Int64Range(0, int64(alert.MaxWait)).Draw(t, "wait"))
		}), 1, alert.MaxAttempts).Draw(t, "schedule")
		attempts := rapid.IntRange(0, len(schedule)-1).Draw(t, "attempts")
		after := time.Duration(rapid.Int64().Draw(t, "after"))
		wait, ok := alert.NextWait(schedule, attempts, rapid.Float64Range(0, 0.999).Draw(t, "random"), after)
		require.True(t, ok)
		planned := float64(schedule[attempts])
		asked := float64(min(max(after, 0), alert.MaxRetryAfter))
		require.GreaterOrEqual(t, float64(wait), max(0.8*planned, asked)-1)
		require.LessOrEqual(t, float64(wait), max(1.2*planned, 1.2*asked)+1)
	})
}

func TestMaxWithheld(t *testing.T) {
	t.Parallel()
	const day = meshhook.Duration(24 * time.Hour)
	for want, schedule := range map[time.Duration][]meshhook.Duration{
		48 * time.Hour: {0, day},
		60 * time.Hour: {0, day, day + day/12},
		72 * time.Hour: {0, day, day, day / 2},
	} {
		require.Equal(t, want, alert.MaxWithheld(schedule), schedule)
	}
	require.Equal(t, 48*time.Hour, alert.MaxWithheld(nil))
}
