package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/workflow"
)

// shownItems is how many items of a foreach are listed, unless all are asked for.
const shownItems = 20

// treeOptions say how steps are drawn.
type treeOptions struct {
	// now is what waits and running times are counted from; zero leaves them out.
	now time.Time
	// ended tells that the run is over: what has not ended in it never will.
	ended bool
	// full lists every item, and under each step what went in and came out.
	full bool
	// history are the journal's entries of the run, for the attempts of calls.
	history []meshhook.Entry
	// plain draws with ASCII alone.
	plain bool
	// width cuts lines to so many cells of a terminal; 0 cuts none.
	width int
	// paint colours a text; nil leaves it.
	paint func(text string, tone tail.Tone) string
}

// writeSteps draws recorded steps as a tree: in the order of the definition, with
// its steps that have not begun; without one (nil), in the order of the records.
func writeSteps(w io.Writer, steps []meshhook.Step, d *workflow.Definition, o treeOptions) error {
	lines, _ := stepLines(steps, d, o)
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// stepLines are the lines of writeSteps, and which of them is under way.
func stepLines(steps []meshhook.Step, d *workflow.Definition, o treeOptions) (lines []string, busy int) {
	drawn := newDrawing(newForest(steps, d, o).roots(), o)
	return drawn.lines(), drawn.busy
}

// node is a line of the tree, and what stands under it.
type node struct {
	// step is the record; nil for what has none.
	step *meshhook.Step
	// def is the step in the definition, where that is known.
	def *workflow.Step
	// name is the step's id within what it stands in, or the item's place.
	name string
	// note replaces the columns, of lines that are no step: an arm, a count.
	note string
	tone tail.Tone
	// items counts those of a foreach, by their status.
	items map[meshhook.StepStatus]int64
	below []*node
}

// forest finds what stands under what.
type forest struct {
	treeOptions
	definition *workflow.Definition
	byID       map[string]*meshhook.Step
	byParent   map[string][]*meshhook.Step
	open       map[string]bool
}

func newForest(steps []meshhook.Step, d *workflow.Definition, o treeOptions) *forest {
	f := &forest{
		treeOptions: o, definition: d, byID: map[string]*meshhook.Step{}, byParent: map[string][]*meshhook.Step{},
		open: meshhook.OpenItems(steps),
	}
	for i := range steps {
		s := &steps[i]
		f.byID[s.ID] = s
		f.byParent[s.Parent] = append(f.byParent[s.Parent], s)
	}
	for id := range f.open {
		foreach := meshhook.ScopeOf(id)
		item := &meshhook.Step{ID: id, Parent: foreach, Kind: meshhook.StepItem, Status: meshhook.StepRunning}
		for _, inside := range f.byParent[id] {
			if item.StartedAt.IsZero() || inside.StartedAt.Before(item.StartedAt) {
				item.StartedAt = inside.StartedAt
			}
		}
		f.byParent[foreach] = append(f.byParent[foreach], item)
	}
	return f
}

func (f *forest) roots() []*node {
	if f.definition == nil {
		return f.recorded("")
	}
	return f.block(&f.definition.Block, "", "")
}

// recorded are the nodes of what is recorded under a parent.
func (f *forest) recorded(parent string) (list []*node) {
	for _, s := range f.take(parent) {
		list = append(list, f.node(s, nil))
	}
	return list
}

// take returns what is recorded under a parent, once: records that hold each other in
// a ring, which no run makes, would never end.
func (f *forest) take(parent string) []*meshhook.Step {
	list := f.byParent[parent]
	delete(f.byParent, parent)
	return list
}

// block are the nodes of a block's steps, and of records that it does not know.
func (f *forest) block(b *workflow.Block, prefix, parent string) (list []*node) {
	known, recorded := map[string]bool{}, f.take(parent)
	for i := range b.Steps {
		def := &b.Steps[i]
		known[prefix+def.ID] = true
		if s := f.byID[prefix+def.ID]; s != nil {
			list = append(list, f.node(s, def))
			continue
		}
		list = append(list, &node{def: def, name: def.ID, tone: tail.Quiet})
	}
	for _, s := range recorded {
		if !known[s.ID] {
			list = append(list, f.node(s, nil))
		}
	}
	return list
}

// node makes the node of a record with all that is under it.
func (f *forest) node(s *meshhook.Step, def *workflow.Step) *node {
	n := &node{step: s, def: def, name: shortID(s)}
	switch {
	case s.Kind == workflow.KindForeach:
		n.items = f.counts(s)
		n.below = f.items(s, def)
	case s.Kind == workflow.KindBranch && def != nil && s.Status != meshhook.StepSkipped:
		n.below = f.arms(s, def)
	default:
		n.below = f.recorded(s.ID)
	}
	return n
}

// arms are the arms of a branch: the one that was taken with its steps, each other
// in one line.
func (f *forest) arms(s *meshhook.Step, def *workflow.Step) (list []*node) {
	var input struct {
		Taken *int `json:"taken"`
	}
	known := json.Unmarshal(s.Input, &input) == nil
	for i := range def.Blocks {
		b := &def.Blocks[i]
		label := "else"
		if b.Label != "else" {
			label = "when " + meshhook.Clip(b.Label, 60)
		}
		switch {
		case input.Taken != nil && *input.Taken == i:
			// The steps of an arm stand in the branch's scope.
			list = append(list, &node{note: label, below: f.block(b, scopePrefix(s), s.ID)})
		case known:
			list = append(list, &node{note: label + ": not taken", tone: tail.Quiet})
		}
	}
	return append(list, f.recorded(s.ID)...)
}

// scopePrefix is what stands before the ids of steps beside this one.
func scopePrefix(s *meshhook.Step) string {
	if scope := s.Scope(); scope != "" {
		return scope + "."
	}
	return ""
}

// counts are how many items of a foreach have begun: as the store counted them, or
// else those that are there.
func (f *forest) counts(s *meshhook.Step) map[meshhook.StepStatus]int64 {
	if s.Items != nil {
		return s.Items
	}
	counts := map[meshhook.StepStatus]int64{}
	for _, item := range f.byParent[s.ID] {
		counts[item.Status]++
	}
	return counts
}

// items are the items of a foreach: those that did not succeed first and at most
// shownItems, unless all are asked for.
func (f *forest) items(s *meshhook.Step, def *workflow.Step) (list []*node) {
	items := f.take(s.ID)
	if !f.full {
		items = slices.DeleteFunc(items, func(i *meshhook.Step) bool { return i.Status == meshhook.StepSucceeded })
	}
	slices.SortStableFunc(items, func(a, b *meshhook.Step) int {
		if !f.full && (a.Status == meshhook.StepFailed) != (b.Status == meshhook.StepFailed) {
			return map[bool]int{true: -1, false: 1}[a.Status == meshhook.StepFailed]
		}
		return cmp.Compare(indexOf(a.ID), indexOf(b.ID))
	})
	more := 0
	if !f.full && len(items) > shownItems {
		items, more = items[:shownItems], len(items)-shownItems
	}
	for _, item := range items {
		n := &node{step: item, name: shortID(item)}
		if def != nil && len(def.Blocks) == 1 && item.Kind == meshhook.StepItem {
			n.below = f.block(&def.Blocks[0], item.ID+".", item.ID)
		} else {
			n.below = f.recorded(item.ID)
		}
		list = append(list, n)
	}
	if more > 0 {
		list = append(list, &node{note: fmt.Sprintf("… and %d more (--full)", more), tone: tail.Quiet})
	}
	return list
}

// indexOf is the place of an item: 3 of each[3].
func indexOf(id string) int {
	index, err := strconv.Atoi(strings.TrimSuffix(id[strings.LastIndexByte(id, '[')+1:], "]"))
	if err != nil {
		return -1
	}
	return index
}

// shortID is the id of a step within what it stands in.
func shortID(s *meshhook.Step) string {
	scope := s.Scope()
	if scope == "" {
		return s.ID
	}
	return strings.TrimPrefix(s.ID[len(scope):], ".")
}
