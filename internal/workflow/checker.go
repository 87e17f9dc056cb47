package workflow

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// checker reads values out of a document and collects every problem on the way,
// so that one look at the output mends the whole file.
type checker struct {
	file     string
	line0    int      // lines of the file before this document
	source   []string // the lines of this document
	problems Problems
	doubts   []Problem // what is allowed but probably a mistake
	uses     []use     // what the expressions of the step at hand read
	steps    int       // how many were read
	nesting  int       // of the block at hand

	counted []string      // the lines as the parser counts them; see lines
	marks   map[int][]int // of its long lines, where characters stand; see column
}

// problem notes a problem at a place of the file.
func (c *checker) problem(line, column int, format string, args ...any) {
	c.problems = append(c.problems, Problem{
		File: c.file, Line: line, Column: column, Message: fmt.Sprintf(format, args...), Source: c.line(line),
	})
}

// at notes a problem of a node.
func (c *checker) at(n *node, format string, args ...any) {
	c.problem(n.line, n.column, format, args...)
}

// inside notes a problem at a byte offset of a node's text: at the line and
// column of the file that say this byte, though they may spell it as an escape or
// stand on another line.
func (c *checker) inside(n *node, offset int, format string, args ...any) {
	line, column := c.find(n, offset)
	c.problem(line, column, format, args...)
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

// like shows what is meant where a value is easily written without its key.
func like(what string) string {
	example := map[string]string{
		"approval":    "{ message: Shall it go on? }",
		"concurrency": "{ limit: 1 }",
		"delay":       "{ for: 10m }",
		"foreach":     "{ in: .event.body.items, steps: [...] }",
		"http":        `{ url: "https://example.com/" }`,
		"retry":       "{ attempts: 3 }",
		"terminate":   "{} or { output: done }",
	}[what]
	if example == "" {
		return ""
	}
	return ", like " + example
}

// readFields reads a mapping by a table of its keys. The word what names the
// mapping in messages. It returns the keys that are not there but were probably
// meant: what they lack is not to be complained of, too.
func readFields[T any](c *checker, n *node, what string, table []field[T], into *T) (meant []string) {
	if n.kind != mapping {
		c.at(n, "%s wants a mapping%s, but is %s", what, like(what), n.kind)
		return nil
	}
	known := keysOf(table)
	for i, key := range n.keys {
		at := slices.Index(known, key.scalar)
		if at < 0 {
			c.at(key, "%s has no key %s%s", what, quote(key.scalar), didYouMean(key.scalar, known))
			meant = append(meant, Nearest(key.scalar, known))
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
