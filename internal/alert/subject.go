package alert

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/mask"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// Subject is what one delivery tells of, as it was at the time. It keeps what it
// has worked out: it is used by pointer, by one goroutine at a time, and not
// changed once it is in use.
type Subject struct {
	// Project is the project's name.
	Project  string
	Alert    meshhook.Alert
	Delivery meshhook.Delivery
	// Run is the run with its Steps; nil for what is about no run.
	Run *meshhook.Run
	// Event is what started the run; nil for one that was started by hand.
	Event *meshhook.Event
	// About is the delivery that an alert about alerts is about, LastError why its
	// last attempt failed, and Host where it was to go (hooks.example.com:443),
	// without path and query, in which secrets stand. Of a receiver whose circuit opened
	// there are the last two alone.
	About     *meshhook.Delivery
	LastError string
	Host      string
	// Webhook is the path of the webhook whose event is absent, and LastEvent when
	// the last one came; nil when none ever did.
	Webhook   string
	LastEvent *time.Time
	// URL is a page about the run, for a person; "" where there is none.
	URL string
	// Secrets are those of the vault that the expressions may read, by name.
	Secrets map[string]meshhook.Secret

	context map[string]any
	masker  *mask.Masker
	masks   bool
}

// Masker hides the values of Secrets.
func (s *Subject) Masker() *mask.Masker {
	if !s.masks {
		s.masker, s.masks = mask.New(slices.Collect(maps.Values(s.Secrets))), true
	}
	return s.masker
}

// at is when it happened: the delivery was made with it, in one transaction.
func (s *Subject) at() time.Time { return s.Delivery.CreatedAt }

// workflowName is the name of the workflow that it is about, "" for none.
func (s *Subject) workflowName() string {
	if s.Run != nil {
		return s.Run.Workflow
	}
	return s.Delivery.Workflow
}

// Context returns what expressions see. Every key is always there, null where it
// has nothing to say:
//
//	type        run.failed, …
//	title, text what a preset would say, as plain text
//	project     the project's name
//	alert       {id, name, description}
//	workflow    {id, name, version}
//	run         {id, workflow, version, status, attempt, started_at, finished_at,
//	            duration_ms, error {reason, message, step}, failed_step, output}
//	event       as steps see it
//	steps       as steps see them; null without a run
//	approval    {step, message, until} of a run that waits for a person
//	webhook     {path, within, last_event_at} of an event that did not come
//	about       {id, type, alert_id, run_id, workflow, attempts, reason, error, host}
//	delivery    {id, created_at, sample}
//	held        how many messages were held back since the last one
//	url         a page about the run
//	secrets     name → value
//
// Secrets are in it because tokens stand in URLs and headers. What is recorded of
// a message is masked (Recorded).
func (s *Subject) Context() map[string]any {
	if s.context != nil {
		return s.context
	}
	n := noticeOf(s)
	seen := map[string]any{
		"type":     string(s.Delivery.Type),
		"title":    n.title,
		"text":     n.text(),
		"project":  s.Project,
		"alert":    map[string]any{"id": s.Alert.ID.String(), "name": s.Alert.Name, "description": s.Alert.Description},
		"workflow": nil, "run": nil, "event": nil, "steps": nil,
		"approval": plain(approvalOf(s)),
		"webhook":  plain(absenceOf(s)),
		"about":    plain(aboutOf(s)),
		"delivery": map[string]any{
			"id": s.Delivery.ID.String(), "created_at": meshhook.FormatTime(s.at()), "sample": s.Delivery.Sample,
		},
		"held": int(s.Delivery.Held),
		"url":  nil,
	}
	if s.URL != "" {
		seen["url"] = s.URL
	}
	if s.Run != nil {
		s.addRun(seen)
	}
	secrets := make(map[string]any, len(s.Secrets))
	for name, value := range s.Secrets {
		secrets[name] = value.Reveal()
	}
	seen["secrets"] = secrets
	s.context = seen
	return seen
}

// addRun adds what steps see, and of the run what only its end has brought.
func (s *Subject) addRun(seen map[string]any) {
	maps.Copy(seen, workflow.RunContext(s.Run, s.Event))
	seen["workflow"] = plain(workflowOf(s))
	run, _ := seen["run"].(map[string]any)
	facts, _ := plain(runOf(s.Run)).(map[string]any)
	maps.Copy(run, facts)
	delete(run, "output_omitted")
	run["output"] = nil
	if len(s.Run.Output) > 0 { // whole, however large
		run["output"], _ = content.DecodeOwn(s.Run.Output)
	}
}

// plain returns a value of ours as expressions see it; nil for a nil pointer. It
// writes it as JSON and reads that, so that expressions see what the message says.
func plain(v any) any {
	text, err := encode(v)
	if err != nil {
		return nil
	}
	seen, _ := content.DecodeOwn(text)
	return seen
}

// encode writes a value compactly, without the escapes that only HTML needs.
func encode(v any) (json.RawMessage, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
