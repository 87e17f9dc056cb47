package schema

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

const (
	// maxNumberLength and maxExponent bound the numbers that are compared. The
	// strict engine computes with exact fractions: 1e1000000 costs it 80 ms and a
	// megabyte each time, and one digit more makes it fail.
	maxNumberLength = 1000
	maxExponent     = 500
	// maxExactDigits is how many significant digits every float64 keeps
	// (DBL_DIG in C), so that distinct numbers stay distinct and in order.
	maxExactDigits = 15
)

// isComparable tells whether a number is small enough to be compared with others.
func isComparable(n json.Number) bool {
	if len(n) > maxNumberLength {
		return false
	}
	_, exponent, found := cutExponent(string(n))
	if !found {
		return true
	}
	e, err := strconv.Atoi(exponent)
	return err == nil && -maxExponent <= e && e <= maxExponent
}

// isExact tells whether a float64 stands for the number without loss.
func isExact(n json.Number) bool {
	return len(n) <= maxExactDigits && !strings.ContainsAny(string(n), "eE")
}

func cutExponent(number string) (mantissa, exponent string, found bool) {
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		return number[:i], number[i+1:], true
	}
	return number, "", false
}

func isInteger(f float64) bool { return f == math.Trunc(f) }
