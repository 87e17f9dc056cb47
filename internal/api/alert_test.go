package api_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const alerts = "/api/alerts/config"

// fullAlert is an alert with every field of the contract.
const fullAlert = `{
	"workflow_id": "hello", "on": ["failed", "delayed", "absent"], "when": ".run.attempt > 1", "delay_threshold": "30s", "throttle": "5m",
	"throttle_key": ".workflow.name", "quiet_hours": {"from": "22:00", "to": "07:00", "zone": "Europe/Berlin"}, "expect": {"webhook": "stripe", "within": "6h"},
	"preset": "slack", "url": "https://hooks.example.com/hush?a={{ .secrets.slack }}", "headers": {"X-Key": "hush", "X-Other": "hush"},
	"payload": {"hush": null, "a": "{{ .run.id }}"}, "signing": "hmac", "secret_key": "hush-hush-hush-hush", "retry": {"schedule": ["0s", "5s"]},
	"timeout": "20s", "description": "all of it", "enabled": false
}`

// shownAlert is what is shown of it, without what is its own.
const shownAlert = `{"name":"hello-failed",
	"workflow": "hello", "on": ["failed", "delayed", "absent"], "when": ".run.attempt > 1", "delay_threshold": "30s", "throttle": "5m0s",
	"throttle_key": ".workflow.name", "quiet_hours": {"from": "22:00", "to": "07:00", "zone": "Europe/Berlin"}, "expect": {"webhook": "stripe", "within": "6h0m0s"},
	"preset": "slack", "url": "https://hooks.example.com/…", "headers": {"X-Key": "••••••", "X-Other": "••••••"}, "payload": "••••••", "signing": "hmac",
	"retry": {"schedule": ["0s", "5s"]}, "timeout": "20s", "description": "all of it", "enabled": false
}`

func (h house) stripe(t *testing.T) {
	t.Helper()
	h.want(t, 201, "POST", "/api/webhooks", `{"url_path":"stripe","workflow_id":"hello","verification":{"scheme":"none"}}`)
}

// requireAlert compares an answer with what is to be shown.
func requireAlert(t *testing.T, want string, got map[string]any) {
	t.Helper()
	shown := map[string]any{}
	for name, value := range got {
		switch name {
		case "id", "created_at", "updated_at", "workflow_id", "secrets", "warnings", "secret_key":
		default:
			shown[name] = value
		}
	}
	text, err := json.Marshal(shown)
	require.NoError(t, err)
	require.JSONEq(t, want, string(text))
}

func (h house) alert(t *testing.T, id string) meshhook.Alert {
	t.Helper()
	parsed, err := meshhook.ParseID(id)
	require.NoError(t, err)
	a, err := h.project.Alert(t.Context(), parsed)
	require.NoError(t, err)
	return a
}

func (h house) alertSecrets(t *testing.T, id string) (values []string) {
	t.Helper()
	secrets, err := h.project.AlertSecrets(t.Context(), h.alert(t, id).ID)
	require.NoError(t, err)
	for _, s := range secrets {
		values = append(values, s.Value.Reveal())
	}
	return values
}

func TestAlertLifecycle(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	made := h.want(t, 201, "POST", alerts, `{"workflow_id":"hello","on":["failed"],"url":"https://example.com/hush"}`)
	require.Regexp(t, `^whsec_`, made["secret_key"])
	require.Len(t, made["secrets"], 1)
	require.Equal(t, h.hello.ID.String(), made["workflow_id"])
	requireAlert(t, `{"name":"hello-failed","workflow":"hello","on":["failed"],"preset":"generic","url":"https://example.com/…","signing":"v1","timeout":"10s","enabled":true}`, made)
	id := as[string](t, made["id"])

	// The secret is never shown again, nor the URL at all.
	for _, path := range []string{alerts, alerts + "/hello", alerts + "/" + h.hello.ID.String()} {
		re := h.admin(t, "GET", path, "")
		require.Equal(t, http.StatusOK, re.status, re.text)
		require.Contains(t, re.text, id)
		require.NotContains(t, re.text, "whsec_")
		require.NotContains(t, re.text, "hush")
	}
	h.refused(t, 404, meshhook.CodeNotFound, "GET", alerts+"/nope", "")

	// A name that is misspelt is null, and a condition of it narrows all away.
	doubted := h.want(t, 200, "POST", alerts, `{"id":"`+id+`","when":".runn.attempt > 1"}`)
	require.Equal(t, []any{".runn is null: expressions see no such name; did you mean .run?"}, doubted["warnings"])
	require.NotContains(t, h.want(t, 200, "POST", alerts, `{"id":"`+id+`","when":null}`), "warnings")

	// Switched off and on, and nothing else changed.
	off := h.want(t, 200, "POST", alerts, `{"id":"`+id+`","enabled":false}`)
	require.Equal(t, false, off["enabled"])
	require.NotContains(t, off, "secret_key")
	require.Equal(t, "https://example.com/hush", h.alert(t, id).URL)
	require.Equal(t, true, h.want(t, 200, "POST", alerts, `{"id":"`+id+`","enabled":true}`)["enabled"])

	rotated := h.want(t, 200, "POST", alerts+"/"+id+"/rotate-secret", `{"grace":"1h"}`)
	require.Equal(t, []string{as[string](t, rotated["secret_key"]), as[string](t, made["secret_key"])}, h.alertSecrets(t, id))
	const given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	for _, request := range [][2]string{
		{alerts + "/" + id + "/rotate-secret", `{"secret_key":"` + given + `"}`},
		{alerts, `{"id":"` + id + `","secret_key":"` + given + `"}`},
	} {
		require.NotContains(t, h.want(t, 200, "POST", request[0], request[1]), "secret_key")
		require.Equal(t, given, h.alertSecrets(t, id)[0])
	}
	require.Len(t, h.alertSecrets(t, id), 4)
	h.refused(t, 422, meshhook.CodeInvalid, "POST", alerts+"/"+id+"/rotate-secret", `{"secret_key":"hush"}`)

	require.Equal(t, map[string]any{"id": id, "deleted": true}, h.want(t, 200, "DELETE", alerts+"/"+id, ""))
	for _, gone := range []string{id, "hello"} {
		h.refused(t, 404, meshhook.CodeNotFound, "DELETE", alerts+"/"+gone, "")
		h.refused(t, 404, meshhook.CodeNotFound, "POST", alerts+"/"+gone+"/rotate-secret", "")
	}
	h.refused(t, 404, meshhook.CodeNotFound, "POST", alerts, `{"id":"`+id+`","enabled":true}`)
	log, _ := h.list(t, "/api/audit")
	for _, action := range []string{"alert.deleted", "alert.secret-rotated", "alert.enabled", "alert.disabled", "alert.created"} {
		items, _ := h.list(t, "/api/audit?action="+action)
		require.NotEmpty(t, items, action)
		require.Equal(t, "token:admin", items[0]["actor"])
	}
	text, err := json.Marshal(log)
	require.NoError(t, err)
	require.NotContains(t, string(text), "hush")
}

func TestEveryFieldOfAnAlertIsKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.stripe(t)
	re := h.admin(t, "POST", alerts, fullAlert)
	require.Equal(t, 201, re.status, re.text)
	require.NotContains(t, re.text, "hush")
	require.NotContains(t, re.text, "secret_key")
	var made map[string]any
	require.NoError(t, json.Unmarshal(re.Data, &made))
	requireAlert(t, shownAlert, made)
	require.Equal(t, []any{"the secret slack does not exist; make it with: meshhook secret set slack"}, made["warnings"])
	id := as[string](t, made["id"])
	stored := h.alert(t, id)
	require.Equal(t, "https://hooks.example.com/hush?a={{ .secrets.slack }}", stored.URL)
	require.JSONEq(t, `{"hush": null, "a": "{{ .run.id }}"}`, string(stored.Payload))
	require.Equal(t, map[string]string{"X-Key": "hush", "X-Other": "hush"}, stored.Headers)
	require.Equal(t, []string{"hush-hush-hush-hush"}, h.alertSecrets(t, id))

	// A change is merged: what it does not name stays as it was.
	requireAlert(t, shownAlert, h.want(t, 200, "POST", alerts, `{"id":"`+id+`"}`))
	same := h.alert(t, id)
	same.UpdatedAt = stored.UpdatedAt
	require.Equal(t, stored, same)
	h.want(t, 200, "POST", alerts, `{"id":"`+id+`","headers":{"X-Key":null,"X-New":"new"},"quiet_hours":{"zone":null},"payload":{"b":null},"retry":{"schedule":["1s"]}}`)
	changed := h.alert(t, id)
	require.Equal(t, map[string]string{"X-Other": "hush", "X-New": "new"}, changed.Headers)
	require.Equal(t, &meshhook.QuietHours{From: "22:00", To: "07:00"}, changed.Quiet)
	require.JSONEq(t, `{"b":null}`, string(changed.Payload), "a document of the owner's is replaced whole")
	require.Equal(t, []meshhook.Duration{meshhook.Duration(time.Second)}, changed.Schedule)

	// null takes a setting away.
	bare := h.want(t, 200, "POST", alerts, `{"id":"`+id+`","on":["failed"],"all_workflows":true,"when":null,"delay_threshold":null,"throttle":null,"throttle_key":null,
		"quiet_hours":null,"expect":null,"preset":null,"url":"https://example.com","headers":null,"payload":null,"retry":null,"timeout":null,"description":null,"enabled":null}`)
	requireAlert(t, `{"name":"hello-failed","all_workflows":true,"on":["failed"],"preset":"generic","url":"https://example.com","signing":"hmac","timeout":"10s","enabled":true}`, bare)
	require.Nil(t, h.alert(t, id).Payload)
	h.want(t, 201, "POST", alerts, `{"id":null,"workflow_id":null,"all_workflows":true,"on":["failed"],"url":"https://example.com","payload":null,"secret_key":null,"retry":null}`)
	require.Equal(t, "hello", h.want(t, 200, "POST", alerts, `{"id":"`+id+`","workflow_id":"hello"}`)["workflow"])
}

// Another way of signing has a secret of its own.
func TestTheSigningOfAnAlertChanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	made := h.want(t, 201, "POST", alerts, `{"all_workflows":true,"on":["failed"],"url":"https://example.com","signing":"v1a"}`)
	require.Regexp(t, `^whsk_`, made["secret_key"])
	require.Regexp(t, `^whpk_`, made["public_key"])
	id := as[string](t, made["id"])
	rotated := h.want(t, 200, "POST", alerts+"/"+id+"/rotate-secret", "")
	require.Regexp(t, `^whpk_`, rotated["public_key"])

	changed := h.want(t, 200, "POST", alerts, `{"id":"`+id+`","signing":"v1"}`)
	require.Equal(t, []string{as[string](t, changed["secret_key"])}, h.alertSecrets(t, id))
	require.NotContains(t, changed, "public_key")
	changed = h.want(t, 200, "POST", alerts, `{"id":"`+id+`","signing":"hmac","secret_key":"hush-hush-hush-hush"}`)
	require.NotContains(t, changed, "secret_key")
	require.Equal(t, []string{"hush-hush-hush-hush"}, h.alertSecrets(t, id))
	h.refused(t, 422, meshhook.CodeInvalid, "POST", alerts, `{"id":"`+id+`","signing":"none","secret_key":"hush-hush-hush-hush"}`)
	require.NotContains(t, h.want(t, 200, "POST", alerts, `{"id":"`+id+`","signing":"none"}`), "secret_key")
	require.Empty(t, h.alertSecrets(t, id))
	h.refused(t, 409, meshhook.CodeConflict, "POST", alerts+"/"+id+"/rotate-secret", "")
}

// All that is wrong is said at once, by its place, and never with a value.
func TestAnAlertThatCannotBe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.stripe(t)
	full := h.want(t, 201, "POST", alerts, fullAlert)
	id := as[string](t, full["id"])
	before := h.alert(t, id)
	const whole = `"all_workflows":true,"on":["failed"],"url":"https://example.com/"`
	for body, path := range map[string]string{
		`{"on":["failed"],"url":"https://example.com/"}`:                                "/workflow_id",
		`{"workflow_id":"hello",` + whole + `}`:                                         "/workflow_id",
		`{"all_workflows":false,"on":["failed"],"url":"https://example.com/"}`:          "/workflow_id",
		`{"id":"` + id + `","all_workflows":false}`:                                     "/workflow_id",
		`{"all_workflows":true,"url":"https://example.com/"}`:                           "/on",
		`{"all_workflows":true,"on":["broken"],"url":"https://example.com/"}`:           "/on/0",
		`{"all_workflows":true,"on":["failed"]}`:                                        "/url",
		`{"all_workflows":true,"on":["failed"],"url":"hush"}`:                           "/url",
		`{` + whole + `,"when":".a | ("}`:                                               "/when",
		`{` + whole + `,"preset":"irc"}`:                                                "/preset",
		`{` + whole + `,"signing":"rot13"}`:                                             "/signing",
		`{` + whole + `,"retry":{"schedule":[]}}`:                                       "/retry/schedule",
		`{` + whole + `,"retry":{"schedule":["0s","9999h"]}}`:                           "/retry/schedule/1",
		`{` + whole + `,"payload":{"a":"{{ . | }}"}}`:                                   "/payload/a",
		`{` + whole + `,"headers":{"Host":"x"}}`:                                        "/headers/Host",
		`{` + whole + `,"quiet_hours":{"from":"25:00","to":"07:00"}}`:                   "/quiet_hours/from",
		`{` + whole + `,"delay_threshold":"30s"}`:                                       "/delay_threshold",
		`{` + whole + `,"secret_key":"hush-hush-hush"}`:                                 "/secret_key",
		`{"id":"` + id + `","on":["failed"]}`:                                           "/delay_threshold",
		`{"id":"` + id + `","url":null}`:                                                "/url",
		`{"id":"` + id + `","secret_key":"hush"}`:                                       "/secret_key",
		`{"id":"` + id + `","url":"https://hooks.example.com/…"}`:                       "/url",
		`{"id":"` + id + `","headers":{"X-Key":"••••••"}}`:                              "/headers/X-Key",
		`{"id":"` + id + `","payload":"••••••"}`:                                        "/payload",
		`{"workflow_id":"hello","on":["exhausted"],"url":"https://example.com/"}`:       "/on/0",
		`{"all_workflows":true,"on":["failed"],"url":"https://example.com","when":"("}`: "/when",
		`{"id":""}`:                                                  "/id",
		`{` + whole + `,"throttle":"soon"}`:                          "/throttle",
		`{` + whole + `,"timeout":""}`:                               "/timeout",
		`{` + whole + `,"retry":{"schedule":["0s","5"]}}`:            "/retry/schedule/1",
		`{` + whole + `,"expect":{"webhook":"stripe","within":"6"}}`: "/expect/within",
	} {
		re := h.refused(t, 422, meshhook.CodeInvalid, "POST", alerts, body)
		require.NotEmpty(t, re.Error.Details, body)
		require.Equal(t, path, re.Error.Details[0].Path, body)
		require.NotContains(t, re.text, "hush-hush")
	}
	for body, path := range map[string]string{
		`{` + whole + `,"delay":"30s"}`:                      "/delay",
		`{` + whole + `,"retry":{"times":3}}`:                "/retry/times",
		`{` + whole + `,"on":"failed"}`:                      "/on",
		`{` + whole + `,"throttle":5}`:                       "/throttle",
		`{` + whole + `,"expect":{"path":"stripe"}}`:         "/expect/path",
		`{` + whole + `,"schedule":["0s"]}`:                  "/schedule",
		`{` + whole + `,"headers":{"X-A":1}}`:                "/headers/X-A",
		`{"id":"` + id + `","disabled_reason":"not at all"}`: "/disabled_reason",
	} {
		re := h.refused(t, 400, meshhook.CodeMalformed, "POST", alerts, body)
		require.Equal(t, path, re.Error.Details[0].Path, body)
	}
	h.refused(t, 404, meshhook.CodeNotFound, "POST", alerts, `{"id":"nonsense"}`)
	h.refused(t, 404, meshhook.CodeNotFound, "POST", alerts, `{"id":"\u0000"}`)
	h.refused(t, 422, meshhook.CodeInvalid, "POST", alerts, `{`+whole+`,"name":"Not a name"}`)
	h.refused(t, 409, meshhook.CodeConflict, "POST", alerts, `{`+whole+`,"name":"`+before.Name+`"}`)
	h.refused(t, 422, meshhook.CodeInvalid, "POST", alerts, `{`+whole+`,"throttle":"soon"}`)
	h.refused(t, 404, meshhook.CodeNotFound, "POST", alerts, `{"workflow_id":"nope","on":["failed"],"url":"https://example.com/"}`)
	h.refused(t, 404, meshhook.CodeNotFound, "POST", alerts, `{"all_workflows":true,"on":["absent"],"url":"https://example.com/","expect":{"webhook":"nope","within":"1h"}}`)
	require.Equal(t, before, h.alert(t, id), "nothing of it was stored")
	list, _ := h.list(t, alerts)
	require.Len(t, list, 1)
}

func TestAlertsAreListedByPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.want(t, 200, "POST", "/api/workflows", `{"source":"name: hello\nsteps: [{id: a, transform: .}]\n"}`)
	h.want(t, 201, "POST", "/api/workflows", `{"source":"name: other\nsteps: [{id: a, transform: .}]\n"}`)
	var all, others []any
	for _, about := range []string{`"workflow_id":"hello"`, `"workflow_id":"other"`, `"all_workflows":true`} {
		made := h.want(t, 201, "POST", alerts, `{`+about+`,"on":["failed"],"url":"https://example.com"}`)
		all = append(all, made["id"])
		if about != `"workflow_id":"hello"` {
			others = append(others, made["id"])
		}
	}
	got, pages := h.pages(t, alerts+"?limit=2", "id")
	require.Equal(t, all, got)
	require.Equal(t, 2, pages)
	got, pages = h.pages(t, alerts+"/other?limit=1", "id")
	require.Equal(t, others, got)
	require.Equal(t, 2, pages)
}
