package alert

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// ellipsis ends what was cut short.
const ellipsis = "…"

// legible makes text of strangers fit for a message: characters only, without
// control characters and without those that turn the direction of what follows,
// with which one text can be made to look like another. lines keeps line breaks;
// else they become blanks.
func legible(text string, lines bool) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines:
			return r
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
	return strings.TrimSpace(text)
}

// fit escapes a text and cuts it, between two characters, so that what comes out is
// no longer than limit. size says how long a piece is; escape is nil for none.
func fit(text string, limit int, size func(string) int, escape func(rune) string) string {
	if escape == nil {
		escape = func(r rune) string { return string(r) }
	}
	var b strings.Builder
	used, end := 0, 0 // end is where an ellipsis still fits
	for _, r := range text {
		piece := escape(r)
		used += size(piece)
		if used > limit {
			return b.String()[:end] + ellipsis
		}
		b.WriteString(piece)
		if used <= limit-size(ellipsis) {
			end = b.Len()
		}
	}
	return b.String()
}

// inUnits counts in UTF-16 code units. Services that count characters count in
// these or in code points, of which there are never more.
func inUnits(text string) (n int) {
	for _, r := range text {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// inBytes counts in bytes of UTF-8.
func inBytes(text string) int { return len(text) }

// backslashed escapes the given characters by a backslash.
func backslashed(special string) func(rune) string {
	return func(r rune) string {
		if strings.ContainsRune(special, r) {
			return `\` + string(r)
		}
		return string(r)
	}
}

// entities escapes what begins markup in HTML and in Slack's texts.
func entities(r rune) string {
	switch r {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	default:
		return string(r)
	}
}

// linkOf makes a URL fit to be a link anywhere: what would have to be escaped in it
// is. "" for what is no http or https URL.
func linkOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	var b strings.Builder
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
