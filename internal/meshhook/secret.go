package meshhook

import (
	"fmt"
	"log/slog"
)

// Mask is what a Secret shows instead of itself.
const Mask = "••••••"

// Secret is a value that must never be shown: through fmt, slog, JSON and YAML
// it prints as Mask. Reveal is the only way to its bytes.
//
// The value stands behind a pointer because fmt asks no method for %p, for a
// wrong %w and inside unexported fields: there it prints an address.
type Secret struct{ value *string }

// NewSecret wraps a value.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{&value}
}

// Reveal returns the value itself. Each call is a place to look at in a review.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero tells whether the secret is empty.
func (s Secret) IsZero() bool { return s.value == nil }

// String returns Mask, or "" when there is nothing to hide.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Mask
}

// Format prints String for every verb: %v, %+v, %#v, %q, %x and the wrong ones.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue masks the secret in slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText masks the secret in JSON, YAML and every other encoder that asks.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML masks the secret for encoders that do not ask MarshalText.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalText takes the value from configuration.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
