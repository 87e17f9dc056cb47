package expr

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func renderURL(tb testing.TB, source string, input any) (string, error) {
	tb.Helper()
	u, err := ParseURL(source)
	require.NoError(tb, err, source)
	return u.Render(tb.Context(), input)
}

func TestURL(t *testing.T) {
	input := map[string]any{
		"id": "a/b?c#d%2F é;&=+", "n": 12, "host": "crm-1.example.com", "port": 8443, "list": []any{1, "x"}, "f": 1.50,
		"url": "https://example.com/x?y=1", "v6": "::1", "user": "me@x:/", "dot": ".", "secrets": map[string]any{"pw": "p:w@/"},
	}
	for source, want := range map[string]string{
		`https://example.com/`:                                        `https://example.com/`,
		` https://example.com/x ` + "\n":                              `https://example.com/x`,
		`https://example.com/orders/{{ .id }}`:                        `https://example.com/orders/a%2Fb%3Fc%23d%252F%20%C3%A9%3B&=+`,
		`https://example.com/orders/{{ .id }}/lines`:                  `https://example.com/orders/a%2Fb%3Fc%23d%252F%20%C3%A9%3B&=+/lines`,
		`https://example.com/o-{{ .n }}-{{ .n }}.json`:                `https://example.com/o-12-12.json`,
		`https://example.com/?q={{ .id }}&{{ .id }}=1`:                `https://example.com/?q=a%2Fb%3Fc%23d%252F+%C3%A9%3B%26%3D%2B&a%2Fb%3Fc%23d%252F+%C3%A9%3B%26%3D%2B=1`,
		`https://example.com?{{ .id }}`:                               `https://example.com?a%2Fb%3Fc%23d%252F+%C3%A9%3B%26%3D%2B`,
		`https://example.com/?a=/{{ .n }}/x`:                          `https://example.com/?a=/12/x`,
		`https://example.com/x#{{ .id }}`:                             `https://example.com/x#a%2Fb%3Fc%23d%252F%20%C3%A9%3B%26%3D%2B`,
		`https://example.com#/{{ .n }}?{{ .n }}`:                      `https://example.com#/12?12`,
		`https://{{ .host }}/x`:                                       `https://crm-1.example.com/x`,
		`http://{{ .host }}:{{ .port }}/{{ .n }}?a={{ .n }}#{{ .n }}`: `http://crm-1.example.com:8443/12?a=12#12`,
		`https://eu.{{ .host }}`:                                      `https://eu.crm-1.example.com`,
		`https://{{ .user }}:{{ .secrets.pw }}@{{ .host }}/`:          `https://me%40x%3A%2F:p%3Aw%40%2F@crm-1.example.com/`,
		`https://example.com/{{ .list }}`:                             `https://example.com/%5B1%2C%22x%22%5D`,
		`https://example.com/{{ .f }}`:                                `https://example.com/1.5`,
		`{{ .url }}`:                                                  `https://example.com/x?y=1`,
		`https://example.com/{{ .dot }}htaccess`:                      `https://example.com/.htaccess`,
		`https://example.com/{{ .missing // "none" }}`:                `https://example.com/none`,
		`HTTPS://example.com/{{ .n }}`:                                `HTTPS://example.com/12`,
		`https://example.com/{{ "{{" }}`:                              `https://example.com/%7B%7B`,
	} {
		got, err := renderURL(t, source, input)
		require.NoError(t, err, source)
		require.Equal(t, want, got, source)
	}
}

func TestURLRefusesTemplates(t *testing.T) {
	for source, message := range map[string]string{
		``:                               `write an absolute URL such as https://example.com/path`,
		`/orders/{{ .n }}`:               `write an absolute URL such as https://example.com/path`,
		`example.com/{{ .n }}`:           `write an absolute URL such as https://example.com/path`,
		`//example.com/{{ .n }}`:         `write an absolute URL such as https://example.com/path`,
		`ftp://example.com/{{ .n }}`:     `write an absolute URL such as https://example.com/path`,
		`https:///{{ .n }}`:              `write an absolute URL such as https://example.com/path`,
		`https:example.com/{{ .n }}`:     `write an absolute URL such as https://example.com/path`,
		`https://example.com:x/{{ .n }}`: `write an absolute URL such as https://example.com/path`,
		`https://example.com:0/{{ .n }}`: `write a port from 1 to 65535`,
		`https://example.com:65536/`:     `write a port from 1 to 65535`,
		`https://[{{ .v6 }}]/`:           `write an absolute URL such as https://example.com/path`,
		`{{ .scheme }}://example.com/`:   `the scheme must be written out, unless the whole URL is one {{ }}`,
		`http{{ .s }}://example.com/`:    `the scheme must be written out, unless the whole URL is one {{ }}`,
		`{{ .base }}/orders`:             `the scheme must be written out, unless the whole URL is one {{ }}`,
		`https://example.com/a b`:        `escape blanks, control characters and backslashes, such as a blank by %20`,
		`https://example.com\{{ .n }}`:   `escape blanks, control characters and backslashes, such as a blank by %20`,
		"https://example.com/\x00{{1}}":  `escape blanks, control characters and backslashes, such as a blank by %20`,
	} {
		_, err := ParseURL(source)
		require.ErrorContains(t, err, message, source)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	}
	_, err := ParseURL(`https://example.com/{{ .x | }}`)
	var syntax *SyntaxError
	require.ErrorAs(t, err, &syntax)
}

func TestURLRefusesValues(t *testing.T) {
	const (
		noHost    = `gave more than letters, digits, "-", "." and ":" for a host`
		noURL     = "gave no valid URL: the host or port is wrong"
		noSegment = `gave an empty, "." or ".." segment in the path of the URL`
		noNull    = "gave null, which must not stand in a URL; write // for a default"
	)
	for _, c := range []struct {
		source  string
		value   any
		message string
	}{
		{`https://{{ .x }}/`, "evil.com/", noHost},
		{`https://{{ .x }}/`, "evil.com#", noHost},
		{`https://{{ .x }}/`, "a@evil.com", noHost},
		{`https://{{ .x }}/`, "evil.com\\", noHost},
		{`https://{{ .x }}/`, "bücher.example", noHost},
		{`https://{{ .x }}/`, "a b", noHost},
		{`https://{{ .x }}/`, "%41", noHost},
		{`https://{{ .x }}/`, []any{"a"}, noHost},
		{`https://{{ .x }}/`, "", noURL},
		{`https://{{ .x }}/`, ":80", noURL},
		{`https://{{ .x }}.example.com/`, "evil.com:80", noURL},
		{`https://{{ .x }}.example.com:80/`, "evil.com:80", noURL},
		{`https://{{ .x }}:80/`, "a:b", noURL},
		{`https://example.com:{{ .x }}/`, "http", noURL},
		{`https://{{ .x }}/`, nil, noNull},
		{`https://example.com/{{ .x }}`, nil, noNull},
		{`https://example.com/?a={{ .x }}`, nil, noNull},
		{`https://example.com/{{ .x }}`, "", noSegment},
		{`https://example.com/{{ .x }}/lines`, "", noSegment},
		{`https://example.com/a/{{ .x }}/b`, "..", noSegment},
		{`https://example.com/a/{{ .x }}`, ".", noSegment},
		{`https://example.com/a/.{{ .x }}/b`, ".", noSegment},
		{`https://example.com/a/%2e{{ .x }}/b`, ".", noSegment},
		{`https://example.com/a/{{ .x }}{{ .x }}/b`, ".", noSegment},
		{`{{ .x }}`, nil, "gave no string, but must give a URL"},
		{`{{ .x }}`, 1, "gave no string, but must give a URL"},
		{`{{ .x }}`, "", "gave no absolute http or https URL"},
		{`{{ .x }}`, "https://example.com:65536/", "gave no absolute http or https URL"},
		{`{{ .x }}`, "/path", "gave no absolute http or https URL"},
		{`{{ .x }}`, "file:///etc/passwd", "gave no absolute http or https URL"},
		{`{{ .x }}`, "gopher://example.com/", "gave no absolute http or https URL"},
		{`{{ .x }}`, "https://example.com/\r\nX: y", "gave no absolute http or https URL"},
		{`{{ .x }}`, "https://example.com/a b", "gave no absolute http or https URL"},
		{`{{ .x }}`, "https://example.com\\@evil.com/", "gave no absolute http or https URL"},
		{`{{ .x }}`, "https://:80/", "gave no absolute http or https URL"},
	} {
		got, err := renderURL(t, c.source, map[string]any{"x": c.value})
		require.Empty(t, got)
		var failed *EvalError
		require.ErrorAs(t, err, &failed, "%s with %v", c.source, c.value)
		require.Equal(t, c.message, failed.Message, "%s with %v", c.source, c.value)
		require.Equal(t, ReasonUnsafe, failed.Reason)
	}
	_, err := renderURL(t, `https://example.com/{{ 1 / 0 }}`, nil)
	require.EqualError(t, err, `expression "1 / 0": cannot divide by zero`)
}

// checkPlaces renders a value into each place of a URL and checks that all else
// of the URL is as it is with a harmless value.
func checkPlaces(t require.TestingT, u *Text, render func(value string) (string, error), value string) {
	got, err := render(value)
	if err != nil {
		var failed *EvalError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, ReasonUnsafe, failed.Reason, u.String())
		return
	}
	parsed, err := url.Parse(got)
	require.NoError(t, err)
	require.Equal(t, "https", parsed.Scheme)
	require.Equal(t, "example.com:443", parsed.Host)
	require.Equal(t, []string{"", "a", url.PathEscape(value), "x" + url.PathEscape(value)}, strings.Split(parsed.EscapedPath(), "/"))
	query, err := url.ParseQuery(parsed.RawQuery)
	require.NoError(t, err)
	want := url.Values{}
	want.Add("k", value)
	want.Add(value, "2")
	want.Add("z", "1")
	require.Equal(t, want, query)
	require.Equal(t, value, parsed.Fragment)
	password, _ := parsed.User.Password()
	require.Equal(t, []string{value, value}, []string{parsed.User.Username(), password})
	// As others read it: no other segments, hosts or parameters.
	require.NotContains(t, got, "\\")
	require.NotContains(t, got, " ")
	resolved := parsed.ResolveReference(&url.URL{})
	require.Len(t, strings.Split(resolved.EscapedPath(), "/"), 4)
}

const everyPlace = `https://{{ .v }}:{{ .v }}@example.com:443/a/{{ .v }}/x{{ .v }}?k={{ .v }}&{{ .v }}=2&z=1#{{ .v }}`

func TestNoValueLeavesItsPlaceInAURL(t *testing.T) {
	u, err := ParseURL(everyPlace)
	require.NoError(t, err)
	rapid.Check(t, func(r *rapid.T) {
		value := rapid.OneOf(
			rapid.String(),
			rapid.StringMatching(`[./\\?#&=%@:;+ {}\[\]a2eEfF]*`),
			rapid.SampledFrom([]string{"..", ".", "%2e%2e", "../..", "//evil.com", "@evil.com", "k", "z", "?a=b", "#", "\r\n", "\u2028", "..;", "%00"}),
		).Draw(r, "value")
		checkPlaces(r, u, func(v string) (string, error) {
			return u.Render(t.Context(), map[string]any{"v": v})
		}, value)
	})
}

// TestHostValuesOnlyNameHosts renders any value into a host.
func TestHostValuesOnlyNameHosts(t *testing.T) {
	u, err := ParseURL(`https://{{ .v }}.example.com/path?q=1`)
	require.NoError(t, err)
	rapid.Check(t, func(r *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9.:@/?#%\[\]-]*`)).Draw(r, "value")
		got, err := u.Render(t.Context(), map[string]any{"v": value})
		if err != nil {
			return
		}
		parsed, err := url.Parse(got)
		require.NoError(r, err)
		require.Equal(r, value+".example.com", parsed.Host)
		require.True(r, strings.HasSuffix(parsed.Hostname(), ".example.com"))
		require.Equal(r, []string{"/path", "q=1", ""}, []string{parsed.Path, parsed.RawQuery, parsed.Fragment})
		require.Nil(r, parsed.User)
	})
}

func FuzzURL(f *testing.F) {
	for _, value := range []string{"x", "..", "a/b", "?k=1&z=2", "#", "@evil.com", "%2e", "\r\nHost: evil.com", "\\", "é", "\x00", "\xff"} {
		f.Add(everyPlace, value)
		f.Add("https://{{ .v }}/{{ .v }}", value)
	}
	every, err := ParseURL(everyPlace)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, source, value string) {
		checkPlaces(t, every, func(v string) (string, error) {
			return every.Render(t.Context(), map[string]any{"v": v})
		}, value)
		u, err := ParseURL(source)
		if err != nil {
			return
		}
		got, err := u.Render(t.Context(), map[string]any{"v": value})
		if err != nil {
			var failed *EvalError
			require.ErrorAs(t, err, &failed)
			return
		}
		parsed, err := absolute(got)
		require.NoError(t, err)
		require.NotEmpty(t, parsed.Host)
	})
}
