package signature

import (
	"cmp"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// resolve returns the scheme that v names with v's overrides in it, or says
// with CodeInvalid which of them cannot be.
func resolve(v meshhook.Verification) (Scheme, error) {
	s, ok := Find(v.Scheme)
	if !ok {
		return Scheme{}, errUnknownScheme(v.Scheme)
	}
	for _, o := range overrides(s, v) {
		if o.set && o.refusal != "" {
			return Scheme{}, meshhook.Errorf(meshhook.CodeInvalid,
				"scheme %s does not take %s: %s", s.Name, o.name, o.refusal)
		}
	}
	s = override(s, v)
	if err := checkNames(s); err != nil {
		return Scheme{}, err
	}
	return s, nil
}

// setting is one field of a Verification: its name, whether the endpoint sets
// it, and why the scheme cannot take it ("" when it can).
type setting struct {
	name    string
	set     bool
	refusal string
}

// overrides lists the fields that an endpoint may set beside the scheme's name.
func overrides(s Scheme, v meshhook.Verification) []setting {
	no := refusals(s)
	return []setting{
		{"header", v.Header != "", no.header},
		{"query", v.Query != "", no.query},
		{"prefix", v.Prefix != "", no.prefix},
		{"algorithm", v.Algorithm != "", no.algorithm},
		{"encoding", v.Encoding != "", no.signature},
		{"secret_encoding", v.SecretEncoding != "", no.encoding},
		{"template", v.Template != "", no.signature},
		{"timestamp_header", v.TimestampHeader != "", no.timestamp},
		{"timestamp_format", v.TimestampFormat != "", no.timestamp},
		{"id_header", v.IDHeader != "", no.signature},
		{"tolerance", v.Tolerance != 0, no.tolerance},
		{"issuer", v.Issuer != "", no.token},
		{"audience", v.Audience != "", no.token},
		{"claims", len(v.Claims) > 0, no.token},
		{"jwks_url", v.JWKSURL != "", no.token},
		{"confirm_subscription", v.ConfirmSubscription, no.confirm},
	}
}

// Settings names the members of a meshhook.Verification that mean something to the
// scheme, as they are in JSON.
func (s Scheme) Settings() (names []string) {
	for _, o := range overrides(s, meshhook.Verification{}) {
		if o.refusal == "" {
			names = append(names, o.name)
		}
	}
	return names
}

// refusals are why a scheme does not take the settings of these groups; "" for
// those that it takes.
func refusals(s Scheme) (no struct{ header, query, prefix, algorithm, signature, encoding, timestamp, tolerance, token, confirm string }) {
	no.token = "it verifies no JSON Web Tokens"
	no.confirm = "it has no subscriptions to confirm"
	no.query = "only tokens can stand in the query"
	no.encoding = "only an hmac secret can be written in other ways"
	switch s.Engine {
	case EngineToken:
		no.signature = "the token is compared, nothing is computed"
		no.query = ""
		if s.Field != "" {
			no.header, no.query, no.prefix = "its token stands in the body", "its token stands in the body", "its token stands in the body"
		}
	case EngineBasic:
		no.signature = "credentials are compared, nothing is computed"
		no.header = "Basic credentials always come in Authorization"
		no.prefix = no.header
	case EngineJWT:
		no.signature = "what is signed in a JSON Web Token is settled"
		no.token = ""
	case EngineNone:
		no.signature = "it verifies nothing"
		no.header, no.prefix = no.signature, no.signature
	case EngineHMAC:
		no.encoding = ""
	}
	no.algorithm, no.timestamp, no.tolerance = no.signature, no.signature, no.signature
	if s.Engine == EngineJWT {
		no.algorithm, no.tolerance = "", ""
	}
	if s.Engine == EngineEd25519 {
		no.algorithm = "Ed25519 hashes in one way only"
	}
	if s.Field != "" && s.signs() {
		no.header = "its signature stands in the body"
		no.signature, no.prefix, no.timestamp = no.header, no.header, no.header
	}
	if s.List.Signature != "" {
		no.prefix = "its signatures are marked " + s.List.Signature + s.List.Assign
	}
	if s.Timestamp.BodyField != "" {
		no.timestamp = "its timestamp stands in the body as " + s.Timestamp.BodyField
	}
	if s.Timestamp.Field != "" {
		no.timestamp = "its timestamp stands in " + s.Header + " as " + s.Timestamp.Field + s.List.Assign
	}
	if s.Certificate.Identifier != "" {
		no.confirm = ""
	}
	return no
}

// override puts v's fields over s's.
func override(s Scheme, v meshhook.Verification) Scheme {
	before := s
	if v.Algorithm != "" { // the prefixes that name the algorithm go with it
		s.Prefix = strings.Replace(s.Prefix, s.Algorithm+"=", v.Algorithm+"=", 1)
		s.OptionalPrefix = strings.Replace(s.OptionalPrefix, s.Algorithm+"=", v.Algorithm+"=", 1)
		s.Algorithm = v.Algorithm
	}
	if v.Prefix != "" { // what is written out is meant, and required
		s.Prefix, s.OptionalPrefix = v.Prefix, ""
	}
	if v.Header != "" {
		s.Query = ""
	}
	if v.Query != "" {
		s.Query, s.Header, s.Prefix = v.Query, "", ""
	}
	s.Header = cmp.Or(v.Header, s.Header)
	s.Encoding = cmp.Or(v.Encoding, s.Encoding)
	s.SecretFormat = cmp.Or(SecretFormat(v.SecretEncoding), s.SecretFormat)
	s.Template = cmp.Or(v.Template, s.Template)
	s.Timestamp.Header = cmp.Or(v.TimestampHeader, s.Timestamp.Header)
	s.Timestamp.Format = cmp.Or(TimeFormat(v.TimestampFormat), s.Timestamp.Format)
	s.IDHeader = cmp.Or(v.IDHeader, s.IDHeader)
	s.Tolerance = cmp.Or(v.Tolerance, s.Tolerance)
	s = overrideJWT(s, v)
	s = overrideAlternative(s, v, before)

	if v.IDHeader != "" { // the id is what tells a repetition, under whatever name
		s.Dedup = "header:" + v.IDHeader
	}
	if s.Timestamp.Header != "" || s.Timestamp.Field != "" || s.Timestamp.BodyField != "" {
		s.Tolerance = cmp.Or(s.Tolerance, defaultTolerance)
	}
	if (s.Engine == EngineToken || s.Engine == EngineJWT) && strings.EqualFold(s.Prefix, "Bearer") {
		s.Prefix += " " // RFC 6750 has a space there; who writes the prefix forgets it
	}
	return s
}

// overrideAlternative gives the other way of signing what v changes of both.
func overrideAlternative(s Scheme, v meshhook.Verification, before Scheme) Scheme {
	if s.Alternative == nil {
		return s
	}
	other := *s.Alternative
	other.Tolerance = cmp.Or(v.Tolerance, other.Tolerance)
	if other.Header == before.Header { // they differ in the list and the key alone
		other.Header, other.Encoding, other.Template, other.Timestamp, other.IDHeader = s.Header, s.Encoding, s.Template, s.Timestamp, s.IDHeader
	}
	s.Alternative = &other
	return s
}

// overrideJWT puts what v asks of a token over s. A token in a header of its own
// stands there without "Bearer".
func overrideJWT(s Scheme, v meshhook.Verification) Scheme {
	if s.Engine != EngineJWT {
		return s
	}
	if v.Header != "" && v.Prefix == "" && !strings.EqualFold(v.Header, "Authorization") {
		s.Prefix = ""
	}
	s.JWT.Issuer = cmp.Or(v.Issuer, s.JWT.Issuer)
	s.JWT.Audience = cmp.Or(v.Audience, s.JWT.Audience)
	if len(v.Claims) > 0 {
		s.JWT.Claims = v.Claims
	}
	if v.JWKSURL != "" {
		s.JWT.JWKSURL = v.JWKSURL
		if v.Algorithm == "" && strings.HasPrefix(s.Algorithm, "HS") {
			s.Algorithm = "RS256" // what almost everybody who publishes keys signs with
		}
		if !s.JWT.KeyLookup {
			s.SecretFormat, s.SecretFromProvider = SecretUnused, false
		}
	}
	return s
}

// checkNames checks what every engine relies on: names of headers that can
// come, each for one purpose, and a prefix that can stand in one.
func checkNames(s Scheme) error {
	seen := map[string]string{}
	for _, h := range []struct{ field, name string }{
		{"header", s.Header},
		{"timestamp_header", s.Timestamp.Header},
		{"id_header", s.IDHeader},
	} {
		if h.name == "" {
			continue
		}
		if !isHeaderName(h.name) {
			return meshhook.Errorf(meshhook.CodeInvalid,
				"%s %q is not the name of a request header; write it like X-Signature", h.field, clip(h.name))
		}
		folded := strings.ToLower(h.name)
		if other, taken := seen[folded]; taken {
			return meshhook.Errorf(meshhook.CodeInvalid, "%s and %s are both %s; each needs its own header", other, h.field, h.name)
		}
		seen[folded] = h.field
	}
	if len(s.Query) > maxHeaderName || strings.ContainsFunc(s.Query, isControl) {
		return meshhook.Errorf(meshhook.CodeInvalid, "the query parameter's name has to be at most %d bytes without control characters", maxHeaderName)
	}
	if strings.ContainsFunc(s.Prefix, isControl) || len(s.Prefix) > maxPrefix {
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the prefix has to be at most %d bytes without control characters", maxPrefix)
	}
	if s.Tolerance < 0 {
		return meshhook.Errorf(meshhook.CodeInvalid, "the tolerance is negative; write it like 5m")
	}
	return checkWords(s)
}

// checkWords checks the settings that are one of a few words.
func checkWords(s Scheme) error {
	switch s.Timestamp.Format {
	case "", TimeUnix, TimeUnixMilli, TimeRFC3339:
	default:
		return meshhook.Errorf(meshhook.CodeInvalid, "timestamp_format %q is not known; write unix, unix-ms or rfc3339", clip(string(s.Timestamp.Format)))
	}
	if s.Timestamp.Format != "" && s.Timestamp.Header == "" && s.Timestamp.Field == "" && s.Timestamp.BodyField == "" {
		return meshhook.Errorf(meshhook.CodeInvalid, "timestamp_format is for a timestamp; set timestamp_header to the header that carries it")
	}
	listed, _ := Find(s.Name)
	if s.SecretFormat == listed.SecretFormat || s.Engine == EngineJWT {
		return nil
	}
	switch s.SecretFormat {
	case SecretRaw, SecretHex, SecretBase64:
		return nil
	default:
		return meshhook.Errorf(meshhook.CodeInvalid, "secret_encoding %q is not known; write raw, hex or base64", clip(string(s.SecretFormat)))
	}
}

// checkSigned checks that what the template names has a source, and that what
// is read beside the body is signed: anybody can renew an unsigned timestamp.
func checkSigned(s Scheme, t template) error {
	hasTimestamp := s.Timestamp != Timestamp{}
	if s.Timestamp.BodyField != "" {
		return nil // what stands in the body is signed with it
	}
	switch {
	case t.uses(fieldTimestamp) && !hasTimestamp:
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the template names {timestamp}; set timestamp_header to the header that carries it")
	case hasTimestamp && !t.uses(fieldTimestamp):
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the timestamp is not signed, so anybody could renew it; name {timestamp} in the template")
	case s.Tolerance != 0 && !hasTimestamp:
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the tolerance is for a timestamp; set timestamp_header and name {timestamp} in the template")
	case t.uses(fieldID) && s.IDHeader == "":
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the template names {id}; set id_header to the header that carries it")
	case s.IDHeader != "" && !t.uses(fieldID):
		return meshhook.Errorf(meshhook.CodeInvalid,
			"id_header %s is not signed; name {id} in the template, or leave id_header out", s.IDHeader)
	}
	return nil
}

// isHeaderName tells whether name is a field name (RFC 9110, section 5.1) that
// a handler can see: net/http takes Host out of the headers.
func isHeaderName(name string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	notToken := func(c rune) bool {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		digit := '0' <= c && c <= '9'
		return !letter && !digit && !strings.ContainsRune(marks, c)
	}
	return name != "" && len(name) <= maxHeaderName && !strings.ContainsFunc(name, notToken) && !strings.EqualFold(name, "Host")
}

// isControl tells whether c is a control character of ASCII.
func isControl(c rune) bool { return c < ' ' || c == 0x7f }
