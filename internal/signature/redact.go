package signature

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
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
	if own := http.CanonicalHeaderKey(s.Header); e.carriesSecret() && own != "" && !slices.Contains(names, own) {
		names = append(names, own)
	}
	for _, h := range s.Handshakes {
		if h.Adopt != "" {
			names = append(names, http.CanonicalHeaderKey(h.Adopt))
		}
	}
	slices.Sort(names)
	return names
}

// RedactQuery returns a query string that may be stored: the values of the
// parameters that carry a secret are Redacted, and everything else is as it came.
func (v *Verifier) RedactQuery(query string) string {
	secret := v.secretParameters()
	if len(secret) == 0 || query == "" {
		return query
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		pairs[i] = redactPair(pair, secret)
	}
	return strings.Join(pairs, "&")
}

// redactPair redacts a pair of a query string, or several with a semicolon between
// them, as some senders write: from the first secret one on, since its value may
// hold a semicolon as well.
func redactPair(pair string, secret []string) string {
	for at := 0; at < len(pair); {
		one, _, _ := strings.Cut(pair[at:], ";")
		name, _, ok := strings.Cut(one, "=")
		plain, err := url.QueryUnescape(name)
		if ok && (err != nil || slices.Contains(secret, plain)) {
			return pair[:at+len(name)] + "=" + Redacted
		}
		at += len(one) + 1
	}
	return pair
}

// secretParameters are the query parameters that carry a secret.
func (v *Verifier) secretParameters() []string {
	var names []string
	if v.scheme.Query != "" {
		names = append(names, v.scheme.Query)
	}
	for _, h := range v.scheme.Handshakes {
		if h.Token != "" {
			names = append(names, h.Token)
		}
	}
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
