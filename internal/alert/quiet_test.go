package alert_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestQuietUntil(t *testing.T) {
	t.Parallel()
	night := meshhook.QuietHours{From: "22:00", To: "07:00", Zone: "Europe/Berlin"}
	lunch := meshhook.QuietHours{From: "12:00", To: "13:30"}
	gap := meshhook.QuietHours{From: "01:00", To: "02:30", Zone: "Europe/Berlin"} // 02:00 to 03:00 is missing on 29 March 2026
	twice := meshhook.QuietHours{From: "00:00", To: "02:30", Zone: "Europe/Berlin"}
	tests := map[string]struct {
		hours      meshhook.QuietHours
		now, until string // UTC; until "" is not quiet
	}{
		"before":                      {lunch, "2026-05-01T11:59:59.999Z", ""},
		"at the beginning":            {lunch, "2026-05-01T12:00:00Z", "2026-05-01T13:30:00Z"},
		"within a minute":             {lunch, "2026-05-01T13:29:59.999999999Z", "2026-05-01T13:30:00Z"},
		"at the end":                  {lunch, "2026-05-01T13:30:00Z", ""},
		"in the evening":              {night, "2026-01-31T22:15:00Z", "2026-02-01T06:00:00Z"},
		"at midnight":                 {night, "2026-01-31T23:00:00Z", "2026-02-01T06:00:00Z"},
		"in the morning":              {night, "2026-02-01T05:59:00Z", "2026-02-01T06:00:00Z"},
		"by day":                      {night, "2026-02-01T06:00:00Z", ""},
		"clocks forward in the night": {night, "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"},
		"clocks back in the night":    {night, "2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"},
		"the end is skipped":          {gap, "2026-03-29T00:10:00Z", "2026-03-29T01:00:00Z"},
		"the end comes":               {twice, "2026-10-25T00:10:00Z", "2026-10-25T00:30:00Z"},
		"and comes again":             {twice, "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z"},
		"between":                     {twice, "2026-10-25T00:45:00Z", ""},
		"to the end of the day":       {meshhook.QuietHours{From: "18:00", To: "24:00"}, "2026-05-01T23:00:00Z", "2026-05-02T00:00:00Z"},
		"a quarter off":               {meshhook.QuietHours{From: "09:00", To: "10:00", Zone: "Asia/Kathmandu"}, "2026-05-01T03:20:30Z", "2026-05-01T04:15:00Z"},
		"wrong hours":                 {meshhook.QuietHours{From: "x", To: "10:00"}, "2026-05-01T03:20:30Z", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now, err := time.Parse(time.RFC3339Nano, test.now)
			require.NoError(t, err)
			until, ok := alert.QuietUntil(test.hours, now)
			require.Equal(t, test.until != "", ok)
			if ok {
				require.Equal(t, test.until, until.Format(time.RFC3339Nano))
			}
		})
	}
}

// minute is a time of day.
func minute(t *rapid.T, name string) string {
	return time.Date(2026, 1, 1, 0, rapid.IntRange(0, 1439).Draw(t, name), 0, 0, time.UTC).Format("15:04")
}

func TestQuietEndsAtTheFirstLoudMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hours := meshhook.QuietHours{
			From: minute(t, "from"), To: minute(t, "to"),
			Zone: rapid.SampledFrom([]string{"", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"}).Draw(t, "zone"),
		}
		now := time.Unix(rapid.Int64Range(1_700_000_000, 1_800_000_000).Draw(t, "now"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		until, ok := alert.QuietUntil(hours, now)
		if !ok {
			return
		}
		require.True(t, until.After(now))
		require.LessOrEqual(t, until.Sub(now), 26*time.Hour)
		require.Zero(t, until.Second()+until.Nanosecond())
		_, still := alert.QuietUntil(hours, until)
		require.False(t, still, "it is quiet at its end")
		between := now.Add(time.Duration(rapid.Int64Range(0, int64(until.Sub(now))-1).Draw(t, "between")))
		same, still := alert.QuietUntil(hours, between)
		require.True(t, still)
		require.Equal(t, until, same)
	})
}

func FuzzQuietUntil(f *testing.F) {
	f.Add("22:00", "07:00", "Europe/Berlin", int64(1_774_742_400))
	f.Add("24:00", "00:01", "", int64(-62_135_596_800))
	f.Add("", "", "../../etc/passwd", int64(0))
	f.Fuzz(func(t *testing.T, from, to, zone string, now int64) {
		at := time.Unix(now%253_402_300_800, 0)
		until, ok := alert.QuietUntil(meshhook.QuietHours{From: from, To: to, Zone: zone}, at)
		require.True(t, !ok || until.After(at))
	})
}
