package content

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
)

// readText reads a body as text, where it is text.
func readText(contentType string, body []byte) Body {
	if len(body) == 0 {
		return Body{}
	}
	if text, ok := decodeText(body, charsetOf(contentType, body)); ok && isText(text) {
		return Body{Kind: Text, Text: text}
	}
	return Body{Kind: Binary}
}

// xmlEncoding finds the encoding in an XML declaration.
var xmlEncoding = regexp.MustCompile(`^<\?xml[^>]{1,100}encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']`)

// charsetOf returns the charset that the content type names, or else the
// XML itself (RFC 7303, section 3).
func charsetOf(contentType string, body []byte) string {
	if charset := parameter(contentType, "charset"); charset != "" {
		return charset
	}
	if media := MediaType(contentType); strings.HasSuffix(media, "/xml") || strings.HasSuffix(media, "+xml") {
		if found := xmlEncoding.FindSubmatch(body[:min(len(body), 256)]); found != nil {
			return string(found[1])
		}
	}
	return ""
}

// decodeText turns bytes of a charset into Unicode; "" is UTF-8. It does so
// whole or not at all: what is not of the charset, or of one that nobody knows, is
// no text.
func decodeText(body []byte, charset string) (string, bool) {
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return string(body), utf8.Valid(body)
	}
	from := findCharset(charset)
	if from == nil {
		return "", false
	}
	text, err := from.NewDecoder().Bytes(body)
	if err != nil || strings.ContainsRune(string(text), utf8.RuneError) {
		return "", false
	}
	return string(text), true
}

// findCharset returns nil for a charset that is not known.
func findCharset(name string) encoding.Encoding {
	if strings.EqualFold(name, "utf-16") {
		// Its bytes say which order they have, or else it is the network's (RFC 2781).
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	}
	if charset, err := ianaindex.MIME.Encoding(name); err == nil && charset != nil {
		return charset
	}
	if charset, err := htmlindex.Get(name); err == nil {
		return charset
	}
	return nil
}

// isText tells text from binary data that happens to be valid UTF-8: there are
// few control characters in it. Each of them takes six bytes in JSON, so that
// many would make a body larger than what an expression may give.
func isText(text string) bool {
	controls := 0
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			controls++
		}
	}
	return controls <= len(text)/8+1
}

// Legible returns text of a header or a query as characters. RFC 9110, section
// 5.5, lets a header hold bytes that are not UTF-8, without saying what they mean;
// each of them becomes the character of Latin-1, so that different ones stay
// different.
func Legible(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}
