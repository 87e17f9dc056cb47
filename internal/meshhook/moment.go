package meshhook

import "time"

// ParseMoment reads a point in time as people write it: RFC 3339, a date (its
// beginning in UTC), or how long before now. Anything else is a CodeInvalid error.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, Errorf(CodeInvalid, "write a time like 2006-01-02T15:04:05Z, a date, or how long ago, like 90m or 24h")
	}
	return now.Add(-ago).UTC(), nil
}
