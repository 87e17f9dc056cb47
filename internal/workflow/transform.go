package workflow

import (
	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// transform makes a value of the context. Its output is that value.
type transform struct{ expression *expr.Program }

func readTransform(c *checker, n *node, _ *stepDraft) work {
	if n.kind == mapping || n.kind == list {
		c.at(n, "transform wants an expression, but is %s; put quotes around it", n.kind)
		return nil
	}
	return transform{c.expression(n, "transform")}
}

func (w transform) begin(t *turn, f frame, _ *Step, record meshhook.Step) (meshhook.Step, *Task) {
	record.Attempt++
	value, err := w.expression.One(t.ctx, f.scope())
	if err != nil {
		return t.fail(record, meshhook.FailedExpression, "transform: %v", err), nil
	}
	output, err := encodeJSON(value)
	if err != nil {
		return t.fail(record, meshhook.FailedExpression, "transform: the result cannot be written as JSON: %v", err), nil
	}
	return t.end(record, meshhook.StepSucceeded, output), nil
}
