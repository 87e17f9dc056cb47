package signature

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Limits on what a header may bring and be called. The longest signature that a
// scheme knows is that of a 4096-bit RSA key (684 characters of base64), and a
// token may be as long as the header.
const (
	maxHeader     = 8192 // bytes of a header's value
	maxSignatures = 16   // signatures in one request
	maxHeaderName = 128
	maxPrefix     = 128
	maxDigits     = 12 // of a timestamp in seconds: until the year 33658
)

// headerName is a header's name as it is written in the scheme, for messages,
// and in the canonical form of net/http, so that looking it up costs nothing; and
// the other name that it may come under, if there is one.
type headerName struct{ shown, canonical, other string }

func newHeaderName(name string) headerName {
	return headerName{shown: name, canonical: http.CanonicalHeaderKey(name)}
}

// headerName prepares the name of one of the scheme's headers.
func (s Scheme) headerName(name string) headerName {
	h := newHeaderName(name)
	if rest, ok := strings.CutPrefix(name, s.Family); ok && s.OtherFamily != "" {
		h.other = http.CanonicalHeaderKey(s.OtherFamily + rest)
	}
	return h
}

// values returns what came under the name or, if nothing did, under the other.
func (n headerName) values(h http.Header) []string {
	if values := h.Values(n.canonical); len(values) > 0 || n.other == "" {
		return values
	}
	return h.Values(n.other)
}

// one returns the value of a header that has to come exactly once. A second one
// is refused, since whoever stands before us may have looked at the other.
func one(h http.Header, name headerName) (string, *Failure) {
	values := name.values(h)
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

// words says how a timestamp is written.
func (f TimeFormat) words() string {
	switch f {
	case TimeUnixMilli:
		return "a number of milliseconds since 1970"
	case TimeRFC3339:
		return "a time of RFC 3339, like 2026-01-02T15:04:05Z"
	default:
		return "a number of Unix seconds"
	}
}

// write writes a time.
func (f TimeFormat) write(t time.Time) string {
	switch f {
	case TimeUnixMilli:
		return strconv.FormatInt(t.UnixMilli(), 10)
	case TimeRFC3339:
		return t.UTC().Format(time.RFC3339)
	default:
		return strconv.FormatInt(t.Unix(), 10)
	}
}

// readTime reads a timestamp. Of numbers it takes digits and nothing else, where
// strconv alone would take a sign. What is signed is the text, so two spellings
// of one time are two messages.
func readTime(format TimeFormat, text string) (time.Time, bool) {
	switch format {
	case TimeRFC3339:
		t, err := time.Parse(time.RFC3339, text)
		return t, err == nil
	case TimeUnixMilli:
		n, ok := digits(text, maxDigits+3)
		return time.UnixMilli(n), ok
	default:
		n, ok := digits(text, maxDigits)
		return time.Unix(n, 0), ok
	}
}

func digits(text string, most int) (int64, bool) {
	if text == "" || len(text) > most {
		return 0, false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}
