package workflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/mask"
	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// maxItems is how many items a foreach may have.
	maxItems = 10_000
	// maxOutputs bounds what a foreach keeps of the outputs of all its items
	// together, in bytes. An item beyond it has the output {"truncated": true}.
	maxOutputs = 4 << 20
)

// foreach does its steps once for each item. Items begin in order, at most
// concurrency of them at a time. What the items are is decided once, and recorded
// as the step's input before the first begins.
type foreach struct {
	in          *expr.Program
	concurrency int
	block       *blockDraft
}

// foreachFields are the keys of foreach.
func foreachFields() []field[foreach] {
	return []field[foreach]{
		{"in", true, func(c *checker, n *node, w *foreach) { w.in = c.expression(n, "in") }},
		{"concurrency", false, func(c *checker, n *node, w *foreach) {
			w.concurrency = c.whole(n, "concurrency", 1, maxItemsAtOnce)
		}},
		{"steps", true, func(c *checker, n *node, w *foreach) { w.block = c.block(n, "foreach", "") }},
	}
}

func readForeach(c *checker, n *node, s *stepDraft) work {
	w := &foreach{concurrency: 1}
	readFields(c, n, "foreach", foreachFields(), w)
	if w.block != nil {
		if in := n.get("in"); in != nil {
			w.block.label = in.scalar
		}
		s.blocks = append(s.blocks, w.block)
		w.block = nil // it is the step's now
	}
	return w
}

func (w *foreach) begin(t *turn, f frame, _ *Step, record meshhook.Step) (meshhook.Step, *Task) {
	record.Attempt = 1
	values, err := w.items(t, f)
	if err != nil {
		return t.fail(record, meshhook.FailedExpression, "in: %v", err), nil
	}
	if record.Input, err = encodeJSON(values); err != nil {
		return t.fail(record, meshhook.FailedExpression, "in: the items cannot be written as JSON: %v", err), nil
	}
	return record, nil
}

// items evaluates `in`. Its results are the items; an expression that can only
// have one result gives a list, whose elements are.
func (w *foreach) items(t *turn, f frame) ([]any, error) {
	values, err := w.in.All(t.ctx, f.scope())
	if err != nil || !w.in.Single() {
		return values, err
	}
	var one any
	if len(values) > 0 {
		one = values[0]
	}
	list, ok := one.([]any)
	switch {
	case !ok:
		return nil, fmt.Errorf("gave %s; a list is wanted, or several results, as of .lines[]", jsonType(one))
	case len(list) > maxItems:
		return nil, fmt.Errorf("gave %d items; a foreach may have at most %d", len(list), maxItems)
	}
	return list, nil
}

func jsonType(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case map[string]any:
		return "an object"
	default:
		return "a number"
	}
}

// items is how far a foreach has come.
type items struct {
	values []any
	next   int            // the first that has not begun
	active []int          // those that have begun and not ended, in order
	failed *meshhook.Step // the first item that failed
	bytes  int            // of the outputs so far
}

// load finds out, from the records, how far every foreach has come, and whether
// the run was terminated. It is done once, since Next keeps all of that.
func (s *State) load() {
	if s.loaded {
		return
	}
	s.loaded, s.items, s.outputs = true, map[string]*items{}, map[string]any{}
	s.masker = mask.New(slices.Collect(maps.Values(s.Secrets)))
	begun := map[string]bool{}
	for id, record := range s.Steps {
		if record.Kind == KindTerminate && (&Step{Kind: KindTerminate}).terminates(record) {
			s.terminated = &record
		}
		for at := id; at != ""; at = meshhook.ScopeOf(at) {
			if isItem(at) {
				begun[at] = true
			}
		}
	}
	for id := range begun {
		s.loadItem(id)
	}
	for foreach, it := range s.items {
		s.loadActive(foreach, it)
	}
}

func (s *State) loadItem(id string) {
	foreach := meshhook.ScopeOf(id)
	index, err := strconv.Atoi(strings.TrimSuffix(id[len(foreach)+1:], "]"))
	if err != nil || index < 0 || index >= maxItems {
		return // not written by us
	}
	it := s.itemsOf(foreach)
	it.next = max(it.next, index+1)
	record := s.Steps[id]
	if record.Status == meshhook.StepFailed && (it.failed == nil || finished(record).Before(finished(*it.failed))) {
		it.failed = &record
	}
	it.bytes += len(record.Output)
}

// loadActive finds the items that have begun and not ended. One that failed at its
// first step in an earlier attempt of the run has no record any more, nor has one whose
// turn came while too much was under way; those behind them may have.
func (s *State) loadActive(foreach string, it *items) {
	for index := range it.next {
		if !s.Steps[itemID(foreach, index)].Status.Ended() {
			it.active = append(it.active, index)
		}
	}
}

// itemID is the id of an item's record.
func itemID(foreach string, index int) string { return foreach + "[" + strconv.Itoa(index) + "]" }

func (s *State) itemsOf(foreach string) *items {
	it := s.items[foreach]
	if it == nil {
		it = &items{}
		s.items[foreach] = it
	}
	return it
}

func (w *foreach) goOn(t *turn, f frame, s *Step, record meshhook.Step, b bounds) (p progress) {
	it := t.state.itemsOf(record.ID)
	if it.values == nil {
		values, err := content.DecodeOwn(record.Input)
		list, ok := values.([]any)
		if err != nil || !ok || list == nil {
			failed := t.fail(record, meshhook.FailedInternal, "it is not recorded what the items are")
			return progress{failure: &failed}
		}
		it.values = list
	}
	p.failure = it.failed
	active := it.active
	it.active = nil
	for _, index := range active {
		if index >= len(it.values) {
			continue // not written by us
		}
		w.item(t, f, s, record, index, b, &p)
	}
	for !b.closing && p.failure == nil && t.state.terminated == nil && !b.late(t.state.Now) &&
		it.next < len(it.values) && len(it.active) < w.concurrency && !t.full() && t.ctx.Err() == nil {
		it.next++
		w.item(t, f, s, record, it.next-1, b, &p)
	}
	p.open = p.open || it.next < len(it.values) || len(it.active) > 0
	return p
}

// item takes one item as far as it goes now.
func (w *foreach) item(t *turn, f frame, s *Step, record meshhook.Step, index int, b bounds, p *progress) {
	it := t.state.itemsOf(record.ID)
	id := itemID(record.ID, index)
	inner := frame{names: &names{
		turn: t, prefix: id + ".", block: &s.Blocks[0], outer: f.names, item: it.values[index], index: index,
	}, parent: id}
	b.closing = b.closing || p.failure != nil
	done := t.block(inner, inner.block, b)
	self := meshhook.Step{
		RunID: record.RunID, ID: id, Parent: record.ID, Kind: meshhook.StepItem, Status: meshhook.StepRunning, Attempt: 1, StartedAt: t.state.Now,
	}
	switch {
	case t.ctx.Err() != nil:
		return
	case done.underway, done.failure == nil && (done.open || t.state.terminated != nil):
		// An item in which the run was terminated ends with the run: what is inside
		// an ended item is not looked at again.
		it.active = append(it.active, index)
		p.add(done)
		p.idle = append(p.idle, idle{record: self})
		return
	case done.failure != nil:
		t.giveUp(done.idle, done.failure)
		self = t.failBy(self, done.failure)
	default:
		self = t.end(self, meshhook.StepSucceeded, it.output(t, inner))
	}
	self = t.state.put(self)
	t.decision.Steps = append(t.decision.Steps, self)
	if self.Status == meshhook.StepFailed && p.failure == nil {
		it.failed, p.failure = &self, &self
	}
	t.state.forget(id, inner.block)
}

// output is what the last step of an item gave out.
func (it *items) output(t *turn, f frame) json.RawMessage {
	last := t.state.Steps[f.prefix+f.block.Steps[len(f.block.Steps)-1].ID]
	output := last.Output
	if last.Error != nil {
		output, _ = encodeJSON(t.state.output(last)) // it was made of JSON
	}
	switch {
	case len(output) == 0:
		output = json.RawMessage("null")
	case it.bytes+len(output) > maxOutputs:
		output = json.RawMessage(`{"truncated":true}`)
	}
	it.bytes += len(output)
	return output
}

// forget drops what is known of the inside of an item that has ended.
func (s *State) forget(item string, b *Block) {
	for step := range b.All() {
		id := item + "." + step.ID
		s.forgetItems(id, step)
		delete(s.Steps, id)
		delete(s.outputs, id)
	}
}

// forgetItems drops the items of a foreach that has ended.
func (s *State) forgetItems(id string, foreach *Step) {
	it := s.items[id]
	if it == nil {
		return
	}
	delete(s.items, id)
	for index := range it.next {
		delete(s.Steps, itemID(id, index))
	}
	for _, index := range it.active {
		s.forget(itemID(id, index), &foreach.Blocks[0])
	}
}

func (w *foreach) output(t *turn, record meshhook.Step) json.RawMessage {
	it := t.state.itemsOf(record.ID)
	var all bytes.Buffer
	all.WriteByte('[')
	for index := range it.values {
		if index > 0 {
			all.WriteByte(',')
		}
		output := t.state.Steps[itemID(record.ID, index)].Output
		if len(output) == 0 {
			output = json.RawMessage("null")
		}
		all.Write(output)
	}
	all.WriteByte(']')
	return all.Bytes()
}
