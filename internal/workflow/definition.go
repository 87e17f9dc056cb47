package workflow

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
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
	// Concurrency bounds the runs that are under way at once; nil is no bound.
	Concurrency *Concurrency
	// Block holds the steps, in the order of the document.
	Block

	file      string
	canonical []byte
	doubts    []Problem // found while it was read
}

// Block is a list of steps: those of a workflow, of an arm of a branch, or of a
// foreach.
type Block struct {
	// Label says when the steps are done: the condition of an arm, "else", or the
	// items of a foreach. It is "" for a workflow's own steps.
	Label string
	// Steps stand in the order of the document.
	Steps []Step

	// order is a place for each step after those that it needs; those that could
	// stand in either order keep the document's.
	order []*Step
	// visible are the steps whose outputs an expression in the block may read: the
	// block's own, and those in its branches.
	visible []*Step
}

// Step is one unit of a Definition. Its id is its own in the whole document.
type Step struct {
	ID string
	// Kind is the key that says what the step does, such as http.
	Kind string
	// If is the condition's expression; "" is always.
	If string
	// Needs are the ids of the steps beside this one that must have ended before it
	// may begin. A step without the key `needs` has the step before it here.
	Needs []string
	// Timeout bounds the step, all its tries and the waits between them; 0 is no
	// bound.
	Timeout time.Duration
	// ContinueOnError lets the run go on when the step has failed.
	ContinueOnError bool
	// Blocks are the steps inside this one: one block for each arm of a branch, and
	// one for a foreach.
	Blocks []Block

	condition *expr.Program // nil is always
	work      work
	uses      []use
	line      int
	column    int
}

// All yields every step of the block, each before those inside it.
func (b *Block) All() iter.Seq[*Step] {
	return func(yield func(*Step) bool) { b.all(yield) }
}

func (b *Block) all(yield func(*Step) bool) bool {
	for i := range b.Steps {
		s := &b.Steps[i]
		if !yield(s) {
			return false
		}
		for k := range s.Blocks {
			if !s.Blocks[k].all(yield) {
				return false
			}
		}
	}
	return true
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
	note := func(uses []use) {
		for _, u := range uses {
			if name, ok := u.rest("secrets"); ok {
				secrets[name] = true
			}
			if id, ok := u.rest("steps"); ok {
				steps[id] = true
			}
		}
	}
	for s := range d.All() {
		note(s.uses)
	}
	if d.Concurrency != nil {
		note(d.Concurrency.uses)
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
