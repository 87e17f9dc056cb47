package workflow

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxDocuments is how many workflows one file may hold.
const maxDocuments = 100

// Document is one workflow of a file.
type Document struct {
	Definition *Definition
	// Source is the part of the file that is this workflow, as it was written.
	Source string
}

// Parse reads and checks a file that holds one workflow, in YAML or JSON. The
// name of the file is only used in messages. What is wrong comes as one
// CodeInvalid error that lists every problem with its file, line and column;
// its cause is Problems.
func Parse(file string, src []byte) (*Definition, error) {
	documents, err := ParseAll(file, src)
	if err != nil {
		return nil, err
	}
	if n := len(documents); n > 1 {
		return nil, Problems{{File: file, Line: 1, Column: 1, Message: "one workflow is wanted here, but the file holds several, parted by ---"}}.asError()
	}
	return documents[0].Definition, nil
}

// ParseAll reads and checks a file that holds one or more workflows, parted by
// lines of ---. Its errors are those of Parse, over the whole file.
func ParseAll(file string, src []byte) ([]*Document, error) {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	var refused string
	switch {
	case len(src) > maxDocument:
		refused = "the file is larger than 1 MiB"
	case !utf8.Valid(src):
		refused = "the file is not text in UTF-8"
	}
	sections := split(string(src))
	if len(sections) > maxDocuments {
		refused = "the file holds more than 100 workflows"
	}
	if refused != "" {
		return nil, Problems{{File: file, Line: 1, Column: 1, Message: refused}}.asError()
	}

	var documents []*Document
	var problems Problems
	names := map[string]bool{}
	for _, s := range sections {
		c := &checker{file: file, line0: s.line0, source: strings.Split(s.text, "\n")}
		d := c.definition(s.text, names)
		problems = append(problems, c.problems...)
		documents = append(documents, &Document{Definition: d, Source: s.text})
	}
	if err := problems.asError(); err != nil {
		return nil, err
	}
	return documents, nil
}

// section is the text of one document and the number of lines before it.
type section struct {
	text  string
	line0 int
}

// split cuts a file before each line that begins with ---, which YAML takes for
// the beginning of a document wherever it stands (YAML 1.2.2, section 9.1.2).
// What holds only comments and directives goes with the document after it.
func split(src string) []section {
	var sections []section
	var current strings.Builder
	line, begin, idle := 0, 0, true
	for text := range strings.Lines(src) {
		if isMarker(text) && !idle {
			sections = append(sections, section{current.String(), begin})
			current.Reset()
			begin, idle = line, true
		}
		idle = idle && isIdle(text)
		current.WriteString(text)
		line++
	}
	if !idle || len(sections) == 0 {
		sections = append(sections, section{current.String(), begin})
	}
	return sections
}

func isMarker(line string) bool {
	return strings.HasPrefix(line, "---") && (len(line) == 3 || strings.ContainsAny(line[3:4], " \t\r\n"))
}

// isIdle tells whether a line says nothing of a document: it is blank, a
// comment, a directive or a bare marker.
func isIdle(line string) bool {
	if isMarker(line) {
		line = line[3:]
	}
	rest := strings.TrimLeft(line, " \t\r\n")
	return rest == "" || rest[0] == '#' || line[0] == '%'
}

// workflowFields are the keys of a document.
func workflowFields() []field[draft] {
	return []field[draft]{
		{"name", true, readName},
		{"description", false, func(c *checker, n *node, d *draft) { d.Description, _ = c.text(n, "description") }},
		{"timeout", false, func(c *checker, n *node, d *draft) { d.Timeout = c.duration(n, "timeout") }},
		{"concurrency", false, readConcurrency},
		{"steps", true, func(c *checker, n *node, d *draft) { d.root = c.block(n, "a workflow", "") }},
	}
}

// draft is a definition while it is read.
type draft struct {
	Definition
	names map[string]bool // of the workflows before it in the file
	root  *blockDraft
}

// definition reads one document. Where problems were found, the result is not
// to be used.
func (c *checker) definition(src string, names map[string]bool) *Definition {
	root := c.build(src)
	if root == nil {
		if len(c.problems) == 0 {
			c.problem(c.line0+1, 1, "the file holds no workflow")
		}
		return nil
	}
	d := &draft{Definition: Definition{file: c.file}, names: names, root: &blockDraft{}}
	readFields(c, root, "a workflow", workflowFields(), d)
	d.Block = c.graph(d.root)
	if len(c.problems) > 0 {
		return nil
	}
	var err error
	d.doubts = c.doubts
	if d.canonical, err = json.Marshal(root.value()); err != nil {
		c.at(root, "the document cannot be written as JSON: %v", err)
	}
	return &d.Definition
}

func readName(c *checker, n *node, d *draft) {
	name, ok := c.text(n, "name")
	if !ok {
		return
	}
	if err := meshhook.CheckName("workflow", name); err != nil {
		c.at(n, "%v", err)
	}
	if d.names[name] {
		c.at(n, "the file holds two workflows that are named %s", quote(name))
	}
	d.names[name] = true
	d.Name = name
}
