package workflow

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/expr"
)

// Definition is a checked workflow document. Parse makes it.
type Definition struct {
	Name        string
	Description string
	// Timeout bounds a run from its start to its end; 0 is no bound.
	Timeout time.Duration
	// Steps stand in the order of the document.
	Steps []Step

	file      string
	canonical []byte
}

// Step is one unit of a Definition.
type Step struct {
	ID string
	// Kind is the key that says what the step does: transform, http, terminate.
	Kind string
	// If is the condition's expression; "" is always.
	If string
	// Needs are the ids of the steps that must have ended before this one may
	// begin. A step without the key `needs` has the step before it here.
	Needs []string
	// Timeout bounds the step, all its tries and the waits between them; 0 is no
	// bound.
	Timeout time.Duration
	// ContinueOnError lets the run go on when the step has failed.
	ContinueOnError bool

	condition *expr.Program // nil is always
	work      work
	uses      []use
}

// use is one path of the context that an expression of a step reads, such as
// steps.order or secrets.token.
type use struct {
	path         string
	line, column int
}

// rest returns what follows a prefix in the path: steps.order → order.
func (u use) rest(prefix string) (string, bool) {
	return strings.CutPrefix(u.path, prefix+".")
}

// References are the names that the expressions of a definition read.
type References struct {
	// Secrets are the names of secrets, sorted: those a run must be given.
	Secrets []string
	// Steps are the ids of steps whose output is read, sorted.
	Steps []string
}

// References returns what the definition's expressions refer to.
func (d *Definition) References() References {
	secrets, steps := map[string]bool{}, map[string]bool{}
	for _, s := range d.Steps {
		for _, u := range s.uses {
			if name, ok := u.rest("secrets"); ok {
				secrets[name] = true
			}
			if id, ok := u.rest("steps"); ok {
				steps[id] = true
			}
		}
	}
	return References{
		Secrets: slices.Sorted(maps.Keys(secrets)),
		Steps:   slices.Sorted(maps.Keys(steps)),
	}
}

// Digest identifies what the document says, in 64 hexadecimal digits (SHA-256).
// Formatting, comments, the order of keys, quotes, anchors and whether it is
// YAML or JSON do not change it.
func (d *Definition) Digest() string {
	sum := sha256.Sum256(d.canonical)
	return hex.EncodeToString(sum[:])
}

// Warnings returns what is allowed but probably a mistake: an expression that
// reads the output of a step which does not exist, or which is not sure to have
// ended by then. Both read null.
func (d *Definition) Warnings() []Problem {
	index := make(map[string]int, len(d.Steps))
	for i, s := range d.Steps {
		index[s.ID] = i
	}
	var warnings []Problem
	for i := range d.Steps {
		s := &d.Steps[i]
		var before map[string]bool // made only for a step that reads others
		for _, u := range s.uses {
			id, ok := u.rest("steps")
			if !ok {
				continue
			}
			if before == nil {
				before = d.before(s, index)
			}
			if w := d.doubt(s, id, index, before); w != "" {
				warnings = append(warnings, Problem{d.file, u.line, u.column, w})
			}
		}
	}
	return warnings
}

// doubt says what is doubtful about the step s reading .steps.id, or "".
func (d *Definition) doubt(s *Step, id string, index map[string]int, before map[string]bool) string {
	_, known := index[id]
	switch {
	case before[id]:
		return ""
	case !known:
		ids := make([]string, len(d.Steps))
		for i, s := range d.Steps {
			ids[i] = s.ID
		}
		return "there is no step " + quote(id) + ", so that .steps." + id + " is null" + didYouMean(id, ids)
	case id == s.ID:
		return "a step cannot read its own output: .steps." + id + " is null here"
	default:
		return "the step " + quote(id) + " need not have ended when " + quote(s.ID) + " begins; name it in needs, or .steps." + id + " may be null"
	}
}

// before returns the ids of all steps that have ended when s begins.
func (d *Definition) before(s *Step, index map[string]int) map[string]bool {
	seen := map[string]bool{}
	todo := slices.Clone(s.Needs)
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen[id] {
			seen[id] = true
			todo = append(todo, d.Steps[index[id]].Needs...)
		}
	}
	return seen
}
