package workflow

import (
	"slices"
	"strings"
)

// graph checks the ids of all steps, resolves what each needs, and returns the
// finished block.
func (c *checker) graph(root *blockDraft) Block {
	ids := map[string]*stepDraft{}
	c.identify(root, ids)
	c.connect(root, ids)
	if len(c.problems) > 0 {
		return Block{}
	}
	return root.finish()
}

// identify enters the ids of a block and all below it: .steps.ID means one step.
func (c *checker) identify(b *blockDraft, ids map[string]*stepDraft) {
	for _, s := range b.steps {
		if first := ids[s.ID]; first != nil {
			c.at(s.at, "there are two steps with the id %s, the first on line %d", quote(s.ID), first.at.line)
		} else if s.ID != "" { // else it is reported already
			ids[s.ID] = s
		}
		for _, inner := range s.blocks {
			c.identify(inner, ids)
		}
	}
}

// connect resolves what the steps of a block, and of those below it, need: only
// steps of the same block.
func (c *checker) connect(b *blockDraft, ids map[string]*stepDraft) {
	index := make(map[string]int, len(b.steps))
	beside := make([]string, 0, len(b.steps))
	for i, s := range b.steps {
		if s.ID != "" && ids[s.ID] == s {
			index[s.ID] = i
			beside = append(beside, s.ID)
		}
	}
	for i, s := range b.steps {
		if s.ordered && b.steps[i-1].ID != "" {
			s.Needs = []string{b.steps[i-1].ID}
		}
		seen := map[string]bool{}
		for _, n := range s.needs {
			_, known := index[n.scalar]
			switch {
			case !known && ids[n.scalar] != nil:
				c.at(n, "the step %s stands in another list of steps; needs can only name steps beside this one", quote(n.scalar))
			case !known:
				c.at(n, "there is no step %s to need%s", quote(n.scalar), didYouMean(n.scalar, beside))
			case seen[n.scalar]:
				c.at(n, "%s is needed twice", quote(n.scalar))
			default:
				s.Needs = append(s.Needs, n.scalar)
			}
			seen[n.scalar] = true
		}
		for _, inner := range s.blocks {
			c.connect(inner, ids)
		}
	}
	if circle := findCircle(b.steps, index); circle != nil {
		c.at(b.steps[index[circle[0]]].at, "the steps wait for each other: %s; a step without needs waits for the one before it", strings.Join(circle, " needs "))
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
			j, known := index[id]
			if !known { // a step of the same id stands elsewhere, which is reported
				continue
			}
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

// finish makes the block, and puts its steps in order.
func (b *blockDraft) finish() Block {
	block := Block{Label: b.label, Steps: make([]Step, 0, len(b.steps))}
	for _, s := range b.steps {
		for _, inner := range s.blocks {
			s.Blocks = append(s.Blocks, inner.finish())
		}
		block.Steps = append(block.Steps, s.Step)
	}
	block.sort()
	for i := range block.Steps {
		s := &block.Steps[i]
		block.visible = append(block.visible, s)
		if s.Kind != KindBranch {
			continue
		}
		for k := range s.Blocks {
			block.visible = append(block.visible, s.Blocks[k].visible...)
		}
	}
	return block
}

// sort fills order: always the first of the document that is free to come next.
// Circles were refused, so that one always is.
func (b *Block) sort() {
	missing := make([]int, len(b.Steps)) // needs that have no place yet
	dependents := make(map[string][]int)
	var free []int // sorted
	for i, s := range b.Steps {
		missing[i] = len(s.Needs)
		if missing[i] == 0 {
			free = append(free, i)
		}
		for _, id := range s.Needs {
			dependents[id] = append(dependents[id], i)
		}
	}
	b.order = make([]*Step, 0, len(b.Steps))
	for len(free) > 0 {
		s := &b.Steps[free[0]]
		free = free[1:]
		b.order = append(b.order, s)
		for _, i := range dependents[s.ID] {
			if missing[i]--; missing[i] == 0 {
				at, _ := slices.BinarySearch(free, i)
				free = slices.Insert(free, at, i)
			}
		}
	}
}
