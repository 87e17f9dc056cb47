package tail

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostMarks is how many combining marks may follow each other: more than any
// script needs, and the bound of the Stream-Safe Text Format (UAX #15, 13).
const mostMarks = 30

// Clean makes a stranger's text fit for a terminal. What does not stand for
// itself there becomes an escape that can be seen: controls (C0, C1, newlines
// and tabs too), bidirectional and other format characters, invisible ones,
// private and unassigned ones, bytes that are no UTF-8, and endless piles of
// combining marks. The result is valid UTF-8 of one line, and clean.
func Clean(s string) string {
	i := firstUnclean(s)
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:i])
	for marks := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if marks++; !unicode.IsMark(r) {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case shown(r) && marks <= mostMarks:
			b.WriteRune(r)
		default:
			escape(&b, r)
			marks = 0
		}
		i += size
	}
	return b.String()
}

// firstUnclean returns the length of the printable ASCII that s begins with:
// nearly always all of it.
func firstUnclean(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return i
		}
	}
	return len(s)
}

// shown tells whether a terminal shows a rune as itself and does nothing else
// with it. Graphic leaves out what Unicode calls control, format, private,
// surrogate and unassigned; of the rest, the default-ignorable ones (fillers,
// selectors) are drawn as nothing, by which two names could look the same.
func shown(r rune) bool {
	return unicode.IsGraphic(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// escape writes a rune as Go would in a string.
func escape(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r < 0x80:
		fmt.Fprintf(b, `\x%02x`, r)
	case r <= 0xffff:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}

// Escaped replaces what Clean would, line feeds excepted, by what escape returns for it:
// for a format that has escapes of its own, in which it means the same. Bytes that are
// no UTF-8 come to escape as U+FFFD.
func Escaped(s string, escape func(rune) string) string {
	var b strings.Builder
	marks, kept := 0, 0 // kept is where what is not written yet begins
	for i := 0; i < len(s); {
		if c := s[i]; c == '\n' || c >= ' ' && c <= '~' {
			marks = 0
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if marks++; !unicode.IsMark(r) {
			marks = 0
		}
		if r == utf8.RuneError && size == 1 || !shown(r) || marks > mostMarks {
			b.WriteString(s[kept:i])
			b.WriteString(escape(r))
			kept, marks = i+size, 0
		}
		i += size
	}
	return b.String() + s[kept:]
}
