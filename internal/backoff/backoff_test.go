package backoff_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/backoff"
	"github.com/profullstack/meshhook/internal/meshhook"
)

const almostOne = 1 - 1.0/(1<<53) // the largest float below 1

func TestDelay(t *testing.T) {
	t.Parallel()
	plain := backoff.Policy{Initial: time.Second, Max: time.Minute, Multiplier: 2}
	jittered := backoff.Policy{Initial: 10 * time.Second, Max: time.Minute, Multiplier: 2, Jitter: 0.2}
	forever := backoff.Policy{Initial: time.Second, Max: math.MaxInt64, Multiplier: 10, Jitter: 1}

	for name, tt := range map[string]struct {
		policy  backoff.Policy
		attempt int
		rnd     float64
		want    time.Duration
	}{
		"first":                    {plain, 1, 0.5, time.Second},
		"second":                   {plain, 2, 0.5, 2 * time.Second},
		"last below max":           {plain, 6, 0.5, 32 * time.Second},
		"cut at max":               {plain, 7, 0.5, time.Minute},
		"power overflows":          {plain, math.MaxInt, 0.5, time.Minute},
		"zero counts as first":     {plain, 0, 0.5, time.Second},
		"negative counts as first": {plain, math.MinInt, 0.5, time.Second},
		"constant":                 {backoff.Policy{Initial: time.Second, Max: time.Minute, Multiplier: 1}, 99, 0.5, time.Second},
		"shortest":                 {jittered, 1, 0, 8 * time.Second},
		"middle":                   {jittered, 1, 0.5, 10 * time.Second},
		"longest":                  {jittered, 1, almostOne, 12 * time.Second},
		"jitter at max, shorter":   {jittered, 9, 0, 48 * time.Second},
		"jitter at max, longer":    {jittered, 9, almostOne, 72 * time.Second},
		"beyond the largest":       {forever, 999, almostOne, math.MaxInt64},
		"full jitter to nothing":   {forever, 999, 0, 0},
		"wild jitter":              {backoff.Policy{Initial: 1, Max: 1, Multiplier: 1, Jitter: 5}, 1, 0, 0},
		"not a number":             {backoff.Policy{Initial: 1, Max: 7, Multiplier: math.NaN()}, 3, 0.5, 7},
		"zero policy":              {backoff.Policy{}, 5, 0.5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.InDelta(t, tt.want, tt.policy.Delay(tt.attempt, tt.rnd), 10) // ns: what floats may lose
		})
	}
}

// A valid policy's waits stay within the jitter around [Initial, Max] and,
// with the same luck, never get shorter.
func TestDelay_Bounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := backoff.Policy{
			Initial:    time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "initial")),
			Multiplier: rapid.Float64Range(1, 1e6).Draw(t, "multiplier"),
			Jitter:     rapid.Float64Range(0, 1).Draw(t, "jitter"),
		}
		p.Max = p.Initial + time.Duration(rapid.Int64Range(0, int64(1e6*time.Hour)).Draw(t, "growth"))
		require.NoError(t, p.Validate())

		attempt := rapid.IntRange(1, math.MaxInt-1).Draw(t, "attempt")
		rnd := rapid.Float64Range(0, almostOne).Draw(t, "rnd")
		wait := p.Delay(attempt, rnd)
		const slack = 1e-9 // relative error of the arithmetic
		require.GreaterOrEqual(t, float64(wait), float64(p.Initial)*(1-p.Jitter)*(1-slack)-1)
		require.LessOrEqual(t, float64(wait), float64(p.Max)*(1+p.Jitter)*(1+slack)+1)
		require.GreaterOrEqual(t, p.Delay(attempt+1, rnd), wait)
	})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		policy backoff.Policy
		want   string // "" is valid
	}{
		"usual":                {backoff.Policy{Initial: time.Second, Max: time.Minute, Multiplier: 2, Jitter: 0.2}, ""},
		"smallest":             {backoff.Policy{Initial: 1, Max: 1, Multiplier: 1}, ""},
		"full jitter":          {backoff.Policy{Initial: 1, Max: 1, Multiplier: 1, Jitter: 1}, ""},
		"zero":                 {backoff.Policy{}, "initial must be longer than 0s, but is 0s"},
		"max before initial":   {backoff.Policy{Initial: 2, Max: 1, Multiplier: 1}, "max must not be shorter than initial (2ns), but is 1ns"},
		"shrinking":            {backoff.Policy{Initial: 1, Max: 1, Multiplier: 0.99}, "multiplier must be 1 or more, but is 0.99"},
		"multiplier NaN":       {backoff.Policy{Initial: 1, Max: 1, Multiplier: math.NaN()}, "multiplier must be 1 or more, but is NaN"},
		"multiplier unlimited": {backoff.Policy{Initial: 1, Max: 1, Multiplier: math.Inf(1)}, "multiplier must be 1 or more, but is +Inf"},
		"negative jitter":      {backoff.Policy{Initial: 1, Max: 1, Multiplier: 1, Jitter: -0.1}, "jitter must lie between 0 and 1, but is -0.1"},
		"too much jitter":      {backoff.Policy{Initial: 1, Max: 1, Multiplier: 1, Jitter: 1.1}, "jitter must lie between 0 and 1, but is 1.1"},
		"jitter NaN":           {backoff.Policy{Initial: 1, Max: 1, Multiplier: 1, Jitter: math.NaN()}, "jitter must lie between 0 and 1, but is NaN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.policy.Validate()
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tt.want)
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
		})
	}
}
