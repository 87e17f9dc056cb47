package config

import "github.com/profullstack/meshhook/internal/meshhook"

// ByteSize is a number of bytes that reads and prints with a unit ("1MiB").
type ByteSize int64

// The units of ByteSize: those with an i are powers of 1024 (IEC 80000-13), the
// others of 1000.
const (
	KiB ByteSize = 1 << 10
	MiB ByteSize = 1 << 20
	GiB ByteSize = 1 << 30
)

// ParseByteSize reads what meshhook.ParseSize reads.
func ParseByteSize(text string) (ByteSize, error) {
	bytes, err := meshhook.ParseSize(text)
	return ByteSize(bytes), err
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
