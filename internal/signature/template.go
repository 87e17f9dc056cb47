package signature

import (
	"io"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxTemplate is the longest template, in bytes.
const maxTemplate = 1024

// What a template may name. An endpoint's own template takes the first five.
const (
	fieldBody      = "body"
	fieldTimestamp = "timestamp"
	fieldID        = "id"
	fieldURL       = "url"
	fieldMethod    = "method"

	fieldURI     = "uri"     // the URL with the escapes undone that HubSpot undoes
	fieldPayload = "payload" // the body or, of a form, the value of its only name, "payload"
	fieldForm    = "form"    // the sorted names and values of a form body, as Twilio joins them
	fieldCRC32   = "crc32"   // of the body, in decimal (IEEE 802.3)
	fieldSecret  = "secret"  // the endpoint's identifier at the provider
	fieldField   = "field"   // {field:PATH}, a value in the body
	fieldLines   = "lines"   // {lines:A,B?}, a line each for these names in the body and their values; those with ? may be absent
)

// ownFields are those that an endpoint's own template may name.
var ownFields = []string{fieldBody, fieldTimestamp, fieldID, fieldURL, fieldMethod}

// providerFields are those that the table's templates may name beside them.
var providerFields = []string{fieldURI, fieldPayload, fieldForm, fieldCRC32, fieldSecret, fieldField, fieldLines}

// part is a piece of the signed string: a field by name, or else literal text.
type part struct {
	field   string
	operand string // behind the field's colon
	literal string
}

// template is the signed string, taken apart once so that verifying only writes.
type template []part

// parseTemplate reads a template that may name these fields, or says with
// CodeInvalid what is wrong with it.
func parseTemplate(text string, known []string) (template, error) {
	if len(text) > maxTemplate {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the template is longer than %d bytes", maxTemplate)
	}
	var t template
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if literal != "" {
			t = append(t, part{literal: literal})
		}
		if !found {
			break
		}
		named, tail, closed := strings.Cut(after, "}")
		field, operand, _ := strings.Cut(named, ":")
		if !closed || !slices.Contains(known, field) {
			return nil, meshhook.Errorf(meshhook.CodeInvalid,
				"the template has {%s; it may name {%s}", clip(after), strings.Join(known, "} {"))
		}
		if field == fieldBody && t.uses(fieldBody) {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "the template names {body} twice")
		}
		t = append(t, part{field: field, operand: operand})
		rest = tail
	}
	return t, nil
}

// parseOwnTemplate reads the template of an endpoint or of hmac: it has to name
// the body.
func parseOwnTemplate(text string) (template, error) {
	t, err := parseTemplate(text, ownFields)
	if err == nil && !t.uses(fieldBody) {
		err = meshhook.Errorf(meshhook.CodeInvalid,
			"the template does not name {body}, so a signature would fit any content; add {body}")
	}
	return t, err
}

// uses tells whether the template names one of the fields.
func (t template) uses(fields ...string) bool {
	return slices.ContainsFunc(t, func(p part) bool { return p.field != "" && slices.Contains(fields, p.field) })
}

// write writes the signed string to w, a hash or a buffer, which never fail.
func (t template) write(w io.Writer, m *message) {
	for _, p := range t {
		if p.field == fieldBody {
			_, _ = w.Write(m.request.Body)
			continue
		}
		_, _ = io.WriteString(w, m.text(p))
	}
}

// length is how many bytes write writes.
func (t template) length(m *message) int {
	n := 0
	for _, p := range t {
		if p.field == fieldBody {
			n += len(m.request.Body)
			continue
		}
		n += len(m.text(p))
	}
	return n
}
