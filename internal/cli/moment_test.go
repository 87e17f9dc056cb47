package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseMoment(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"1h":                        now.Add(-time.Hour),
		"90m30s":                    now.Add(-90*time.Minute - 30*time.Second),
		"0s":                        now,
		"2026-11-01":                time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-01T10:00:00Z":      time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC),
		"2026-11-01T10:00:00.5Z":    time.Date(2026, 11, 1, 10, 0, 0, 5e8, time.UTC),
		"2026-11-01T10:00:00+02:00": time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC),
	} {
		got, err := parseMoment(text, now)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"soon", "-1h", "1", "2026-13-01", "2026-11-01 10:00", "2026-11-01T10:00:00"} {
		_, err := parseMoment(text, now)
		require.ErrorContains(t, err, "write a time like", text)
	}
	m := moment{at: now}
	require.NoError(t, m.Set(""))
	require.True(t, m.at.IsZero(), "an empty one takes it away")
	require.NoError(t, m.Set("1h"))
	require.WithinDuration(t, time.Now().Add(-time.Hour), m.at, time.Minute)
	require.Equal(t, "1h", m.String())
}

func FuzzParseMoment(f *testing.F) {
	for _, seed := range []string{"1h", "2026-11-01", "2026-11-01T10:00:00Z", "-1h", "9999999h", "0001-01-01"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Now()
		at, err := parseMoment(text, now)
		if err != nil {
			require.True(t, at.IsZero())
			return
		}
		require.Equal(t, time.UTC, at.Location())
		if ago, notAgo := time.ParseDuration(text); notAgo == nil {
			require.Equal(t, ago, now.Sub(at))
		}
	})
}
