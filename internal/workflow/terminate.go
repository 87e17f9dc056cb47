package workflow

import (
	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// terminate ends the run, well or badly. The step's record says all that the
// run's end needs: it succeeded or failed as the run is to do, and its output is
// the run's.
type terminate struct {
	failed  bool
	output  *expr.Template // nil is none
	message words          // nil is a sentence of ours
}

// terminateFields are the keys of terminate.
func terminateFields() []field[terminate] {
	return []field[terminate]{
		{"status", false, readTerminateStatus},
		{"output", false, func(c *checker, n *node, w *terminate) { w.output = c.template(n, "output") }},
		{"message", false, readTerminateMessage},
	}
}

func readTerminate(c *checker, n *node, _ *stepDraft) work {
	w := &terminate{}
	readFields(c, n, "terminate", terminateFields(), w)
	if m := n.get("message"); m != nil && !w.failed {
		c.at(m, "message says why a run failed; it goes with status: failed only")
	}
	return w
}

func readTerminateStatus(c *checker, n *node, w *terminate) {
	switch n.scalar {
	case string(meshhook.RunSucceeded):
	case string(meshhook.RunFailed):
		w.failed = true
	default:
		c.at(n, "status wants succeeded or failed")
	}
}

func readTerminateMessage(c *checker, n *node, w *terminate) {
	if message, ok := line(c, n, "message", expr.ParseText); ok {
		w.message = message
	}
}

func (w *terminate) begin(t *turn, f frame, s *Step, record meshhook.Step) (meshhook.Step, *Task) {
	record.Attempt++
	if w.output != nil {
		value, err := w.output.Render(t.ctx, f.scope())
		if err == nil {
			record.Output, err = encodeJSON(value)
		}
		if err != nil {
			return t.fail(record, meshhook.FailedExpression, "terminate: output: %v", err), nil
		}
	}
	if !w.failed {
		return t.end(record, meshhook.StepSucceeded, record.Output), nil
	}
	message := "the step " + s.ID + " ended the run as failed"
	if w.message != nil {
		var err error
		if message, err = w.message.Render(t.ctx, f.scope()); err != nil {
			return t.fail(record, meshhook.FailedExpression, "terminate: message: %v", err), nil
		}
	}
	return t.fail(record, meshhook.FailedTerminated, "%s", message), nil
}
