package workflow

import (
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Program is a Definition made ready to decide. It never changes, so that any
// number of runs may share it at the same time.
type Program struct {
	definition *Definition
	byID       map[string]*Step
}

// Compile makes a Program of a definition that Parse made; any other is an
// error with CodeInvalid. Its expressions were compiled by Parse already.
func Compile(d *Definition) (*Program, error) {
	if d == nil || len(d.Steps) == 0 {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the workflow has no steps")
	}
	p := &Program{definition: d, byID: make(map[string]*Step, len(d.Steps))}
	for s := range d.All() {
		if s.work == nil {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "the step %q was not made by Parse", s.ID)
		}
		p.byID[s.ID] = s
	}
	return p, nil
}

// Definition returns what the program was compiled from; it must not be changed.
func (p *Program) Definition() *Definition { return p.definition }

// stepOf returns the step that a record is of, or nil.
func (p *Program) stepOf(record string) *Step {
	return p.byID[record[strings.LastIndexByte(record, '.')+1:]]
}
