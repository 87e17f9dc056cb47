package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// shownFact bounds what is shown of a message in the line of a step, in characters.
const shownFact = 200

// facts say what else is known of a step, the most telling first.
func (d *drawing) facts(n *node) (facts []string) {
	s := n.step
	add := func(fact string) {
		if fact != "" {
			facts = append(facts, meshhook.Clip(fact, shownFact))
		}
	}
	if s.Kind == workflow.KindForeach && s.Status != meshhook.StepSkipped {
		add(itemsFact(n, d.ended))
	}
	add(answer(s))
	if s.Status == meshhook.StepSkipped && n.def != nil && n.def.If != "" {
		add("if " + n.def.If)
	}
	if s.Status == meshhook.StepWaiting && !d.ended {
		add(d.waits(s))
	} else if s.Error != nil {
		add(whyFailed(s))
	}
	if s.Attempt > 1 {
		add(strconv.Itoa(s.Attempt) + " attempts")
	}
	if s.Kind == workflow.KindHTTP && s.Status == meshhook.StepSucceeded {
		add(answeredStatus(s.Output))
	}
	add(d.duration(s))
	return facts
}

// whyFailed says why a step failed; of one that failed by a step inside it, which.
func whyFailed(s *meshhook.Step) string {
	if s.Error.Step != "" && s.Error.Step != s.ID {
		return "by " + s.Error.Step
	}
	return reason(s.Error)
}

// duration is how long a step lasted, or lasts already.
func (d *drawing) duration(s *meshhook.Step) string {
	switch {
	case s.Status == meshhook.StepSkipped || s.Kind == meshhook.StepItem && s.Status.Ended():
		return "" // an item's record is made at its end
	case s.FinishedAt != nil:
		return took(&s.StartedAt, s.FinishedAt)
	case s.Status == meshhook.StepRunning && !d.ended && !d.now.IsZero():
		return "for " + roughly(d.now.Sub(s.StartedAt))
	}
	return ""
}

// answeredStatus is the status of an http step's answer.
func answeredStatus(output json.RawMessage) string {
	var answer struct{ Status int }
	if json.Unmarshal(output, &answer) != nil || answer.Status == 0 {
		return ""
	}
	return "HTTP " + strconv.Itoa(answer.Status)
}

// answer says who answered an approval, and how.
func answer(s *meshhook.Step) string {
	if s.Decision == nil {
		var output struct {
			TimedOut bool `json:"timed_out"`
		}
		if s.Kind == workflow.KindApproval && s.Status == meshhook.StepSucceeded && json.Unmarshal(s.Output, &output) == nil && output.TimedOut {
			return "nobody decided in time"
		}
		return ""
	}
	if s.Status == meshhook.StepFailed {
		return "" // the reason says it
	}
	word := "rejected"
	if s.Decision.Approved {
		word = "approved"
	}
	said := word + " by " + string(s.Decision.By)
	if s.Decision.Note != "" {
		said += ": " + s.Decision.Note
	}
	return said
}

// waits says what a waiting step waits for.
func (d *drawing) waits(s *meshhook.Step) string {
	switch {
	case s.Decision != nil:
		return ""
	case s.Kind == workflow.KindApproval:
		var input struct{ Message string }
		said := "waits for approval"
		if json.Unmarshal(s.Input, &input) == nil && input.Message != "" {
			said += ": " + meshhook.Clip(input.Message, shownFact/2)
		}
		if s.NextAt != nil {
			said += " (until " + d.moment(*s.NextAt) + ")"
		}
		return said
	case s.Error != nil:
		said := "waits for attempt " + strconv.Itoa(s.Attempt+1)
		if s.NextAt != nil {
			said += " at " + d.moment(*s.NextAt)
		}
		return said + "; the last: " + meshhook.Clip(reason(s.Error), shownFact/2)
	case s.NextAt != nil:
		return "waits until " + d.moment(*s.NextAt)
	}
	return "waits"
}

// moment is a time to come, and how far away that is.
func (d *drawing) moment(at time.Time) string {
	text := meshhook.FormatTime(at)
	if d.now.IsZero() {
		return text
	}
	left := at.Sub(d.now)
	if left < 12*time.Hour {
		text = at.UTC().Format("15:04:05Z")
	}
	if left <= 0 {
		return text + ", due"
	}
	return text + ", in " + roughly(left)
}

// roughly says a duration in its one or two largest units.
func roughly(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
}

// itemsFact counts the items of a foreach.
func itemsFact(n *node, ended bool) string {
	var begun int64
	for _, count := range n.items {
		begun += count
	}
	var items []json.RawMessage
	total := begun
	if json.Unmarshal(n.step.Input, &items) == nil {
		total = max(total, int64(len(items)))
	}
	var parts []string
	for _, status := range meshhook.ItemStatuses() {
		word := string(status)
		if ended && !status.Ended() {
			word = "canceled"
		}
		if n.items[status] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.items[status], word))
		}
	}
	if total > begun {
		parts = append(parts, fmt.Sprintf("%d not begun", total-begun))
	}
	text := fmt.Sprintf("%d items", total)
	if total == 1 {
		text = "1 item"
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}
