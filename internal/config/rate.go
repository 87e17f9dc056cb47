package config

import (
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Rate is a limit for each sender address; the zero Rate is none.
type Rate struct{ Limit meshhook.RateLimit }

// ParseRate reads what meshhook.ParseRateLimit reads, and "none" for no limit: 0
// could as well be meant to let nothing through. Errors have CodeInvalid.
func ParseRate(text string) (Rate, error) {
	if strings.EqualFold(text, "none") {
		return Rate{}, nil
	}
	limit, err := meshhook.ParseRateLimit(text)
	if err != nil {
		return Rate{}, meshhook.Errorf(meshhook.CodeInvalid, "%w, or none", err)
	}
	return Rate{limit}, nil
}

// IsNone tells whether nothing is limited.
func (r Rate) IsNone() bool { return r.Limit.Limit == 0 }

// String returns the form that ParseRate reads.
func (r Rate) String() string {
	if r.IsNone() {
		return "none"
	}
	return r.Limit.String()
}
