package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// alertFlags are what 'alerts create' and 'alerts update' have in common.
type alertFlags struct {
	name        string
	workflow    string
	all         bool
	on          conditionsFlag
	when        string
	delay       durationFlag
	expect      string
	within      durationFlag
	url         string
	preset      string
	headers     []string
	payload     string
	throttle    durationFlag
	throttleKey string
	quiet       quietFlag
	signing     string
	schedule    scheduleFlag
	timeout     durationFlag
	description string
	secret      secretFlags
	// files are what the flags that name files stand for.
	files struct{ payload json.RawMessage }
}

func (f *alertFlags) register(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", "what the alert is called; made of the workflow and the first condition when left out")
	flags.StringVar(&f.workflow, "workflow", "", "`name` of the workflow whose runs are told of")
	flags.BoolVar(&f.all, "all-workflows", false, "tell of the runs of every workflow")
	flags.Var(&f.on, "on", "what is told of, with commas between: "+orList(conditionNames()))
	flags.StringVar(&f.when, "when", "", "jq `condition` over {run, workflow, event, steps}; what it is false for is not told")
	flags.Var(&f.delay, "delay-threshold", "for delayed: after what time a run that has not ended is told of, a `duration` like 30s")
	flags.StringVar(&f.expect, "expect", "", "for absent: `path` of the webhook whose events are waited for")
	flags.Var(&f.within, "within", "for absent: the longest time between two events, a `duration` like 6h")
	flags.StringVar(&f.url, "url", "", "where it is sent to, a `URL` that may hold {{ expressions }}")
	addChoice(cmd, &f.preset, "preset", "the receiver whose form the message has, generic when left out", alert.Presets())
	flags.StringArrayVar(&f.headers, "header", nil, "further `NAME:VALUE` to send, which may hold {{ expressions }}; may be given several times")
	flags.StringVar(&f.payload, "payload", "", "`file` of the message, JSON, YAML or text with {{ expressions }}; the preset's own when left out")
	flags.Var(&f.throttle, "throttle", "send at most one in this time, a `duration` like 5m; the next says how many were held back")
	flags.StringVar(&f.throttleKey, "throttle-key", "", "jq `expression` of what --throttle counts by; the workflow when left out")
	flags.Var(&f.quiet, "quiet-hours", "when nothing is sent before the end of these `hours`, like \"22:00-07:00 Europe/Berlin\"; UTC without a zone")
	addChoice(cmd, &f.signing, "signing", "how messages are signed, v1 (Standard Webhooks) when left out", meshhook.Signings())
	flags.Var(&f.schedule, "schedule", "how long to wait before each attempt, `durations` like 0s,5s,30s")
	flags.Var(&f.timeout, "timeout", "how long an attempt may take, a `duration`; 10s when left out")
	flags.StringVar(&f.description, "description", "", "what it is for")
	addSecretFlags(cmd, &f.secret, "secret", "the secret that signs")
	completeFlag(cmd, "workflow", a.names(workflowNames))
	completeFlag(cmd, "expect", a.names(webhookNames))
	completeFlag(cmd, "on", completeConditions)
}

func conditionNames() []string {
	var names []string
	for _, c := range meshhook.Conditions() {
		names = append(names, string(c))
	}
	return names
}

// completeConditions completes the last of several conditions.
func completeConditions(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	before := typed[:strings.LastIndexByte(typed, ',')+1]
	var found []string
	for _, name := range conditionNames() {
		if strings.HasPrefix(before+name, typed) && !strings.Contains(","+before, ","+name+",") {
			found = append(found, before+name)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// readFiles reads the files that the flags name: once, and before anything else.
func (f *alertFlags) readFiles(a *app) (err error) {
	f.files.payload, err = a.readPayload(f.payload)
	return err
}

// checkName refuses a name that no alert can have.
func (f *alertFlags) checkName(a *app) error {
	if !a.flags.Changed("name") {
		return nil
	}
	return meshhook.CheckName("alert", f.name)
}

// apply puts what the flags and their files say over an alert, but for its workflow.
// What was not given stays; an empty value takes a setting away.
func (f *alertFlags) apply(a *app, to *meshhook.Alert) error {
	if err := f.checkName(a); err != nil {
		return err
	}
	headers, err := f.headerMap()
	if err != nil {
		return err
	}
	for _, set := range []struct {
		flag string
		do   func()
	}{
		{"name", func() { to.Name = f.name }},
		{"on", func() { to.On = f.on.list }},
		{"when", func() { to.When = f.when }},
		{"delay-threshold", func() { to.DelayThreshold = f.delay.Duration }},
		{"url", func() { to.URL = f.url }},
		{"preset", func() { to.Preset = f.preset }},
		{"header", func() { to.Headers = headers }},
		{"payload", func() { to.Payload = f.files.payload }},
		{"throttle", func() { to.Throttle = f.throttle.Duration }},
		{"throttle-key", func() { to.ThrottleKey = f.throttleKey }},
		{"quiet-hours", func() { to.Quiet = f.quiet.hours }},
		{"signing", func() { to.Signing = meshhook.Signing(f.signing) }},
		{"schedule", func() { to.Schedule = f.schedule.list }},
		{"timeout", func() { to.Timeout = f.timeout.Duration }},
		{"description", func() { to.Description = f.description }},
	} {
		if a.flags.Changed(set.flag) {
			set.do()
		}
	}
	return f.applyExpect(a, to)
}

// applyExpect puts --expect and --within over an alert, of which neither means
// anything without the other.
func (f *alertFlags) applyExpect(a *app, to *meshhook.Alert) error {
	webhook, within := a.flags.Changed("expect"), a.flags.Changed("within")
	if webhook && f.expect == "" {
		to.Expect = nil
		return nil
	}
	if !webhook && !within {
		return nil
	}
	expect := meshhook.Expect{}
	if to.Expect != nil {
		expect = *to.Expect
	}
	if webhook {
		expect.Webhook = f.expect
	}
	if within {
		expect.Within = f.within.Duration
	}
	if expect.Webhook == "" || expect.Within == 0 {
		return usageError("an expected event needs a webhook and a time; give --expect and --within, like --expect stripe --within 6h")
	}
	to.Expect = &expect
	return nil
}

// headerMap reads --header. One that is empty takes away what was there.
func (f *alertFlags) headerMap() (map[string]string, error) {
	if len(f.headers) == 1 && f.headers[0] == "" {
		return nil, nil
	}
	read, err := parseHeaders(f.headers)
	if err != nil {
		return nil, err
	}
	headers := make(map[string]string, len(read))
	for name, values := range read {
		if len(values) > 1 {
			return nil, usageError("--header %s is given %d times; give it once", name, len(values))
		}
		headers[name] = values[0]
	}
	return headers, nil
}

// readPayload reads a message; no name is that of the preset. What ends in .yaml or
// .yml is YAML, what ends in .json or begins like JSON is that, everything else is
// text.
func (a *app) readPayload(name string) (json.RawMessage, error) {
	if name == "" {
		return nil, nil
	}
	text, err := a.readFile(name)
	if err != nil {
		return nil, err
	}
	return parsePayload(name, text)
}

// parsePayload reads the text of a message, which came from there.
func parsePayload(name string, text []byte) (json.RawMessage, error) {
	ending, begin := filepath.Ext(name), strings.TrimSpace(string(text))
	structured := (strings.HasPrefix(begin, "{") || strings.HasPrefix(begin, "[")) && !strings.HasPrefix(begin, "{{")
	switch {
	case begin == "":
		return nil, emptyPayload(name)
	case !utf8.Valid(text):
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s is not text in UTF-8, which a message is", name)
	case ending == ".yaml" || ending == ".yml":
		return payloadOfYAML(name, text)
	case ending == ".json" || structured:
		if !json.Valid(text) {
			var value any
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s is not JSON: %w", name, json.Unmarshal(text, &value))
		}
		return json.RawMessage(begin), nil
	default:
		return json.Marshal(withoutNewline(string(text)))
	}
}

// payloadOfYAML reads the one document of a file as JSON.
func payloadOfYAML(name string, text []byte) (json.RawMessage, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var value, second any
	if err := decoder.Decode(&value); err != nil && !errors.Is(err, io.EOF) {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s is not YAML: %s", name, oneLine(err))
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s holds more than one document; a message is one", name)
	}
	if value == nil {
		return nil, emptyPayload(name)
	}
	payload, err := json.Marshal(value)
	if err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s holds a value that JSON has not: %w", name, err)
	}
	return payload, nil
}

func emptyPayload(name string) error {
	return meshhook.Errorf(meshhook.CodeInvalid, "%s is empty; leave --payload out to send the preset's own message", name)
}
