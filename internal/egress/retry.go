package egress

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Retryable tells whether a reply with this status is worth another try: 408,
// 409, 425, 429, and every error of the server's.
func Retryable(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500 && status <= 599
}

// RetryAfter reads how long a reply asks its caller to wait, in seconds or as a
// date (RFC 9110, section 10.2.3). The wait is never negative; it may be absurd,
// so the caller caps it. ok is false where the header is missing or unreadable.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text != "" && strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}
