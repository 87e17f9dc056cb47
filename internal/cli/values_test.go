package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/tail"
)

func TestSecretsLoseOneNewline(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n", "\n": "", "a ": "a "} {
		require.Equal(t, want, withoutNewline(text), "%q", text)
	}
}

func TestSecretsHaveALimit(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	u.in = strings.Repeat("x", maxSecret)
	require.Equal(t, 0, u.runs("secret set big --value-stdin").code)
	u.in += "x"
	require.Equal(t, result{1, "", "error: the secret from standard input is longer than 65536 bytes\n"}, u.runs("secret set big --value-stdin"))
}

func TestInputHasALimit(t *testing.T) {
	t.Parallel()
	text, err := readCapped("a", strings.NewReader("123"), 3)
	require.NoError(t, err)
	require.Equal(t, "123", string(text))
	_, err = readCapped("a", strings.NewReader("1234"), 3)
	require.EqualError(t, err, "a is larger than 3B")
	_, err = readCapped("a", iotest.ErrReader(io.ErrClosedPipe), 3)
	require.EqualError(t, err, "cannot read a: io: read/write on closed pipe")
}

func TestScopeOfTail(t *testing.T) {
	t.Parallel()
	require.Empty(t, (&tailOptions{}).scope())
	o := &tailOptions{webhook: "a", status: "failed", kinds: []string{"event", "run"}}
	require.Equal(t, "webhook=a status=failed kind=event,run", o.scope())
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	var f networksFlag
	require.NoError(t, f.Set("192.0.2.7/24,2001:db8::1"))
	require.NoError(t, f.Set("198.51.100.1"))
	require.Equal(t, []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::1/128"), netip.MustParsePrefix("198.51.100.1/32"),
	}, f.list)
	require.Equal(t, "192.0.2.0/24,2001:db8::1/128,198.51.100.1/32", f.String())
	require.NoError(t, f.Set(""))
	require.Empty(t, f.list)
	require.EqualError(t, f.Set("nonsense"), "write a network like 192.0.2.0/24, or an address")
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	header, err := parseHeaders([]string{"X-A: 1", "X-A:2", "x-b: a:b"})
	require.NoError(t, err)
	require.Equal(t, http.Header{"X-A": {"1", "2"}, "X-B": {"a:b"}}, header)
	for _, bad := range []string{"", "X-A", ": 1"} {
		_, err := parseHeaders([]string{bad})
		require.Equal(t, meshhook.CodeUsage, meshhook.ErrorCode(err), "%q", bad)
	}
}

// A word that was quoted is one word to a shell, and the same.
func FuzzShellQuote(f *testing.F) {
	for _, text := range []string{"", "a b", "it's", "''", `\'$HOME"`, "a\nb", "`id`"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsRune(text, 0) {
			return // no argument can hold it
		}
		out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", "printf %s "+shellQuote(text)).Output()
		require.NoError(t, err)
		require.Equal(t, text, string(out))
	})
}

func FuzzParseHeaders(f *testing.F) {
	f.Add("X-A: 1")
	f.Add(":")
	f.Fuzz(func(t *testing.T, text string) {
		header, err := parseHeaders([]string{text})
		require.Equal(t, err == nil, len(header) == 1)
	})
}

// The line that create prints is accepted by the verifier that made it.
func TestTheCurlLineIsSigned(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"hmac", "token", "basic", "standard-webhooks", "stripe", "twilio", "none"} {
		verifier, err := signature.New(meshhook.Verification{Scheme: scheme})
		require.NoError(t, err)
		secret := verifier.GenerateSecret()
		contentType, sample := verifier.Sample()
		line, err := curlLine(verifier, meshhook.Endpoint{Methods: []string{"PUT"}}, "http://localhost/hooks/a", secret, true)
		require.NoError(t, err)
		// echo in curl's place prints the words as a shell understands them.
		out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", `curl() { printf '%s\n' "$@"; }; `+line).Output()
		require.NoError(t, err)
		words := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		require.Equal(t, []string{"-X", "PUT", "-H", "Content-Type: " + contentType}, words[:4])
		require.Equal(t, []string{"--data-binary", string(sample), "http://localhost/hooks/a"}, words[len(words)-3:])
		header := http.Header{"Content-Type": {contentType}}
		for _, word := range words[4 : len(words)-3] {
			if name, value, ok := strings.Cut(word, ": "); ok {
				header.Set(name, value)
			}
		}
		_, failure := verifier.Verify(t.Context(), signature.Request{
			Method: "PUT", URL: "http://localhost/hooks/a", Header: header, Body: sample, Now: time.Now(),
		}, []signature.Key{{Value: secret}})
		require.Nil(t, failure, scheme)
	}
}

func TestTheCurlLineKeepsGivenSecrets(t *testing.T) {
	t.Parallel()
	for scheme, secret := range map[string]string{"token": "hush", "basic": "user:hush"} {
		verifier, err := signature.New(meshhook.Verification{Scheme: scheme})
		require.NoError(t, err)
		line, err := curlLine(verifier, meshhook.Endpoint{Methods: []string{"POST"}}, "http://localhost/", meshhook.NewSecret(secret), false)
		require.NoError(t, err)
		require.Empty(t, line)
	}
}

func TestReconnectingIsSaid(t *testing.T) {
	t.Parallel()
	var err bytes.Buffer
	a := &app{IO: IO{Err: &err}}
	say := a.sayState()
	begin := time.Now()
	say(tail.State{Since: begin})
	require.Empty(t, err.String(), "the first connection is no news")
	say(tail.State{Lost: meshhook.Errorf(meshhook.CodeUnavailable, "gone"), Since: begin})
	say(tail.State{Since: begin.Add(1500 * time.Millisecond)})
	require.Equal(t, "not connected: gone; trying again\nconnected again after 1.5s; nothing was missed\n", err.String())
}

func TestDaemonLog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		log            config.Log
		quiet, verbose bool
		terminal       bool
		want           []string
	}{
		{"json in a pipe", config.Log{Level: "info", Format: "auto"}, false, false, false, []string{`"msg":"an info"`, `"msg":"a warning"`}},
		{"text on a terminal", config.Log{Level: "info", Format: "auto"}, false, false, true, []string{"an info", "a warning"}},
		{"text when asked", config.Log{Level: "warn", Format: "text"}, false, false, false, []string{"WRN a warning"}},
		{"-q", config.Log{Level: "debug", Format: "text"}, true, false, false, []string{"WRN a warning"}},
		{"-v", config.Log{Level: "error", Format: "text"}, false, true, false, []string{"DBG a detail", "INF an info", "WRN a warning"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var err bytes.Buffer
			a := &app{IO: IO{Err: &err, ErrTTY: c.terminal}, quiet: c.quiet, verbose: c.verbose, noColor: true}
			log, wrong := a.daemonLog(c.log)
			require.NoError(t, wrong)
			log.Debug("a detail")
			log.Info("an info")
			log.Warn("a warning")
			lines := strings.Split(strings.TrimSpace(err.String()), "\n")
			require.Len(t, lines, len(c.want))
			for i, line := range lines {
				require.Contains(t, line, c.want[i])
			}
		})
	}
	_, err := new(app).daemonLog(config.Log{Level: "loud"})
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
}
