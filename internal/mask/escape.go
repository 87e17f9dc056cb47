package mask

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// view is a text as it is or without one layer of escapes.
type view struct {
	text string
	// at is where in the source each byte comes from, and where the source ends. All
	// bytes of one escape come from where it begins. It is nil when nobody asks.
	at []int
}

// whole is a text as it is, whose parts are to be found again.
func whole(text string) view {
	at := make([]int, len(text)+1)
	for i := range at {
		at[i] = i
	}
	return view{text, at}
}

// source returns what a part of the view is in the source, escapes as a whole.
func (v view) source(s span) span {
	last := v.at[s.to-1]
	to := s.to
	for to < len(v.text) && v.at[to] == last {
		to++
	}
	return span{v.at[s.from], v.at[to]}
}

// escape is a way to write characters: what begins one, and how to read it. Read gets
// the text from there on and returns the character and its length; 0 when it is none.
// A negative character is a byte: minus its value.
type escape struct {
	lead byte
	read func(string) (rune, int)
}

var (
	backslash = escape{'\\', readBackslash}
	escapes   = [...]escape{backslash, {'%', readPercent}, {'&', readEntity}}
)

// escaped tells whether the text has escapes behind which a value may stand.
func (m *Masker) escaped(text string, e escape) bool {
	for {
		i := strings.IndexByte(text, e.lead)
		if i < 0 {
			return false
		}
		r, n := e.read(text[i:])
		if n > 0 && (r < 0 && m.matters[-r] || 0 <= r && m.matters[firstByte(r)]) {
			return true
		}
		text = text[i+max(n, 1):]
	}
}

func firstByte(r rune) byte {
	if r < utf8.RuneSelf {
		return byte(r)
	}
	var encoded [utf8.UTFMax]byte
	utf8.EncodeRune(encoded[:], r)
	return encoded[0]
}

// unescape takes off one layer.
func (v view) unescape(e escape) view {
	var out strings.Builder
	out.Grow(len(v.text))
	var at []int
	if v.at != nil {
		at = make([]int, 0, len(v.text)+1)
	}
	for i := 0; i < len(v.text); {
		plain := strings.IndexByte(v.text[i:], e.lead)
		if plain < 0 {
			plain = len(v.text) - i
		}
		out.WriteString(v.text[i : i+plain])
		if v.at != nil {
			at = append(at, v.at[i:i+plain]...)
		}
		if i += plain; i == len(v.text) {
			break
		}
		r, n := e.read(v.text[i:])
		switch {
		case n == 0:
			out.WriteByte(e.lead)
			n = 1
		case r < 0:
			out.WriteByte(byte(-r))
		default:
			out.WriteRune(r)
		}
		for v.at != nil && len(at) < out.Len() {
			at = append(at, v.at[i])
		}
		i += n
	}
	if v.at != nil {
		at = append(at, v.at[len(v.text)])
	}
	return view{out.String(), at}
}

// short are the escapes of one letter, of JSON, Go and JavaScript.
var short = [256]byte{
	'"': '"', '\'': '\'', '\\': '\\', '/': '/',
	'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
}

func readBackslash(text string) (rune, int) {
	if len(text) < 2 {
		return 0, 0
	}
	if c := short[text[1]]; c != 0 {
		return rune(c), 2
	}
	switch text[1] {
	case 'x':
		return readByte(text, 2)
	case 'u':
		return readUnicode(text)
	}
	return 0, 0
}

// readUnicode reads \uXXXX. A character beyond those is written as two, which are one:
// where the mask begins or ends between them, half a character is left.
func readUnicode(text string) (rune, int) {
	r, ok := number(text, 2, 6, 16)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if strings.HasPrefix(text[6:], `\u`) {
		if low, ok := number(text, 8, 12, 16); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return both, 12
			}
		}
	}
	return utf8.RuneError, 6
}

func readPercent(text string) (rune, int) { return readByte(text, 1) }

// readByte reads two hexadecimal digits.
func readByte(text string, from int) (rune, int) {
	r, ok := number(text, from, from+2, 16)
	if !ok {
		return 0, 0
	}
	if r >= utf8.RuneSelf {
		r = -r
	}
	return r, from + 2
}

// entities are those that encoders write. Nobody needs the other two thousand, except
// by number.
var entities = []struct {
	text string
	r    rune
}{{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}

func readEntity(text string) (rune, int) {
	if !strings.HasPrefix(text, "&#") {
		for _, e := range entities {
			if strings.HasPrefix(text, e.text) {
				return e.r, len(e.text)
			}
		}
		return 0, 0
	}
	from, base := 2, rune(10)
	if strings.HasPrefix(text[from:], "x") || strings.HasPrefix(text[from:], "X") {
		from, base = 3, 16
	}
	const digits = 8 // with zeros in front; none needs more
	to := strings.IndexByte(text[:min(len(text), from+digits+1)], ';')
	if r, ok := number(text, from, to, base); ok {
		return r, to + 1
	}
	return 0, 0
}

// number reads the digits text[from:to].
func number(text string, from, to int, base rune) (n rune, ok bool) {
	if to <= from || to > len(text) {
		return 0, false
	}
	for i := from; i < to; i++ {
		d := rune(0)
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			d = rune(c - '0')
		case base == 16 && 'a' <= c|0x20 && c|0x20 <= 'f':
			d = rune(c|0x20-'a') + 10
		default:
			return 0, false
		}
		n = min(n*base+d, utf8.MaxRune+1) // which is no character
	}
	return n, true
}
