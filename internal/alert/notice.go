package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// severity is how bad it is, in words that PagerDuty and Alertmanager know.
type severity string

const (
	severe  severity = "error"
	warning severity = "warning"
	info    severity = "info"
)

// notice is what presets tell a person. Its texts are plain, without control
// characters; each preset escapes and shortens them for its receiver.
type notice struct {
	kind     meshhook.AlertType
	title    string // one line, made of names that have no special characters
	detail   string // what strangers may have written; maybe several lines, maybe empty
	facts    []fact
	url      string
	at       time.Time
	severity severity
	// resolves tells that what was told of before is over.
	resolves bool
	// key is the same for all that is about one thing: a workflow, a webhook.
	key string
}

// fact is a line of a notice.
type fact struct{ name, value string }

// text is the notice without its title, as plain text.
func (n *notice) text() string {
	var lines []string
	if n.detail != "" {
		lines = append(lines, n.detail)
	}
	for _, f := range n.facts {
		lines = append(lines, f.name+": "+f.value)
	}
	if n.url != "" {
		lines = append(lines, n.url)
	}
	return strings.Join(lines, "\n")
}

// saying is how a type of messages is told.
type saying struct {
	title    string // %s is the workflow's name, the webhook's path or the host
	severity severity
	resolves bool
}

var sayings = map[meshhook.AlertType]saying{
	meshhook.OnFailed.Type():      {"%s failed", severe, false},
	meshhook.OnSucceeded.Type():   {"%s succeeded", info, true},
	meshhook.OnDelayed.Type():     {"%s is delayed", warning, false},
	meshhook.OnWaiting.Type():     {"%s waits for a decision", warning, false},
	meshhook.OnCanceled.Type():    {"%s was canceled", warning, false},
	meshhook.OnRecovered.Type():   {"%s has recovered", info, true},
	meshhook.OnAbsent.Type():      {"no event came to %s", warning, false},
	meshhook.OnExhausted.Type():   {"an alert to %s could not be delivered", severe, false},
	meshhook.OnCircuitOpen.Type(): {"alerts to %s cannot be delivered", severe, false},
	meshhook.AlertTest:            {"test of an alert for %s", info, false},
}

// sayingOf is how a type is told; one that is not known, as it is.
func sayingOf(kind meshhook.AlertType) saying {
	if said, ok := sayings[kind]; ok {
		return said
	}
	return saying{string(kind) + ": %s", warning, false}
}

func noticeOf(s *Subject) *notice {
	said := sayingOf(s.Delivery.Type)
	kind, name := s.thing()
	n := &notice{
		kind:     s.Delivery.Type,
		title:    legible(strings.Replace(said.title, "%s", name, 1), false),
		url:      linkOf(s.URL),
		at:       s.at(),
		severity: said.severity,
		resolves: said.resolves,
		key:      strings.Join([]string{"meshhook", s.Project, kind, name}, "/"),
	}
	n.detail = legible(meshhook.Clip(s.detail(), maxText), true)
	n.facts = s.facts()
	return n
}

// thing is what the notice is about, by kind and name.
func (s *Subject) thing() (kind, name string) {
	switch workflowName := s.workflowName(); {
	case s.Delivery.Type == meshhook.AlertTest: // apart from what happens in earnest
		if workflowName == "" {
			workflowName = "project " + s.Project
		}
		return "test", workflowName
	case s.Delivery.Type == meshhook.OnAbsent.Type():
		return "webhook", s.Webhook
	case s.About != nil || s.Run == nil && workflowName == "":
		if s.Host == "" {
			return "alert", "its receiver"
		}
		return "alert", s.Host
	default:
		return "workflow", workflowName
	}
}

// detail is the sentence that says more.
func (s *Subject) detail() string {
	if approval := approvalOf(s); approval != nil {
		return approval.Message
	}
	switch {
	case s.About != nil || s.Run == nil && s.LastError != "":
		return s.LastError
	case s.Webhook != "" && s.LastEvent != nil:
		return "The last one came at " + meshhook.FormatTime(*s.LastEvent) + "."
	case s.Webhook != "":
		return "None has come yet."
	case s.Delivery.Type == meshhook.OnDelayed.Type() && s.Alert.DelayThreshold > 0:
		return "It has not ended within " + s.Alert.DelayThreshold.String() + "."
	case s.Run != nil && s.Run.Error != nil:
		return s.Run.Error.Message
	default:
		return ""
	}
}

func (s *Subject) facts() []fact {
	var facts []fact
	add := func(name, value string) {
		if value = legible(value, false); value != "" { // receivers refuse empty values
			facts = append(facts, fact{name, value})
		}
	}
	add("Project", s.Project)
	if run := s.Run; run != nil {
		add("Workflow", run.Workflow+", version "+strconv.Itoa(run.Version))
		if run.Error != nil {
			add("Step", run.Error.Step)
			add("Reason", string(run.Error.Reason))
		}
		if approval := approvalOf(s); approval != nil {
			add("Step", approval.Step)
		}
		if event := eventOf(s); event != nil {
			add("Webhook", event.Webhook)
		}
		if run.Attempt > 1 {
			add("Attempt", strconv.Itoa(run.Attempt))
		}
		if took, ok := duration(run); ok {
			add("Duration", meshhook.Duration(took.Round(time.Millisecond)).String())
		}
		add("Run", run.ID.String())
	}
	if s.Webhook != "" && s.Alert.Expect != nil {
		add("Expected within", s.Alert.Expect.Within.String())
	}
	if about := s.About; about != nil {
		add("Alert", about.AlertID.String())
		add("Type", string(about.Type))
		add("Workflow", about.Workflow)
		add("Reason", string(about.Reason))
		add("Attempts", strconv.Itoa(about.Attempt))
		add("Delivery", about.ID.String())
	}
	if s.Delivery.Held > 0 {
		add("Held back", fmt.Sprintf("%d more since the last message", s.Delivery.Held))
	}
	if s.Delivery.Sample {
		add("Sample", "yes: nothing has happened")
	}
	return facts
}
