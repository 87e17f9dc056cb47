package cli

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/profullstack/meshhook/internal/meshhook"
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

// Set reads what meshhook.ParseMoment reads; an empty text is no moment.
func (m *moment) Set(text string) (err error) {
	m.text = text
	m.at = time.Time{}
	if text != "" {
		m.at, err = meshhook.ParseMoment(text, time.Now())
	}
	return err
}

// checkSpan refuses a time that ends before it begins.
func checkSpan(since, until moment) error {
	if !until.at.IsZero() && until.at.Before(since.at) {
		return usageError("--until %s is before --since %s", until.text, since.text)
	}
	return nil
}
