package meshhook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestCheckPath(t *testing.T) {
	t.Parallel()
	good := []string{
		"stripe", "shop/orders", "a", "A", "-", "~", "_", "a.b", "v1.2/x_y-z~", "a/b/c/d", anID,
		strings.Repeat("p", 200), "a...b",
	}
	for _, path := range good {
		require.NoError(t, meshhook.CheckPath(path), path)
	}
	bad := []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", ".well-known/x", "a/.b", "a b", "a?b", "a#b", "a%2fb", "a\\b",
		"ä", "a\n", "a\x00", "a:b", "a@b", "a+b", strings.Repeat("p", 201),
	}
	for _, path := range bad {
		err := meshhook.CheckPath(path)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), path)
		require.ErrorContains(t, err, "cannot be a webhook's path; use letters")
	}
}

func FuzzCheckPath(f *testing.F) {
	for _, seed := range []string{"stripe", "shop/orders", "..", "a//b", "a\n", ".x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if meshhook.CheckPath(path) != nil {
			return
		}
		require.LessOrEqual(t, len(path), 200)
		for segment := range strings.SplitSeq(path, "/") {
			require.NotEmpty(t, segment)
			require.NotEqual(t, byte('.'), segment[0])
		}
		require.Empty(t, strings.Trim(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-/"))
	})
}

func TestEndpointValidateFillsDefaults(t *testing.T) {
	t.Parallel()
	e := meshhook.Endpoint{Path: "shop/orders", Response: &meshhook.Response{}}
	require.NoError(t, e.Validate())
	require.Equal(t, meshhook.Endpoint{
		Path: "shop/orders", DedupWindow: meshhook.Duration(24 * time.Hour), Methods: []string{"POST"}, MaxBody: meshhook.DefaultMaxBody,
		Response: &meshhook.Response{Status: 202},
	}, e)
	filled := e
	require.NoError(t, e.Validate())
	require.Equal(t, filled, e, "validating again changes nothing")
}

func TestEndpointValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*meshhook.Endpoint)
		want   string // "" when it is valid
	}{
		{"a bad path", func(e *meshhook.Endpoint) { e.Path = "/x" }, `"/x" cannot be a webhook's path`},
		{"every method", func(e *meshhook.Endpoint) { e.Methods = []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"} }, ""},
		{"no such method", func(e *meshhook.Endpoint) { e.Methods = []string{"POST", "TRACE"} }, `"TRACE" is not a method a webhook can answer; use DELETE, GET, HEAD, PATCH, POST, PUT`},
		{"an empty method", func(e *meshhook.Endpoint) { e.Methods = []string{""} }, `"" is not a method`},
		{"the smallest body", func(e *meshhook.Endpoint) { e.MaxBody = 1 }, ""},
		{"the largest body", func(e *meshhook.Endpoint) { e.MaxBody = meshhook.MaxMaxBody }, ""},
		{"a body too large", func(e *meshhook.Endpoint) { e.MaxBody = meshhook.MaxMaxBody + 1 }, "a body limit of 67108865B is out of range; use 1B to 64MiB"},
		{"a negative body", func(e *meshhook.Endpoint) { e.MaxBody = -1 }, "a body limit of -1B is out of range"},
		{"a long description", func(e *meshhook.Endpoint) { e.Description = strings.Repeat("d", 1000) }, ""},
		{"too long a description", func(e *meshhook.Endpoint) { e.Description = strings.Repeat("d", 1001) }, "the description is longer than 1000 bytes"},
		{"the shortest window", func(e *meshhook.Endpoint) { e.DedupWindow = meshhook.Duration(time.Second) }, ""},
		{"a window too short", func(e *meshhook.Endpoint) { e.DedupWindow = meshhook.Duration(time.Second - 1) }, "a dedup window of 999.999999ms is out of range; use 1s to 720h"},
		{"the longest window", func(e *meshhook.Endpoint) { e.DedupWindow = meshhook.Duration(720 * time.Hour) }, ""},
		{"a window too long", func(e *meshhook.Endpoint) { e.DedupWindow = meshhook.Duration(720*time.Hour + 1) }, "is out of range; use 1s to 720h"},
		{"a negative window", func(e *meshhook.Endpoint) { e.DedupWindow = -1 }, "is out of range"},
		{"status 200", func(e *meshhook.Endpoint) { e.Response = &meshhook.Response{Status: 200} }, ""},
		{"status 299", func(e *meshhook.Endpoint) { e.Response = &meshhook.Response{Status: 299} }, ""},
		{"status 199", func(e *meshhook.Endpoint) { e.Response = &meshhook.Response{Status: 199} }, "a response status of 199 would tell senders that their request failed; use 200 to 299"},
		{"status 300", func(e *meshhook.Endpoint) { e.Response = &meshhook.Response{Status: 300} }, "a response status of 300"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := meshhook.Endpoint{Path: "orders"}
			test.change(&e)
			err := e.Validate()
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestEndpointMethodsAreASortedSet(t *testing.T) {
	t.Parallel()
	e := meshhook.Endpoint{Path: "orders", Methods: []string{"put", "POST", "Put", "get"}}
	require.NoError(t, e.Validate())
	require.Equal(t, []string{"GET", "POST", "PUT"}, e.Methods)
}

func TestEndpointSecretIsActiveUntilItExpires(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tests := []struct {
		name    string
		expires *time.Time
		want    bool
	}{
		{"never", nil, true},
		{"later", new(now.Add(time.Nanosecond)), true},
		{"now", new(now), false},
		{"before", new(now.Add(-time.Nanosecond)), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, meshhook.EndpointSecret{ExpiresAt: test.expires}.ActiveAt(now))
		})
	}
}

func TestADedupWindowDoesNotOutliveTheEvents(t *testing.T) {
	t.Parallel()
	e := meshhook.Endpoint{DedupWindow: meshhook.Duration(48 * time.Hour)}
	require.NoError(t, e.CheckRetention(48*time.Hour))
	err := e.CheckRetention(48*time.Hour - 1)
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	require.ErrorContains(t, err, "a dedup window of 48h is longer than events are kept")
}
