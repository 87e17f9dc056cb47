package signature

import (
	"hash"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxTemplate is the longest template, in bytes.
const maxTemplate = 1024

// What a template may name.
const (
	fieldBody      = "body"
	fieldTimestamp = "timestamp"
	fieldID        = "id"
	fieldURL       = "url"
	fieldMethod    = "method"
)

// part is a piece of the signed string: a field by name, or else literal text.
type part struct {
	field   string
	literal string
}

// template is the signed string, taken apart once so that verifying only writes.
type template []part

// message is what a template is filled with. timestamp and id are the sender's
// own spelling, since that is what was signed.
type message struct {
	request   Request
	timestamp string
	id        string
}

// parseTemplate reads a template, or says with CodeInvalid what is wrong with it.
func parseTemplate(text string) (template, error) {
	if len(text) > maxTemplate {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the template is longer than %d bytes", maxTemplate)
	}
	known := []string{fieldBody, fieldTimestamp, fieldID, fieldURL, fieldMethod}
	var t template
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if literal != "" {
			t = append(t, part{literal: literal})
		}
		if !found {
			break
		}
		field, tail, closed := strings.Cut(after, "}")
		if !closed || !slices.Contains(known, field) {
			return nil, meshhook.Errorf(meshhook.CodeInvalid,
				"the template has {%s; it may name {%s}", clip(after), strings.Join(known, "} {"))
		}
		if field == fieldBody && t.uses(fieldBody) {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "the template names {body} twice")
		}
		t = append(t, part{field: field})
		rest = tail
	}
	if !t.uses(fieldBody) {
		return nil, meshhook.Errorf(meshhook.CodeInvalid,
			"the template does not name {body}, so a signature would fit any content; add {body}")
	}
	return t, nil
}

// uses tells whether the template names a field.
func (t template) uses(field string) bool {
	return slices.ContainsFunc(t, func(p part) bool { return p.field == field })
}

// write feeds the signed string to h, which never fails (hash.Hash).
func (t template) write(h hash.Hash, m message) {
	for _, p := range t {
		if p.field == fieldBody {
			h.Write(m.request.Body)
			continue
		}
		h.Write([]byte(m.text(p)))
	}
}

// length is how many bytes write feeds.
func (t template) length(m message) int {
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

// text is what a part other than the body stands for.
func (m message) text(p part) string {
	switch p.field {
	case fieldTimestamp:
		return m.timestamp
	case fieldID:
		return m.id
	case fieldURL:
		return m.request.URL
	case fieldMethod:
		return m.request.Method
	default:
		return p.literal
	}
}
