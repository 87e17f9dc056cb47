package egress

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequest_BadURL(t *testing.T) {
	t.Parallel()
	const unreadable = "the URL cannot be read; look for spaces, and for characters that must be escaped"
	c := newTestClient(t, Options{})
	for url, text := range map[string]string{
		"":                                 "the URL must begin with http:// or https://",
		"example.com/path":                 "the URL must begin with http:// or https://",
		"//example.com":                    "the URL must begin with http:// or https://",
		"ftp://example.com":                "the URL must begin with http:// or https://",
		"file:///etc/passwd":               "the URL must begin with http:// or https://",
		"gopher://127.0.0.1":               "the URL must begin with http:// or https://",
		"http:example.com":                 "the URL names no host",
		"http://":                          "the URL names no host",
		"http:///path":                     "the URL names no host",
		"http://:80":                       "the URL names no host",
		"http://joe:hush@":                 "the URL names no host",
		"http://example.com:0":             "the URL's port must lie between 1 and 65535",
		"http://example.com:65536":         "the URL's port must lie between 1 and 65535",
		"http://example.com:http":          unreadable,
		"http://joe:hush/pw@example.com":   unreadable, // the password ends the authority
		"http://exa mple.com":              unreadable,
		"http://example.com/\r\nX-Evil: 1": unreadable,
		"http://example.com/%zz":           unreadable,
		"http://[::1":                      unreadable,
		"http://127%2e0.0.1/":              unreadable,
		"\x00":                             unreadable,
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			_, err := c.Do(t.Context(), Call{URL: url})
			requireFailure(t, err, ReasonBadURL, text, false)
			require.EqualError(t, err, text, "nothing of the URL is shown")
		})
	}
}

func TestRequest_BadRequest(t *testing.T) {
	t.Parallel()
	connection := func(name string) string {
		return "the header " + name + " cannot be set: it belongs to the connection"
	}
	const hostText = "the header Host must be one host, with or without a port"
	c := newTestClient(t, Options{})
	for name, tt := range map[string]struct {
		method string
		header http.Header
		text   string
	}{
		"method with a space":      {"GET /", nil, `"GET /" is not a method that can be sent`},
		"method with line break":   {"GET\r\n", nil, `"GET  " is not a method that can be sent`},
		"connect":                  {"connect", nil, `"connect" is not a method that can be sent`},
		"no name":                  {"", http.Header{"": {"x"}}, `"" is not a header's name`},
		"space in name":            {"", http.Header{"X A": {"x"}}, `"X A" is not a header's name`},
		"colon in name":            {"", http.Header{"X:": {"x"}}, `"X:" is not a header's name`},
		"umlaut in name":           {"", http.Header{"Ä": {"x"}}, `"Ä" is not a header's name`},
		"line break in value":      {"", http.Header{"x-a": {"ok", "a\r\nX-Evil: 1"}}, "the value of the header X-A has a line break or control character in it"},
		"NUL in value":             {"", http.Header{"X-A": {"a\x00"}}, "the value of the header X-A has a line break or control character in it"},
		"DEL in value":             {"", http.Header{"X-A": {"a\x7f"}}, "the value of the header X-A has a line break or control character in it"},
		"length":                   {"", http.Header{"content-length": {"5"}}, connection("Content-Length")},
		"transfer encoding":        {"", http.Header{"TRANSFER-ENCODING": {"chunked"}}, connection("Transfer-Encoding")},
		"connection":               {"", http.Header{"Connection": {"close"}}, connection("Connection")},
		"upgrade":                  {"", http.Header{"Upgrade": {"h2c"}}, connection("Upgrade")},
		"te":                       {"", http.Header{"TE": {"trailers"}}, connection("Te")},
		"no host":                  {"", http.Header{"Host": {}}, hostText},
		"empty host":               {"", http.Header{"host": {""}}, hostText},
		"two hosts":                {"", http.Header{"Host": {"a", "b"}}, hostText},
		"host with a path":         {"", http.Header{"Host": {"a/b"}}, hostText},
		"host with a user":         {"", http.Header{"Host": {"a@b"}}, hostText},
		"host with a query":        {"", http.Header{"Host": {"a?b"}}, hostText},
		"host of nothing but port": {"", http.Header{"Host": {":80"}}, hostText},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.Do(t.Context(), Call{Method: tt.method, URL: "https://joe:hush@example.com/T0?k=hush", Header: tt.header})
			requireFailure(t, err, ReasonBadRequest, tt.text, false)
			require.EqualError(t, err, "https://example.com/…: "+tt.text)
		})
	}
}

func TestRequest_LeavesTheCallAlone(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, Options{UserAgent: "meshhook/1"})
	header := http.Header{"x-a": {"1"}, "X-A": {"2"}, "Host": {"h"}, "Tab": {"a\tb ü"}}
	req, bad := c.request(t.Context(), Call{URL: "http://example.com", Header: header})
	require.Nil(t, bad)
	require.Equal(t, http.Header{"x-a": {"1"}, "X-A": {"2"}, "Host": {"h"}, "Tab": {"a\tb ü"}}, header)
	require.ElementsMatch(t, []string{"1", "2"}, req.Header["X-A"])
	delete(req.Header, "X-A")
	require.Equal(t, http.Header{"Tab": {"a\tb ü"}, "User-Agent": {"meshhook/1"}}, req.Header)
	require.Equal(t, "h", req.Host)
	require.Equal(t, "example.com", req.URL.Host)
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://example.com":                        "https://example.com",
		"https://example.com/":                       "https://example.com",
		"https://joe:pw@example.com:8443/T0/s?k=v#f": "https://example.com:8443/…",
		"https://example.com?k=v":                    "https://example.com/…",
		"http://joe:a/b@example.com":                 "(unreadable URL)",
		"hello":                                      "(unreadable URL)",
	} {
		require.Equal(t, want, Redact(raw), raw)
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a b c d", clip("a\nb\x1bc\u202ed"))
	require.Equal(t, strings.Repeat("ü", 200), clip(strings.Repeat("ü", 200)))
	require.Equal(t, strings.Repeat("ü", 200)+"…", clip(strings.Repeat("ü", 201)))
}

// Whatever is asked for, request neither panics nor shows a password, and what
// it builds fits on the wire.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "https://joe:pässword@example.com/a?b c", "X-A", "value")
	f.Add("GET", "http://joe:pässword/x@h", "Host", "a:1")
	f.Add("", "http://[::1]:80/%2f?\xff", "Content-Length", "1\r\n")
	f.Fuzz(func(t *testing.T, method, url, name, value string) {
		c, err := New(Options{})
		require.NoError(t, err)
		req, bad := c.request(t.Context(), Call{Method: method, URL: url, Header: http.Header{name: {value}}})
		if bad != nil {
			require.NotContains(t, bad.Error(), "pässword")
			require.NotContains(t, bad.Error(), "\n")
			require.False(t, bad.Temporary())
			return
		}
		var wire strings.Builder
		require.NoError(t, req.Write(&wire))
		require.Equal(t, 2, strings.Count(strings.SplitN(wire.String(), "\r\n", 2)[0], " "))
	})
}
