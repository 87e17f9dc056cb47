package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

func TestWebhookLifecycle(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	re := h.admin(t, "POST", "/api/webhooks", `{"url_path":"shop/orders","workflow_id":"hello"}`)
	require.Equal(t, http.StatusCreated, re.status, re.text)
	require.Equal(t, "no-store", re.header.Get("Cache-Control"))
	var made struct {
		ID         string              `json:"id"`
		Path       string              `json:"url_path"`
		URL        string              `json:"url"`
		WorkflowID string              `json:"workflow_id"`
		Secret     string              `json:"secret_key"`
		Enabled    bool                `json:"enabled"`
		Methods    []string            `json:"methods"`
		MaxBody    int64               `json:"max_body_bytes"`
		CreatedAt  time.Time           `json:"created_at"`
		Verify     map[string]any      `json:"verification"`
		Secrets    []map[string]string `json:"secrets"`
	}
	require.NoError(t, json.Unmarshal(re.Data, &made))
	require.Equal(t, "/api/webhooks/"+made.ID, re.header.Get("Location"))
	require.Equal(t, "shop/orders", made.Path)
	require.Equal(t, "https://hooks.example.com/hooks/shop/orders", made.URL)
	require.Equal(t, h.hello.ID.String(), made.WorkflowID)
	require.Equal(t, map[string]any{"scheme": "hmac"}, made.Verify)
	require.Regexp(t, `^[0-9a-f]{64}$`, made.Secret)
	require.True(t, made.Enabled)
	require.Equal(t, []string{"POST"}, made.Methods)
	require.Equal(t, int64(meshhook.DefaultMaxBody), made.MaxBody)
	require.WithinDuration(t, time.Now(), made.CreatedAt, time.Minute)

	// By id and by path, escaped; the secret is never shown again.
	for _, id := range []string{made.ID, "shop%2Forders"} {
		shown := h.admin(t, "GET", "/api/webhooks/"+id, "")
		require.Equal(t, http.StatusOK, shown.status, shown.text)
		require.NotContains(t, shown.text, made.Secret)
		require.NotContains(t, shown.text, "secret_key")
		require.NoError(t, json.Unmarshal(shown.Data, &made))
		require.Len(t, made.Secrets, 1)
	}

	// A daemon takes requests at once, and the test goes through its front door.
	require.Eventually(t, func() bool {
		tested := h.want(t, 200, "POST", "/api/webhooks/"+made.ID+"/test", `{"body":{"total":3},"headers":{"X-Extra":"1"}}`)
		return tested["status"] == float64(202)
	}, patience, 20*time.Millisecond)
	events, _ := h.list(t, "/api/events")
	event := h.want(t, 200, "GET", "/api/events/"+as[string](t, events[0]["id"]), "")
	require.Equal(t, map[string]any{"total": float64(3)}, event["body"])
	require.Equal(t, []any{"1"}, as[map[string]any](t, event["headers"])["X-Extra"])

	rotated := h.want(t, 200, "POST", "/api/webhooks/"+made.ID+"/rotate-secret", `{"grace":"1h"}`)
	require.Regexp(t, `^[0-9a-f]{64}$`, rotated["secret_key"])
	require.NotEqual(t, made.Secret, rotated["secret_key"])
	given := h.want(t, 200, "POST", "/api/webhooks/"+made.ID+"/rotate-secret", `{"secret_key":"hush-hush"}`)
	require.NotContains(t, given, "secret_key")
	_, secrets, err := h.project.Endpoint(t.Context(), "shop/orders")
	require.NoError(t, err)
	require.Len(t, secrets, 3)
	require.WithinDuration(t, time.Now().Add(time.Hour), *secrets[0].ExpiresAt, time.Minute)

	require.Equal(t, map[string]any{"id": made.ID, "deleted": true}, h.want(t, 200, "DELETE", "/api/webhooks/"+made.ID, ""))
	h.refused(t, 404, meshhook.CodeNotFound, "GET", "/api/webhooks/"+made.ID, "")
	h.refused(t, 404, meshhook.CodeNotFound, "DELETE", "/api/webhooks/shop%2Forders", "")
	h.refused(t, 404, meshhook.CodeNotFound, "PATCH", "/api/webhooks/shop%2Forders", "{}")
	h.refused(t, 404, meshhook.CodeNotFound, "POST", "/api/webhooks/shop%2Forders/rotate-secret", "")
	h.refused(t, 404, meshhook.CodeNotFound, "POST", "/api/webhooks/shop%2Forders/test", "")
}

// full is a webhook with every field of the contract.
const full = `{
	"url_path": "full", "workflow_id": "hello", "description": "all of it", "enabled": false, "secret_key": "hush-hush",
	"rate_limit": {"type": "simple", "value": "100/minute"}, "validation_schema": {"type": "object", "a": {"const": null}},
	"verification": {"scheme": "stripe", "tolerance": "10m"}, "dedup": ".event.body.id", "dedup_window": "1h", "filter": ".event.body.ok",
	"methods": ["post", "PUT"], "allowed_ips": ["192.0.2.7", "10.1.2.3/8", "2001:db8::/32"], "max_body_bytes": 2048,
	"response": {"status": 201, "content_type": "application/hal+json", "headers": {"X-Thanks": "yes"}, "body": {"ok": null}}
}`

func (h house) endpoint(t *testing.T, path string) meshhook.Endpoint {
	t.Helper()
	e, _, err := h.project.Endpoint(t.Context(), path)
	require.NoError(t, err)
	return e
}

// shown is an endpoint's configuration as JSON, without what is its own.
func shown(t *testing.T, e meshhook.Endpoint) string {
	t.Helper()
	text, err := json.Marshal(e)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(text, &fields))
	for _, name := range []string{"id", "created_at", "updated_at", "workflow_id"} {
		delete(fields, name)
	}
	text, err = json.Marshal(fields)
	require.NoError(t, err)
	return string(text)
}

func TestEveryFieldOfAWebhookIsKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	re := h.admin(t, "POST", "/api/webhooks", full)
	require.Equal(t, 201, re.status, re.text)
	require.NotContains(t, re.text, "hush")
	require.JSONEq(t, `{
		"url_path": "full", "workflow": "hello", "description": "all of it", "enabled": false,
		"rate_limit": {"type": "simple", "value": "100/minute"}, "validation_schema": {"type": "object", "a": {"const": null}},
		"verification": {"scheme": "stripe", "tolerance": "10m0s"}, "dedup": ".event.body.id", "dedup_window": "1h0m0s", "filter": ".event.body.ok",
		"methods": ["POST", "PUT"], "allowed_ips": ["192.0.2.7/32", "10.0.0.0/8", "2001:db8::/32"], "max_body_bytes": 2048,
		"response": {"status": 201, "content_type": "application/hal+json", "headers": {"X-Thanks": "yes"}, "body": {"ok": null}}
	}`, shown(t, h.endpoint(t, "full")))
	// null is as good as not given.
	re = h.admin(t, "POST", "/api/webhooks", `{"url_path": "nulls", "workflow_id": "`+h.hello.ID.String()+`", "description": null, "enabled": null, "secret_key": null,
		"rate_limit": null, "validation_schema": null, "verification": null, "dedup": null, "dedup_window": null, "filter": null, "methods": null,
		"allowed_ips": null, "max_body_bytes": null, "response": null}`)
	require.Equal(t, 201, re.status, re.text)
	require.JSONEq(t, `{"url_path": "nulls", "workflow": "hello", "enabled": true, "verification": {"scheme": "hmac"}, "dedup_window": "24h0m0s", "methods": ["POST"], "max_body_bytes": 1048576}`,
		shown(t, h.endpoint(t, "nulls")))
}

// What the receiver chooses is made here; what the provider gives is asked for.
func TestSecretsAreMadeWhereTheSchemeAllowsIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, s := range signature.Schemes() {
		body := `{"url_path":"` + s.Name + `","workflow_id":"hello","verification":{"scheme":"` + s.Name + `"}}`
		re := h.admin(t, "POST", "/api/webhooks", body)
		switch {
		case s.SecretOptional:
			require.Equal(t, 201, re.status, "%s: %s", s.Name, re.text)
			require.NotContains(t, re.text, "secret_key")
			h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/webhooks/"+s.Name+"/rotate-secret", "")
		case s.SecretFromProvider, s.SecretFormat == signature.SecretPublicKey:
			require.Equal(t, 422, re.status, "%s: %s", s.Name, re.text)
			require.Equal(t, []meshhook.Problem{{Path: "/secret_key", Message: "is missing"}}, re.Error.Details)
		case s.SecretFormat == signature.SecretUnused:
			require.Equal(t, 201, re.status, "%s: %s", s.Name, re.text)
			require.NotContains(t, re.text, "secret_key")
			h.refused(t, 409, meshhook.CodeConflict, "POST", "/api/webhooks/"+s.Name+"/rotate-secret", "")
		default:
			require.Equal(t, 201, re.status, "%s: %s", s.Name, re.text)
			require.Contains(t, re.text, `"secret_key":`)
		}
	}
}

// Who verifies nothing is told so wherever the webhook is listed.
func TestAnOpenWebhookIsShownWithAWarning(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.open(t)
	h.want(t, 201, "POST", "/api/webhooks", `{"url_path":"safe","workflow_id":"hello"}`)
	warnings := []any{"this webhook verifies nothing; whoever knows its URL can start runs"}
	items, _ := h.list(t, "/api/webhooks")
	require.Equal(t, warnings, items[0]["warnings"])
	require.NotContains(t, items[1], "warnings")
	require.Equal(t, warnings, h.want(t, 200, "GET", "/api/webhooks/open", "")["warnings"])
	require.Equal(t, warnings, h.want(t, 200, "PATCH", "/api/webhooks/safe", `{"verification":{"scheme":"none"}}`)["warnings"])
}

// Every field of a verification is kept and shown, and needs no secret where the keys
// are fetched.
func TestEveryFieldOfAVerificationIsTaken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for path, verification := range map[string]string{
		"hmac": `{"scheme":"hmac","header":"X-Mine","prefix":"v1=","algorithm":"sha512","encoding":"base64","secret_encoding":"hex","template":"{timestamp}.{id}.{body}",` +
			`"timestamp_header":"X-Time","timestamp_format":"unix-ms","id_header":"X-Id","tolerance":"1m0s"}`,
		"query": `{"scheme":"token","query":"key"}`,
		"jwt": `{"scheme":"jwt","algorithm":"RS256","jwks_url":"https://idp.example.com/keys","issuer":"https://idp.example.com","audience":"hooks",` +
			`"claims":{"azp":"shop"},"tolerance":"30s"}`,
		"sns": `{"scheme":"sns","confirm_subscription":true}`,
	} {
		data := h.want(t, 201, "POST", "/api/webhooks", `{"url_path":"`+path+`","workflow_id":"hello","verification":`+verification+`}`)
		if path == "jwt" || path == "sns" {
			require.NotContains(t, data, "secret_key")
		}
		shown, err := json.Marshal(h.want(t, 200, "GET", "/api/webhooks/"+path, "")["verification"])
		require.NoError(t, err)
		require.JSONEq(t, verification, string(shown))
	}
	h.refused(t, 409, meshhook.CodeConflict, "POST", "/api/webhooks/jwt/rotate-secret", "")
	re := h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/webhooks", `{"url_path":"x","workflow_id":"hello","verification":{"scheme":"jwt","algorithm":"RS256"}}`)
	require.Equal(t, []meshhook.Problem{{Path: "/secret_key", Message: "is missing"}}, re.Error.Details)
	h.want(t, 200, "PATCH", "/api/webhooks/sns", `{"verification":{"confirm_subscription":null}}`)
	require.Equal(t, meshhook.Verification{Scheme: "sns"}, h.endpoint(t, "sns").Verification)
	h.want(t, 200, "POST", "/api/webhooks/sns/rotate-secret", `{"secret_key":"arn:aws:sns:eu-west-1:123456789012:orders"}`)
}

// A window that was asked for must not outlive the events; the default may, where
// events are kept for a shorter time than it.
func TestADedupWindowIsNoLongerThanEventsAreKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "MESHHOOK_RETENTION_EVENTS=12h")
	h.want(t, 201, "POST", "/api/webhooks", `{"url_path":"a","workflow_id":"hello"}`)
	h.want(t, 201, "POST", "/api/webhooks", `{"url_path":"b","workflow_id":"hello","dedup_window":"12h"}`)
	for _, to := range [][3]string{
		{"POST", "/api/webhooks", `{"url_path":"c","workflow_id":"hello","dedup_window":"12h1ms"}`},
		{"PATCH", "/api/webhooks/b", `{"dedup_window":"12h1ms"}`},
	} {
		require.Contains(t, h.refused(t, 422, meshhook.CodeInvalid, to[0], to[1], to[2]).Error.Message, "retention.events is 12h")
	}
	h.want(t, 200, "PATCH", "/api/webhooks/a", `{"description":"its window is not touched"}`)
}

func TestWhatCannotBeAWebhookIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	require.Equal(t, 201, h.admin(t, "POST", "/api/webhooks", `{"url_path":"taken","workflow_id":"hello"}`).status)
	with := func(fields string) string { return `{"url_path":"x","workflow_id":"hello",` + fields + `}` }
	for name, c := range map[string]struct {
		body   string
		status int
		code   meshhook.Code
		says   string
		path   string
	}{
		"no fields":              {"", 422, meshhook.CodeInvalid, "needs a url_path and a workflow_id", "/url_path"},
		"no workflow":            {`{"url_path":"x"}`, 422, meshhook.CodeInvalid, "workflow_id", "/workflow_id"},
		"an unknown workflow":    {`{"url_path":"x","workflow_id":"nope"}`, 404, meshhook.CodeNotFound, `no workflow "nope"`, ""},
		"a taken path":           {`{"url_path":"taken","workflow_id":"hello"}`, 409, meshhook.CodeConflict, "taken", ""},
		"a path that cannot be":  {`{"url_path":"../x","workflow_id":"hello"}`, 422, meshhook.CodeInvalid, "cannot be a webhook's path", ""},
		"an unknown field":       {with(`"colour":"red"`), 400, meshhook.CodeMalformed, "/colour is not a field that is known here", "/colour"},
		"another case":           {with(`"Filter":"."`), 400, meshhook.CodeMalformed, "", "/Filter"},
		"an unknown field below": {with(`"verification":{"scheme":"hmac","a/b~":1}`), 400, meshhook.CodeMalformed, "", "/verification/a~1b~0"},
		"a field of its own":     {with(`"id":"x"`), 400, meshhook.CodeMalformed, "", "/id"},
		"a wrong type":           {with(`"filter":1`), 400, meshhook.CodeMalformed, "/filter must be a string", "/filter"},
		"a wrong type below":     {with(`"methods":["POST",2]`), 400, meshhook.CodeMalformed, "", "/methods/1"},
		"a list for an object":   {with(`"response":[]`), 400, meshhook.CodeMalformed, "/response must be an object", "/response"},
		"an object for a list":   {with(`"methods":{}`), 400, meshhook.CodeMalformed, "must be a list", "/methods"},
		"text for a number":      {with(`"max_body_bytes":"1"`), 400, meshhook.CodeMalformed, "whole number", "/max_body_bytes"},
		"half a byte":            {with(`"max_body_bytes":1.5`), 400, meshhook.CodeMalformed, "whole number", "/max_body_bytes"},
		"a number too large":     {with(`"max_body_bytes":1e400`), 400, meshhook.CodeMalformed, "not too large", "/max_body_bytes"},
		"text for yes or no":     {with(`"enabled":"yes"`), 400, meshhook.CodeMalformed, "true or false", "/enabled"},
		"a duration as a number": {with(`"verification":{"scheme":"stripe","tolerance":5}`), 400, meshhook.CodeMalformed, "a string", "/verification/tolerance"},
		"a secret as a number":   {with(`"secret_key":123456`), 400, meshhook.CodeMalformed, "a string", "/secret_key"},
		"header values":          {with(`"response":{"headers":{"X":1}}`), 400, meshhook.CodeMalformed, "a string", "/response/headers/X"},
		"a body over the limit":  {with(`"max_body_bytes":999999999`), 422, meshhook.CodeInvalid, "out of range", ""},
		"an unknown scheme":      {with(`"verification":{"scheme":"gitub"}`), 422, meshhook.CodeInvalid, "did you mean github", ""},
		"a bad duration":         {with(`"verification":{"scheme":"stripe","tolerance":"soon"}`), 422, meshhook.CodeInvalid, "not a duration", ""},
		"a bad rate":             {with(`"rate_limit":"fast"`), 422, meshhook.CodeInvalid, "not a rate limit", ""},
		"another type of rate":   {with(`"rate_limit":{"type":"leaky","value":"1/s"}`), 422, meshhook.CodeInvalid, "leaky", ""},
		"a bad network":          {with(`"allowed_ips":["300.0.0.1"]`), 422, meshhook.CodeInvalid, "neither a network nor an address", ""},
		"a bad filter":           {with(`"filter":".event | ("`), 422, meshhook.CodeInvalid, "the filter", ""},
		"a bad dedup":            {with(`"dedup":"("`), 422, meshhook.CodeInvalid, "the dedup expression", ""},
		"a bad schema":           {with(`"validation_schema":{"type":"objet"}`), 422, meshhook.CodeInvalid, "", ""},
		"a bad response":         {with(`"response":{"status":500}`), 422, meshhook.CodeInvalid, "use 200 to 299", ""},
		"a short window":         {with(`"dedup_window":"1ms"`), 422, meshhook.CodeInvalid, "out of range", ""},
		"a bad timeout":          {with(`"response":{"from":"run","timeout":"31s"}`), 422, meshhook.CodeInvalid, "out of range", ""},
		"a field not its own":    {with(`"verification":{"scheme":"hmac","issuer":"x"}`), 422, meshhook.CodeInvalid, "does not take issuer", ""},
		"a bad method":           {with(`"methods":["TRACE"]`), 422, meshhook.CodeInvalid, "TRACE", ""},
		"a secret for nothing":   {with(`"verification":{"scheme":"none"},"secret_key":"abc"`), 422, meshhook.CodeInvalid, "takes no secret", ""},
		"no secret's shape":      {with(`"verification":{"scheme":"standard-webhooks"},"secret_key":"!"`), 422, meshhook.CodeInvalid, "whsec_", ""},
	} {
		t.Run(name, func(t *testing.T) {
			re := h.refused(t, c.status, c.code, "POST", "/api/webhooks", c.body)
			require.Contains(t, re.Error.Message, c.says)
			require.NotContains(t, re.text, "123456", "a secret is not repeated")
			if c.path != "" {
				require.NotEmpty(t, re.Error.Details, re.text)
				require.Equal(t, c.path, re.Error.Details[0].Path)
			}
		})
	}
	list, err := h.project.Endpoints(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1, "nothing was made")
}

func TestAWebhookIsPatched(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	require.Equal(t, 201, h.admin(t, "POST", "/api/webhooks", full).status)
	require.Equal(t, 201, h.admin(t, "POST", "/api/workflows", `{"source":"name: other\nsteps:\n  - id: a\n    transform: .\n"}`).status)
	step := func(patch string, change map[string]any) {
		t.Helper()
		var want map[string]any
		require.NoError(t, json.Unmarshal([]byte(shown(t, h.endpoint(t, "full"))), &want))
		for name, value := range change {
			if want[name] = value; value == nil {
				delete(want, name)
			}
		}
		re := h.admin(t, "PATCH", "/api/webhooks/full", patch, func(r *http.Request) { r.Header.Set("Content-Type", "application/merge-patch+json") })
		require.Equal(t, 200, re.status, re.text)
		text, err := json.Marshal(want)
		require.NoError(t, err)
		require.JSONEq(t, string(text), shown(t, h.endpoint(t, "full")), patch)
	}
	step(`{}`, nil)
	step(`{"rate_limit":"5/s","enabled":true}`, map[string]any{"rate_limit": map[string]any{"type": "simple", "value": "5/second"}, "enabled": true})
	step(`{"rate_limit":null,"filter":null,"dedup":null,"description":null,"allowed_ips":null}`,
		map[string]any{"rate_limit": nil, "filter": nil, "dedup": nil, "description": nil, "allowed_ips": nil})
	step(`{"verification":{"tolerance":null}}`, map[string]any{"verification": map[string]any{"scheme": "stripe"}})
	step(`{"verification":{"scheme":"hmac","header":"X-Mine"}}`, map[string]any{"verification": map[string]any{"scheme": "hmac", "header": "X-Mine"}})
	step(`{"verification":{"prefix":"v1="}}`, map[string]any{"verification": map[string]any{"scheme": "hmac", "header": "X-Mine", "prefix": "v1="}})
	// Another scheme begins without what was set of the old one.
	step(`{"verification":{"scheme":"token"}}`, map[string]any{"verification": map[string]any{"scheme": "token"}})
	step(`{"verification":null,"methods":null,"max_body_bytes":null}`,
		map[string]any{"verification": map[string]any{"scheme": "hmac"}, "methods": []any{"POST"}, "max_body_bytes": 1048576})
	// The user's own documents are replaced whole, and keep their nulls.
	step(`{"validation_schema":{"enum":[null],"b":null}}`, map[string]any{"validation_schema": map[string]any{"enum": []any{nil}, "b": nil}})
	step(`{"response":{"body":{"x":null}}}`, map[string]any{"response": map[string]any{
		"status": 201, "content_type": "application/hal+json", "headers": map[string]any{"X-Thanks": "yes"}, "body": map[string]any{"x": nil},
	}})
	step(`{"response":{"headers":{"X-Thanks":null,"X-More":"1"}}}`, map[string]any{"response": map[string]any{
		"status": 201, "content_type": "application/hal+json", "headers": map[string]any{"X-More": "1"}, "body": map[string]any{"x": nil},
	}})
	step(`{"dedup_window":"30m"}`, map[string]any{"dedup_window": "30m0s"})
	step(`{"dedup_window":null}`, map[string]any{"dedup_window": "24h0m0s"})
	step(`{"response":null}`, map[string]any{"response": nil})
	step(`{"response":{"from":"run"}}`, map[string]any{"response": map[string]any{"from": "run", "status": 200, "timeout": "10s"}})
	step(`{"response":{"timeout":"2s"}}`, map[string]any{"response": map[string]any{"from": "run", "status": 200, "timeout": "2s"}})
	step(`{"response":null,"validation_schema":null}`, map[string]any{"response": nil, "validation_schema": nil})
	step(`{"workflow_id":"other"}`, map[string]any{"workflow": "other"})

	before := shown(t, h.endpoint(t, "full"))
	for body, c := range map[string]struct {
		status int
		code   meshhook.Code
	}{
		"":                                   {400, meshhook.CodeMalformed},
		"[]":                                 {400, meshhook.CodeMalformed},
		"null":                               {400, meshhook.CodeMalformed},
		`{"colour":1}`:                       {400, meshhook.CodeMalformed},
		`{"secret_key":"x"}`:                 {400, meshhook.CodeMalformed},
		`{"enabled":1}`:                      {400, meshhook.CodeMalformed},
		`{"url_path":null}`:                  {422, meshhook.CodeInvalid},
		`{"workflow_id":null}`:               {422, meshhook.CodeInvalid},
		`{"workflow_id":"nope"}`:             {404, meshhook.CodeNotFound},
		`{"filter":"("}`:                     {422, meshhook.CodeInvalid},
		`{"dedup_window":"1ms"}`:             {422, meshhook.CodeInvalid},
		`{"dedup_window":60}`:                {400, meshhook.CodeMalformed},
		`{"response":{"from":"afar"}}`:       {422, meshhook.CodeInvalid},
		`{"allowed_ips":["x"]}`:              {422, meshhook.CodeInvalid},
		`{"verification":{"scheme":"x"}}`:    {422, meshhook.CodeInvalid},
		`{"verification":{"tolerance":"x"}}`: {422, meshhook.CodeInvalid},
		`{"response":{"status":99}}`:         {422, meshhook.CodeInvalid},
		`{"max_body_bytes":12345678901234567890}`: {400, meshhook.CodeMalformed},
	} {
		h.refused(t, c.status, c.code, "PATCH", "/api/webhooks/full", body)
	}
	require.Equal(t, before, shown(t, h.endpoint(t, "full")))
}

// A schema stays the text that was given, byte for byte, when something else changes.
func TestAPatchLeavesTheSchemasTextAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const text = `{ "type" : "object", "a": 1, "a": 2 }`
	e := meshhook.Endpoint{
		ID: meshhook.NewID(), Path: "odd", WorkflowID: h.hello.ID, Enabled: true, Schema: json.RawMessage(text), Verification: meshhook.Verification{Scheme: "none"},
	}
	require.NoError(t, e.Validate())
	_, err := h.project.CreateEndpoint(t.Context(), e, meshhook.Secret{})
	require.NoError(t, err)
	h.want(t, 200, "PATCH", "/api/webhooks/odd", `{"description":"changed"}`)
	require.Equal(t, text, string(h.endpoint(t, "odd").Schema)) //nolint:testifylint // JSONEq forgives a change
}

func TestPatchesAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	require.Equal(t, 201, h.admin(t, "POST", "/api/webhooks", `{"url_path":"busy","workflow_id":"hello"}`).status)
	patches := []string{`{"description":"d"}`, `{"filter":".event"}`, `{"dedup":"none"}`, `{"rate_limit":"5/s"}`, `{"methods":["PUT"]}`, `{"max_body_bytes":9}`}
	answers := make(chan int, len(patches))
	for _, patch := range patches {
		go func() {
			r, err := http.NewRequestWithContext(t.Context(), "PATCH", "http://"+h.daemon.Addr("admin")+"/api/webhooks/busy", bytes.NewReader([]byte(patch)))
			if err != nil {
				answers <- 0
				return
			}
			r.Header.Set("Authorization", "Bearer "+h.tokens[meshhook.RoleWrite])
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				answers <- 0
				return
			}
			answers <- answer.StatusCode
			_ = answer.Body.Close()
		}()
	}
	for range patches {
		require.Equal(t, 200, <-answers)
	}
	e := h.endpoint(t, "busy")
	require.Equal(t, []string{"d", ".event", "none", "5/second", "PUT"}, []string{e.Description, e.Filter, e.Dedup, e.RateLimit.String(), e.Methods[0]})
	require.Equal(t, int64(9), e.MaxBody)
}

func TestWebhooksArePaged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var want []any
	for _, path := range []string{"a", "a-b", "ab", "b/c", "b0"} {
		require.Equal(t, 201, h.admin(t, "POST", "/api/webhooks", `{"url_path":"`+path+`","workflow_id":"hello"}`).status)
		want = append(want, path)
	}
	got, pages := h.pages(t, "/api/webhooks?limit=2", "url_path")
	require.Equal(t, want, got)
	require.Equal(t, 3, pages)
	got, pages = h.pages(t, "/api/webhooks?limit=5", "url_path")
	require.Equal(t, want, got)
	require.Equal(t, 1, pages)
	// What was the last entry of a page may be gone when the next one is asked for.
	h.want(t, 200, "DELETE", "/api/webhooks/ab", "")
	items, _ := h.list(t, "/api/webhooks?cursor=ab")
	require.Len(t, items, 2)
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "limit=", "limit=1&limit=2", "colour=red", "%zz"} {
		re := h.admin(t, "GET", "/api/webhooks?"+query, "")
		if query == "limit=" {
			require.Equal(t, 200, re.status)
			continue
		}
		require.Equal(t, 400, re.status, query)
		requireError(t, meshhook.CodeMalformed, re)
	}
}

// A test that no listener answers says so.
func TestATestWithoutAListener(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "MESHHOOK_ONLY=admin", "MESHHOOK_LISTEN=127.0.0.1:1")
	require.Equal(t, 201, h.admin(t, "POST", "/api/webhooks", `{"url_path":"x","workflow_id":"hello"}`).status)
	re := h.refused(t, 409, meshhook.CodeConflict, "POST", "/api/webhooks/x/test", `{"body":"text"}`)
	require.Contains(t, re.Error.Message, "127.0.0.1:1")
	require.NotContains(t, strings.ToLower(re.text), "secret")
}
