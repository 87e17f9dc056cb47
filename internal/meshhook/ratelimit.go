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
	return RateLimit{Limit: limit, Period: time.Duration(count) * unit}, nil
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
