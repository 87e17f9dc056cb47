package workflow

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/mask"
	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// maxAnswer is how many bytes of an answer's body a step's output keeps.
	maxAnswer = 256 << 10
	// maxRetryAfter is the longest that a receiver may make a retry wait.
	maxRetryAfter = time.Hour
)

// Result is what came of a Task: an answer, or an error.
type Result struct {
	Status int
	Header http.Header
	Body   []byte
	// Truncated tells that the body was longer than what was read of it.
	Truncated bool
	Duration  time.Duration
	// RetryAfter is what the answer's Retry-After asks for; 0 is nothing.
	RetryAfter time.Duration
	// Err is set when no answer came.
	Err *ResultError
}

// ResultError says why no answer came.
type ResultError struct {
	Reason  meshhook.FailureReason
	Message string
	// Temporary tells that another try may end better: time-outs and network
	// errors, not addresses that are refused.
	Temporary bool
}

// Settle returns the record of a task's step after the task has ended, at
// s.Now:
//
//   - succeeded, when the status is expected (2xx, unless `expect` says otherwise);
//   - waiting for another try, when the status is 408, 409, 425, 429 or 5xx, or
//     the error temporary, and attempts and time are left. The wait is that of
//     the step's `retry` (by default 5 attempts, 1s doubling up to 5m, ±20 %),
//     or what Retry-After asks for, if that is longer, up to one hour;
//   - failed, otherwise.
//
// The output of the step is the last answer, also of one that failed:
// {status, headers, body, duration_ms}. JSON bodies are parsed, what is no UTF-8
// stands as body_base64, and a body over 256 KiB is cut to text, with
// body_truncated: true.
func (p *Program) Settle(task Task, s *State, result Result) meshhook.Step {
	s.load()
	delete(s.Underway, task.Step.ID)
	return s.put(p.settle(task, s, result))
}

func (p *Program) settle(task Task, s *State, result Result) meshhook.Step {
	record := task.Step
	step := p.stepOf(record.ID)
	if step == nil {
		return s.fail(record, meshhook.FailedDefinition, "the workflow has no step %s", record.ID)
	}
	w, ok := step.work.(*call)
	if !ok {
		return s.fail(record, meshhook.FailedDefinition, "the step %s makes no calls", record.ID)
	}
	record.Output = nil
	if result.Err == nil {
		output, err := encodeJSON(answer(&result, s.masker))
		if err != nil {
			return s.fail(record, meshhook.FailedInternal, "the answer cannot be recorded: %v", err)
		}
		record.Output = output
		if w.expects(result.Status) {
			return s.end(record, meshhook.StepSucceeded, output)
		}
	}
	reason, message, temporary := judge(&result)
	if !temporary || record.Attempt >= w.retry.attempts {
		if temporary && record.Attempt > 1 {
			message += fmt.Sprintf(" (attempt %d, the last)", record.Attempt)
		}
		return s.fail(record, reason, "%s", message)
	}
	wait := max(w.retry.policy.Delay(record.Attempt, s.random()), min(result.RetryAfter, maxRetryAfter))
	if wait >= step.left(record, s.Now) {
		return s.fail(record, meshhook.FailedTimeout,
			"the step's time of %s leaves none for attempt %d; the last: %s", step.Timeout, record.Attempt+1, message)
	}
	next := s.Now.Add(wait)
	record = s.fail(record, reason, "%s", message) // for the masked error
	record.Status, record.FinishedAt, record.NextAt = meshhook.StepWaiting, nil, &next
	return record
}

func (s *State) random() float64 {
	if s.Random == nil {
		return 0.5
	}
	return s.Random()
}

// judge says why a result is no success, and whether another try may be one.
// It is the same rule as for alerts.
func judge(result *Result) (reason meshhook.FailureReason, message string, temporary bool) {
	if result.Err != nil {
		return result.Err.Reason, result.Err.Message, result.Err.Temporary
	}
	message = fmt.Sprintf("the answer was %d", result.Status)
	if text := http.StatusText(result.Status); text != "" {
		message += " " + text
	}
	switch result.Status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		temporary = true
	default:
		temporary = result.Status >= 500
	}
	return meshhook.FailedHTTPStatus, message, temporary
}

// answer returns an answer as expressions see it.
func answer(result *Result, m *mask.Masker) map[string]any {
	output := map[string]any{
		"status":      result.Status,
		"headers":     headerContext(result.Header),
		"body":        nil,
		"duration_ms": result.Duration.Milliseconds(),
	}
	body := result.Body
	truncated := result.Truncated || len(body) > maxAnswer
	if len(body) > maxAnswer {
		body = body[:maxAnswer]
	}
	if truncated {
		output["body_truncated"] = true
		body = cutBody(body, m)
	}
	contentType := result.Header.Get("Content-Type")
	if content.IsJSON(content.MediaType(contentType)) && !truncated {
		if value, err := content.DecodeLeniently(body); err == nil {
			output["body"] = value
			return output
		}
	}
	switch {
	case len(body) == 0:
	case utf8.Valid(body):
		output["body"] = string(body)
	default:
		output["body_base64"] = base64.StdEncoding.EncodeToString(body)
	}
	return output
}

// cutBody mends the end of a body that was cut: no half of a character is left there,
// and nothing of a secret.
func cutBody(body []byte, m *mask.Masker) []byte {
	body = wholeRunes(body)
	if m.Empty() {
		return body
	}
	return []byte(m.Cut(string(body)))
}

// wholeRunes takes the beginning of a character off the end of cut text.
func wholeRunes(body []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(body); i++ {
		if b := body[len(body)-i]; utf8.RuneStart(b) {
			if !utf8.FullRune(body[len(body)-i:]) {
				return body[:len(body)-i]
			}
			break
		}
	}
	return body
}
