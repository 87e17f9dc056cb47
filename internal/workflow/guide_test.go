package workflow_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

const guidePage = "../../docs/workflows.md"

// trial is the block of JSON below an example of the page: what comes in, and what
// comes of it. What is left out is not looked at.
type trial struct {
	Body    json.RawMessage   `json:"body"`
	Secrets map[string]string `json:"secrets"`
	// Answers are those to http steps, by record: one for all tries or a list of one
	// for each. An answer is a status, or {status, headers, body}, or {error}. A call
	// without one is answered with 200 and nothing.
	Answers map[string]json.RawMessage `json:"answers"`
	// Decisions answer approvals, by record.
	Decisions map[string]meshhook.Decision `json:"decisions"`

	Requests map[string]any `json:"requests"`
	// Steps are what expressions see of steps, by record.
	Steps  map[string]any     `json:"steps"`
	Status meshhook.RunStatus `json:"status"`
	Output any                `json:"output"`
	Error  *meshhook.Failure  `json:"error"`
	Took   string             `json:"took"`
}

// example is a block of YAML of the page that is a workflow or a list of steps, and
// the trial that stands right below it.
type example struct {
	line   int
	source string
	trial  *trial
}

var (
	guideExample  = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```\n(?:\n```json\n(.*?)^```$)?")
	wholeWorkflow = regexp.MustCompile(`(?m)^name:`)
)

func guideExamples(t *testing.T) (page string, list []example) {
	t.Helper()
	text, err := os.ReadFile(guidePage)
	require.NoError(t, err)
	page = string(text)
	for _, at := range guideExample.FindAllStringSubmatchIndex(page, -1) {
		e := example{line: 1 + strings.Count(page[:at[0]], "\n"), source: page[at[2]:at[3]]}
		switch {
		case strings.HasPrefix(e.source, "- "):
			e.source = "name: example\nsteps:\n" + e.source
		case !wholeWorkflow.MatchString(e.source):
			continue
		}
		if at[4] >= 0 {
			decoder := json.NewDecoder(strings.NewReader(page[at[4]:at[5]]))
			decoder.DisallowUnknownFields()
			require.NoError(t, decoder.Decode(&e.trial), "the block below line %d", e.line)
		}
		list = append(list, e)
	}
	return page, list
}

// Every example of the page is right, without a warning, and does what stands below it.
func TestGuide_Examples(t *testing.T) {
	t.Parallel()
	_, list := guideExamples(t)
	require.Greater(t, len(list), 10)
	for _, e := range list {
		t.Run(fmt.Sprintf("line %d", e.line), func(t *testing.T) {
			t.Parallel()
			d := parse(t, e.source)
			require.Empty(t, d.Warnings())
			if e.trial != nil {
				e.trial.run(t, compile(t, e.source))
			}
		})
	}
}

// run takes a run from its beginning to its end, by a clock that jumps.
func (tr *trial) run(t *testing.T, p *workflow.Program) {
	t.Helper()
	s := &workflow.State{
		Now: began, Steps: map[string]meshhook.Step{}, Underway: map[string]bool{}, Secrets: map[string]meshhook.Secret{},
		Run:   meshhook.Run{ID: runID, Workflow: "example", Version: 1, Attempt: 1, CreatedAt: began, StartedAt: &began},
		Event: &meshhook.Event{ID: runID, Method: http.MethodPost, Path: "/hooks/x", ContentType: "application/json", Body: tr.Body, ReceivedAt: began},
	}
	for name, value := range tr.Secrets {
		s.Secrets[name] = meshhook.NewSecret(value)
	}
	records := map[string]meshhook.Step{}
	for range 1000 {
		d := next(t, p, s)
		for _, record := range d.Steps {
			records[record.ID] = record
		}
		if d.Finish != nil {
			tr.compare(t, s, d.Finish, records)
			return
		}
		for _, task := range d.Perform {
			records[task.Step.ID] = p.Settle(task, s, tr.answer(t, task.Step))
		}
		if len(d.Perform) == 0 && !d.More && !tr.decide(s) {
			require.True(t, d.Wake.After(s.Now), "the run sleeps without end")
			s.Now = d.Wake
		}
	}
	require.Fail(t, "the run does not end")
}

// decide answers an approval that waits; it tells whether there was one.
func (tr *trial) decide(s *workflow.State) bool {
	for id, decision := range tr.Decisions {
		if record := s.Steps[id]; record.Status == meshhook.StepWaiting && record.Decision == nil {
			decision.At = s.Now
			record.Decision = &decision
			s.Steps[id] = record
			return true
		}
	}
	return false
}

func (tr *trial) answer(t *testing.T, step meshhook.Step) workflow.Result {
	t.Helper()
	raw := tr.Answers[step.ID]
	if bytes.HasPrefix(raw, []byte("[")) {
		var each []json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &each))
		require.LessOrEqual(t, step.Attempt, len(each), "there is no answer to the last try of %s", step.ID)
		raw = each[step.Attempt-1]
	}
	var a struct {
		Status  int                   `json:"status"`
		Headers map[string]string     `json:"headers"`
		Body    json.RawMessage       `json:"body"`
		Error   *workflow.ResultError `json:"error"`
	}
	a.Status = http.StatusOK
	if len(raw) > 0 && json.Unmarshal(raw, &a.Status) != nil {
		require.NoError(t, json.Unmarshal(raw, &a))
	}
	header := http.Header{}
	if len(a.Body) > 0 {
		header.Set("Content-Type", "application/json")
	}
	result := workflow.Result{Status: a.Status, Header: header, Body: a.Body, Duration: 20 * time.Millisecond, Err: a.Error}
	for name, value := range a.Headers {
		header.Set(name, value)
	}
	if after := header.Get("Retry-After"); after != "" {
		wait, err := time.ParseDuration(after + "s")
		require.NoError(t, err)
		result.RetryAfter = wait
	}
	return result
}

func (tr *trial) compare(t *testing.T, s *workflow.State, finish *workflow.Finish, records map[string]meshhook.Step) {
	t.Helper()
	require.Equal(t, tr.Error, finish.Failure)
	if tr.Status != "" {
		require.Equal(t, tr.Status, finish.Status)
	}
	if tr.Output != nil {
		require.JSONEq(t, asJSON(t, tr.Output), string(finish.Output))
	}
	if tr.Took != "" {
		require.Equal(t, tr.Took, s.Now.Sub(began).String())
	}
	for id, want := range tr.Steps {
		require.Contains(t, records, id)
		record := records[id]
		record.ID = "it" // what is inside a foreach is seen by its own name there
		run := meshhook.Run{Steps: []meshhook.Step{record}}
		seen, ok := workflow.RunContext(&run, nil)["steps"].(map[string]any)
		require.True(t, ok)
		holds(t, want, seen["it"], id)
	}
	for id, want := range tr.Requests {
		holds(t, want, records[id].Input, id)
	}
}

// holds checks that a value is as wanted; of objects, only the wanted fields.
func holds(t *testing.T, want, got any, at string) {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal([]byte(asJSON(t, got)), &value))
	switch want := want.(type) {
	case map[string]any:
		fields, ok := value.(map[string]any)
		require.True(t, ok, "%s is %v", at, value)
		for key, each := range want {
			require.Contains(t, fields, key, at)
			holds(t, each, fields[key], at+"."+key)
		}
	case []any:
		items, ok := value.([]any)
		require.True(t, ok, "%s is %v", at, value)
		require.Len(t, items, len(want), at)
		for i, each := range want {
			holds(t, each, items[i], fmt.Sprintf("%s[%d]", at, i))
		}
	default:
		require.Equal(t, want, value, at)
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// guideTables are what stands above the table of each mapping's keys.
var guideTables = map[string]string{
	"workflow": "\n## The document\n", "step": "\n## Steps\n", "arm": "| key of an arm |", "concurrency": "", "http": "", "retry": "",
	"foreach": "", "delay": "", "approval": "", "terminate": "",
}

// row is the beginning of a row of such a table: a key, and what it is by default.
var row = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]*)\\|")

// The page has every key of the language and no other, every kind, every reason of
// a failure, and the limits as they are.
func TestGuide_Complete(t *testing.T) {
	t.Parallel()
	page, _ := guideExamples(t)
	kinds := []string{}
	for key := range strings.FieldsSeq(workflow.Keys()["step"]) {
		if strings.Contains(page, "\n### "+key+"\n") {
			kinds = append(kinds, key)
		}
	}
	for mapping, keys := range workflow.Keys() {
		above, known := guideTables[mapping]
		require.True(t, known, mapping)
		if above == "" {
			above = "| key of `" + mapping + "` |"
		}
		_, table, found := strings.Cut(page, above)
		require.True(t, found, above)
		table, _, _ = strings.Cut(table[strings.Index(table, "|---"):], "\n\n")
		var got []string
		for _, r := range row.FindAllStringSubmatch(table, -1) {
			if strings.TrimSpace(r[2]) == "required" {
				r[1] += "*"
			}
			got = append(got, r[1])
		}
		if mapping == "step" {
			got = append(got, kinds...)
		}
		require.Equal(t, keys, workflow.SortedKeys(got), mapping)
	}
	source, err := os.ReadFile("../meshhook/run.go")
	require.NoError(t, err)
	reasons := regexp.MustCompile(`FailureReason = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	require.GreaterOrEqual(t, len(reasons), 10)
	for _, reason := range reasons {
		require.Contains(t, rowsBelow(page, "\n## Failures\n"), "`"+reason[1]+"`")
	}
	limits := rowsBelow(page, "\n## Limits\n")
	for what, limit := range workflow.Limits() {
		require.Equal(t, limit, limits[what], what)
	}
}

// rowsBelow is the first table below a heading: its first column to its second.
func rowsBelow(page, heading string) map[string]string {
	_, table, _ := strings.Cut(page, heading)
	table, _, _ = strings.Cut(table[max(0, strings.Index(table, "|---")):], "\n\n")
	rows := map[string]string{}
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); len(cells) == 2 {
			rows[strings.TrimPrefix(cells[0], "| ")] = strings.TrimSuffix(strings.TrimSpace(cells[1]), " |")
		}
	}
	return rows
}
