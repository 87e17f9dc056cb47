package cli

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/tail"
)

// ownHeaders are set by curl itself, or belong to a connection that is over.
var ownHeaders = []string{
	"Connection", "Content-Length", "Expect", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// eventCurl is a command for a POSIX shell that sends an event's request again to
// the address base, and what the user must know of it.
func eventCurl(e *meshhook.Event, base string) (line string, notes []string) {
	var parts []string
	if len(e.Body) > 0 {
		parts = append(parts, printing(string(e.Body)), "|")
	}
	parts = append(parts, "curl", "--globoff") // brackets in a query are no patterns
	if e.Method == http.MethodHead {
		parts = append(parts, "--head") // with -X it would wait for a body
	} else {
		parts = append(parts, "-X", shellWord(e.Method))
	}
	target := base + (&url.URL{Path: e.Path}).EscapedPath()
	if e.Query != "" {
		target += "?" + strings.ReplaceAll(e.Query, "#", "%23") // curl would take the rest for a fragment
	}
	headers, notes := curlHeaders(e, target)
	parts = append(parts, headers...)
	if len(e.Body) > 0 {
		parts = append(parts, "--data-binary", "@-")
	}
	if e.BodyTruncated {
		notes = append(notes, fmt.Sprintf("only %d of %d bytes of the body were kept", len(e.Body), e.BodySize))
	}
	return strings.Join(append(parts, shellWord(target)), " "), notes
}

// curlHeaders are the arguments for the headers that came, and against those that
// curl would send by itself.
func curlHeaders(e *meshhook.Event, target string) (args, notes []string) {
	add := func(text string) { args = append(args, "-H", shellWord(text)) }
	var redacted []string
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		switch {
		case slices.Contains(ownHeaders, name):
			continue
		case name == "Content-Encoding":
			notes = append(notes, "the body is sent as it was after its Content-Encoding was undone")
			continue
		case name == "Host" && sameHost(e.Header.Get(name), target):
			continue
		}
		for _, value := range e.Header[name] {
			switch value {
			case "":
				add(name + ";") // how curl is told of an empty value
			case signature.Redacted:
				redacted = append(redacted, name)
				fallthrough
			default:
				add(name + ": " + value)
			}
		}
	}
	for _, name := range []string{"Accept", "Content-Type", "User-Agent"} {
		if len(e.Header[name]) == 0 && (name != "Content-Type" || len(e.Body) > 0) {
			add(name + ":")
		}
	}
	if len(redacted) > 0 {
		notes = append(notes, "credentials are not kept; put yours in the place of "+signature.Redacted+": "+strings.Join(redacted, ", "))
	}
	return args, notes
}

func sameHost(host, target string) bool {
	u, err := url.Parse(target)
	return err == nil && u.Host == host
}

// printing is a command that prints text, byte for byte.
func printing(text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if tail.Clean(line) != line {
			return "printf %s " + encoded(text) + " | base64 -d"
		}
	}
	return "printf %s " + shellQuote(text)
}

// shellWord makes one word of text for a POSIX shell, which shows on a terminal as
// what it is. No word holds NUL, and one that a command prints no newlines at its
// end; they are left out.
func shellWord(text string) string {
	text = strings.TrimRight(strings.ReplaceAll(text, "\x00", ""), "\n")
	if tail.Clean(text) == text {
		return shellQuote(text)
	}
	return `"$(printf %s ` + encoded(text) + ` | base64 -d)"`
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
