package cli

import (
	"errors"
	"time"

	"github.com/spf13/pflag"
)

// moment is a flag for a point in time: one that is written out, or how long ago.
type moment struct {
	at   time.Time
	text string
}

// addMoment adds a flag that takes a moment.
func addMoment(flags *pflag.FlagSet, value *moment, name, help string) {
	flags.Var(value, name, help+": a time like 2006-01-02T15:04:05Z, or how long ago, like 1h")
}

// Type is what help shows for the value.
func (m *moment) Type() string { return "time" }

func (m *moment) String() string { return m.text }

// Set reads what parseMoment reads; an empty text is no moment.
func (m *moment) Set(text string) (err error) {
	m.text = text
	m.at = time.Time{}
	if text != "" {
		m.at, err = parseMoment(text, time.Now())
	}
	return err
}

// parseMoment reads RFC 3339, a date (its beginning in UTC), or a duration before now.
func parseMoment(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, errors.New("write a time like 2006-01-02T15:04:05Z, a date, or how long ago, like 90m or 24h")
	}
	return now.Add(-ago).UTC(), nil
}
