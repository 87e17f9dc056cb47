package workflow

import (
	"context"
	"errors"
	"strings"

	"github.com/profullstack/meshhook/internal/expr"
)

// expression compiles a node's text as jq and notes what it reads.
func (c *checker) expression(n *node, what string) *expr.Program {
	src, ok := c.text(n, what)
	if !ok {
		return nil
	}
	if strings.HasPrefix(strings.TrimSpace(src), "{{") {
		c.at(n, "%s is an expression already; write it without {{ }}", what)
		return nil
	}
	program, err := expr.Compile(src)
	if err != nil {
		c.syntaxIn(n, what, err)
		return nil
	}
	c.reads(n, program.References())
	return program
}

// template compiles a value of any shape, in whose texts {{ }} may stand.
func (c *checker) template(n *node, what string) *expr.Template {
	problems := len(c.problems)
	c.leaves(n, what)
	if len(c.problems) > problems {
		return nil
	}
	template, err := expr.ParseTemplate(n.value())
	if err != nil { // what is not the fault of a single text
		c.at(n, "%s: %v", what, err)
	}
	return template
}

// leaves compiles each text in a value by itself, for the sake of the place of
// what is wrong in it.
func (c *checker) leaves(n *node, what string) {
	for _, item := range n.items {
		c.leaves(item, what)
	}
	for _, key := range n.keys {
		if strings.Contains(key.scalar, "{{") {
			c.at(key, "%s: a key cannot hold {{ }}; make the whole mapping with one expression", what)
		}
	}
	if n.kind != text {
		return
	}
	template, err := expr.ParseTemplate(n.scalar)
	if err != nil {
		c.syntaxIn(n, what, err)
		return
	}
	c.reads(n, template.References())
}

// words is a text with {{ }} that renders as text.
type words interface {
	Render(ctx context.Context, input any) (string, error)
}

// line compiles one text with {{ }} by one of expr's parsers of texts.
func line[T interface{ References() []string }](c *checker, n *node, what string, parse func(string) (T, error)) (t T, ok bool) {
	src := n.scalar
	if n.kind != number && n.kind != boolean { // 5 and true mean their text here
		if src, ok = c.text(n, what); !ok {
			return t, false
		}
	}
	t, err := parse(src)
	if err != nil {
		c.syntaxIn(n, what, err)
		return t, false
	}
	c.reads(n, t.References())
	return t, true
}

// syntaxIn notes what is wrong in an expression or template, at its place.
func (c *checker) syntaxIn(n *node, what string, err error) {
	if e, ok := errors.AsType[*expr.SyntaxError](err); ok {
		c.inside(n, e.Offset, "%s: %s", what, e.Message)
		return
	}
	c.at(n, "%s: %v", what, err)
}

// reads notes the paths of the context that an expression reads. The vault can
// only be read by name, so that a run is given the secrets that it uses and no
// others.
func (c *checker) reads(n *node, paths []string) {
	for _, path := range paths {
		u := use{path, n.line, n.column}
		if u.path == "secrets" {
			c.at(n, "write .secrets.NAME, so that it can be seen which secrets a workflow uses")
			continue
		}
		c.uses = append(c.uses, u)
	}
}
