package workflow

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// oddBreaks are the ends of lines that YAML's parser knows besides the newline
// (YAML 1.1, section 4.2), and JSON does not.
var oddBreaks = []string{"\r", "\u0085", "\u2028", "\u2029"}

var lineBreak = regexp.MustCompile(`\r\n|[\n\r\x{85}\x{2028}\x{2029}]`)

// hasOddBreak tells whether a text has ends of lines beside the newline.
func hasOddBreak(text string) bool {
	for _, end := range oddBreaks {
		if strings.Contains(text, end) {
			return true
		}
	}
	return false
}

// lines are the lines of the document as its parser counts them.
func (c *checker) lines() []string {
	if c.counted != nil {
		return c.counted
	}
	c.counted = c.source
	for _, line := range c.source {
		if !hasOddBreak(line) {
			continue
		}
		if text := strings.Join(c.source, "\n"); !json.Valid([]byte(text)) {
			c.counted = lineBreak.Split(text, -1)
		}
		break
	}
	return c.counted
}

// line returns one line of the file, without its end; "" where there is none.
func (c *checker) line(number int) string {
	row, lines := number-c.line0-1, c.lines()
	if row < 0 || row >= len(lines) {
		return ""
	}
	return strings.TrimSuffix(lines[row], "\r")
}

// stride is of how many characters of a long line the place is remembered.
const stride = 64

// column returns the column in bytes, from 1, at which a node begins: YAML's
// parser counts characters. What it knows of a long line it keeps, for a file of
// one line has as many nodes as others.
func (c *checker) column(y *yaml.Node) int {
	line, left := c.line(c.line0+y.Line), y.Column-1
	if len(line) <= 4*stride {
		return skipRunes(line, 0, left) + 1
	}
	marks, known := c.marks[y.Line]
	if !known {
		if utf8.RuneCountInString(line) != len(line) {
			marks = everyStride(line)
		}
		if c.marks == nil {
			c.marks = map[int][]int{}
		}
		c.marks[y.Line] = marks
	}
	if marks == nil {
		return y.Column
	}
	at := min(left/stride, len(marks)-1)
	return skipRunes(line, marks[at], left-at*stride) + 1
}

// everyStride returns the bytes at which each stride of characters begins.
func everyStride(line string) []int {
	var marks []int
	count := 0
	for i := range line {
		if count%stride == 0 {
			marks = append(marks, i)
		}
		count++
	}
	return marks
}

// skipRunes returns the byte that is n characters after another.
func skipRunes(line string, at, n int) int {
	for ; n > 0 && at < len(line); n-- {
		_, size := utf8.DecodeRuneInString(line[at:])
		at += size
	}
	return at
}

// find returns where a byte of a node's text stands in the file. Where that
// cannot be told, it is the node's beginning.
func (c *checker) find(n *node, offset int) (line, column int) {
	end := len(strings.TrimRight(n.scalar, "\n")) // the line after a block is not the block's
	w := &walk{lines: c.lines(), row: n.line - c.line0 - 1, at: n.column - 1, style: n.style}
	if n.scalar == "" || !w.open(n.scalar) || !w.follow(n.scalar[:max(min(offset, end), 0)]) {
		return n.line, n.column
	}
	return c.line0 + w.row + 1, w.at + 1
}

// walk goes along a scalar in the document: how it is written, and what it says
// (YAML 1.2.2, chapters 7 and 8). It stops where the two do not agree, so that no
// mistake in it can put a problem at a wrong place.
type walk struct {
	lines   []string
	row, at int // the byte at of lines[row]
	style   yaml.Style
	indent  int // of each line of a block
}

const (
	blockStyle  = yaml.LiteralStyle | yaml.FoldedStyle
	quotedStyle = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle
)

// rest is what is left of the line.
func (w *walk) rest() string {
	line := strings.TrimSuffix(w.lines[w.row], "\r")
	return line[min(w.at, len(line)):]
}

// next goes to the beginning of the next line, if there is one.
func (w *walk) next() bool {
	w.row, w.at = w.row+1, 0
	return w.row < len(w.lines)
}

// open goes to where the text begins: past tags and anchors, and into quotes.
func (w *walk) open(text string) bool {
	for ok := w.row >= 0 && w.row < len(w.lines); ok; {
		rest := w.rest()
		content := strings.TrimLeft(rest, " \t")
		w.at += len(rest) - len(content)
		switch {
		case content == "" || content[0] == '#':
			ok = w.next()
		case content[0] == '&' || content[0] == '!':
			if size := strings.IndexAny(content, " \t"); size > 0 {
				w.at += size
			} else {
				ok = w.next()
			}
		case w.style&blockStyle != 0:
			return strings.ContainsAny(content[:1], "|>") && w.next() && w.openBlock(text)
		case w.style&quotedStyle != 0:
			w.at++
			return strings.ContainsAny(content[:1], `'"`)
		default:
			return true
		}
	}
	return false
}

// openBlock finds out how far a block is indented: by as much as its first line
// with anything in it has more blanks in the file than in the text.
func (w *walk) openBlock(text string) bool {
	said := strings.TrimLeft(text, "\n")
	for _, line := range w.lines[w.row:] {
		if written := strings.TrimLeft(line, " "); written != "" {
			w.indent = (len(line) - len(written)) - (len(said) - len(strings.TrimLeft(said, " ")))
			break
		}
	}
	w.at = min(max(w.indent, 0), len(w.lines[w.row]))
	return w.indent >= 0
}

// follow goes past a beginning of the text.
func (w *walk) follow(text string) bool {
	for text != "" {
		size, ok := w.step(text)
		if !ok {
			return false
		}
		text = text[min(size, len(text)):]
	}
	return true
}

// step goes past what says the next bytes of the text, and returns how many.
func (w *walk) step(text string) (size int, ok bool) {
	rest := w.rest()
	switch {
	case rest == "", w.style&blockStyle == 0 && strings.Trim(rest, " \t") == "":
		return w.fold(text)
	case w.style&yaml.DoubleQuotedStyle != 0 && rest[0] == '\\':
		return w.escape(rest[1:])
	case w.style&yaml.SingleQuotedStyle != 0 && strings.HasPrefix(rest, "''"):
		w.at += 2
		return 1, text[0] == '\''
	default:
		w.at++
		return 1, rest[0] == text[0]
	}
}

// fold goes to the next line with anything in it: a break is a blank in the
// text, several are one less. In a literal block each is what it is.
func (w *walk) fold(text string) (size int, ok bool) {
	breaks := len(text) - len(strings.TrimLeft(text, "\n"))
	if w.style&yaml.LiteralStyle != 0 {
		ok = w.next() && breaks > 0
		w.enter()
		return 1, ok
	}
	for ok = w.next(); ok && strings.Trim(w.lines[w.row], " \t") == ""; {
		ok = w.next()
	}
	w.enter()
	return max(breaks, 1), ok && (breaks > 0 || text[0] == ' ')
}

// enter goes past the indentation of a line.
func (w *walk) enter() {
	if w.row >= len(w.lines) {
		return
	}
	line := w.lines[w.row]
	w.at = len(line) - len(strings.TrimLeft(line, " \t"))
	if w.style&blockStyle != 0 {
		w.at = min(w.indent, len(line))
	}
}

// escape goes past an escape of double quotes, of which it is given what follows
// the backslash (YAML 1.2.2, section 5.7; RFC 8259, section 7).
func (w *walk) escape(code string) (size int, ok bool) {
	if strings.Trim(code, " \t") == "" { // the line goes on below
		ok = w.next()
		w.enter()
		return 0, ok
	}
	w.at += 2
	digits := 0
	switch code[0] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case 'N', '_': // U+0085 and U+00A0
		return 2, true
	case 'L', 'P': // U+2028 and U+2029
		return 3, true
	default:
		return 1, true
	}
	if len(code) <= digits {
		return 0, false
	}
	w.at += digits
	r, err := strconv.ParseUint(code[1:1+digits], 16, 32)
	if more, is := strings.CutPrefix(code[1+digits:], `\u`); is && len(more) >= 4 && utf16.IsSurrogate(rune(r)) {
		if low, err := strconv.ParseUint(more[:4], 16, 16); err == nil && utf16.DecodeRune(rune(r), rune(low)) != utf8.RuneError {
			w.at += len(`\u`) + 4
			return utf8.UTFMax, true // JSON writes one character as two halves
		}
	}
	return len(string(rune(r))), err == nil
}
