package workflow

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// deadline is when the run's time is up; zero is never.
func (p *Program) deadline(s *State) time.Time {
	if p.definition.Timeout == 0 || s.Run.StartedAt == nil {
		return time.Time{}
	}
	return s.Run.StartedAt.Add(p.definition.Timeout)
}

// left returns how much time the step's own timeout leaves.
func (s *Step) left(record meshhook.Step, now time.Time) time.Duration {
	if s.Timeout == 0 {
		return math.MaxInt64
	}
	return record.StartedAt.Add(s.Timeout).Sub(now)
}

// late tells whether the run's time is up.
func (t *turn) late() bool {
	deadline := t.program.deadline(t.state)
	return !deadline.IsZero() && !t.state.Now.Before(deadline)
}

// scope returns what expressions see: event, run, secrets and steps.
func (t *turn) scope() map[string]any {
	if t.context != nil {
		return t.context
	}
	secrets := make(map[string]any, len(t.state.Secrets))
	for name, secret := range t.state.Secrets {
		secrets[name] = secret.Reveal()
	}
	steps := make(map[string]any, len(t.program.steps))
	for _, s := range t.program.steps {
		if record, ok := t.record(s.ID); ok && record.Status.Ended() {
			steps[s.ID] = t.state.output(record)
		}
	}
	t.outputs = steps
	t.context = map[string]any{
		"event":   t.state.eventContext(),
		"run":     runContext(&t.state.Run),
		"secrets": secrets,
		"steps":   steps,
	}
	return t.context
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
	if s.outputs == nil {
		s.outputs = map[string]any{}
	}
	s.outputs[record.ID] = stepContext(record)
	return s.outputs[record.ID]
}

// end returns the record of a step that has ended now.
func (t *turn) end(record meshhook.Step, status meshhook.StepStatus, output json.RawMessage) meshhook.Step {
	return t.state.end(record, status, output)
}

// fail returns the record of a step that has failed now.
func (t *turn) fail(record meshhook.Step, reason meshhook.FailureReason, format string, args ...any) meshhook.Step {
	return t.state.fail(record, reason, format, args...)
}

func (s *State) end(record meshhook.Step, status meshhook.StepStatus, output json.RawMessage) meshhook.Step {
	now := s.Now
	record.Status, record.Output = status, output
	record.NextAt, record.FinishedAt = nil, &now
	return record
}

func (s *State) fail(record meshhook.Step, reason meshhook.FailureReason, format string, args ...any) meshhook.Step {
	record.Error = &meshhook.Failure{Reason: reason, Message: s.mask(fmt.Sprintf(format, args...)), Step: record.ID}
	return s.end(record, meshhook.StepFailed, record.Output)
}

// mask hides the values of secrets in a message, in the spellings that they
// have in URLs and quotes, too. Values of fewer than four bytes are left: to
// hide "1" everywhere would hide the message.
func (s *State) mask(message string) string {
	var spellings []string
	for _, secret := range s.Secrets {
		value := secret.Reveal()
		if len(value) < 4 {
			continue
		}
		quoted, err := encodeJSON(value)
		if err == nil {
			spellings = append(spellings, string(quoted[1:len(quoted)-1]))
		}
		spellings = append(spellings, value, url.QueryEscape(value), url.PathEscape(value))
	}
	// The longest first, so that a value which is part of another leaves nothing.
	slices.SortFunc(spellings, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(spellings))
	for _, spelling := range spellings {
		pairs = append(pairs, spelling, meshhook.Mask)
	}
	return strings.NewReplacer(pairs...).Replace(message)
}
