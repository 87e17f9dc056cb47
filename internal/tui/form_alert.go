package tui

import (
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// alertSteps are the steps of the form of an alert.
func alertSteps() []step {
	told := func(c meshhook.Condition) func(*Draft) bool {
		return func(d *Draft) bool { return slices.Contains(strings.Split(d.Now["on"], "\n"), string(c)) }
	}
	set := func(name string) func(*Draft) bool { return func(d *Draft) bool { return d.Now[name] != "" } }
	return []step{
		{"Whom", []field{
			{name: "name", label: "name", help: "Short, like orders-failed; of a new one it is made up when empty."},
			{name: "workflow", label: "workflow", help: "Whose runs are told of.", kind: kindPick},
			{name: "on", label: "on", help: "What is told of.", kind: kindMany},
			{name: "when", label: "when", help: "A jq condition over {run, workflow, event, steps}; empty for always."},
			{name: "description", label: "description", help: "What it is for."},
		}},
		{"Where", []field{
			{name: "preset", label: "preset", help: "The receiver whose form the message has.", kind: kindPick},
			{name: "url", label: "URL", help: "Where it is sent to; it may hold {{ expressions }}."},
			{name: "header", label: "headers", help: "NAME: VALUE, one a line; values may hold {{ expressions }}.", kind: kindText},
			{name: "payload", label: "payload", help: "The message, JSON or text with {{ expressions }}, or @FILE; empty for the preset's own.", kind: kindText},
			{name: "signing", label: "signing", help: "How messages are signed.", kind: kindPick, sets: func(d *Draft) { fitSecret(d, "signing") }},
			{
				name: SecretFrom, label: "secret", help: "What the recipient checks signatures by.", kind: kindPick,
				show: func(d *Draft) bool { return len(d.choice("signing").Secrets) > 0 },
			},
			{name: Secret, label: "secret text", kind: kindHidden, show: typesSecret},
		}},
		{"When", []field{
			{name: "delay-threshold", label: "delayed after", help: "A run that has not ended then is told of, like 30s.", show: told(meshhook.OnDelayed)},
			{name: "expect", label: "expect", help: "The webhook whose events are waited for.", kind: kindPick, show: told(meshhook.OnAbsent)},
			{name: "within", label: "within", help: "The longest time between two events, like 6h.", show: told(meshhook.OnAbsent)},
			{name: "throttle", label: "throttle", help: "At most one message in this time, like 5m; empty for all."},
			{name: "throttle-key", label: "throttle key", help: "jq of what is counted by; empty for the workflow.", show: set("throttle")},
			{name: "quiet-hours", label: "quiet hours", help: "Nothing is sent in them, like 22:00-07:00 Europe/Berlin."},
			{name: "schedule", label: "schedule", help: "Waits before each attempt, like 0s,5s,30s; empty for the usual."},
			{name: "timeout", label: "time-out", help: "How long an attempt may take; empty for 10s."},
		}},
	}
}
