package workflow

import (
	"regexp"
	"slices"
	"strings"
)

// maxSteps is how many steps a workflow may have.
const maxSteps = 1000

// stepDraft is a step while it is read.
type stepDraft struct {
	Step
	at      *node   // the step's id, or else its beginning
	needs   []*node // as written
	ordered bool    // without `needs`: after the step before it
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
			switch {
			case s.Kind != "":
				c.at(n.key, "a step does one thing: this one cannot be %s and %s at once", s.Kind, k.name)
				return
			case k.read == nil:
				c.at(n.key, "this version of MeshHook does not run %s steps yet", k.name)
			default:
				s.work = k.read(c, n)
			}
			s.Kind = k.name
		}})
	}
	return table
}

func readSteps(c *checker, n *node, d *draft) {
	if n.kind != list {
		c.at(n, "steps wants a list, but is %s", n.kind)
		return
	}
	if len(n.items) == 0 {
		c.at(n, "a workflow needs at least one step")
	}
	if len(n.items) > maxSteps {
		c.at(n, "a workflow may have at most %d steps, but this one has %d", maxSteps, len(n.items))
		return
	}
	table := stepFields()
	for i, item := range n.items {
		s := &stepDraft{at: item, ordered: i > 0}
		c.uses = nil
		meant := readFields(c, item, "a step", table, s)
		if item.kind == mapping && s.Kind == "" && !slices.ContainsFunc(meant, isKind) {
			c.at(s.at, "the step does nothing: give it one of %s", strings.Join(runnable(), ", "))
		}
		s.uses = c.uses
		d.steps = append(d.steps, s)
	}
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
	if n.kind == boolean {
		s.If = n.scalar
		s.condition = c.expression(&node{kind: text, scalar: n.scalar, line: n.line, column: n.column}, "if")
		return
	}
	s.condition = c.expression(n, "if")
	s.If = n.scalar
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

// graph checks the steps' ids and resolves what each needs.
func (c *checker) graph(steps []*stepDraft) {
	index := make(map[string]int, len(steps))
	ids := make([]string, 0, len(steps))
	for i, s := range steps {
		first, twice := index[s.ID]
		switch {
		case s.ID == "": // reported already
		case twice:
			c.at(s.at, "there are two steps with the id %s, the first on line %d", quote(s.ID), steps[first].at.line)
		default:
			index[s.ID] = i
			ids = append(ids, s.ID)
		}
	}
	for i, s := range steps {
		if s.ordered && steps[i-1].ID != "" {
			s.Needs = []string{steps[i-1].ID}
		}
		seen := map[string]bool{}
		for _, n := range s.needs {
			_, known := index[n.scalar]
			switch {
			case !known:
				c.at(n, "there is no step %s to need%s", quote(n.scalar), didYouMean(n.scalar, ids))
			case seen[n.scalar]:
				c.at(n, "%s is needed twice", quote(n.scalar))
			default:
				s.Needs = append(s.Needs, n.scalar)
			}
			seen[n.scalar] = true
		}
	}
	if circle := findCircle(steps, index); circle != nil {
		c.at(steps[index[circle[0]]].at, "the steps wait for each other: %s; a step without needs waits for the one before it", strings.Join(circle, " needs "))
	}
}

// findCircle returns the ids along a circle of needs, the first one again at
// its end, or nil.
func findCircle(steps []*stepDraft, index map[string]int) []string {
	const onPath, done = 1, 2
	state := make([]int, len(steps))
	var path []string
	var visit func(i int) bool
	visit = func(i int) bool {
		state[i] = onPath
		path = append(path, steps[i].ID)
		for _, id := range steps[i].Needs {
			j := index[id]
			if state[j] == onPath {
				path = append(path, id)
				return true
			}
			if state[j] != done && visit(j) {
				return true
			}
		}
		state[i] = done
		path = path[:len(path)-1]
		return false
	}
	for i := range steps {
		if state[i] == 0 && visit(i) {
			for path[0] != path[len(path)-1] {
				path = path[1:]
			}
			return path
		}
	}
	return nil
}
