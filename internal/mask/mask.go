// Package mask hides the values of secrets wherever they stand in what is
// recorded: step outputs, requests, failure messages, the journal.
//
// A value is found as it is and
//
//   - escaped, in any spelling and up to three times over: by a backslash as in
//     JSON and Go, by per cent as in URLs, by entities as in HTML
//   - with + for spaces (forms), with its quotes doubled (CSV) or broken up (@sh)
//   - in base64, standard or of URLs, alone or anywhere inside what was encoded,
//     as in Basic authentication; in hex, lower or upper case; the value as it is
//     or as it stands in JSON
//   - and, of one with several lines, each line of 16 bytes or more alone, since a
//     PEM is often passed on line by line; its BEGIN and END lines tell nothing
//
// What is deliberately left:
//
//   - Values of fewer than four bytes, white space around them not counted: to hide
//     "1" everywhere would hide the message.
//   - Base64 of which the value alone determines fewer than six characters, that is,
//     of values of four bytes: four characters stand by chance in one of sixty long
//     base64 texts, six in one of two hundred thousand.
//   - A text that was cut holds the beginning of a value; Cut hides that, Text does not.
//   - What takes a value apart or computes with it: halves, hashes, upper case,
//     base64 broken into lines. Nobody can find all of these; a workflow that does
//     so on purpose has the secrets anyhow.
package mask

import (
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// depth is how many layers of escapes are taken off: JSON in JSON in a URL.
const depth = 3

// Masker hides a set of secrets. It does not change once it is made and is for
// concurrent use; nil masks nothing.
type Masker struct {
	index
	numbers []string // the values that may stand in JSON as a number

	// matters are the bytes that, escaped, may be part of a value or of another
	// escape. A text whose escapes stand for other bytes need not be unescaped:
	// no value stands across one of them.
	matters [256]bool
}

// New returns what hides the secrets; nil when none of them is to be hidden.
func New(secrets []meshhook.Secret) *Masker {
	m := &Masker{}
	var patterns []pattern
	for _, secret := range secrets {
		for _, value := range values(secret.Reveal()) {
			patterns = appendForms(patterns, value)
			if isNumber(value) {
				m.numbers = append(m.numbers, value)
			}
		}
	}
	if len(patterns) == 0 {
		return nil
	}
	m.build(patterns)
	for _, p := range m.patterns {
		for i := range len(p.text) {
			m.matters[p.text[i]] = true
		}
	}
	for _, c := range []byte(`\%&#;` + alphanumeric) { // what escapes are made of
		m.matters[c] = true
	}
	return m
}

// Empty tells whether there is nothing to hide.
func (m *Masker) Empty() bool { return m == nil }

// Text returns the text with meshhook.Mask in the place of every secret; the text
// itself when it holds none. What it returns holds none: to mask twice changes
// nothing.
func (m *Masker) Text(text string) string {
	if m.Empty() || !m.found(view{text: text}) {
		return text
	}
	return m.hide(text, whole)
}

// span is a part of a text, in bytes.
type span struct{ from, to int }

// hide masks a text that is first opened, until nothing is left to hide: where one
// value was taken out, the mask and what stands around it may be another.
func (m *Masker) hide(text string, open func(string) view) string {
	for {
		var spans []span
		m.walk(open(text), depth, func(v view, s span) bool {
			spans = append(spans, v.source(s))
			return true
		})
		if len(spans) == 0 {
			return text
		}
		masked := cut(text, spans)
		if masked == text {
			return text // a secret that is part of the mask
		}
		text = masked
	}
}

// found tells whether there is something to hide.
func (m *Masker) found(v view) bool {
	return !m.walk(v, depth, func(view, span) bool { return false })
}

// walk visits what the patterns match in a view and in what is behind its escapes,
// until hit returns false; then it does, too.
func (m *Masker) walk(v view, layers int, hit func(view, span) bool) bool {
	for s, end := m.next(v.text, m.least-1); end > 0; s, end = m.next(v.text, end) {
		if !hit(v, s) {
			return false
		}
	}
	if layers == 0 {
		return true
	}
	for _, e := range escapes {
		if m.escaped(v.text, e) && !m.walk(v.unescape(e), layers-1, hit) {
			return false
		}
	}
	return true
}

// cut puts the mask in the place of the spans. Those that overlap are one, and so
// nothing is left of a value that is a part of another, or lies across it. A mask
// that is already there goes with the span that overlaps it: otherwise a secret
// that looks like part of a mask would lengthen it each time.
func cut(text string, spans []span) string {
	for from := 0; ; {
		i := strings.Index(text[from:], meshhook.Mask)
		if i < 0 {
			break
		}
		spans = append(spans, span{from + i, from + i + len(meshhook.Mask)})
		from += i + len(meshhook.Mask)
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var out strings.Builder
	out.Grow(len(text))
	end := 0
	for i := 0; i < len(spans); {
		s := spans[i]
		for i++; i < len(spans) && spans[i].from < s.to; i++ {
			s.to = max(s.to, spans[i].to)
		}
		out.WriteString(text[end:s.from])
		out.WriteString(meshhook.Mask)
		end = s.to
	}
	out.WriteString(text[end:])
	return out.String()
}
