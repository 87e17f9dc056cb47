package manifest

import (
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// Alert is the document of an alert.
type Alert struct {
	// Alert has its defaults filled in, and its workflow by name only.
	Alert meshhook.Alert
	// Secret is nil where the document says nothing of it.
	Secret *Reference
	// Grace is how long an old secret signs beside a new one.
	Grace meshhook.Duration

	all bool
	// kept are the parts that stay as they are: "url", "payload", and headers by name.
	kept     map[string]workflow.Value
	file     *File
	at, root workflow.Value
}

// Reads are the names of the vault's secrets that the alert's expressions read.
func (a *Alert) Reads() []string {
	program, err := alert.Compile(a.Alert)
	if err != nil {
		return nil // never: it has been checked
	}
	names, _ := program.Secrets()
	return names
}

const (
	keptURL     = "url"
	keptPayload = "payload"
	keptHeader  = "headers/"
	// unknown stands for what is kept while that is not known: nothing can be said of
	// what it gives.
	unknown = "{{ .kept }}"
)

// alertFields are the keys of an alert's document, in the order in which it is written.
func alertFields() []field[Alert] {
	return []field[Alert]{
		textField(keyAlert, func(a *Alert) *string { return &a.Alert.Name }),
		textField("workflow", func(a *Alert) *string { return &a.Alert.Workflow }),
		boolField("all_workflows", func(a *Alert) *bool { return &a.all }),
		textField("description", func(a *Alert) *string { return &a.Alert.Description }),
		boolField("enabled", func(a *Alert) *bool { return &a.Alert.Enabled }),
		{"on", func(_ *reader, v workflow.Value, a *Alert) {
			for _, name := range texts(v, "on", "[failed]") {
				a.Alert.On = append(a.Alert.On, meshhook.Condition(name))
			}
		}},
		textField("when", func(a *Alert) *string { return &a.Alert.When }),
		durationField("delay_threshold", func(a *Alert) *meshhook.Duration { return &a.Alert.DelayThreshold }),
		{"expect", func(r *reader, v workflow.Value, a *Alert) {
			a.Alert.Expect = &meshhook.Expect{}
			readFields(r, v, "expect", "{webhook: stripe, within: 6h}", expectFields(), a.Alert.Expect)
		}},
		{"url", readURL},
		textField("preset", func(a *Alert) *string { return &a.Alert.Preset }),
		{"headers", readHeaders},
		{"payload", readPayload},
		{"secret", func(r *reader, v workflow.Value, a *Alert) { a.Secret = readReference(r, v) }},
		durationField("secret_grace", func(a *Alert) *meshhook.Duration { return &a.Grace }),
		textField("signing", func(a *Alert) *string { return (*string)(&a.Alert.Signing) }),
		durationField("throttle", func(a *Alert) *meshhook.Duration { return &a.Alert.Throttle }),
		textField("throttle_key", func(a *Alert) *string { return &a.Alert.ThrottleKey }),
		{"quiet_hours", func(r *reader, v workflow.Value, a *Alert) {
			a.Alert.Quiet = &meshhook.QuietHours{}
			readFields(r, v, "quiet_hours", `{from: "22:00", to: "07:00"}`, quietFields(), a.Alert.Quiet)
		}},
		{"schedule", func(_ *reader, v workflow.Value, a *Alert) {
			a.Alert.Schedule = []meshhook.Duration{}
			for _, item := range items(v, "schedule", "[0s, 5s, 1m]") {
				a.Alert.Schedule = append(a.Alert.Schedule, duration(item, "an entry of schedule"))
			}
		}},
		durationField("timeout", func(a *Alert) *meshhook.Duration { return &a.Alert.Timeout }),
	}
}

func expectFields() []field[meshhook.Expect] {
	return []field[meshhook.Expect]{
		textField("webhook", func(e *meshhook.Expect) *string { return &e.Webhook }),
		durationField("within", func(e *meshhook.Expect) *meshhook.Duration { return &e.Within }),
	}
}

func quietFields() []field[meshhook.QuietHours] {
	return []field[meshhook.QuietHours]{
		textField("from", func(q *meshhook.QuietHours) *string { return &q.From }),
		textField("to", func(q *meshhook.QuietHours) *string { return &q.To }),
		textField("zone", func(q *meshhook.QuietHours) *string { return &q.Zone }),
	}
}

// isKept tells whether a value is {kept: true}: what is there stays as it is.
func isKept(v workflow.Value) bool {
	if v.Kind() != workflow.Mapping || !slices.Equal(keys(v), []string{"kept"}) {
		return false
	}
	kept, _ := v.Get("kept")
	return kept.Kind() == workflow.Boolean && kept.Text() == "true"
}

func readURL(_ *reader, v workflow.Value, a *Alert) {
	if isKept(v) {
		a.kept[keptURL], a.Alert.URL = v, unknown
	} else if s, ok := text(v, "url"); ok {
		a.Alert.URL = s
	}
}

func readHeaders(_ *reader, v workflow.Value, a *Alert) {
	if v.Kind() != workflow.Mapping {
		v.Problem("headers wants a mapping, like {X-Team: shop}, but is %s", v.Kind())
		return
	}
	a.Alert.Headers = map[string]string{}
	for key, value := range v.Fields() {
		if isKept(value) {
			a.kept[keptHeader+key.Text()], a.Alert.Headers[key.Text()] = value, unknown
		} else if s, ok := text(value, "headers."+key.Text()); ok {
			a.Alert.Headers[key.Text()] = s
		}
	}
}

// readPayload reads a message: as it stands here, or as a file, of which what ends in
// .yaml, .yml or .json is structure and everything else text.
func readPayload(r *reader, v workflow.Value, a *Alert) {
	if isKept(v) {
		a.kept[keptPayload] = v
		return
	}
	name, source, ok := r.inline(v, "payload")
	if !ok {
		return
	}
	data := v.Data()
	if name != "" {
		switch path.Ext(name) {
		case ".yaml", ".yml", ".json":
			sections, problems := workflow.ReadSections(name, source, workflow.SectionLimits{Bytes: limits.Bytes, Documents: 1})
			if len(sections) == 1 {
				problems = append(problems, sections[0].Problems()...)
			}
			if len(problems) > 0 {
				v.Problem("payload: %s", problems[0])
				return
			}
			root, there := sections[0].Root()
			if !there {
				v.Problem("payload: %s is empty; leave payload out to send the preset's own message", name)
				return
			}
			data = root.Data()
		default:
			data = strings.TrimSuffix(strings.TrimSuffix(string(source), "\n"), "\r")
		}
	}
	payload, err := json.Marshal(data)
	if err != nil {
		v.Problem("payload: %v", err)
		return
	}
	if data != nil {
		a.Alert.Payload = payload
	}
}

// alert reads the document of an alert.
func (r *reader) alert(root, at workflow.Value) {
	a := &Alert{file: r.file, at: at, root: root, Grace: meshhook.Duration(meshhook.DefaultGrace), kept: map[string]workflow.Value{}}
	a.Alert.Enabled = true
	before := r.count()
	readFields(r, root, "an alert", "{alert: orders-failed, workflow: orders}", alertFields(), a)
	_, about := root.Get("workflow")
	if a.all == about {
		at.Problem("say whose runs are told of: workflow: NAME or all_workflows: true, and not both")
	}
	if _, given := root.Get("secret_grace"); given && a.Secret == nil {
		v, _ := root.Get("secret_grace")
		v.Problem("secret_grace says how long the old secret signs beside a new one, but there is no secret; write it, or leave this out")
	}
	if r.count() == before {
		a.Alert = alert.WithDefaults(a.Alert)
		a.check()
	}
	r.m.Alerts = append(r.m.Alerts, a)
}

// check notes what is wrong with an alert, each at its place.
func (a *Alert) check() {
	if err := meshhook.CheckName("alert", a.Alert.Name); err != nil {
		a.at.Problem("%v", err)
	}
	if err := a.Alert.CheckUnmasked(); err != nil {
		a.note(err)
	}
	if _, err := alert.Compile(a.Alert); err != nil {
		a.note(err)
	}
}

func (a *Alert) note(err error) {
	ours, ok := errors.AsType[*meshhook.Error](err)
	if !ok || len(ours.Details) == 0 {
		a.at.Problem("%v", err)
		return
	}
	for _, problem := range ours.Details {
		v := lookUp(a.root, problem.Path)
		if v == a.root { // a key that is not there
			a.at.Problem("%s", problem.Message)
			continue
		}
		if err := syntaxOf(v, problem.Path); err != nil {
			wrong(v, strings.TrimPrefix(problem.Path, "/"), err)
			continue
		}
		v.Problem("%s", problem.Message)
	}
}

// syntaxOf parses the expression that a value is by its place again, for where in it the
// trouble begins; nil where there is none.
func syntaxOf(v workflow.Value, pointer string) (err error) {
	if v.Kind() != workflow.Text {
		return nil
	}
	member, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	switch member {
	case "when", "throttle_key":
		_, err = expr.Compile(v.Text())
	case "url":
		_, err = expr.ParseURL(v.Text())
	case "headers":
		_, err = expr.ParseHeader(v.Text())
	case "payload":
		_, err = expr.ParseTemplate(v.Text())
	}
	return err
}
