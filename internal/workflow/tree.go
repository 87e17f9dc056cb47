package workflow

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// Kind is what sort of value a Value is. Its text is what a message calls it: "a list".
type Kind = kindOf

// The kinds.
const (
	Null    = null
	Boolean = boolean
	Number  = number
	Text    = text
	List    = list
	Mapping = mapping
)

// SectionLimits bound a file of documents.
type SectionLimits struct {
	Bytes     int
	Documents int
}

// Section is one document of a file: a workflow, or anything else that is written in the
// same YAML or JSON. What is wrong with it gathers in it, each with its place.
type Section struct {
	// Source is the part of the file that is this document, as it was written.
	Source string

	c    *checker
	root *node
}

// ReadSections reads a file of documents, parted by lines of ---. What cannot be read at
// all, by whatever it is meant to be, is a Problem of its section, or the error.
func ReadSections(file string, src []byte, limits SectionLimits) ([]*Section, Problems) {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	refused := ""
	switch {
	case len(src) > limits.Bytes:
		refused = fmt.Sprintf("the file is larger than %d bytes", limits.Bytes)
	case bytes.IndexByte(src, 0) >= 0 || !utf8.Valid(src):
		refused = "the file is not text in UTF-8"
	}
	if refused != "" {
		return nil, Problems{{File: file, Line: 1, Column: 1, Message: refused}}
	}
	parts := split(string(src))
	if len(parts) > limits.Documents {
		return nil, Problems{{File: file, Line: 1, Column: 1, Message: fmt.Sprintf("the file holds more than %d documents", limits.Documents)}}
	}
	sections := make([]*Section, len(parts))
	for i, part := range parts {
		c := &checker{file: file, line0: part.line0, source: strings.Split(part.text, "\n")}
		sections[i] = &Section{Source: part.text, c: c, root: c.build(part.text)}
	}
	return sections, nil
}

// Root is the value that the document is; ok is false when it says nothing, or cannot be
// read, which its Problems say then.
func (s *Section) Root() (v Value, ok bool) {
	return Value{s.root, s.c}, s.root != nil
}

// Problems are what was found to be wrong with the document so far.
func (s *Section) Problems() Problems { return s.c.problems }

// Forget drops the problems that were found so far.
func (s *Section) Forget() { s.c.problems = nil }

// Workflow reads and checks the document as a workflow. What is wrong is noted in the
// section, and the definition is nil then.
func (s *Section) Workflow() *Definition {
	if len(s.Source) > maxDocument {
		v, _ := s.Root()
		v.Problem("the workflow is larger than 1 MiB")
		return nil
	}
	c := &checker{file: s.c.file, line0: s.c.line0, source: s.c.source}
	d := c.definition(s.Source, map[string]bool{})
	s.c.problems = append(s.c.problems, c.problems...)
	if len(c.problems) > 0 {
		return nil
	}
	return d
}

// Value is one value of a document that knows where it stands. The zero Value is none.
type Value struct {
	n *node
	c *checker
}

// Kind is what sort of value it is.
func (v Value) Kind() Kind { return v.n.kind }

// Text is the text of a text, a number or a boolean, and "" for anything else.
func (v Value) Text() string { return v.n.scalar }

// Data is the value as encoding/json makes it with UseNumber.
func (v Value) Data() any { return v.n.value() }

// Get is the value of a mapping's key.
func (v Value) Get(key string) (Value, bool) {
	n := v.n.get(key)
	return Value{n, v.c}, n != nil
}

// Fields yields the keys of a mapping and their values, in the order of the document.
func (v Value) Fields() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		for i, key := range v.n.keys {
			if !yield(Value{key, v.c}, Value{v.n.items[i], v.c}) {
				return
			}
		}
	}
}

// Items are the values in a list.
func (v Value) Items() []Value {
	if v.n.kind != list {
		return nil
	}
	items := make([]Value, len(v.n.items))
	for i, item := range v.n.items {
		items[i] = Value{item, v.c}
	}
	return items
}

// Problem notes in the value's section what is wrong with it.
func (v Value) Problem(format string, args ...any) { v.c.at(v.n, format, args...) }

// ProblemUnseen is Problem of what nobody may see: the line is not quoted.
func (v Value) ProblemUnseen(format string, args ...any) {
	v.Problem(format, args...)
	v.c.problems[len(v.c.problems)-1].Source = ""
}

// ProblemAt notes what is wrong at a byte of the value's text.
func (v Value) ProblemAt(offset int, format string, args ...any) {
	v.c.inside(v.n, offset, format, args...)
}

// Place is where the value stands, as a Problem without a message.
func (v Value) Place() Problem {
	return Problem{File: v.c.file, Line: v.n.line, Column: v.n.column, Source: v.c.line(v.n.line)}
}

// Err is the one CodeInvalid error of all the problems, by file and line; nil for none.
// Its cause is Problems.
func (ps Problems) Err() error { return ps.asError() }

// DidYouMean is the end of a sentence about an unknown word: a guess, or else the words
// that are known, where they are few.
func DidYouMean(word string, known []string) string { return didYouMean(word, known) }

// Quote prints a word of a document in a message: quoted, and cut when long.
func Quote(word string) string { return quote(word) }
