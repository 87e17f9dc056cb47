package meshhook_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const day = 24 * time.Hour

func TestParseRateLimit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text   string
		limit  int64
		period time.Duration
		prints string
	}{
		{"100/minute", 100, time.Minute, "100/minute"},
		{"10/s", 10, time.Second, "10/second"},
		{"5/15m", 5, 15 * time.Minute, "5/15m"},
		{"100-M", 100, time.Minute, "100/minute"},
		{"1-S", 1, time.Second, "1/second"},
		{"7-H", 7, time.Hour, "7/hour"},
		{"9-D", 9, day, "9/day"},
		{"3/sec", 3, time.Second, "3/second"},
		{"3/secs", 3, time.Second, "3/second"},
		{"3/seconds", 3, time.Second, "3/second"},
		{"3/2seconds", 3, 2 * time.Second, "3/2s"},
		{"4/mins", 4, time.Minute, "4/minute"},
		{"4/MIN", 4, time.Minute, "4/minute"},
		{"6/hours", 6, time.Hour, "6/hour"},
		{"8/30days", 8, 30 * day, "8/30d"},
		{"8/24h", 8, day, "8/day"},
		{"8/90s", 8, 90 * time.Second, "8/90s"},
		{"8/60s", 8, time.Minute, "8/minute"},
		{" 1 / minute ", 1, time.Minute, "1/minute"},
		{"999999999999/30d", 999_999_999_999, 30 * day, "999999999999/30d"},
		{"1000000/s", 1_000_000, time.Second, "1000000/second"}, // the most that is counted
		{"1/106751d", 1, 106_751 * day, "1/106751d"},            // the most that a time.Duration holds
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			limit, err := meshhook.ParseRateLimit(test.text)
			require.NoError(t, err)
			require.Equal(t, meshhook.RateLimit{Limit: test.limit, Period: test.period}, limit)
			require.Equal(t, test.prints, limit.String())
		})
	}
}

func TestParseRateLimitRefuses(t *testing.T) {
	t.Parallel()
	bad := []string{
		"", "100", "/minute", "100/", "100//minute", "0/minute", "-1/minute", "1.5/minute", "1e3/minute", "1/0m", "1/-5m",
		"1/fortnight", "1/5", "1/1.5h", "1000000000000/30d", "1/106752d", "1/99999999999999999999s",
		"100/ms", "100/us", "100/ss", "5/hs", // no millisecond that is taken for a minute
		"1/minute\n2/s", "1/m m", "٣/minute", "1  /  minute", "100 per minute",
	}
	for _, text := range bad {
		limit, err := meshhook.ParseRateLimit(text)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), text)
		require.ErrorContains(t, err, "is not a rate limit; write it like 100/minute, 10/s or 5/15m")
		require.Equal(t, meshhook.RateLimit{}, limit)
	}
}

// What is finer than the counters would be another rate than the one that was written.
func TestParseRateLimitRefusesWhatCannotBeCounted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1000001/s", "2000000/s", "60000001/minute", "999999999999/d"} {
		_, err := meshhook.ParseRateLimit(text)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), text)
		require.ErrorContains(t, err, "is more than 1000000 requests a second, which cannot be counted; write a lower rate, or none")
	}
}

// A period that no unit divides cannot come from ParseRateLimit; it prints all the same.
func TestRateLimitPrintsAnOddPeriod(t *testing.T) {
	t.Parallel()
	require.Equal(t, "2/1.5s", meshhook.RateLimit{Limit: 2, Period: 1500 * time.Millisecond}.String())
	require.Equal(t, "0/0s", meshhook.RateLimit{}.String())
}

func TestRateLimitRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour, day}).Draw(t, "unit")
		period := unit * time.Duration(rapid.Int64Range(1, 1_000_000_000/int64(unit/time.Second)).Draw(t, "count"))
		want := meshhook.RateLimit{
			Limit:  rapid.Int64Range(1, min(999_999_999_999, period.Microseconds())).Draw(t, "limit"),
			Period: period,
		}
		got, err := meshhook.ParseRateLimit(want.String())
		require.NoError(t, err)
		require.Equal(t, want, got)

		data, err := json.Marshal(want)
		require.NoError(t, err)
		var back meshhook.RateLimit
		require.NoError(t, json.Unmarshal(data, &back))
		require.Equal(t, want, back)
	})
}

func FuzzParseRateLimit(f *testing.F) {
	for _, seed := range []string{"100/minute", "10/s", "5/15m", "100-M", "100/ms", "0/s", "1/106751d", " 1 / h "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		limit, err := meshhook.ParseRateLimit(text)
		if err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			return
		}
		require.Positive(t, limit.Limit)
		require.Positive(t, limit.Period)
		again, err := meshhook.ParseRateLimit(limit.String())
		require.NoError(t, err)
		require.Equal(t, limit, again)
	})
}

func TestRateLimitJSON(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(meshhook.RateLimit{Limit: 100, Period: time.Minute})
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"simple","value":"100/minute"}`, string(data))

	tests := []struct{ name, data, want string }{
		{"no type", `{"value":"10/s"}`, ""},
		{"simple", `{"type":"simple","value":"10/s"}`, ""},
		{"another type", `{"type":"sliding","value":"10/s"}`, `"sliding" is not a type of rate limit; there is "simple"`},
		{"no value", `{"type":"simple"}`, `"" is not a rate limit; write it like 100/minute, 10/s or 5/15m`},
		{"no rate", `{"type":"simple","value":"much"}`, `"much" is not a rate limit; write it like 100/minute, 10/s or 5/15m`},
		{"a string", `"10/s"`, ""},
		{"a string that is none", `"much"`, `"much" is not a rate limit; write it like 100/minute, 10/s or 5/15m`},
		{"a field that is not known", `{"value":"10/s","burst":3}`, `a rate limit is {"type":"simple","value":"100/minute"}`},
		{"a number for a value", `{"value":10}`, `a rate limit is {"type":"simple","value":"100/minute"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var limit meshhook.RateLimit
			err := json.Unmarshal([]byte(test.data), &limit)
			if test.want == "" {
				require.NoError(t, err)
				require.Equal(t, meshhook.RateLimit{Limit: 10, Period: time.Second}, limit)
				return
			}
			require.EqualError(t, err, test.want)
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			require.Equal(t, meshhook.RateLimit{}, limit)
		})
	}
}
