package circuit_test

import (
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/circuit"
)

func TestHost(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a.", 126) + "a"
	for raw, want := range map[string]string{
		"https://CRM.example.com/a?b":      "crm.example.com:443",
		"http://crm.example.com":           "crm.example.com:80",
		"http://crm.example.com.:80/":      "crm.example.com:80",
		"HTTPS://user:pw@crm.example.com/": "crm.example.com:443",
		"http://crm.example.com:8080":      "crm.example.com:8080",
		"http://[2001:DB8::1]/":            "[2001:db8::1]:80",
		"https://" + longest + ":65535/":   longest + ":65535",
		"https://" + longest + "aa:65535/": "",
		"ftp://crm.example.com":            "",
		"crm.example.com":                  "",
		"http://":                          "",
		"http://./":                        "",
		"http://:80/":                      "",
		"http://a b/":                      "",
		"http://%ff/":                      "",
		"":                                 "",
	} {
		host, ok := circuit.Host(raw)
		require.Equal(t, want, host, raw)
		require.Equal(t, want != "", ok, raw)
	}
}

// Whatever the URL, a host is short, has a port, and is its own host.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{"https://A.example.com.", "http://[::1]:8080/x", "http://b\u00fccher.de", "http://a%2fb", "//a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		host, ok := circuit.Host(raw)
		if !ok {
			require.Empty(t, host)
			return
		}
		require.LessOrEqual(t, len(host), 259)
		name, port, err := net.SplitHostPort(host)
		require.NoError(t, err)
		require.NotEmpty(t, name)
		require.NotEmpty(t, port)
		require.Equal(t, strings.ToLower(host), host)
		u, err := url.Parse(raw)
		require.NoError(t, err)
		require.Contains(t, []string{"http", "https"}, u.Scheme)
	})
}
