package alert

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// Limits of an event.
// https://developer.pagerduty.com/docs/send-alert-event
const (
	pagerDutySummary = 1024
	pagerDutyKey     = 255
)

var pagerDutyNeeds = []need{
	{"routing_key", true, "https://events.pagerduty.com/v2/enqueue?routing_key={{ .secrets.pagerduty }}"},
}

// pagerDutyBody is an event of the Events API v2. What is wrong with a workflow
// triggers one incident, however often it is told, and its next success resolves it:
// the dedup_key is the workflow's, within the project.
func pagerDutyBody(s *Subject, n *notice, addressed map[string]any) (any, error) {
	event := object{"routing_key": addressed["routing_key"], "dedup_key": dedupKey(n.key), "event_action": "trigger"}
	if n.resolves {
		event["event_action"] = "resolve"
		return event, nil
	}
	message, err := Message(s)
	if err != nil {
		return nil, err
	}
	summary := n.title
	if n.detail != "" {
		summary += ": " + legible(n.detail, false)
	}
	event["client"] = "MeshHook"
	event["payload"] = object{
		"summary":        fit(summary, pagerDutySummary, inUnits, nil),
		"source":         "meshhook/" + s.Project,
		"severity":       string(n.severity),
		"timestamp":      meshhook.FormatTime(n.at),
		"component":      s.workflowName(),
		"group":          s.Project,
		"class":          string(n.kind),
		"custom_details": custom(message, n),
	}
	if n.url != "" {
		event["client_url"] = n.url
		event["links"] = []any{object{"href": n.url, "text": "Open the run"}}
	}
	return event, nil
}

// maxDetails keeps an event within the 512 KB that PagerDuty takes, and readable.
const maxDetails = 32 << 10

// custom is the message's data, made legible; where that is long, the facts that a
// person needs.
func custom(message meshhook.AlertMessage, n *notice) any {
	if len(message.Data) <= maxDetails {
		if data, err := content.DecodeOwn(message.Data); err == nil {
			return legibly(data)
		}
	}
	details := object{}
	for _, f := range n.facts {
		details[f.name] = fit(f.value, pagerDutySummary, inUnits, nil)
	}
	return details
}

// legibly makes all texts of a value legible.
func legibly(v any) any {
	switch v := v.(type) {
	case string:
		return legible(v, true)
	case []any:
		for i := range v {
			v[i] = legibly(v[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, value := range v {
			clean[legible(name, false)] = legibly(value)
		}
		return clean
	}
	return v
}

// dedupKey shortens a key that is too long, so that it stays one of its own.
func dedupKey(key string) string {
	if len(key) <= pagerDutyKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return key[:pagerDutyKey-2*len(sum)-1] + "-" + hex.EncodeToString(sum[:])
}
