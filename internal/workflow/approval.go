package workflow

import (
	"time"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// approval waits for a person to say yes or no.
type approval struct {
	message   words
	timeout   time.Duration // 0 waits without end
	onTimeout string
}

// What becomes of an approval that nobody answers in time.
const (
	onTimeoutReject  = "reject"
	onTimeoutApprove = "approve"
	onTimeoutFail    = "fail"
)

// approvalFields are the keys of approval.
func approvalFields() []field[approval] {
	return []field[approval]{
		{"message", true, readMessage},
		{"timeout", false, func(c *checker, n *node, w *approval) { w.timeout = c.duration(n, "timeout") }},
		{"on_timeout", false, readOnTimeout},
	}
}

func readApproval(c *checker, n *node, _ *stepDraft) work {
	w := &approval{onTimeout: onTimeoutReject}
	readFields(c, n, "approval", approvalFields(), w)
	if o := n.get("on_timeout"); o != nil && w.timeout == 0 && n.get("timeout") == nil {
		c.at(o, "on_timeout says what to do after timeout, which is missing; without it the run waits without end")
	}
	return w
}

func readMessage(c *checker, n *node, w *approval) {
	if message, ok := line(c, n, "message", expr.ParseText); ok {
		w.message = message
	}
}

func readOnTimeout(c *checker, n *node, w *approval) {
	switch n.scalar {
	case onTimeoutReject, onTimeoutApprove, onTimeoutFail:
		w.onTimeout = n.scalar
	default:
		c.at(n, "on_timeout wants reject, approve or fail")
	}
}

// asked is the input of an approval.
type asked struct {
	Message string `json:"message"`
}

// answered is the output of an approval.
type answered struct {
	Approved bool `json:"approved"`
	// By is who decided; nil when nobody did in time.
	By       *meshhook.Actor `json:"by"`
	Note     string          `json:"note,omitempty"`
	At       string          `json:"at"`
	TimedOut bool            `json:"timed_out,omitempty"`
}

func (w *approval) begin(t *turn, f frame, _ *Step, record meshhook.Step) (meshhook.Step, *Task) {
	if record.Attempt > 0 {
		return w.answer(t, record), nil
	}
	record.Attempt = 1
	message, err := w.message.Render(t.ctx, f.scope())
	if err == nil {
		record.Input, err = encodeJSON(asked{message})
	}
	if err != nil {
		return t.fail(record, meshhook.FailedExpression, "message: %v", err), nil
	}
	record.Status = meshhook.StepWaiting
	if w.timeout > 0 {
		until := t.state.Now.Add(w.timeout)
		record.NextAt = &until
	}
	return record, nil
}

// answer ends an approval that was decided, or whose time is up.
func (w *approval) answer(t *turn, record meshhook.Step) meshhook.Step {
	out, why := answered{At: meshhook.FormatTime(t.state.Now), TimedOut: true}, "nobody decided within "+w.timeout.String()
	if d := record.Decision; d != nil {
		out = answered{Approved: d.Approved, By: &d.By, Note: d.Note, At: meshhook.FormatTime(d.At)}
		why = "rejected by " + string(d.By)
		if d.Note != "" {
			why += ": " + d.Note
		}
	} else {
		out.Approved = w.onTimeout == onTimeoutApprove
	}
	output, err := encodeJSON(out)
	if err != nil {
		return t.fail(record, meshhook.FailedInternal, "the answer cannot be recorded: %v", err)
	}
	if out.Approved {
		return t.end(record, meshhook.StepSucceeded, output)
	}
	record.Output = output
	reason := meshhook.FailedRejected
	if out.TimedOut && w.onTimeout == onTimeoutFail {
		reason = meshhook.FailedTimeout
	}
	return t.fail(record, reason, "%s", why)
}
