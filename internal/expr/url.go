package expr

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// ParseURL compiles an absolute http or https URL with expressions in it; blanks
// around it are dropped. Each result is escaped for the place in which it
// stands, so that it can neither leave that place nor change what is around it:
//
//	https://user:{{ a }}@{{ b }}:{{ c }}/x/{{ d }}?{{ e }}={{ f }}#{{ g }}
//
// In the host and port (b, c) a result may hold only ASCII letters, digits, "-",
// "." and ":"; anything else fails. In the path (d) it is one segment or part of
// one: a slash is escaped, and a segment that comes out empty, "." or ".." fails,
// since those change the path's other segments. In the query (e, f) it is a name
// or a value. Null fails everywhere. The scheme must be written out.
//
// A URL that is one {{ expr }} alone is taken as that gives it, if it is a string
// that is an absolute http or https URL. Failures have ReasonUnsafe.
func ParseURL(s string) (*Text, error) {
	t, err := parseText(strings.TrimSpace(s), Limits{}, (*Text).joinWhole)
	if err != nil {
		return nil, err
	}
	if len(t.parts) == 1 && t.parts[0].program != nil {
		return t, nil
	}
	shape, err := shapeOf(t)
	if err != nil {
		return nil, err
	}
	t.join = func(t *Text, values []any) (string, error) { return shape.join(t, values) }
	return t, nil
}

// joinWhole checks a URL that one expression gave.
func (t *Text) joinWhole(values []any) (string, error) {
	s, ok := values[0].(string)
	if !ok {
		return "", t.unsafe(0, "gave no string, but must give a URL")
	}
	if _, err := absolute(s); err != nil {
		return "", t.unsafe(0, "gave no absolute http or https URL")
	}
	return s, nil
}

// absolute parses an absolute http or https URL. The error says nothing about
// its text.
func absolute(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.ContainsFunc(s, isForbidden) {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "write an absolute URL such as https://example.com/path, without blanks")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errPort
		}
	}
	return u, nil
}

// errPort is what absolute says of a port that no host has.
var errPort = meshhook.Errorf(meshhook.CodeInvalid, "write a port from 1 to 65535")

// isForbidden tells whether a character may not stand in a URL unescaped,
// although url.Parse lets it pass. Some clients take a backslash for a slash.
func isForbidden(c rune) bool { return c <= ' ' || c == 0x7f || c == '\\' }

// area is a part of a URL with its own way of escaping.
type area int

const (
	areaUser area = iota
	areaHost
	areaPath
	areaQuery
	areaFragment
)

// shape is a URL template, cut into places.
type shape struct {
	areas    []area   // of each part that is an expression
	segments []string // of the path, with hole for each expression
}

// hole stands for an expression in a URL. It cannot occur in a literal.
const hole = "\x00"

func shapeOf(t *Text) (*shape, error) {
	wrong := func(message string) error {
		return meshhook.Errorf(meshhook.CodeInvalid, "URL %q: %s", shorten(t.source, 80), message)
	}
	var skeleton, example strings.Builder
	for _, p := range t.parts {
		switch {
		case p.program != nil:
			skeleton.WriteString(hole)
			example.WriteString("1") // fits as host, port, and everywhere else
		case strings.ContainsFunc(p.literal, isForbidden):
			return nil, wrong("escape blanks, control characters and backslashes, such as a blank by %20")
		default:
			skeleton.WriteString(p.literal)
			example.WriteString(p.literal)
		}
	}
	scheme, rest, found := strings.Cut(skeleton.String(), "://")
	if strings.HasPrefix(scheme, hole) || found && strings.Contains(scheme, hole) {
		return nil, wrong("the scheme must be written out, unless the whole URL is one {{ }}")
	}
	switch _, err := absolute(example.String()); {
	case errors.Is(err, errPort):
		return nil, wrong("write a port from 1 to 65535")
	case err != nil || !found:
		return nil, wrong("write an absolute URL such as https://example.com/path")
	}
	return cutShape(t, rest), nil
}

// cutShape cuts what stands behind the scheme.
func cutShape(t *Text, rest string) *shape {
	s := &shape{areas: make([]area, len(t.parts))}
	hierarchy, fragment, _ := strings.Cut(rest, "#")
	hierarchy, query, _ := strings.Cut(hierarchy, "?")
	authority, path := hierarchy, ""
	if slash := strings.IndexByte(hierarchy, '/'); slash >= 0 {
		authority, path = hierarchy[:slash], hierarchy[slash:]
	}
	user, host := "", authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, host = authority[:at], authority[at:]
	}
	s.segments = strings.Split(path, "/")
	i := 0
	for a, text := range []string{areaUser: user, areaHost: host, areaPath: path, areaQuery: query, areaFragment: fragment} {
		for range strings.Count(text, hole) {
			for t.parts[i].program == nil {
				i++
			}
			s.areas[i] = area(a)
			i++
		}
	}
	return s
}

// join escapes the results and puts the URL together.
func (s *shape) join(t *Text, values []any) (string, error) {
	var b strings.Builder
	var escaped []string
	for i, v := range values {
		if t.parts[i].program == nil {
			b.WriteString(t.parts[i].literal)
			continue
		}
		text, err := textOf(v)
		if err != nil {
			return "", err
		}
		if v == nil {
			return "", t.unsafe(i, "gave null, which must not stand in a URL; write // for a default")
		}
		if s.areas[i] == areaHost && strings.ContainsFunc(text, notHost) {
			return "", t.unsafe(i, `gave more than letters, digits, "-", "." and ":" for a host`)
		}
		text = s.areas[i].escape(text)
		if s.areas[i] == areaPath {
			escaped = append(escaped, text)
		}
		b.WriteString(text)
	}
	if !s.keepsSegments(escaped) {
		return "", &EvalError{Expr: t.source, Message: `gave an empty, "." or ".." segment in the path of the URL`, Reason: ReasonUnsafe}
	}
	if _, err := absolute(b.String()); err != nil {
		return "", &EvalError{Expr: t.source, Message: "gave no valid URL: the host or port is wrong", Reason: ReasonUnsafe}
	}
	return b.String(), nil
}

// keepsSegments fills the escaped results into the segments of the path and
// tells whether each stays a segment.
func (s *shape) keepsSegments(escaped []string) bool {
	for _, segment := range s.segments {
		if !strings.Contains(segment, hole) {
			continue
		}
		for strings.Contains(segment, hole) {
			segment = strings.Replace(segment, hole, escaped[0], 1)
			escaped = escaped[1:]
		}
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case "", ".", "..":
			return false
		}
	}
	return true
}

// notHost tells whether a character may not come from an expression in a host.
func notHost(c rune) bool {
	return c != '-' && c != '.' && c != ':' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
}

// escape escapes a value for an area. All but QueryEscape's plus sign for a
// blank means the same in each of them: percent-encode all that is not plain.
func (a area) escape(s string) string {
	switch a {
	case areaHost:
		return s
	case areaPath:
		return url.PathEscape(s)
	case areaQuery:
		return url.QueryEscape(s)
	default:
		return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
}
