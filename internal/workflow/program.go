package workflow

import (
	"slices"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Program is a Definition made ready to decide. It never changes, so that any
// number of runs may share it at the same time.
type Program struct {
	definition *Definition
	// steps stand so that each comes after those it needs; those that could
	// stand in either order keep the document's.
	steps []*Step
	byID  map[string]*Step
	// place is a step's place in the document.
	place map[string]int
}

// Compile makes a Program of a definition that Parse made; any other is an
// error with CodeInvalid. Its expressions were compiled by Parse already.
func Compile(d *Definition) (*Program, error) {
	if d == nil || len(d.Steps) == 0 {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the workflow has no steps")
	}
	p := &Program{
		definition: d,
		steps:      make([]*Step, 0, len(d.Steps)),
		byID:       make(map[string]*Step, len(d.Steps)),
		place:      make(map[string]int, len(d.Steps)),
	}
	for i := range d.Steps {
		s := &d.Steps[i]
		if s.work == nil {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "the step %q was not made by Parse", s.ID)
		}
		p.byID[s.ID], p.place[s.ID] = s, i
	}
	p.sort()
	return p, nil
}

// sort fills steps: always the first of the document that is free to come next.
// Parse has refused circles, so that one always is.
func (p *Program) sort() {
	missing := make([]int, len(p.definition.Steps)) // needs that have no place yet
	dependents := make(map[string][]int)
	var free []int // sorted
	for i, s := range p.definition.Steps {
		missing[i] = len(s.Needs)
		if missing[i] == 0 {
			free = append(free, i)
		}
		for _, id := range s.Needs {
			dependents[id] = append(dependents[id], i)
		}
	}
	for len(free) > 0 {
		s := &p.definition.Steps[free[0]]
		free = free[1:]
		p.steps = append(p.steps, s)
		for _, i := range dependents[s.ID] {
			if missing[i]--; missing[i] == 0 {
				at, _ := slices.BinarySearch(free, i)
				free = slices.Insert(free, at, i)
			}
		}
	}
}

// Definition returns what the program was compiled from; it must not be changed.
func (p *Program) Definition() *Definition { return p.definition }
