package workflow

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// checker reads values out of a document and collects every problem on the way,
// so that one look at the output mends the whole file.
type checker struct {
	file     string
	line0    int      // lines of the file before this document
	source   []string // the lines of this document
	problems Problems
	uses     []use // what the expressions of the step at hand read
	steps    int   // how many were read
	nesting  int   // of the block at hand
}

// problem notes a problem at a place of the file.
func (c *checker) problem(line, column int, format string, args ...any) {
	c.problems = append(c.problems, Problem{c.file, line, column, fmt.Sprintf(format, args...)})
}

// at notes a problem of a node.
func (c *checker) at(n *node, format string, args ...any) {
	c.problem(n.line, n.column, format, args...)
}

// inside notes a problem at a byte offset of a node's text. Where the text
// does not stand in the file as it is (escapes, folded lines), the problem is
// put at the node's beginning.
func (c *checker) inside(n *node, offset int, format string, args ...any) {
	line, column := n.line, n.column
	before := n.scalar[:min(max(offset, 0), len(n.scalar))]
	switch {
	case n.style&yaml.LiteralStyle != 0:
		if l := n.line + 1 + strings.Count(before, "\n"); l-c.line0 <= len(c.source) {
			shown := c.source[l-c.line0-1]
			full, _, _ := strings.Cut(n.scalar[strings.LastIndexByte(before, '\n')+1:], "\n")
			if indent := strings.Index(shown, full); indent >= 0 {
				line, column = l, indent+len(before)-strings.LastIndexByte(before, '\n')
			}
		}
	case n.style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		if c.stands(n, 1) {
			column += 1 + len(before)
		}
	default:
		if c.stands(n, 0) {
			column += len(before)
		}
	}
	c.problem(line, column, format, args...)
}

// stands tells whether a node's text stands in the file letter for letter, so
// many bytes after the node's beginning.
func (c *checker) stands(n *node, skip int) bool {
	row := n.line - c.line0 - 1
	if row < 0 || row >= len(c.source) || n.column-1+skip > len(c.source[row]) {
		return false
	}
	return strings.HasPrefix(c.source[row][n.column-1+skip:], n.scalar)
}

// field is one key of a mapping: its name, whether it must be there, and how
// its value is read into a T. The tables of fields are the language; Schema
// says the same, and a test compares the two.
type field[T any] struct {
	key      string
	required bool
	read     func(c *checker, n *node, into *T)
}

func keysOf[T any](table []field[T]) []string {
	keys := make([]string, len(table))
	for i, f := range table {
		keys[i] = f.key
	}
	return keys
}

// readFields reads a mapping by a table of its keys. The word what names the
// mapping in messages. It returns the keys that are not there but were probably
// meant: what they lack is not to be complained of, too.
func readFields[T any](c *checker, n *node, what string, table []field[T], into *T) (meant []string) {
	if n.kind != mapping {
		c.at(n, "%s wants a mapping, but is %s", what, n.kind)
		return nil
	}
	known := keysOf(table)
	for i, key := range n.keys {
		at := slices.Index(known, key.scalar)
		if at < 0 {
			c.at(key, "%s has no key %s%s", what, quote(key.scalar), didYouMean(key.scalar, known))
			meant = append(meant, nearest(key.scalar, known))
			continue
		}
		table[at].read(c, n.items[i], into)
	}
	for _, f := range table {
		if f.required && n.get(f.key) == nil && !slices.Contains(meant, f.key) {
			c.at(n, "%s needs the key %q", what, f.key)
		}
	}
	return meant
}

// text returns a node's text; ok is false, and the problem noted, when it is
// something else.
func (c *checker) text(n *node, what string) (s string, ok bool) {
	switch n.kind {
	case text:
		return n.scalar, true
	case boolean, number:
		c.at(n, "%s wants text, but is %s; put it in quotes", what, n.kind)
	default:
		c.at(n, "%s wants text, but is %s", what, n.kind)
	}
	return "", false
}

// whole returns an integer between low and high.
func (c *checker) whole(n *node, what string, low, high int) int {
	v, err := strconv.Atoi(n.scalar)
	if n.kind != number || err != nil || v < low || v > high {
		c.at(n, "%s wants a whole number from %d to %d", what, low, high)
		return low
	}
	return v
}

// real returns a number; what is sensible, its reader knows.
func (c *checker) real(n *node, what string) float64 {
	v, err := strconv.ParseFloat(n.scalar, 64)
	if n.kind != number || err != nil {
		c.at(n, "%s wants a number", what)
		return 0
	}
	return v
}

// duration returns a duration longer than zero.
func (c *checker) duration(n *node, what string) time.Duration {
	var d meshhook.Duration
	if n.kind != text && n.kind != number {
		c.at(n, "%s wants a duration like 90s, 1m30s or 24h, but is %s", what, n.kind)
	} else if err := d.UnmarshalText([]byte(n.scalar)); err != nil {
		c.at(n, "%s: %s is not a duration; write it like 90s, 1m30s or 24h", what, quote(n.scalar))
	} else if d == 0 {
		c.at(n, "%s must be longer than %s", what, n.scalar)
	}
	return d.Std()
}
