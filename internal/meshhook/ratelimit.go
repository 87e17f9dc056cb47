package meshhook

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// RateLimit allows Limit requests in each Period.
type RateLimit struct {
	Limit  int64
	Period time.Duration
}

var (
	rateShape = regexp.MustCompile(`^([0-9]{1,12}) ?(/|-) ?([0-9]*)([A-Za-z]+)$`)

	rateUnits = map[string]time.Duration{
		"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
		"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
		"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
		"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	}
)

// ParseRateLimit reads "100/minute", "10/s", "5/15m" and, as a synonym, the
// "100-M" of ulule/limiter. A limit of 0 is refused: it would block everything,
// for which a webhook is disabled. Errors have CodeInvalid.
func ParseRateLimit(text string) (RateLimit, error) {
	m := rateShape.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return RateLimit{}, rateError(text)
	}
	limit, err := strconv.ParseInt(m[1], 10, 64)
	unit, known := rateUnits[strings.ToLower(m[4])]
	if err != nil || limit < 1 || !known {
		return RateLimit{}, rateError(text)
	}
	count := int64(1)
	if m[3] != "" {
		count, err = strconv.ParseInt(m[3], 10, 64)
		if err != nil || count < 1 || count > math.MaxInt64/int64(unit) {
			return RateLimit{}, rateError(text)
		}
	}
	rate := RateLimit{Limit: limit, Period: time.Duration(count) * unit}
	if rate.Period/time.Duration(limit) < time.Microsecond {
		return RateLimit{}, Errorf(CodeInvalid, "%q is more than 1000000 requests a second, which cannot be counted; write a lower rate, or none", text)
	}
	return rate, nil
}

func rateError(text string) error {
	return Errorf(CodeInvalid, "%q is not a rate limit; write it like 100/minute, 10/s or 5/15m", text)
}

// String returns the form that ParseRateLimit reads, in the largest unit that
// divides the period.
func (r RateLimit) String() string {
	units := []struct {
		name string
		d    time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}}
	for _, u := range units {
		if n := r.Period / u.d; n > 0 && r.Period%u.d == 0 {
			if n == 1 {
				return strconv.FormatInt(r.Limit, 10) + "/" + u.name
			}
			return strconv.FormatInt(r.Limit, 10) + "/" + strconv.FormatInt(int64(n), 10) + u.name[:1]
		}
	}
	return strconv.FormatInt(r.Limit, 10) + "/" + r.Period.String()
}

// rateLimitJSON is the REST API's shape of a rate limit.
type rateLimitJSON struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// MarshalJSON prints {"type":"simple","value":"100/minute"}.
func (r RateLimit) MarshalJSON() ([]byte, error) {
	return json.Marshal(rateLimitJSON{Type: "simple", Value: r.String()})
}

// UnmarshalJSON reads {"type":"simple","value":"100/minute"}, where type may be
// left out, or "100/minute" alone. Fields that it does not know are refused.
func (r *RateLimit) UnmarshalJSON(data []byte) error {
	var v rateLimitJSON
	if len(data) == 0 || data[0] != '"' || json.Unmarshal(data, &v.Value) != nil {
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()
		if decoder.Decode(&v) != nil {
			return Errorf(CodeInvalid, `a rate limit is {"type":"simple","value":"100/minute"}`)
		}
	}
	if v.Type != "" && v.Type != "simple" {
		return Errorf(CodeInvalid, "%q is not a type of rate limit; there is \"simple\"", v.Type)
	}
	parsed, err := ParseRateLimit(v.Value)
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// RateTake asks to count requests against a rate.
type RateTake struct {
	// Count requests, all or none, of the Limit in each Period.
	Count, Limit int64
	Period       time.Duration
	// Cost is how far the requests move a key ahead, and Burst how far it may be.
	Cost, Burst time.Duration
}

// RateStanding is where a key stands against its rate. The zero RateStanding is that
// of a key whose whole quota is there.
type RateStanding struct {
	// Ahead is how far ahead of now the key is: what requests have moved it, and time
	// has not caught up with.
	Ahead time.Duration
	// Left is how long the period still lasts that the first request began, and Count
	// how many were admitted in it.
	Left  time.Duration
	Count int64
}

// Take returns the standing after the requests, and whether they are admitted: the
// key is not too far ahead then, and the period's limit is kept.
func (s RateStanding) Take(t RateTake) (RateStanding, bool) {
	if s.Left <= 0 {
		s.Left, s.Count = 0, 0
	}
	if s.Ahead+t.Cost > t.Burst || s.Count+t.Count > t.Limit {
		return s, false
	}
	if s.Left == 0 {
		s.Left = t.Period
	}
	s.Ahead, s.Count = s.Ahead+t.Cost, s.Count+t.Count
	return s, true
}

// After returns the standing when so much time has passed.
func (s RateStanding) After(d time.Duration) RateStanding {
	s.Ahead, s.Left = max(0, s.Ahead-d), max(0, s.Left-d)
	if s.Left == 0 {
		s.Count = 0
	}
	return s
}

// Merge returns the stricter of two standings of one key.
func (s RateStanding) Merge(other RateStanding) RateStanding {
	return RateStanding{max(s.Ahead, other.Ahead), max(s.Left, other.Left), max(s.Count, other.Count)}
}
