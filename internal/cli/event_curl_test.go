package cli

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/tail"
)

// shell runs a script in a real shell, in which curl is a function that shows its
// arguments, each between NULs, and then its input.
func shell(t *testing.T, script string) (args []string, input string) {
	t.Helper()
	const curl = `curl() { for a in "$@"; do printf '%s\0' "$a"; done; printf '\0'; case "$*" in *--data-binary*) cat;; esac; }` + "\n"
	cmd := exec.CommandContext(t.Context(), "sh")
	cmd.Stdin = strings.NewReader("{\n" + curl + script + "\n}") // not as an argument, which has a limit
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, script)
	words, input, whole := strings.Cut(string(out), "\x00\x00")
	require.True(t, whole, script)
	return strings.Split(words, "\x00"), input
}

func someEvent() *meshhook.Event {
	return &meshhook.Event{
		Method: http.MethodPost, Path: "/hooks/shop/orders", Query: "a[]=1&b={x}", Body: []byte(`{"it's":"ok"}`), BodySize: 13,
		Header: http.Header{
			"Content-Type": {"application/json"}, "User-Agent": {"shop/1"}, "Accept": {"*/*"}, "X-Two": {"1", "2"}, "X-Empty": {""},
			"Host": {"localhost:8080"}, "Content-Length": {"13"}, "Connection": {"close"},
		},
	}
}

func TestEventCurl(t *testing.T) {
	t.Parallel()
	line, notes := eventCurl(someEvent(), "http://localhost:8080")
	require.Empty(t, notes)
	args, input := shell(t, line)
	require.Equal(t, string(someEvent().Body), input)
	require.Equal(t, []string{
		"--globoff", "-X", "POST", "-H", "Accept: */*", "-H", "Content-Type: application/json", "-H", "User-Agent: shop/1", "-H", "X-Empty;",
		"-H", "X-Two: 1", "-H", "X-Two: 2", "--data-binary", "@-", "http://localhost:8080/hooks/shop/orders?a[]=1&b={x}",
	}, args)
}

// What curl would add by itself and did not come is taken away, and what cannot be
// said is told.
func TestEventCurlOfAnOddRequest(t *testing.T) {
	t.Parallel()
	e := someEvent()
	e.Method, e.Query, e.Body = http.MethodHead, "a#b", nil
	e.Header = http.Header{"Host": {"hooks.example"}, "Authorization": {signature.Redacted}, "Content-Encoding": {"gzip"}}
	e.BodyTruncated, e.BodySize = true, 9
	line, notes := eventCurl(e, "https://other.example")
	args, input := shell(t, line)
	require.Empty(t, input)
	require.Equal(t, []string{
		"--globoff", "--head", "-H", "Authorization: [redacted]", "-H", "Host: hooks.example", "-H", "Accept:", "-H", "User-Agent:",
		"https://other.example/hooks/shop/orders?a%23b",
	}, args)
	require.Equal(t, []string{
		"the body is sent as it was after its Content-Encoding was undone",
		"credentials are not kept; put yours in the place of [redacted]: Authorization",
		"only 0 of 9 bytes of the body were kept",
	}, notes)
}

// Bodies of every kind come through byte for byte, however long they are.
func TestEventCurlBodies(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"binary": "\x00\xff\xfe\r\n", "lines": "a\nb\n", "escapes": "\x1b[31mred", "quotes": `'"$(id)` + "`id`\\", "percent": "%s%n",
		"long": strings.Repeat("x'", 1<<20), "long binary": strings.Repeat("\x00\x01", 1<<20),
	} {
		e := someEvent()
		e.Body = []byte(body)
		line, _ := eventCurl(e, "http://localhost:8080")
		require.Equal(t, line, strings.Join(strings.Split(tail.Clean(line), `\n`), "\n"), "%s shows on a terminal as what it is", name)
		_, input := shell(t, line)
		require.Equal(t, body, input, name)
	}
}

// Nothing that a stranger wrote breaks out of its word, and every word is whole.
func FuzzEventCurl(f *testing.F) {
	f.Add("X-Sig", "a'b", "q='$(id)'", "body")
	f.Add("X-Sig", "'; id; '", "`id`&x=$x", "\x00'\n")
	f.Add("X", "$(id)\n\\", "\u202e\u2066", "a\nb")
	f.Add("X", "\x1b]0;x\x07", "%0a|id", "%s")
	f.Add("X", "!!", "~", "-e \\n")
	f.Fuzz(func(t *testing.T, name, value, query, body string) {
		e := &meshhook.Event{Method: "POST", Path: "/hooks/a", Query: query, Header: http.Header{name: {value}}, Body: []byte(body)}
		line, _ := eventCurl(e, "http://localhost:8080")
		args, input := shell(t, line)
		if body != "" {
			require.Equal(t, body, input)
		}
		plain := func(s string) string { return strings.TrimRight(strings.ReplaceAll(s, "\x00", ""), "\n") }
		target := "http://localhost:8080/hooks/a"
		if query != "" {
			target += "?" + strings.ReplaceAll(query, "#", "%23")
		}
		require.Equal(t, plain(target), args[len(args)-1])
		for _, arg := range args {
			if strings.HasPrefix(arg, name+": ") {
				require.Equal(t, plain(name+": "+value), arg)
			}
		}
	})
}

func FuzzShellWord(f *testing.F) {
	for _, seed := range []string{"", "a b", "it's", "''", `\'`, "$(id)", "a\nb", "\x1b[0m", "\u202eabc", "ä", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		word := shellWord(text)
		require.Equal(t, word, tail.Clean(word), "it shows as what it is")
		args, _ := shell(t, "curl "+word+" end")
		require.Equal(t, []string{strings.TrimRight(strings.ReplaceAll(text, "\x00", ""), "\n"), "end"}, args)
	})
}
