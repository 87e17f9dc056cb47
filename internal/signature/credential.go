package signature

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// tokenEngine compares a header, a query parameter or a field of the body with
// the secret.
type tokenEngine struct {
	scheme Scheme
	header headerName
}

func (e tokenEngine) carriesSecret() bool { return e.scheme.Field == "" }

// place is where the token stands, for messages.
func (e tokenEngine) place() string {
	switch {
	case e.scheme.Header != "":
		return "the header " + e.scheme.Header
	case e.scheme.Query != "":
		return "the query's " + e.scheme.Query
	default:
		return "the body's " + e.scheme.Field
	}
}

func (e tokenEngine) variants() []string {
	place := strings.TrimPrefix(e.place(), "the header ")
	if e.scheme.Prefix == "" {
		return []string{"the whole of " + place + " equals the secret"}
	}
	return []string{place + " after " + strings.TrimSpace(e.scheme.Prefix) + " equals the secret"}
}

func (e tokenEngine) verify(_ context.Context, r Request, keys []Key, f *Findings) (Key, *Failure) {
	if e.scheme.Field != "" {
		return e.verifyFields(r, keys, f)
	}
	return verifyCredential(e.scheme, e.place(), e.present, r, keys, f)
}

// present returns the token that came.
func (e tokenEngine) present(r Request) (string, *Failure) {
	var value string
	var failure *Failure
	if e.scheme.Query != "" {
		value, failure = oneParameter(r.URL, e.scheme.Query)
	} else {
		value, failure = one(r.Header, e.header)
	}
	if failure != nil {
		return "", failure
	}
	token, ok := cutPrefixFold(value, e.scheme.Prefix)
	if !ok {
		return "", refuse(ReasonMalformedHeader, "the header %s does not begin with %q", e.scheme.Header, e.scheme.Prefix)
	}
	return token, nil
}

// verifyFields compares every element of the body's list, none of which may go
// unseen, with one key.
func (e tokenEngine) verifyFields(r Request, keys []Key, f *Findings) (Key, *Failure) {
	document := newMessage(r, e.scheme).document
	tokens := document.all(e.scheme.Field)
	if len(tokens) == 0 {
		return Key{}, refuse(ReasonMissingHeader, "the body has no token in %s", e.scheme.Field)
	}
	first, failure := matchCredential(e.scheme, digest(nil, tokens[0]), nil, keys, f, e.place())
	for _, token := range tokens[1:] {
		if failure == nil && subtle.ConstantTimeCompare([]byte(token), []byte(tokens[0])) != 1 {
			failure = refuse(ReasonMismatch, "the elements of %s do not all hold the same", e.place())
		}
	}
	if failure != nil {
		return Key{}, failure
	}
	return first, nil
}

func (e tokenEngine) sign(r Request, key Key, _ string) (http.Header, error) {
	header := http.Header{}
	if e.scheme.Header == "" {
		if e.scheme.Field != "" || !hasParameter(r.URL, e.scheme.Query, key) {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "scheme %s has its token in %s, not in a header; put it there yourself", e.scheme.Name, e.place())
		}
		return header, nil
	}
	header.Set(e.scheme.Header, e.scheme.Prefix+key.Value.Reveal())
	return header, nil
}

// SignedURL is the URL to which a request of the key is sent: where the token
// stands in the query, with it.
func (v *Verifier) SignedURL(address string, key Key) string {
	if v.scheme.Query == "" || key.Value.IsZero() {
		return address
	}
	mark := "?"
	if strings.Contains(address, mark) {
		mark = "&"
	}
	return address + mark + url.QueryEscape(v.scheme.Query) + "=" + url.QueryEscape(key.Value.Reveal())
}

func hasParameter(address, name string, key Key) bool {
	value, failure := oneParameter(address, name)
	return failure == nil && value == key.Value.Reveal()
}

// oneParameter returns the value of a query parameter that has to come once.
func oneParameter(address, name string) (string, *Failure) {
	u, err := url.Parse(address)
	if err != nil {
		return "", refuse(ReasonMalformedHeader, "the URL cannot be read")
	}
	switch values := u.Query()[name]; {
	case len(values) > 1:
		return "", refuse(ReasonDuplicateHeader, "the query parameter %s came %d times; it may come once", name, len(values))
	case len(values) == 0 || values[0] == "":
		return "", refuse(ReasonMissingHeader, "the query parameter %s is missing", name)
	case len(values[0]) > maxHeader:
		return "", refuse(ReasonMalformedHeader, "the query parameter %s is longer than %d bytes", name, maxHeader)
	default:
		return values[0], nil
	}
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

func (e basicEngine) verify(_ context.Context, r Request, keys []Key, f *Findings) (Key, *Failure) {
	return verifyCredential(e.scheme, "the header "+e.scheme.Header, e.present, r, keys, f)
}

func (e basicEngine) present(r Request) (string, *Failure) {
	value, failure := one(r.Header, e.header)
	if failure != nil {
		return "", failure
	}
	text, ok := cutPrefixFold(value, basicPrefix)
	if !ok {
		return "", refuse(ReasonMalformedHeader, "the header %s holds no Basic credentials", e.scheme.Header)
	}
	credentials, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", refuse(ReasonMalformedHeader, "the credentials in %s are not base64", e.scheme.Header)
	}
	return string(credentials), nil
}

func (e basicEngine) sign(_ Request, key Key, _ string) (http.Header, error) {
	header := http.Header{}
	header.Set(e.scheme.Header, basicPrefix+base64.StdEncoding.EncodeToString([]byte(key.Value.Reveal())))
	return header, nil
}

// presenter is an engine whose requests carry the secret itself.
type presenter interface {
	present(r Request) (string, *Failure)
}

// verifyCredential compares what a request presents, or presented when it came,
// with the keys.
func verifyCredential(s Scheme, place string, present func(Request) (string, *Failure), r Request, keys []Key, f *Findings) (Key, *Failure) {
	if r.Presented != nil {
		return matchCredential(s, r.Presented.Digest, r.Presented.Salt, keys, f, place)
	}
	came, failure := present(r)
	if failure != nil {
		return Key{}, failure
	}
	return matchCredential(s, digest(nil, came), nil, keys, f, place)
}

// matchCredential returns the first key whose digest is the one that came. Both
// sides are hashed, so that the time of comparing tells nothing of their lengths.
func matchCredential(s Scheme, came, salt []byte, keys []Key, f *Findings, place string) (Key, *Failure) {
	f.Signatures = 1
	for _, key := range keys {
		raw, err := keyBytes(s.SecretFormat, key.Value)
		if err != nil {
			f.BadSecrets++
			continue
		}
		f.Secrets++
		if subtle.ConstantTimeCompare(came, digest(salt, string(raw))) == 1 {
			return key, nil
		}
	}
	return Key{}, noMatch(keys, f, "what %s holds is not right", place)
}

// digest is the salted SHA-256 of a credential.
func digest(salt []byte, credential string) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(credential))
	return h.Sum(nil)
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

func (noneEngine) verify(context.Context, Request, []Key, *Findings) (Key, *Failure) {
	return Key{}, nil
}

func (noneEngine) sign(Request, Key, string) (http.Header, error) { return http.Header{}, nil }
