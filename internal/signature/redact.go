package signature

import (
	"encoding/base64"
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

// secretHeaders is what SecretHeaders returns, for a scheme and its engine: also
// those of every provider that sends a secret, since a sender is easily set up with
// another's scheme.
func secretHeaders(s Scheme, e engine) []string {
	names := []string{"Authorization", "Cookie", "Proxy-Authorization"}
	if e.carriesSecret() && s.Header != "" {
		names = append(names, http.CanonicalHeaderKey(s.Header))
	}
	for _, known := range table() {
		if known.Engine == EngineToken && known.Header != "" {
			names = append(names, http.CanonicalHeaderKey(known.Header))
		}
		for _, h := range known.Handshakes {
			if h.Adopt != "" {
				names = append(names, http.CanonicalHeaderKey(h.Adopt))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// minShown is how long a secret has to be before every value that holds it is
// redacted, in bytes: shorter ones stand in too many values by chance.
const minShown = 6

// holds returns what tells whether a value holds one of the keys, as it is or as
// Basic credentials: a secret may come in another header than the scheme's, as it
// does while the webhook is being changed.
func holds(keys []Key) func(value string) bool {
	var secrets []string
	for _, key := range keys {
		if text := key.Value.Reveal(); len(text) >= minShown {
			secrets = append(secrets, text, base64.StdEncoding.EncodeToString([]byte(text)))
		}
	}
	return func(value string) bool {
		return slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(value, secret) })
	}
}

// RedactQuery returns a query string that may be stored: the values of the
// parameters that carry a secret, and those that hold one of the keys, are Redacted,
// and everything else is as it came.
func (v *Verifier) RedactQuery(query string, keys []Key) string {
	if query == "" {
		return query
	}
	secret, held := v.secretParameters(), holds(keys)
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		pairs[i] = redactPair(pair, secret)
		if plain, err := url.QueryUnescape(pairs[i]); err == nil && held(plain) {
			name, _, _ := strings.Cut(pairs[i], "=")
			pairs[i] = name + "=" + Redacted
		}
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

// Redact returns a copy of h that may be stored: each value of a secret header, and
// each that holds one of the keys, is Redacted. h itself stays as it is.
func (v *Verifier) Redact(h http.Header, keys []Key) http.Header {
	out, held := h.Clone(), holds(keys)
	for name, values := range out {
		secret := slices.Contains(v.secretHeaders, http.CanonicalHeaderKey(name))
		for i := range values {
			if secret || held(values[i]) {
				values[i] = Redacted
			}
		}
	}
	return out
}
