package expr

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Limits bounds one evaluation, or one rendering of a template with all the
// expressions in it. A zero field takes its value from DefaultLimits.
type Limits struct {
	// Time is the longest an evaluation may take, by the clock.
	Time time.Duration
	// Steps is how many instructions of jq's virtual machine may run; unlike
	// Time it does not depend on how busy the machine is.
	Steps int
	// Memory is how many bytes may be allocated in all, garbage included.
	Memory int
	// Output is how many bytes the results may have together, as JSON.
	Output int
	// Results is how many results an expression may give.
	Results int
}

// DefaultLimits returns the limits of everything that Compile, ParseTemplate,
// ParseText, ParseURL and ParseHeader make: 5 s, 2 million steps, 64 MiB,
// 4 MiB of output (an event of the largest default size, 1 MiB, fits with room
// for its text beside it) and 10,000 results.
func DefaultLimits() Limits {
	return Limits{
		// Steps are what bounds an honest machine, at some tenths of a second. The
		// clock is for what they do not see, and no reason to fail a run because
		// the machine is busy.
		Time:    5 * time.Second,
		Steps:   2_000_000,
		Memory:  64 << 20,
		Output:  4 << 20,
		Results: 10_000,
	}
}

// orDefault fills the zero fields.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	pick := func(v, def int) int {
		if v > 0 {
			return v
		}
		return def
	}
	if l.Time <= 0 {
		l.Time = d.Time
	}
	l.Steps = pick(l.Steps, d.Steps)
	l.Memory = pick(l.Memory, d.Memory)
	l.Output = pick(l.Output, d.Output)
	l.Results = pick(l.Results, d.Results)
	return l
}

// stride is how many steps pass between two looks at the clock. A single call
// that was not refused can take milliseconds, so it is small.
const stride = 32

// closed is what a spent meter shows as its Done channel.
var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// meter is the purse of one evaluation. It is also the context that gojq runs
// under: gojq asks for Done before every instruction, so Done counts them, and
// no timer or second goroutine is needed. It belongs to one goroutine.
type meter struct {
	context.Context
	limits Limits
	start  time.Time
	steps  int
	pause  int // the step at which to look at the clock
	memory int
	output int
	fault  *fault // why the meter is spent
}

func newMeter(ctx context.Context, limits Limits) *meter {
	return &meter{Context: ctx, limits: limits, start: time.Now()}
}

// Done counts one step. It returns nil, which blocks for ever, while there is
// something left to spend.
func (m *meter) Done() <-chan struct{} {
	m.steps++
	if m.steps < m.pause {
		return nil
	}
	if m.checkpoint() != nil {
		return closed
	}
	return nil
}

// Err returns why the meter is spent.
func (m *meter) Err() error {
	if m.fault == nil {
		return nil
	}
	return m.fault
}

// checkpoint looks at the clock and the step count, and says if the evaluation
// must end.
func (m *meter) checkpoint() error {
	switch err := m.Context.Err(); {
	case m.fault != nil:
	case err != nil:
		reason := ReasonCanceled
		if errors.Is(err, context.DeadlineExceeded) {
			reason = ReasonTimeout
		}
		_ = m.spend(&fault{reason: reason, message: "was stopped: " + err.Error(), cause: err})
	case m.steps > m.limits.Steps:
		_ = m.spend(&fault{
			reason:  ReasonTimeout,
			message: fmt.Sprintf("took more than %d steps", m.limits.Steps),
			cause:   context.DeadlineExceeded,
		})
	case time.Since(m.start) > m.limits.Time:
		_ = m.spend(&fault{
			reason:  ReasonTimeout,
			message: fmt.Sprintf("took longer than %s", m.limits.Time),
			cause:   context.DeadlineExceeded,
		})
	}
	m.pause = min(m.steps+stride, m.limits.Steps+1)
	return m.Err()
}

// spend ends the evaluation: the virtual machine stops before its next
// instruction, whatever try stands around it.
func (m *meter) spend(f *fault) error {
	if m.fault == nil {
		m.fault = f
	}
	m.pause = 0
	return m.fault
}

// tooLarge ends the evaluation because of a size.
func (m *meter) tooLarge(format string, args ...any) error {
	return m.spend(&fault{reason: ReasonTooLarge, message: fmt.Sprintf(format, args...)})
}

// alloc pays for bytes that are about to be allocated.
func (m *meter) alloc(bytes int) error {
	if m.memory += bytes; m.memory > m.limits.Memory || bytes < 0 {
		return m.tooLarge("needs more than %s of memory", size(m.limits.Memory))
	}
	return nil
}

// work pays for computing that is worth so many steps.
func (m *meter) work(steps int) error {
	if m.steps += steps; steps < 0 {
		m.steps = m.limits.Steps + 1
	}
	if m.steps < m.pause {
		return nil
	}
	return m.checkpoint()
}

// emit pays for a result that leaves the evaluation.
func (m *meter) emit(bytes int) error {
	if m.output += bytes; m.output > m.limits.Output {
		return m.tooLarge("gave more than %s", size(m.limits.Output))
	}
	return nil
}

// size writes a number of bytes for a person.
func size(bytes int) string {
	switch {
	case bytes >= 1<<20 && bytes%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", bytes>>20)
	case bytes >= 1<<10 && bytes%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", bytes>>10)
	default:
		return fmt.Sprintf("%d bytes", bytes)
	}
}
