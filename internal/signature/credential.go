package signature

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
)

// tokenEngine compares a header with the secret.
type tokenEngine struct {
	scheme Scheme
	header headerName
}

func (e tokenEngine) carriesSecret() bool { return true }

func (e tokenEngine) variants() []string {
	if e.scheme.Prefix == "" {
		return []string{"the whole of " + e.scheme.Header + " equals the secret"}
	}
	return []string{e.scheme.Header + " after " + strings.TrimSpace(e.scheme.Prefix) + " equals the secret"}
}

func (e tokenEngine) verify(r Request, keys []Key, f *Findings) (Key, *Failure) {
	value, failure := one(r.Header, e.header)
	if failure != nil {
		return Key{}, failure
	}
	token, ok := cutPrefixFold(value, e.scheme.Prefix)
	if !ok {
		return Key{}, refuse(ReasonMalformedHeader, "the header %s does not begin with %q", e.scheme.Header, e.scheme.Prefix)
	}
	return matchCredential(e.scheme, token, keys, f)
}

func (e tokenEngine) sign(_ Request, key Key, _ string) (http.Header, error) {
	header := http.Header{}
	header.Set(e.scheme.Header, e.scheme.Prefix+key.Value.Reveal())
	return header, nil
}

// basicEngine compares Basic credentials (RFC 7617) with the secret.
type basicEngine struct {
	scheme Scheme
	header headerName
}

const basicPrefix = "Basic "

func (e basicEngine) carriesSecret() bool { return true }

func (e basicEngine) variants() []string {
	return []string{"the Basic credentials in " + e.scheme.Header + " equal the secret"}
}

func (e basicEngine) verify(r Request, keys []Key, f *Findings) (Key, *Failure) {
	value, failure := one(r.Header, e.header)
	if failure != nil {
		return Key{}, failure
	}
	text, ok := cutPrefixFold(value, basicPrefix)
	if !ok {
		return Key{}, refuse(ReasonMalformedHeader, "the header %s holds no Basic credentials", e.scheme.Header)
	}
	credentials, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return Key{}, refuse(ReasonMalformedHeader, "the credentials in %s are not base64", e.scheme.Header)
	}
	return matchCredential(e.scheme, string(credentials), keys, f)
}

func (e basicEngine) sign(_ Request, key Key, _ string) (http.Header, error) {
	header := http.Header{}
	header.Set(e.scheme.Header, basicPrefix+base64.StdEncoding.EncodeToString([]byte(key.Value.Reveal())))
	return header, nil
}

// matchCredential returns the first key that equals what came. Both sides are
// hashed first, so that the time of comparing tells nothing of their lengths.
func matchCredential(s Scheme, came string, keys []Key, f *Findings) (Key, *Failure) {
	f.Signatures = 1
	digest := sha256.Sum256([]byte(came))
	for _, key := range keys {
		raw, err := keyBytes(s.SecretFormat, key.Value)
		if err != nil {
			f.BadSecrets++
			continue
		}
		f.Secrets++
		want := sha256.Sum256(raw)
		if subtle.ConstantTimeCompare(digest[:], want[:]) == 1 {
			return key, nil
		}
	}
	return Key{}, noMatch(keys, f, "what the header %s holds is not right", s.Header)
}

// cutPrefixFold is strings.CutPrefix regardless of case, as the names of
// authentication schemes are (RFC 9110, section 11.1).
func cutPrefixFold(text, prefix string) (string, bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return "", false
	}
	return text[len(prefix):], true
}

// noneEngine accepts every request. It is reached only by its name.
type noneEngine struct{}

func (noneEngine) carriesSecret() bool { return false }
func (noneEngine) variants() []string  { return nil }

func (noneEngine) verify(Request, []Key, *Findings) (Key, *Failure) { return Key{}, nil }

func (noneEngine) sign(Request, Key, string) (http.Header, error) { return http.Header{}, nil }
