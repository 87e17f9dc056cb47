package config

import (
	"math"
	"strconv"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// ByteSize is a number of bytes that reads and prints with a unit ("1MiB").
type ByteSize int64

// The units of ByteSize: those with an i are powers of 1024 (IEC 80000-13), the
// others of 1000.
const (
	KiB ByteSize = 1 << 10
	MiB ByteSize = 1 << 20
	GiB ByteSize = 1 << 30
)

// unitSize returns the size of a unit in lower case, 0 for none.
func unitSize(unit string) ByteSize {
	switch unit {
	case "", "b":
		return 1
	case "kb":
		return 1e3
	case "mb":
		return 1e6
	case "gb":
		return 1e9
	case "kib":
		return KiB
	case "mib":
		return MiB
	case "gib":
		return GiB
	default:
		return 0
	}
}

// ParseByteSize reads a whole number of bytes with a unit or without: 512,
// 64KiB, 1 MiB, 10MB. The unit's case does not matter. Anything else, and what
// no int64 can hold, is an error with CodeInvalid.
func ParseByteSize(text string) (ByteSize, error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	unit := unitSize(strings.ToLower(strings.TrimPrefix(text[digits:], " ")))
	if err != nil || unit == 0 || ByteSize(n) > math.MaxInt64/unit {
		return 0, meshhook.Errorf(meshhook.CodeInvalid, "%q is not a size; write it like 512, 64KiB or 1MiB", text)
	}
	return ByteSize(n) * unit, nil
}

// String prints what meshhook.FormatSize does.
func (s ByteSize) String() string { return meshhook.FormatSize(int64(s)) }

// MarshalText prints String.
func (s ByteSize) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what ParseByteSize reads.
func (s *ByteSize) UnmarshalText(text []byte) error {
	parsed, err := ParseByteSize(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
