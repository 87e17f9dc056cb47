package signature

import "strings"

// signatures returns the texts of the request's signatures and, where the
// timestamp stands among them, puts it into m.
func (e *signedEngine) signatures(m *message, f *Findings) ([]string, *Failure) {
	if len(e.headers) == 0 {
		return e.fieldSignatures(m)
	}
	var texts []string
	for i, name := range e.headers {
		if len(name.values(m.request.Header)) == 0 && (i > 0 || e.anyMore(m)) {
			continue // one is enough, and the first is missed when there is none
		}
		value, failure := one(m.request.Header, name)
		if failure != nil {
			return nil, failure
		}
		more, failure := e.split(value, m, f)
		if failure != nil {
			return nil, failure
		}
		texts = append(texts, more...)
	}
	if len(texts) > maxSignatures {
		return nil, refuse(ReasonMalformedHeader, "the header %s has more than %d signatures", e.scheme.Header, maxSignatures)
	}
	return texts, nil
}

// fieldSignatures returns the texts of signatures in the body.
func (e *signedEngine) fieldSignatures(m *message) ([]string, *Failure) {
	var texts []string
	for _, field := range append([]string{e.scheme.Field}, e.scheme.MoreFields...) {
		if text := m.document.value(field); text != "" {
			texts = append(texts, text)
		}
	}
	if texts == nil {
		return nil, refuse(ReasonMissingHeader, "the body has no signature in %s", e.scheme.Field)
	}
	return texts, nil
}

// anyMore tells whether one of the further headers came.
func (e *signedEngine) anyMore(m *message) bool {
	for _, name := range e.headers[1:] {
		if len(name.values(m.request.Header)) > 0 {
			return true
		}
	}
	return false
}

// split takes the signatures' texts out of a header's value.
func (e *signedEngine) split(value string, m *message, f *Findings) ([]string, *Failure) {
	if e.scheme.List.Signature != "" {
		return e.splitList(value, m, f)
	}
	text, ok := strings.CutPrefix(value, e.scheme.Prefix)
	if !ok {
		return nil, refuse(ReasonMalformedHeader, "the header %s does not begin with %q", e.scheme.Header, e.scheme.Prefix)
	}
	return []string{strings.TrimPrefix(text, e.scheme.OptionalPrefix)}, nil
}

// splitList is split for a header of several named values.
func (e *signedEngine) splitList(value string, m *message, f *Findings) ([]string, *Failure) {
	list, field := e.scheme.List, e.scheme.Timestamp.Field
	var texts []string
	var timed bool
	for element := range strings.SplitSeq(value, list.Separator) {
		if list.Spaced {
			element = strings.Trim(element, " ")
		}
		name, text, ok := strings.Cut(element, list.Assign)
		switch {
		case !ok:
			return nil, refuse(ReasonMalformedHeader, "the header %s is not a list of name%svalue with %q between them",
				e.scheme.Header, list.Assign, list.Separator)
		case name == list.Signature:
			texts = append(texts, text)
		case field != "" && name == field:
			if timed {
				return nil, refuse(ReasonMalformedHeader, "the header %s has %s%s twice", e.scheme.Header, field, list.Assign)
			}
			timed, m.timestamp = true, text
		default:
			f.Ignored++
		}
	}
	switch {
	case field != "" && !timed:
		return nil, refuse(ReasonMalformedHeader, "the header %s has no %s%s", e.scheme.Header, field, list.Assign)
	case len(texts) == 0:
		return nil, refuse(ReasonMalformedHeader, "the header %s has no %s%s", e.scheme.Header, list.Signature, list.Assign)
	case len(texts) > maxSignatures:
		return nil, refuse(ReasonMalformedHeader, "the header %s has more than %d signatures", e.scheme.Header, maxSignatures)
	}
	return texts, nil
}

// join is the reverse of split, for one signature.
func (e *signedEngine) join(signature, timestamp string) string {
	list := e.scheme.List
	if list.Signature == "" {
		return e.scheme.Prefix + e.scheme.OptionalPrefix + signature
	}
	text := list.Signature + list.Assign + signature
	if field := e.scheme.Timestamp.Field; field != "" {
		text = field + list.Assign + timestamp + list.Separator + text
	}
	return text
}
