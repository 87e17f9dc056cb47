package alert

import (
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// alertmanagerFiring is how long an alert fires that nothing resolves. Alertmanager
	// expects a client to repeat an alert for as long as it lasts, and takes one that is
	// not repeated within resolve_timeout (5 min) for resolved; a message of ours is sent
	// once, so that it says itself until when.
	alertmanagerFiring     = 24 * time.Hour
	alertmanagerAnnotation = 2000
)

// alertmanagerNames are the alertname of each type. Labels are what an alert is known
// by, so they are the same when it fires and when it is resolved.
var alertmanagerNames = map[meshhook.AlertType]string{
	meshhook.OnFailed.Type():      "MeshHookRunFailed",
	meshhook.OnDelayed.Type():     "MeshHookRunDelayed",
	meshhook.OnWaiting.Type():     "MeshHookRunWaiting",
	meshhook.OnCanceled.Type():    "MeshHookRunCanceled",
	meshhook.OnAbsent.Type():      "MeshHookEventAbsent",
	meshhook.OnExhausted.Type():   "MeshHookAlertExhausted",
	meshhook.OnCircuitOpen.Type(): "MeshHookAlertCircuitOpen",
	meshhook.AlertTest:            "MeshHookTest",
}

// alertmanagerResolved are what a success puts an end to.
var alertmanagerResolved = []meshhook.AlertType{meshhook.OnFailed.Type(), meshhook.OnDelayed.Type(), meshhook.OnWaiting.Type()}

// alertmanagerBody is a list of alerts for /api/v2/alerts
// (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml). Labels
// hold names of ours only; what strangers wrote stands in annotations.
func alertmanagerBody(s *Subject, n *notice, _ map[string]any) (any, error) {
	if !n.resolves {
		return []any{alertmanagerAlert(s, n, n.kind, n.at, n.at.Add(alertmanagerFiring))}, nil
	}
	begun := n.at
	if s.Run != nil && s.Run.StartedAt != nil && s.Run.StartedAt.Before(begun) {
		begun = *s.Run.StartedAt
	}
	var alerts []any
	for _, kind := range alertmanagerResolved {
		alerts = append(alerts, alertmanagerAlert(s, n, kind, begun, n.at))
	}
	return alerts, nil
}

func alertmanagerAlert(s *Subject, n *notice, kind meshhook.AlertType, from, to time.Time) object {
	name, ok := alertmanagerNames[kind]
	if !ok {
		name = "MeshHook"
	}
	labels := object{"alertname": name, "project": s.Project, "severity": string(sayingOf(kind).severity)}
	thing, of := s.thing()
	if thing == "test" {
		thing, of = "workflow", s.workflowName()
	}
	if thing == "alert" {
		thing = "receiver" // alertname says that it is an alert
	}
	if of != "" { // Alertmanager drops empty labels, and with them what it is known by
		labels[thing] = of
	}
	annotations := object{"summary": fit(n.title, alertmanagerAnnotation, inUnits, nil)}
	if text := n.text(); text != "" {
		annotations["description"] = fit(text, alertmanagerAnnotation, inUnits, nil)
	}
	alert := object{
		"labels": labels, "annotations": annotations,
		"startsAt": meshhook.FormatTime(from), "endsAt": meshhook.FormatTime(to),
	}
	if n.url != "" {
		alert["generatorURL"] = n.url
	}
	return alert
}
