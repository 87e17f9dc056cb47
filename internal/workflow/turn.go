package workflow

import (
	"context"
	"math"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// turn is one call of Next.
type turn struct {
	ctx     context.Context
	program *Program
	state   *State

	decision   Decision
	wake       time.Time
	waitingFor meshhook.WaitingFor
	names      *names // of the top
}

func newTurn(ctx context.Context, p *Program, s *State) *turn {
	s.load()
	return &turn{ctx: ctx, program: p, state: s}
}

// full tells whether the decision has as many records as it may.
func (t *turn) full() bool { return len(t.decision.Steps)+len(t.decision.Perform) >= maxDecided }

// wakeAt notes a time at which the run must be looked at; zero is none.
func (t *turn) wakeAt(at time.Time) {
	if !at.IsZero() && (t.wake.IsZero() || at.Before(t.wake)) {
		t.wake = at
	}
}

// deadline is when the run's time is up; zero is never.
func (p *Program) deadline(s *State) time.Time {
	if p.definition.Timeout == 0 || s.Run.StartedAt == nil {
		return time.Time{}
	}
	return s.Run.StartedAt.Add(p.definition.Timeout)
}

// deadline is when the step's own time is up; zero is never.
func (s *Step) deadline(record meshhook.Step) time.Time {
	if s.Timeout == 0 {
		return time.Time{}
	}
	return record.StartedAt.Add(s.Timeout)
}

// left returns how much time the step's own timeout leaves.
func (s *Step) left(record meshhook.Step, now time.Time) time.Duration {
	if s.Timeout == 0 {
		return math.MaxInt64
	}
	return s.deadline(record).Sub(now)
}

// frame is where a step stands: in the workflow itself, or in an item of a foreach.
type frame struct {
	*names
	// parent is the record that the steps are nested in.
	parent string
}

// names is what expressions see at the top, or in an item of a foreach.
type names struct {
	turn   *turn
	prefix string // before the ids of the records: each[3].
	block  *Block // whose steps, and those in their branches, are seen
	outer  *names // of an item: what is seen around its foreach
	item   any
	index  int

	context map[string]any // made when first asked for
	outputs map[string]any // the part of it that grows: steps
}

// top returns the frame of the workflow's own steps.
func (t *turn) top() frame {
	if t.names == nil {
		t.names = &names{turn: t, block: &t.program.definition.Block}
	}
	return frame{names: t.names}
}

// scope returns the context of expressions: event, run, secrets and steps, and in
// an item of a foreach, item and index.
func (n *names) scope() map[string]any {
	if n.context != nil {
		return n.context
	}
	t := n.turn
	outputs := map[string]any{}
	n.context = map[string]any{}
	if n.outer != nil {
		for key, value := range n.outer.scope() {
			n.context[key] = value
		}
		for id, output := range n.outer.outputs {
			outputs[id] = output
		}
		n.context["item"], n.context["index"] = n.item, n.index
	} else {
		secrets := make(map[string]any, len(t.state.Secrets))
		for name, secret := range t.state.Secrets {
			secrets[name] = secret.Reveal()
		}
		n.context["event"], n.context["run"], n.context["secrets"] = t.state.eventContext(), runContext(&t.state.Run), secrets
	}
	for _, s := range n.block.visible {
		if record, known := t.state.Steps[n.prefix+s.ID]; known && record.Status.Ended() {
			outputs[s.ID] = t.state.output(record)
		}
	}
	n.context["steps"], n.outputs = outputs, outputs
	return n.context
}

// publish lets expressions see a step that has ended.
func (n *names) publish(id string, record meshhook.Step) {
	if n.context != nil {
		n.outputs[id] = n.turn.state.output(record)
	}
}

// eventContext returns `event`, parsed when it is first asked for.
func (s *State) eventContext() map[string]any {
	switch {
	case s.event != nil:
	case s.Event != nil:
		s.event = EventContext(s.Event)
	default:
		s.event = inputContext(s.Run.Input, s.Run.CreatedAt)
	}
	return s.event
}

// output returns `steps.ID` of a step that has ended, parsed once: what has
// ended does not change.
func (s *State) output(record meshhook.Step) any {
	if output, ok := s.outputs[record.ID]; ok {
		return output
	}
	s.outputs[record.ID] = stepContext(record)
	return s.outputs[record.ID]
}
