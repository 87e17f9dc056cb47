package signature

import (
	"net/http"
	"strconv"
	"time"
)

// Limits on what a header may bring and be called. The longest signature that a
// scheme knows is 128 characters (SHA-512 in hex), so maxHeader holds
// maxSignatures of them, and providers send two at most.
const (
	maxHeader     = 4096 // bytes of a header's value
	maxSignatures = 16   // signatures in one header
	maxHeaderName = 128
	maxPrefix     = 128
	maxDigits     = 12 // of a timestamp: seconds until the year 33658
)

// headerName is a header's name as it is written in the scheme, for messages,
// and in the canonical form of net/http, so that looking it up costs nothing.
type headerName struct{ shown, canonical string }

func newHeaderName(name string) headerName {
	return headerName{name, http.CanonicalHeaderKey(name)}
}

// one returns the value of a header that has to come exactly once. A second one
// is refused, since whoever stands before us may have looked at the other.
func one(h http.Header, name headerName) (string, *Failure) {
	values := h.Values(name.canonical)
	switch {
	case len(values) == 0:
		return "", refuse(ReasonMissingHeader, "the header %s is missing", name.shown)
	case len(values) > 1:
		return "", refuse(ReasonDuplicateHeader, "the header %s came %d times; it may come once", name.shown, len(values))
	case values[0] == "":
		return "", refuse(ReasonMissingHeader, "the header %s is empty", name.shown)
	case len(values[0]) > maxHeader:
		return "", refuse(ReasonMalformedHeader, "the header %s is longer than %d bytes", name.shown, maxHeader)
	}
	return values[0], nil
}

// unixTime reads a timestamp in Unix seconds: digits and nothing else, where
// strconv alone would take a sign. What is signed is the text, so two spellings
// of one time are two messages.
func unixTime(text string) (time.Time, bool) {
	if text == "" || len(text) > maxDigits {
		return time.Time{}, false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return time.Time{}, false
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0), err == nil
}
