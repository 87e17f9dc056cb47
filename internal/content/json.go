package content

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The limits of JSON that strangers send.
const (
	// MaxDepth is how many arrays and objects may stand inside each other.
	// Whatever reads a payload later recurses, and senders choose the payload.
	MaxDepth = 128
	// MaxNumber is how many characters a number may have: as many as expressions
	// and schemas calculate with.
	MaxNumber = 1000
)

// ownDepth is the depth of what MeshHook has written itself: what an expression
// may make of a payload, with room around it, and little for the stack.
const ownDepth = 10_000

// bom is the byte order mark, which RFC 8259 lets a parser ignore, and which
// Windows likes to write.
const bom = "\ufeff"

// Decode reads one JSON value (RFC 8259) into nil, bool, json.Number, string,
// []any and map[string]any. Numbers keep the text they were sent with, 1e400
// too. Of a key that stands twice in an object the last value counts, as in
// every common parser. A byte order mark before the value is ignored.
//
// It is stricter than encoding/json where that would let expressions and schemas
// see something else than was signed and stored: bytes that are not UTF-8 and
// lone surrogates (\ud800) are refused instead of replaced. So is what nests
// deeper than MaxDepth, and a number longer than MaxNumber. An error is a
// *meshhook.Error with CodeMalformedPayload that names the byte offset.
//
// Strings and numbers share one copy of the body, which therefore lives as
// long as any of them.
func Decode(body []byte) (any, error) {
	d := decoder{in: string(body), depth: MaxDepth, number: MaxNumber}
	return d.document()
}

// DecodeLeniently is Decode for what was asked for, the answer to a request of
// ours, rather than sent by a stranger: what is no character becomes U+FFFD.
func DecodeLeniently(body []byte) (any, error) {
	d := decoder{in: string(bytes.ToValidUTF8(body, []byte("\ufffd"))), depth: MaxDepth, number: MaxNumber, lenient: true}
	return d.document()
}

// DecodeOwn is Decode for what MeshHook has written itself, which may nest as
// deep, and have as long numbers, as expressions can make them.
func DecodeOwn(text []byte) (any, error) {
	d := decoder{in: string(text), depth: ownDepth, number: len(text), lenient: true}
	return d.document()
}

// decoder reads in from the offset at. It is written by hand because
// encoding/json cannot be told to refuse what Decode refuses, so that a second
// pass would be needed, and because this is the hot path of ingress.
type decoder struct {
	in string
	at int
	// depth and number are the limits of nesting and of numbers.
	depth, number int
	// lenient puts U+FFFD in the place of lone surrogates.
	lenient bool
}

// document reads the whole input, which is one value.
func (d *decoder) document() (any, error) {
	if !utf8.ValidString(d.in) {
		d.at = firstInvalid(d.in)
		return nil, d.malformed("is not UTF-8")
	}
	if strings.HasPrefix(d.in, bom) {
		d.at = len(bom)
	}
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	d.skipSpace()
	if d.at < len(d.in) {
		return nil, d.unexpected("the end, since the JSON value ends before it")
	}
	return v, nil
}

func (d *decoder) value(depth int) (any, error) {
	d.skipSpace()
	switch c := d.peek(); {
	case c == '{':
		return d.object(depth + 1)
	case c == '[':
		return d.array(depth + 1)
	case c == '"':
		return d.text()
	case c == '-' || isDigit(c):
		return d.numeral()
	case c == 't':
		return true, d.literal("true")
	case c == 'f':
		return false, d.literal("false")
	case c == 'n':
		return nil, d.literal("null")
	}
	return nil, d.unexpected("a value")
}

func (d *decoder) object(depth int) (any, error) {
	if depth > d.depth {
		return nil, d.malformed("nests deeper than %d levels", d.depth)
	}
	d.at++
	object := map[string]any{}
	for d.skipSpace(); d.peek() != '}'; d.skipSpace() {
		if len(object) > 0 {
			if d.peek() != ',' {
				return nil, d.unexpected("',' or '}'")
			}
			d.at++
			d.skipSpace()
		}
		if d.peek() != '"' {
			return nil, d.unexpected("a key in double quotes")
		}
		key, err := d.text()
		if err != nil {
			return nil, err
		}
		d.skipSpace()
		if d.peek() != ':' {
			return nil, d.unexpected("':'")
		}
		d.at++
		if object[key], err = d.value(depth); err != nil {
			return nil, err
		}
	}
	d.at++
	return object, nil
}

func (d *decoder) array(depth int) (any, error) {
	if depth > d.depth {
		return nil, d.malformed("nests deeper than %d levels", d.depth)
	}
	d.at++
	array := []any{}
	for d.skipSpace(); d.peek() != ']'; d.skipSpace() {
		if len(array) > 0 {
			if d.peek() != ',' {
				return nil, d.unexpected("',' or ']'")
			}
			d.at++
		}
		item, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		array = append(array, item)
	}
	d.at++
	return array, nil
}

func (d *decoder) literal(word string) error {
	for i := range len(word) {
		if d.peek() != word[i] {
			return d.unexpected(word)
		}
		d.at++
	}
	return nil
}

// numeral reads a number, in the grammar of RFC 8259, section 6.
func (d *decoder) numeral() (any, error) {
	start := d.at
	if d.peek() == '-' {
		d.at++
	}
	if d.peek() == '0' {
		d.at++
	} else if err := d.digits(); err != nil {
		return nil, err
	}
	if d.peek() == '.' {
		d.at++
		if err := d.digits(); err != nil {
			return nil, err
		}
	}
	if c := d.peek(); c == 'e' || c == 'E' {
		d.at++
		if c := d.peek(); c == '+' || c == '-' {
			d.at++
		}
		if err := d.digits(); err != nil {
			return nil, err
		}
	}
	if d.at-start > d.number {
		d.at = start
		return nil, d.malformed("begins a number with more than %d characters", d.number)
	}
	return json.Number(d.in[start:d.at]), nil
}

func (d *decoder) digits() error {
	if !isDigit(d.peek()) {
		return d.unexpected("a digit")
	}
	for isDigit(d.peek()) {
		d.at++
	}
	return nil
}

// text reads a string; most have no escape and are a slice of the body.
func (d *decoder) text() (string, error) {
	start := d.at + 1
	for i := start; i < len(d.in); i++ {
		if c := d.in[i]; c != '"' && c != '\\' && c >= ' ' {
			continue
		}
		d.at = i
		switch d.in[i] {
		case '"':
			d.at++
			return d.in[start:i], nil
		case '\\':
			return d.escaped(start)
		}
		return "", d.unexpected("an escape, since control characters may not stand in a string")
	}
	d.at = len(d.in)
	return "", d.unexpected("the closing '\"' of a string")
}

// escaped reads on from the first backslash of the string that began at start.
func (d *decoder) escaped(start int) (string, error) {
	var b strings.Builder
	b.WriteString(d.in[start:d.at])
	for d.at < len(d.in) {
		switch c := d.in[d.at]; {
		case c == '"':
			d.at++
			return b.String(), nil
		case c == '\\':
			r, err := d.escape()
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
		case c < ' ':
			return "", d.unexpected("an escape, since control characters may not stand in a string")
		default:
			b.WriteByte(c)
			d.at++
		}
	}
	return "", d.unexpected("the closing '\"' of a string")
}

// escape reads one escape sequence, or the two of a surrogate pair.
func (d *decoder) escape() (rune, error) {
	const letters, meanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	start := d.at
	d.at++
	c := d.peek()
	if i := strings.IndexByte(letters, c); i >= 0 {
		d.at++
		return rune(meanings[i]), nil
	}
	if c != 'u' {
		return 0, d.unexpected("an escape sequence")
	}
	r, err := d.unit()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if strings.HasPrefix(d.in[d.at:], `\u`) {
		d.at++
		low, err := d.unit()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
	}
	if d.lenient {
		d.at = start + len(`\ud800`)
		return utf8.RuneError, nil
	}
	d.at = start
	return 0, d.malformed("is a lone surrogate, which is no character")
}

// unit reads the u and the four hexadecimal digits of an escape.
func (d *decoder) unit() (rune, error) {
	var r rune
	for range 4 {
		d.at++
		switch c := d.peek(); {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, d.unexpected("a hexadecimal digit")
		}
	}
	d.at++
	return r, nil
}

func (d *decoder) skipSpace() {
	for d.at < len(d.in) {
		switch d.in[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// peek returns the byte at the offset, and 0, which no JSON text may hold
// unescaped, at the end.
func (d *decoder) peek() byte {
	if d.at < len(d.in) {
		return d.in[d.at]
	}
	return 0
}

func (d *decoder) unexpected(want string) error {
	if d.at >= len(d.in) {
		return d.malformed("ends too early; expected %s", want)
	}
	r, _ := utf8.DecodeRuneInString(d.in[d.at:])
	return d.malformed("has %q; expected %s", r, want)
}

// malformed makes the error for the current offset. It never shows more of the
// body than one character.
func (d *decoder) malformed(format string, args ...any) error {
	err := meshhook.Errorf(meshhook.CodeMalformedPayload, format, args...)
	return meshhook.Errorf(meshhook.CodeMalformedPayload, "not valid JSON: byte %d %w", d.at, err)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// firstInvalid returns the offset of the first byte of s that is not UTF-8.
func firstInvalid(s string) int {
	at := 0
	for at < len(s) {
		r, size := utf8.DecodeRuneInString(s[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}
