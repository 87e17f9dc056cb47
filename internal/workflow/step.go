package workflow

import (
	"regexp"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/expr"
)

const (
	// maxSteps is how many steps a workflow may have, nested ones included.
	maxSteps = 1000
	// maxNesting is how deep steps may stand in branches and foreaches.
	maxNesting = 8
)

// stepDraft is a step while it is read.
type stepDraft struct {
	Step
	at      *node         // the step's id, or else its beginning
	needs   []*node       // as written
	ordered bool          // without `needs`: after the step before it
	blocks  []*blockDraft // the steps inside
}

// blockDraft is a list of steps while it is read.
type blockDraft struct {
	label string
	steps []*stepDraft
}

// commonFields are the keys that a step of every kind may have.
func commonFields() []field[stepDraft] {
	return []field[stepDraft]{
		{"id", true, readID},
		{"if", false, readIf},
		{"needs", false, readNeeds},
		{"timeout", false, func(c *checker, n *node, s *stepDraft) { s.Timeout = c.duration(n, "timeout") }},
		{"continue_on_error", false, readContinueOnError},
	}
}

// stepFields are all the keys of a step: the common ones and the kinds.
func stepFields() []field[stepDraft] {
	table := commonFields()
	for _, k := range kinds() {
		table = append(table, field[stepDraft]{k.name, false, func(c *checker, n *node, s *stepDraft) {
			if s.Kind != "" {
				c.at(n.key, "a step does one thing: this one cannot be %s and %s at once", s.Kind, k.name)
				return
			}
			s.work = k.read(c, n, s)
			s.Kind = k.name
		}})
	}
	return table
}

// block reads a list of steps; the word what names it in messages.
func (c *checker) block(n *node, what, label string) *blockDraft {
	b := &blockDraft{label: label}
	switch {
	case n.kind != list:
		c.at(n, "steps wants a list, but is %s", n.kind)
		return b
	case len(n.items) == 0:
		c.at(n, "%s needs at least one step", what)
	case c.nesting == maxNesting:
		c.at(n, "steps are nested too deeply: more than %d levels", maxNesting)
		return b
	}
	if c.steps += len(n.items); c.steps > maxSteps {
		c.at(n, "a workflow may have at most %d steps, but this one has %d", maxSteps, c.steps)
		return b
	}
	c.nesting++
	defer func() { c.nesting-- }()
	table := stepFields()
	for i, item := range n.items {
		b.steps = append(b.steps, c.step(item, table, i > 0))
	}
	return b
}

func (c *checker) step(n *node, table []field[stepDraft], ordered bool) *stepDraft {
	s := &stepDraft{at: n, ordered: ordered}
	outer := c.uses // of the step around this one
	c.uses = nil
	meant := readFields(c, n, "a step", table, s)
	if n.kind == mapping && s.Kind == "" && !slices.ContainsFunc(meant, isKind) {
		c.at(s.at, "the step does nothing: give it one of %s", strings.Join(kindNames(), ", "))
	}
	s.uses, c.uses = c.uses, outer
	s.line, s.column = s.at.line, s.at.column
	return s
}

var idShape = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

func readID(c *checker, n *node, s *stepDraft) {
	id, ok := c.text(n, "id")
	if !ok {
		return
	}
	s.at = n
	if !idShape.MatchString(id) {
		c.at(n, "%s cannot be the id of a step; use letters, digits and '_' (at most 63, no digit first), so that .steps.ID can be written", quote(id))
		return
	}
	s.ID = id
}

func readIf(c *checker, n *node, s *stepDraft) {
	s.condition, s.If = c.condition(n, "if")
}

// condition compiles an expression that is asked for yes or no; true and false may
// stand without quotes.
func (c *checker) condition(n *node, what string) (*expr.Program, string) {
	source := n
	if n.kind == boolean {
		source = &node{kind: text, scalar: n.scalar, line: n.line, column: n.column}
	}
	program := c.expression(source, what)
	if program != nil && program.Assigns() {
		c.doubts = append(c.doubts, Problem{File: c.file, Line: n.line, Column: n.column, Message: what + ": = assigns, so that this always holds; == compares"})
	}
	return program, n.scalar
}

func readNeeds(c *checker, n *node, s *stepDraft) {
	s.ordered = false
	if n.kind != list {
		c.at(n, "needs wants a list, but is %s", n.kind)
		return
	}
	for _, item := range n.items {
		if _, ok := c.text(item, "each of needs"); ok {
			s.needs = append(s.needs, item)
		}
	}
}

// readContinueOnError takes YAML 1.1's spellings of a boolean, too: nothing
// else can be meant here.
func readContinueOnError(c *checker, n *node, s *stepDraft) {
	if n.kind == boolean || n.kind == text && n.style == 0 {
		switch strings.ToLower(n.scalar) {
		case "true", "yes", "on":
			s.ContinueOnError = true
			return
		case "false", "no", "off":
			return
		}
	}
	c.at(n, "continue_on_error wants true or false")
}
