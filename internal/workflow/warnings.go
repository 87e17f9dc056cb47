package workflow

import (
	"maps"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Warnings returns what is allowed but probably a mistake, in the order of the
// document: an expression that reads the output of a step which does not exist or
// need not have ended, an item where there is none, a misspelt .secrets, a transform whose output
// nobody reads, or whose output would hold a secret.
func (d *Definition) Warnings() []Problem {
	r := &reviewer{definition: d, home: map[string]string{}, read: map[string]bool{}}
	r.enter(&d.Block, "")
	for s := range d.All() {
		for _, u := range s.uses {
			if id, ok := u.rest("steps"); ok {
				r.read[id] = true
			}
			r.all = r.all || u.path == "steps" || u.path == "."
		}
	}
	r.block(&d.Block, nil, "")
	all := append(r.warnings, d.doubts...)
	slices.SortStableFunc(all, comparePlaces)
	return all
}

// MissingSecrets says which secrets the definition reads that are not among those
// of the vault: a step that reads one fails. The texts are in the order of the names.
func (d *Definition) MissingSecrets(vault []meshhook.VaultSecret) (warnings []string) {
	return MissingSecrets(d.References().Secrets, vault)
}

// MissingSecrets says which of the named secrets are not among those of the vault.
func MissingSecrets(names []string, vault []meshhook.VaultSecret) (warnings []string) {
	for _, name := range names {
		if !slices.ContainsFunc(vault, func(s meshhook.VaultSecret) bool { return s.Name == name }) {
			warnings = append(warnings, noSecret(name))
		}
	}
	return warnings
}

func noSecret(name string) string {
	return "the secret " + name + " does not exist; make it with: meshhook secret set " + name
}

// reviewer looks for what is probably a mistake.
type reviewer struct {
	definition *Definition
	home       map[string]string // a step's id → the foreach that it stands in, or ""
	read       map[string]bool   // ids of steps whose output is read
	all        bool              // something reads the outputs of all steps
	warnings   []Problem
}

func (r *reviewer) warn(line, column int, message string) {
	r.warnings = append(r.warnings, Problem{File: r.definition.file, Line: line, Column: column, Message: message})
}

func (r *reviewer) enter(b *Block, foreach string) {
	for i := range b.Steps {
		s := &b.Steps[i]
		r.home[s.ID] = foreach
		inner := foreach
		if s.Kind == KindForeach {
			inner = s.ID
		}
		for k := range s.Blocks {
			r.enter(&s.Blocks[k], inner)
		}
	}
}

// block looks at the steps of a block. Outer are the steps that have ended when
// it begins.
func (r *reviewer) block(b *Block, outer map[string]bool, foreach string) {
	index := make(map[string]*Step, len(b.Steps))
	for i := range b.Steps {
		index[b.Steps[i].ID] = &b.Steps[i]
	}
	for i := range b.Steps {
		s := &b.Steps[i]
		ended := before(s, index, outer)
		for _, u := range s.uses {
			r.use(s, u, ended, foreach)
		}
		r.transform(s, i == len(b.Steps)-1)
		inner := foreach
		if s.Kind == KindForeach {
			inner = s.ID
		}
		for k := range s.Blocks {
			r.block(&s.Blocks[k], ended, inner)
		}
	}
}

// before returns the ids of all steps that have ended when s begins. Those in the
// branches among them have ended, too, or were never begun.
func before(s *Step, index map[string]*Step, outer map[string]bool) map[string]bool {
	seen := maps.Clone(outer)
	if seen == nil {
		seen = map[string]bool{}
	}
	todo := slices.Clone(s.Needs)
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		todo = append(todo, index[id].Needs...)
		if index[id].Kind == KindBranch {
			for k := range index[id].Blocks {
				for _, inner := range index[id].Blocks[k].visible {
					seen[inner.ID] = true
				}
			}
		}
	}
	return seen
}

// roots are the names that an expression sees everywhere.
var roots = []string{"event", "run", "secrets", "steps"}

func (r *reviewer) use(s *Step, u use, ended map[string]bool, foreach string) {
	name, _, _ := strings.Cut(u.path, ".")
	switch guess := Nearest(name, roots); {
	case name == "item" || name == "index":
		if foreach == "" {
			r.warn(u.line, u.column, "."+name+" is null here: "+quote(s.ID)+" does not stand in a foreach")
		}
	// Only what is misspelt: within a function that the expression defines, any
	// name may be one of its input's.
	case guess != "" && guess != name:
		r.warn(u.line, u.column, "."+name+" is null: expressions see no such name; did you mean ."+guess+"?")
	}
	if id, ok := u.rest("steps"); ok && !ended[id] {
		r.warn(u.line, u.column, r.doubt(s, id, foreach))
	}
}

// doubt says what is doubtful about the step s reading .steps.id.
func (r *reviewer) doubt(s *Step, id, foreach string) string {
	home, known := r.home[id]
	switch {
	case !known:
		return "there is no step " + quote(id) + ", so that .steps." + id + " is null" + didYouMean(id, slices.Sorted(maps.Keys(r.home)))
	case id == s.ID:
		return "a step cannot read its own output: .steps." + id + " is null here"
	case home != "" && home != foreach && r.home[foreach] != home:
		return "the step " + quote(id) + " stands in the foreach " + quote(home) + ", so that .steps." + id + " is null here; .steps." + home + " is the list of what its items gave out"
	default:
		return "the step " + quote(id) + " need not have ended when " + quote(s.ID) + " begins; name it in needs, or .steps." + id + " may be null"
	}
}

// transform looks at what becomes of a transform's output. That of a block's last
// step is for people, or an item's.
func (r *reviewer) transform(s *Step, last bool) {
	if s.Kind != KindTransform {
		return
	}
	if !last && !r.all && !r.read[s.ID] {
		r.warn(s.line, s.column, "no expression reads .steps."+s.ID+", so that the step has no effect")
	}
	for _, u := range s.uses {
		if name, ok := u.rest("secrets"); ok {
			r.warn(u.line, u.column, "the output of a step is recorded without secrets: who reads .steps."+s.ID+" will not see the value of .secrets."+name+"; read it where it is needed")
		}
	}
}
