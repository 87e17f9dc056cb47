package meshhook_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
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
		got, err := meshhook.ParseMoment(text, now)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"soon", "-1h", "1", "2026-13-01", "2026-11-01 10:00", "2026-11-01T10:00:00"} {
		_, err := meshhook.ParseMoment(text, now)
		require.ErrorContains(t, err, "write a time like", text)
	}
}

func FuzzParseMoment(f *testing.F) {
	for _, seed := range []string{"1h", "2026-11-01", "2026-11-01T10:00:00Z", "-1h", "9999999h", "0001-01-01"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Now()
		at, err := meshhook.ParseMoment(text, now)
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
