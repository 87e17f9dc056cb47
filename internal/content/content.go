// Package content says what the bytes of a body are: it is the one place where
// a content type decides how a body is read. The door refuses a request by what
// Read says, and expressions see what Read gives, so that what was accepted can
// always be seen.
package content

import (
	"mime"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Kind is what a body is.
type Kind int

// The kinds of bodies.
const (
	Empty  Kind = iota // no bytes at all
	Data               // JSON or a form, read into Body.Data
	Text               // characters, in Body.Text
	Binary             // anything else: only the bytes themselves say it
)

// Body is a body as Read has understood it.
type Body struct {
	Kind Kind
	// Data is the value of JSON, as Decode gives it, or a form as an object.
	Data any
	// Text is the body in Unicode, whatever its charset was.
	Text string
}

// mostQuoted is how much of what a sender wrote is repeated to them, in characters.
const mostQuoted = 80

const (
	formType      = "application/x-www-form-urlencoded"
	multipartType = "multipart/form-data"
)

// Read reads a body by its content type.
//
//   - JSON (application/json, text/json, +json) is UTF-8, whatever charset is
//     said to it, and must parse (Decode);
//   - forms (application/x-www-form-urlencoded, multipart/form-data) must be
//     well-formed, and become objects;
//   - of the types that say nothing (none, text/plain, as AWS SNS sends its
//     JSON, application/octet-stream) an object or a list in JSON is data;
//   - everything else is text where it is text in the charset of the content type
//     (UTF-8 when it names none) without loss, else binary.
//
// An error is a *meshhook.Error with CodeMalformedPayload, or with
// CodeUnsupportedMediaType where the content type cannot be read. The Body
// beside it is then the text or binary that can still be shown.
func Read(contentType string, body []byte) (Body, error) {
	if err := checkType(contentType); err != nil || len(body) == 0 {
		return readText(contentType, body), err
	}
	media := MediaType(contentType)
	switch {
	case IsJSON(media):
		value, err := readJSON(contentType, body)
		if err == nil {
			return Body{Kind: Data, Data: value}, nil
		}
		return readText(contentType, body), err
	case media == formType:
		form, err := readForm(contentType, body)
		if err == nil {
			return Body{Kind: Data, Data: form}, nil
		}
		return readText(contentType, body), err
	case media == multipartType:
		form, err := readMultipart(contentType, body)
		if err == nil {
			return Body{Kind: Data, Data: form}, nil
		}
		return readText(contentType, body), err
	}
	read := readText(contentType, body)
	if read.Kind == Text && saysNothing(media) && isCompound(read.Text) {
		if value, err := Decode([]byte(read.Text)); err == nil {
			return Body{Kind: Data, Data: value}, nil
		}
	}
	return read, nil
}

// isCompound tells whether JSON would be an object or a list.
func isCompound(text string) bool {
	text = strings.TrimLeft(strings.TrimPrefix(text, bom), " \t\r\n")
	return strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")
}

// saysNothing tells whether a media type is one that senders give to anything.
func saysNothing(media string) bool {
	return media == "" || media == "text/plain" || media == "application/octet-stream"
}

// IsJSON tells whether a media type is JSON: application/json or a structured
// suffix +json (RFC 6839).
func IsJSON(media string) bool {
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

// MediaType returns a content type without its parameters, in lower case; ""
// for none. Wrong parameters do not matter.
func MediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.Trim(media, " \t"))
}

// checkType refuses a content type that is none: then nobody can tell what the
// body is.
func checkType(contentType string) error {
	media := MediaType(contentType)
	if media == "" && contentType != "" || strings.ContainsFunc(media, notOfType) || strings.Count(media, "/") > 1 {
		return meshhook.Errorf(meshhook.CodeUnsupportedMediaType, "the content type %q cannot be read; write it like application/json", meshhook.Clip(contentType, mostQuoted))
	}
	return nil
}

// notOfType finds what is in no media type (RFC 9110, section 5.6.2).
func notOfType(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),:;<=>?@[\]{}`, r)
}

// parameter returns a parameter of a content type; "" where there is none.
func parameter(contentType, name string) string {
	if !strings.Contains(contentType, ";") {
		return ""
	}
	if _, parameters, err := mime.ParseMediaType(contentType); err == nil {
		return parameters[name]
	}
	// One wrong parameter does not take the others away.
	for part := range strings.SplitSeq(contentType, ";") {
		key, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// readJSON adds to Decode what a content type says of the charset. RFC 8259
// knows no such parameter, so that those of senders who say Latin-1 by habit
// and send UTF-8 do not count; other ones are meant, and must say the same as UTF-8.
func readJSON(contentType string, body []byte) (any, error) {
	switch charset := strings.ToLower(parameter(contentType, "charset")); charset {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252":
	default:
		if text, ok := decodeText(body, charset); ok && text == string(body) {
			break
		}
		return nil, meshhook.Errorf(meshhook.CodeMalformedPayload, "the content type says that this JSON is %q; send it as UTF-8, as RFC 8259 asks", meshhook.Clip(charset, mostQuoted))
	}
	if isWide(body) {
		return nil, meshhook.Errorf(meshhook.CodeMalformedPayload, "not valid JSON: it is UTF-16 or UTF-32; send it as UTF-8, as RFC 8259 asks")
	}
	return Decode(body)
}

// isWide tells whether JSON is UTF-16 or UTF-32: its first character is of
// ASCII, so that a zero byte or a byte order mark is among its first two.
func isWide(body []byte) bool {
	if len(body) < 2 {
		return false
	}
	first, second := body[0], body[1]
	return first == 0 || second == 0 || first == 0xfe && second == 0xff || first == 0xff && second == 0xfe
}
