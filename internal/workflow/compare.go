package workflow

import (
	"bytes"
	"encoding/json"
	"reflect"
	"time"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// Change is what is different in a rehearsal from an earlier run.
type Change struct {
	// Step is the id of the record; "" for the run itself.
	Step string `json:"step,omitempty" doc:"The step's id; left out for the run itself."`
	// Was and Is are nil where there was, or is, no such step.
	Was *Outcome `json:"was" doc:"null for a step that the earlier run had not."`
	Is  *Outcome `json:"is" doc:"null for a step that is not done any more."`
}

// Outcome is what became of a step or a run.
type Outcome struct {
	Status string `json:"status"`
	// Source is set where nothing was called, or an answer assumed.
	Source Source `json:"source,omitempty"`
	// Request is that of an http step.
	Request json.RawMessage   `json:"request,omitempty"`
	Output  json.RawMessage   `json:"output,omitempty"`
	Error   *meshhook.Failure `json:"error,omitempty"`
}

// Compare returns in what the rehearsal differs from a run: the steps in their
// order, those that are gone, and at last the run itself. The items of a foreach are
// no steps of their own. How a value is spelled in JSON is no difference, nor is when
// a delay of the same length ends.
func (r *Rehearsal) Compare(run *meshhook.Run) []Change {
	was := make(map[string]meshhook.Step, len(run.Steps))
	for _, record := range run.Steps {
		was[record.ID] = record
	}
	changes, seen := []Change{}, make(map[string]bool, len(r.Steps))
	for _, step := range r.Steps {
		seen[step.ID] = true
		if old, known := was[step.ID]; step.Kind != meshhook.StepItem && (!known || !sameDelay(old, step.Step)) {
			change := Change{Step: step.ID, Is: outcomeOf(step.Step, step.Source)}
			if known {
				change.Was = outcomeOf(old, "")
			}
			changes = change.unlessSame(changes)
		}
	}
	for _, old := range run.Steps {
		if !seen[old.ID] && old.Kind != meshhook.StepItem {
			changes = append(changes, Change{Step: old.ID, Was: outcomeOf(old, "")})
		}
	}
	return Change{
		Was: &Outcome{Status: string(run.Status), Output: run.Output, Error: run.Error},
		Is:  &Outcome{Status: string(r.Status), Output: r.Output, Error: r.Error},
	}.unlessSame(changes)
}

func (c Change) unlessSame(changes []Change) []Change {
	if c.Was != nil && c.Is != nil && c.Was.equal(c.Is) {
		return changes
	}
	return append(changes, c)
}

func outcomeOf(record meshhook.Step, source Source) *Outcome {
	o := &Outcome{Status: string(record.Status), Output: record.Output, Error: record.Error}
	if record.Kind == KindHTTP {
		o.Request = record.Input
	}
	if source == SourceNotSent || source == SourceAssumed {
		o.Source = source
	}
	return o
}

func (o *Outcome) equal(other *Outcome) bool {
	return o.Status == other.Status && o.Source == other.Source && reflect.DeepEqual(o.Error, other.Error) &&
		sameJSON(o.Request, other.Request) && sameJSON(o.Output, other.Output)
}

// sameJSON tells whether two documents say the same.
func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	one, errOne := content.DecodeOwn(a)
	other, errOther := content.DecodeOwn(b)
	return errOne == nil && errOther == nil && reflect.DeepEqual(one, other)
}

// sameDelay tells whether both records are of a delay that was slept for as long.
func sameDelay(was, is meshhook.Step) bool {
	if was.Kind != KindDelay || is.Kind != KindDelay || was.Status != meshhook.StepSucceeded || is.Status != meshhook.StepSucceeded {
		return false
	}
	// Times are recorded with milliseconds.
	return (slept(was) - slept(is)).Abs() <= time.Millisecond
}

// slept is how long a delay was to be, at its begin.
func slept(record meshhook.Step) time.Duration {
	var s sleep
	if json.Unmarshal(record.Output, &s) != nil {
		return 0
	}
	until, err := time.Parse(time.RFC3339Nano, s.Until)
	if err != nil {
		return 0
	}
	return until.Sub(record.StartedAt)
}
