package seal

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// masterKeySize is in bytes: a key of AES-256.
const masterKeySize = 32

// MasterKey wraps the keyset that lies in the database. Who has it and the
// database reads everything; who loses it reads nothing any more. It prints
// masked. The zero MasterKey is none, and wraps nothing.
type MasterKey struct{ raw string }

// GenerateMasterKey returns a fresh key of the system's random source.
func GenerateMasterKey() (MasterKey, error) {
	raw := make([]byte, masterKeySize)
	if _, err := rand.Read(raw); err != nil {
		return MasterKey{}, fmt.Errorf("make a master key: %w", err)
	}
	return MasterKey{string(raw)}, nil
}

// ParseMasterKey reads a key's text: 32 bytes in base64 (RFC 4648, section 4),
// with or without padding; white space around it is ignored. Anything else is
// an error with CodeInvalid, which does not repeat the text.
func ParseMasterKey(text meshhook.Secret) (MasterKey, error) {
	trimmed := strings.TrimRight(strings.TrimSpace(text.Reveal()), "=")
	raw, err := base64.RawStdEncoding.Strict().DecodeString(trimmed)
	if err != nil || len(raw) != masterKeySize {
		return MasterKey{}, meshhook.Errorf(meshhook.CodeInvalid,
			"the master key is not 32 bytes in base64; `openssl rand -base64 32` makes one")
	}
	return MasterKey{string(raw)}, nil
}

// Text returns the key as ParseMasterKey reads it.
func (m MasterKey) Text() meshhook.Secret {
	return meshhook.NewSecret(base64.StdEncoding.EncodeToString([]byte(m.raw)))
}

// ID returns the key's fingerprint, 8 hexadecimal digits that may be shown: they
// tell keys apart and say nothing about the key.
func (m MasterKey) ID() string { return hex.EncodeToString(m.fingerprint()) }

// String returns meshhook.Mask.
func (m MasterKey) String() string { return meshhook.Mask }

// Format prints String for every verb.
func (m MasterKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue masks the key in slog.
func (m MasterKey) LogValue() slog.Value { return slog.StringValue(m.String()) }

// MarshalText masks the key in JSON and YAML.
func (m MasterKey) MarshalText() ([]byte, error) { return []byte(m.String()), nil }
