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
	var noHeader, noPrefix, noSignature, noTimestamp string
	switch s.Engine {
	case EngineToken:
		noSignature = "the header is compared, nothing is computed"
	case EngineBasic:
		noSignature = "credentials are compared, nothing is computed"
		noHeader = "Basic credentials always come in Authorization"
		noPrefix = noHeader
	case EngineNone:
		noSignature = "it verifies nothing"
		noHeader, noPrefix = noSignature, noSignature
	}
	noTimestamp = noSignature
	if s.List.Signature != "" {
		noPrefix = "its signatures are marked " + s.List.Signature + s.List.Assign
	}
	if s.Timestamp.Field != "" {
		noTimestamp = "its timestamp stands in " + s.Header + " as " + s.Timestamp.Field + s.List.Assign
	}
	return []setting{
		{"header", v.Header != "", noHeader},
		{"prefix", v.Prefix != "", noPrefix},
		{"algorithm", v.Algorithm != "", noSignature},
		{"encoding", v.Encoding != "", noSignature},
		{"template", v.Template != "", noSignature},
		{"timestamp_header", v.TimestampHeader != "", noTimestamp},
		{"id_header", v.IDHeader != "", noSignature},
		{"tolerance", v.Tolerance != 0, noSignature},
	}
}

// override puts v's fields over s's.
func override(s Scheme, v meshhook.Verification) Scheme {
	if v.Algorithm != "" { // the prefixes that name the algorithm go with it
		s.Prefix = strings.Replace(s.Prefix, s.Algorithm+"=", v.Algorithm+"=", 1)
		s.OptionalPrefix = strings.Replace(s.OptionalPrefix, s.Algorithm+"=", v.Algorithm+"=", 1)
		s.Algorithm = v.Algorithm
	}
	if v.Prefix != "" { // what is written out is meant, and required
		s.Prefix, s.OptionalPrefix = v.Prefix, ""
	}
	s.Header = cmp.Or(v.Header, s.Header)
	s.Encoding = cmp.Or(v.Encoding, s.Encoding)
	s.Template = cmp.Or(v.Template, s.Template)
	s.Timestamp.Header = cmp.Or(v.TimestampHeader, s.Timestamp.Header)
	s.IDHeader = cmp.Or(v.IDHeader, s.IDHeader)
	s.Tolerance = cmp.Or(v.Tolerance, s.Tolerance)

	if v.IDHeader != "" { // the id is what tells a repetition, under whatever name
		s.Dedup = "header:" + v.IDHeader
	}
	if s.Timestamp != (Timestamp{}) {
		s.Tolerance = cmp.Or(s.Tolerance, defaultTolerance)
	}
	if s.Engine == EngineToken && strings.EqualFold(s.Prefix, "Bearer") {
		s.Prefix += " " // RFC 6750 has a space there; who writes the prefix forgets it
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
	if strings.ContainsFunc(s.Prefix, isControl) || len(s.Prefix) > maxPrefix {
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the prefix has to be at most %d bytes without control characters", maxPrefix)
	}
	if s.Tolerance < 0 {
		return meshhook.Errorf(meshhook.CodeInvalid, "the tolerance is negative; write it like 5m")
	}
	return nil
}

// checkSigned checks that what the template names has a source, and that what
// is read beside the body is signed: anybody can renew an unsigned timestamp.
func checkSigned(s Scheme, t template) error {
	hasTimestamp := s.Timestamp != Timestamp{}
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
