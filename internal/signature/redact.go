package signature

import (
	"net/http"
	"slices"
)

// Redacted stands in the event log for what a secret header held.
const Redacted = "[redacted]"

// SecretHeaders lists the headers whose values are not stored, in canonical
// form: the one in which the scheme receives its token or password, and those
// in which credentials travel whatever the scheme is.
func (v *Verifier) SecretHeaders() []string { return slices.Clone(v.secretHeaders) }

// secretHeaders is what SecretHeaders returns, for a scheme and its engine.
func secretHeaders(s Scheme, e engine) []string {
	names := []string{"Authorization", "Cookie", "Proxy-Authorization"}
	if own := http.CanonicalHeaderKey(s.Header); e.carriesSecret() && !slices.Contains(names, own) {
		names = append(names, own)
	}
	slices.Sort(names)
	return names
}

// Redact returns a copy of h that may be stored: each value of a secret header
// is Redacted. h itself stays as it is.
func (v *Verifier) Redact(h http.Header) http.Header {
	out := h.Clone()
	for name, values := range out {
		if !slices.Contains(v.secretHeaders, http.CanonicalHeaderKey(name)) {
			continue
		}
		for i := range values {
			values[i] = Redacted
		}
	}
	return out
}
