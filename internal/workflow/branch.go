package workflow

import (
	"encoding/json"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// branch does the steps of the first arm whose condition holds. Which one that
// is, is decided once, and recorded as the step's input before its steps begin.
type branch struct{ arms []*expr.Program } // nil is else

// arm is one alternative of a branch while it is read.
type arm struct {
	when   *expr.Program
	label  string
	isElse bool
	block  *blockDraft
}

// armFields are the keys of an arm: when and steps, or else.
func armFields() []field[arm] {
	return []field[arm]{
		{"when", false, func(c *checker, n *node, a *arm) { a.when, a.label = c.condition(n, "when") }},
		{"steps", false, func(c *checker, n *node, a *arm) { a.block = c.block(n, "an arm", "") }},
		{"else", false, func(c *checker, n *node, a *arm) { a.isElse, a.block = true, c.block(n, "else", "else") }},
	}
}

func readBranch(c *checker, n *node, s *stepDraft) work {
	if n.kind != list || len(n.items) == 0 {
		c.at(n, "branch wants a list of arms, like - when: .x > 1 with steps, and - else: at its end")
		return nil
	}
	w := &branch{}
	for i, item := range n.items {
		a := &arm{}
		readFields(c, item, "an arm", armFields(), a)
		if item.kind != mapping {
			continue
		}
		switch when, steps := item.get("when"), item.get("steps"); {
		case a.isElse && (when != nil || steps != nil):
			c.at(item, "an arm has either when and steps, or else alone")
		case a.isElse && i < len(n.items)-1:
			c.at(item, "else must be the last arm: those after it are never taken")
		case !a.isElse && (when == nil || steps == nil):
			c.at(item, "an arm needs when and steps, or else")
		}
		if a.block != nil {
			a.block.label = a.label
			if a.isElse {
				a.block.label = "else"
			}
			s.blocks = append(s.blocks, a.block)
		}
		w.arms = append(w.arms, a.when)
	}
	return w
}

// taken is the input and output of a branch.
type taken struct {
	// Taken is the place of the arm in the list, from 0; nil when none was.
	Taken *int `json:"taken"`
}

func (w *branch) begin(t *turn, f frame, _ *Step, record meshhook.Step) (meshhook.Step, *Task) {
	record.Attempt = 1
	var choice taken
	for i, when := range w.arms {
		yes := when == nil
		if when != nil {
			var err error
			if yes, err = when.True(t.ctx, f.scope()); err != nil {
				return t.fail(record, meshhook.FailedExpression, "when: %v", err), nil
			}
		}
		if yes {
			choice.Taken = &i
			break
		}
	}
	input, err := encodeJSON(choice)
	if err != nil {
		return t.fail(record, meshhook.FailedInternal, "the choice cannot be recorded: %v", err), nil
	}
	record.Input = input
	if choice.Taken == nil {
		return t.end(record, meshhook.StepSucceeded, input), nil
	}
	return record, nil
}

func (w *branch) goOn(t *turn, f frame, s *Step, record meshhook.Step, b bounds) progress {
	var choice taken
	if err := json.Unmarshal(record.Input, &choice); err != nil || choice.Taken == nil || *choice.Taken >= len(s.Blocks) {
		failed := t.fail(record, meshhook.FailedInternal, "it is not recorded which arm was taken")
		return progress{failure: &failed}
	}
	f.parent = record.ID
	return t.block(f, &s.Blocks[*choice.Taken], b)
}

func (w *branch) output(_ *turn, record meshhook.Step) json.RawMessage {
	return record.Input
}
