package api

import (
	"net/http"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

const (
	read  = meshhook.RoleRead
	edit  = meshhook.RoleWrite
	admin = meshhook.RoleAdmin
)

// The parameters of routes, and those that lists have in common.
var (
	paging = []parameter{
		{name: "limit", kind: "integer", help: "Entries on a page, 1 to 1000; 50 when left out."},
		{name: "cursor", kind: "string", help: "next_cursor of the page before."},
	}
	since = []parameter{{name: "since", kind: "string", help: "Only what came at this time or later: RFC 3339, a date, or a duration before now, like 1h."}}

	eventsParameters = []parameter{
		{name: "webhook", kind: "string", help: "Only events of the webhook with this path."},
		{name: "status", kind: "string", help: "Only events of this status.", words: words(meshhook.EventStatuses())},
		{name: "code", kind: "string", help: "Only events that were rejected for this reason.", words: words(meshhook.RejectionCodes())},
		{name: "from", kind: "string", help: "Only events from this address or network (CIDR)."},
		{name: "dedup_key", kind: "string", help: "Only events with this dedup key."},
		{name: "where", kind: "string", help: "Only events for which this jq condition over {event} is true; those on which it fails are left out."},
		{name: "until", kind: "string", help: "Only events before this time: RFC 3339, a date, or a duration before now."},
	}
	runsParameters = []parameter{
		{name: "workflow", kind: "string", help: "Only runs of the workflow with this name."},
		{name: "status", kind: "string", help: "Only runs of this status.", words: words(meshhook.RunStatuses())},
		{name: "waiting_for", kind: "string", help: "Only runs that are asleep on this.", words: words(meshhook.WaitingFors())},
	}
	streamParameters = []parameter{
		{name: "webhook", kind: "string", help: "Only what the webhook with this path took and started."},
		{name: "workflow", kind: "string", help: "Only what concerns the workflow of this name."},
		{name: "status", kind: "string", help: "Only what has this status.", words: statuses()},
		{name: "kind", kind: "string", help: "Only these kinds, with commas between them: event, run, alert, circuit."},
	}
	auditParameters = []parameter{
		{name: "actor", kind: "string", help: "Only what this actor changed: cli:USER@HOST or token:NAME."},
		{name: "action", kind: "string", help: "Only this action, like webhook.updated."},
	}
	ofAlert              = parameter{name: "alert", kind: "string", help: "Only what is of the alert with this name or id."}
	deliveriesParameters = []parameter{
		ofAlert,
		{name: "status", kind: "string", help: "Only deliveries of this status.", words: words(meshhook.DeliveryStatuses())},
		{name: "run", kind: "string", help: "Only deliveries about the run with this id."},
	}
	attemptsParameters = []parameter{
		ofAlert,
		{name: "delivery", kind: "string", help: "Only attempts of the delivery with this id."},
		{name: "full", kind: "boolean", help: "Whether requests and answers are there, too; a page has then 20 attempts at most."},
	}
	versionParameters = []parameter{{name: "version", kind: "integer", help: "Another version than the newest."}}
)

// routes is the table of everything that the API does.
func (h *Handler) routes() []route {
	return []route{
		{get, "/api/openapi.json", "", "getOpenAPI", "This document", nil, 0, handler{status: http.StatusOK, stream: true, do: h.describe}},

		{get, "/api/webhooks", read, "listWebhooks", "List the webhooks by path", paging, 0, many(listWebhooks)},
		{post, "/api/webhooks", edit, "createWebhook", "Create a webhook", nil, 0, taking(createWebhook).created()},
		{get, "/api/webhooks/{id}", read, "getWebhook", "Show a webhook, by id or path", nil, 0, one(showWebhook)},
		{patch, "/api/webhooks/{id}", edit, "updateWebhook", "Change a webhook (JSON merge patch)", nil, 0, patching[WebhookFields](changeWebhook)},
		{remove, "/api/webhooks/{id}", edit, "deleteWebhook", "Delete a webhook; its events stay", nil, 0, one(deleteWebhook)},
		{post, "/api/webhooks/{id}/rotate-secret", edit, "rotateWebhookSecret", "Give a webhook a new secret; the old one lives on for a while", nil, 0, taking(rotateSecret)},
		{post, "/api/webhooks/{id}/test", edit, "testWebhook", "Send a signed request to a webhook", nil, 0, taking(testWebhook)},

		{get, "/api/events", read, "listEvents", "List events, newest first", with(eventsParameters, since, paging), 0, many(listEvents)},
		{get, "/api/events/stream", read, "streamEvents", "Follow events, runs and alerts live (Server-Sent Events)", with(streamParameters, since), 0, handler{status: http.StatusOK, stream: true, do: streamEntries}},
		{get, "/api/events/{id}", read, "getEvent", "Show an event with its body as expressions see it", nil, 0, one(showEvent)},
		{get, "/api/events/{id}/explain", read, "explainEvent", "Find out why an event was refused for its signature", nil, 0, one(explainEvent)},
		{post, "/api/events/{id}/replay", edit, "replayEvent", "Start another run on an event, or try one dry", nil, 0, starting(replayEvent)},

		{get, "/api/workflows", read, "listWorkflows", "List the workflows by name", paging, 0, many(listWorkflows)},
		{post, "/api/workflows", edit, "applyWorkflow", "Apply a workflow document", nil, 4 << 20, taking(applyWorkflow)},
		{get, "/api/workflows/{id}", read, "getWorkflow", "Show a workflow, by id or name, as it was applied", versionParameters, 0, one(showWorkflow)},
		{put, "/api/workflows/{id}", edit, "updateWorkflow", "Apply the next version of a workflow", nil, 4 << 20, taking(updateWorkflow)},
		{remove, "/api/workflows/{id}", edit, "deleteWorkflow", "Delete a workflow and its versions", nil, 0, one(deleteWorkflow)},
		{get, "/api/workflows/{id}/versions", read, "listVersions", "List a workflow's versions, newest first", paging, 0, many(listVersions)},
		{post, "/api/workflows/{id}/runs", edit, "startRun", "Start a run by hand, or try one dry", nil, meshhook.MaxMaxBody, starting(startRun)},

		{get, "/api/runs", read, "listRuns", "List runs, newest first", with(runsParameters, since, paging), 0, many(listRuns)},
		{get, "/api/runs/{id}", read, "getRun", "Show a run and its steps", nil, 0, one(showRun)},
		{post, "/api/runs/{id}/cancel", edit, "cancelRun", "Cancel a run that is not over", nil, 0, taking(cancelRun)},
		{post, "/api/runs/{id}/approve", edit, "approveRun", "Say yes to an approval that a run waits for", nil, 0, taking(approveRun)},
		{post, "/api/runs/{id}/reject", edit, "rejectRun", "Say no to an approval that a run waits for", nil, 0, taking(rejectRun)},
		{post, "/api/runs/{id}/retry", edit, "retryRun", "Go on with a failed or canceled run", nil, 0, taking(retryRun)},

		{get, "/api/alerts/config", read, "listAlerts", "List the alerts, oldest first", paging, 0, many(listAlerts)},
		{post, "/api/alerts/config", edit, "saveAlert", "Create an alert (201), or change the one with the id or name (200)", nil, 0, taking(saveAlert)},
		{get, "/api/alerts/config/{id}", read, "listWorkflowAlerts", "List the alerts that tell of a workflow, by its id or name", paging, 0, many(listAlerts)},
		{remove, "/api/alerts/config/{id}", edit, "deleteAlert", "Delete an alert, by id or name; what it has sent stays in the log", nil, 0, one(deleteAlert)},
		{post, "/api/alerts/config/{id}/rotate-secret", edit, "rotateAlertSecret", "Give an alert a new secret; the old one signs beside it for a while", nil, 0, taking(rotateAlertSecret)},
		{post, "/api/alerts/test", edit, "testAlert", "Send a sample of an alert, stored or not, and see what comes of it", nil, 0, taking(testAlert)},
		{get, "/api/alerts/deliveries", read, "listDeliveries", "List messages and what became of them, newest first", with(deliveriesParameters, since, paging), 0, many(listDeliveries)},
		{post, "/api/alerts/deliveries/{id}/redeliver", edit, "redeliver", "Send a message again, with the same webhook-id", nil, 0, taking(redeliver)},
		{post, "/api/alerts/redeliver", edit, "redeliverExhausted", "Send all messages again that were given up", nil, 0, taking(redeliverExhausted)},
		{get, "/api/alerts/log", read, "listAttempts", "List every attempt to send a message, newest first", with(attemptsParameters, since, paging), 0, many(listAttempts)},
		{get, "/api/alerts/stats", read, "reportAlerts", "Show how surely and how fast messages are delivered", with([]parameter{ofAlert}, since), 0, one(reportAlerts)},

		{get, "/api/secrets", admin, "listSecrets", "List the vault's secrets, without their values", paging, 0, many(listSecrets)},
		{post, "/api/secrets", admin, "setSecret", "Store a secret, or replace it", nil, 0, taking(setSecret)},
		{remove, "/api/secrets/{id}", admin, "deleteSecret", "Delete a secret, by name", nil, 0, one(deleteSecret)},
		{get, "/api/tokens", admin, "listTokens", "List the project's tokens, without their text", paging, 0, many(listTokens)},
		{post, "/api/tokens", admin, "createToken", "Create a token, which is shown this once", nil, 0, taking(createToken).created()},
		{remove, "/api/tokens/{id}", admin, "revokeToken", "Revoke a token, by id or name", nil, 0, one(revokeToken)},
		{get, "/api/projects", admin, "listProjects", "List the projects", paging, 0, many(listProjects)},
		{post, "/api/projects", admin, "createProject", "Create a project", nil, 0, taking(createProject).created()},
		{remove, "/api/projects/{id}", admin, "deleteProject", "Delete a project, by id or name, and everything in it", nil, 0, one(deleteProject)},
		{get, "/api/audit", admin, "listAudit", "List who changed what, newest first", with(auditParameters, since, paging), 0, many(listAudit)},
	}
}
