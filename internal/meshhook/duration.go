package meshhook

import (
	"strings"
	"time"
)

// Duration is a time.Duration that reads and prints as Go's duration text
// ("1m30s") in JSON and YAML.
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns Go's duration text without the zeros at its end, as people write it:
// 720h, not 720h0m0s.
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText prints Go's duration text.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads Go's duration text; a number without a unit and a
// negative duration are refused with CodeInvalid.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return Errorf(CodeInvalid, "%q is not a duration; write it like 90s, 1m30s or 24h", Clip(string(text), 60))
	}
	*d = Duration(v)
	return nil
}
