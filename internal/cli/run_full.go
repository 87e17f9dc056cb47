package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/workflow"
)

// What is shown of a body under its step; -o json has all of it.
const (
	bodyLines = 40
	bodyBytes = 4 << 10
)

// details are the lines under a step: what it began with and what came of it.
func (d *drawing) details(s *meshhook.Step) (lines []cell) {
	switch s.Kind {
	case meshhook.StepItem, workflow.KindBranch: // what is below says it
		return nil
	case workflow.KindHTTP:
		lines = append(lines, message("request", s.Input)...)
		for _, t := range d.tries[s.ID] {
			lines = append(lines, t.line())
		}
		return append(lines, message("answer", s.Output)...)
	}
	if len(s.Input) > 0 {
		lines = append(lines, cell{"input", tail.Quiet})
		lines = append(lines, body(s.Input)...)
	}
	if len(s.Output) > 0 {
		lines = append(lines, cell{"output", tail.Quiet})
		lines = append(lines, body(s.Output)...)
	}
	return lines
}

// exchanged is a request or an answer, as it is recorded.
type exchanged struct {
	Method     string                     `json:"method"`
	URL        string                     `json:"url"`
	Status     int                        `json:"status"`
	DurationMS int64                      `json:"duration_ms"`
	Headers    map[string]json.RawMessage `json:"headers"`
	Body       json.RawMessage            `json:"body"`
	BodyBase64 string                     `json:"body_base64"`
	Truncated  bool                       `json:"body_truncated"`
}

// message are the lines of a request or an answer.
func message(name string, raw json.RawMessage) (lines []cell) {
	if len(raw) == 0 {
		return nil
	}
	var m exchanged
	if json.Unmarshal(raw, &m) != nil {
		return append(append(lines, cell{name, tail.Quiet}), body(raw)...)
	}
	head := name + "  " + m.Method + " " + m.URL
	if m.Status != 0 {
		head = fmt.Sprintf("%s  %d · %s", name, m.Status, time.Duration(m.DurationMS)*time.Millisecond)
	}
	lines = append(lines, cell{tail.Clean(head), tail.Plain})
	for _, key := range slices.Sorted(maps.Keys(m.Headers)) {
		lines = append(lines, cell{tail.Clean("  " + key + ": " + scalarText(m.Headers[key])), tail.Quiet})
	}
	switch {
	case m.BodyBase64 != "":
		lines = append(lines, cell{fmt.Sprintf("  %d bytes that are no text, as body_base64 in -o json", len(m.BodyBase64)/4*3), tail.Quiet})
	case len(m.Body) > 0 && string(m.Body) != "null":
		lines = append(lines, body(m.Body)...)
	}
	if m.Truncated {
		lines = append(lines, cell{"  the body was longer; no more of it was kept", tail.Quiet})
	}
	return lines
}

// scalarText is a text of JSON as it reads, and any other value as it stands.
func scalarText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// body are the lines of a value: a text as it reads, anything else laid out.
func body(raw json.RawMessage) (lines []cell) {
	text := scalarText(raw)
	if len(raw) <= 1<<20 && text == string(raw) {
		text = meshhook.IndentJSON(raw)
	}
	whole := len(text)
	shown := text[:min(whole, bodyBytes)]
	for _, line := range strings.SplitN(shown, "\n", bodyLines+1)[:min(bodyLines, strings.Count(shown, "\n")+1)] {
		lines = append(lines, cell{"  " + tail.Clean(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    ")), tail.Plain})
	}
	if whole > bodyBytes || strings.Count(shown, "\n") >= bodyLines {
		lines = append(lines, cell{fmt.Sprintf("  … of %s; -o json shows all of it", meshhook.FormatSize(int64(len(raw)))), tail.Quiet})
	}
	return lines
}

// try is one attempt of a step.
type try struct {
	attempt int
	at      time.Time
	took    time.Duration
	status  int
	// why says how it failed, and kind how it ended: step.started while it lasts.
	why  string
	kind meshhook.EntryKind
}

// triesOf finds the attempts of steps in the history of their run. A run that was
// tried again has several first attempts of a step.
func triesOf(history []meshhook.Entry) map[string][]try {
	tries := map[string][]try{}
	for _, e := range history {
		list := tries[e.Step]
		switch e.Kind {
		case meshhook.EntryStepStarted:
			tries[e.Step] = append(list, try{attempt: e.Attempt, at: e.At, kind: e.Kind})
		case meshhook.EntryStepRetrying, meshhook.EntryStepSucceeded, meshhook.EntryStepFailed:
			if len(list) == 0 || list[len(list)-1].kind != meshhook.EntryStepStarted {
				continue
			}
			t := &list[len(list)-1]
			t.kind, t.took, t.status = e.Kind, e.At.Sub(t.at), e.HTTPStatus
			if e.Kind != meshhook.EntryStepSucceeded {
				t.why = e.Code + ": " + e.Detail
			}
		}
	}
	return tries
}

// line says an attempt in one line.
func (t *try) line() cell {
	sign, tone := tail.Look(t.kind)
	parts := []string{fmt.Sprintf("attempt %d", t.attempt), meshhook.FormatTime(t.at)}
	if t.status != 0 {
		parts = append(parts, "HTTP "+strconv.Itoa(t.status))
	}
	if t.kind != meshhook.EntryStepStarted {
		parts = append(parts, t.took.Round(time.Millisecond).String())
	}
	if t.why != "" {
		parts = append(parts, meshhook.Clip(t.why, shownFact))
	}
	return cell{tail.Clean(sign + " " + strings.Join(parts, " · ")), tone}
}
