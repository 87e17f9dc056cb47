package workflow

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/mask"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxDelay is the longest that a step may sleep.
const maxDelay = 10 * 366 * 24 * time.Hour

// delay lets the run sleep: for a time, or until one. Its end is decided once, and
// recorded; a run that sleeps is a row, and nothing else.
type delay struct{ length, until *expr.Template }

// delayFields are the keys of delay.
func delayFields() []field[delay] {
	return []field[delay]{
		{"for", false, func(c *checker, n *node, w *delay) {
			w.length = c.when(n, "for", func(v any) error { _, err := durationOf(v, nil); return err })
		}},
		{"until", false, func(c *checker, n *node, w *delay) {
			w.until = c.when(n, "until", func(v any) error { _, err := momentOf(v, nil); return err })
		}},
	}
}

func readDelay(c *checker, n *node, _ *stepDraft) work {
	w := &delay{}
	readFields(c, n, "delay", delayFields(), w)
	if n.kind == mapping && (n.get("for") == nil) == (n.get("until") == nil) {
		c.at(n, "delay wants one of for and until, like for: 10m or until: \"{{ .event.body.due_at }}\"")
	}
	return w
}

// when compiles a template for a time, and checks it at once if it is constant.
func (c *checker) when(n *node, what string, check func(any) error) *expr.Template {
	problems := len(c.problems)
	template := c.template(n, what)
	if len(c.problems) > problems || strings.Contains(n.scalar, "{{") {
		return template
	}
	if err := check(n.value()); err != nil {
		c.at(n, "%s: %v", what, err)
	}
	return template
}

// durationOf reads a duration: Go's text, or a number of seconds. The masker is for
// the message.
func durationOf(value any, m *mask.Masker) (length time.Duration, err error) {
	seconds, isNumber := number64(value)
	text, isText := value.(string)
	var d meshhook.Duration
	switch {
	case isText && d.UnmarshalText([]byte(text)) == nil:
		length = d.Std()
	case !isText && isNumber && seconds >= 0:
		length = time.Duration(min(seconds, 2*maxDelay.Seconds()) * float64(time.Second))
	default:
		return 0, fmt.Errorf("%s is not a duration; write it like 90s, 1m30s or 24h, or as seconds", show(value, m))
	}
	if length > maxDelay {
		return 0, fmt.Errorf("%s is longer than ten years", show(value, m))
	}
	return length, nil
}

// momentOf reads a moment: RFC 3339, a date (its beginning in UTC), or a number of
// seconds since 1970 (Unix time).
func momentOf(value any, m *mask.Masker) (time.Time, error) {
	if text, ok := value.(string); ok {
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if at, err := time.Parse(layout, text); err == nil {
				return at.UTC(), nil
			}
		}
	} else if seconds, ok := number64(value); ok && math.Abs(seconds) < 1e11 {
		whole, part := math.Modf(seconds)
		return time.Unix(int64(whole), int64(part*1e9)).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%s is not a time; write it like 2026-03-01T09:00:00Z, or as seconds since 1970", show(value, m))
}

// number64 reads a number of JSON.
func number64(value any) (float64, bool) {
	text, err := encodeJSON(value)
	if err != nil {
		return 0, false
	}
	var number float64
	err = json.Unmarshal(text, &number)
	return number, err == nil && value != nil
}

// show prints a value in a message. Its secrets are masked first: nobody finds half a
// secret.
func show(value any, m *mask.Masker) string {
	text, err := encodeJSON(value)
	if err != nil {
		return "the value"
	}
	return meshhook.Clip(m.Text(string(text)), 60)
}

// sleep is the input and output of a delay.
type sleep struct {
	Until string `json:"until"`
}

func (w *delay) begin(t *turn, f frame, _ *Step, record meshhook.Step) (meshhook.Step, *Task) {
	if record.Attempt > 0 { // it is over
		return t.end(record, meshhook.StepSucceeded, record.Input), nil
	}
	record.Attempt = 1
	until, err := w.end(t, f)
	if err != nil {
		return t.fail(record, meshhook.FailedExpression, "delay: %v", err), nil
	}
	if record.Input, err = encodeJSON(sleep{meshhook.FormatTime(until)}); err != nil {
		return t.fail(record, meshhook.FailedInternal, "delay: %v", err), nil
	}
	if !until.After(t.state.Now) {
		return t.end(record, meshhook.StepSucceeded, record.Input), nil
	}
	record.Status, record.NextAt = meshhook.StepWaiting, &until
	return record, nil
}

func (w *delay) end(t *turn, f frame) (at time.Time, err error) {
	template, what := w.length, "for"
	if w.until != nil {
		template, what = w.until, "until"
	}
	value, err := template.Render(t.ctx, f.scope())
	var length time.Duration
	switch {
	case err != nil:
	case w.until != nil:
		at, err = momentOf(value, t.state.masker)
	default:
		length, err = durationOf(value, t.state.masker)
		at = t.state.Now.Add(length)
	}
	if err == nil && at.Sub(t.state.Now) > maxDelay {
		err = fmt.Errorf("%s is more than ten years away", meshhook.FormatTime(at))
	}
	if err != nil {
		return at, fmt.Errorf("%s: %w", what, err)
	}
	return at, nil
}
