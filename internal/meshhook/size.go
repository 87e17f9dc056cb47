package meshhook

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sizeUnits are the units of sizes in lower case, in bytes: those with an i are powers of
// 1024 (IEC 80000-13), the others of 1000.
var sizeUnits = map[string]int64{
	"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
}

// ParseSize reads a whole number of bytes with a unit or without: 512, 64KiB, 1 MiB,
// 10MB. The unit's case does not matter. Anything else, and what no int64 can hold, is an
// error with CodeInvalid.
func ParseSize(text string) (bytes int64, err error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	unit := sizeUnits[strings.ToLower(strings.TrimPrefix(text[digits:], " "))]
	if err != nil || unit == 0 || n > math.MaxInt64/unit {
		return 0, Errorf(CodeInvalid, "%q is not a size; write it like 512, 64KiB or 1MiB", text)
	}
	return n * unit, nil
}

// FormatSize prints a number of bytes in the largest unit of IEC 80000-13 that divides
// it: "1MiB", "1500B".
func FormatSize(bytes int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if bytes != 0 && bytes%unit.bytes == 0 {
			return strconv.FormatInt(bytes/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(bytes, 10) + "B"
}

// AboutSize prints a number of bytes with at most one digit behind the point: "1.2 GiB",
// "3 MiB".
func AboutSize[N int64 | uint64](bytes N) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return strings.TrimSuffix(strconv.FormatFloat(value, 'f', 1, 64), ".0") + " " + units[unit]
}
