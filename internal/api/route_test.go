package api_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/schema"
)

var inBraces = regexp.MustCompile(`\{\w+\}`)

// concrete makes a path that can be asked for.
func concrete(path, id string) string { return inBraces.ReplaceAllLiteralString(path, id) }

// Each route lets in the roles that it should, and nobody else; a new route is
// tried here without being listed.
func TestEveryRouteAsksForItsRole(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	unknown := meshhook.NewToken().Reveal()
	for _, r := range api.Routes() {
		path, body := concrete(r.Path, "nothing"), ""
		if r.TakesBody {
			body = "{}"
		}
		name := r.Method + " " + r.Path
		if r.Role == "" {
			require.Equal(t, "/api/openapi.json", r.Path, "nothing else is for everybody")
			require.Equal(t, 200, h.as(t, "", r.Method, path, "").status)
			continue
		}
		re := h.as(t, "", r.Method, path, body)
		require.Equal(t, 401, re.status, name)
		requireError(t, meshhook.CodeUnauthorized, re)
		require.Equal(t, `Bearer realm="meshhook"`, re.header.Get("WWW-Authenticate"))
		re = h.as(t, unknown, r.Method, path, body)
		require.Equal(t, 401, re.status, name)
		require.Contains(t, re.header.Get("WWW-Authenticate"), `error="invalid_token"`)
		for _, role := range meshhook.Roles() {
			re := h.as(t, h.tokens[role], r.Method, path, body)
			if role.Allows(r.Role) {
				require.NotContains(t, []int{401, 403, 405, 500}, re.status, "%s as %s: %s", name, role, re.text)
				continue
			}
			require.Equal(t, 403, re.status, "%s as %s: %s", name, role, re.text)
			requireError(t, meshhook.CodeForbidden, re)
		}
		if r.Method == http.MethodGet {
			require.NotEqual(t, meshhook.RoleWrite, r.Role, "%s changes nothing", name)
		} else {
			require.NotEqual(t, meshhook.RoleRead, r.Role, "%s changes something", name)
		}
	}
}

// What is refused is refused before anything is done.
func TestARefusedRoleChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for path, body := range map[string]string{
		"/api/webhooks":  `{"url_path":"x","workflow_id":"hello"}`,
		"/api/workflows": `{"source":"name: x\nsteps: [{id: a, transform: .}]\n"}`,
		"/api/secrets":   `{"name":"x","value":"y"}`,
		"/api/tokens":    `{"name":"x","role":"admin"}`,
		"/api/projects":  `{"name":"x"}`,
		alerts:           `{"all_workflows":true,"on":["failed"],"url":"https://example.com"}`,
	} {
		require.Equal(t, 403, h.as(t, h.tokens[meshhook.RoleRead], "POST", path, body).status)
		require.Equal(t, 403, h.as(t, h.tokens[meshhook.RoleRead], "DELETE", "/api/workflows/hello", "").status)
		require.Contains(t, []int{200, 201}, h.admin(t, "POST", path, body).status, "it could have been done: "+path)
	}
}

// An intruder with an admin's token of its own project asks for everything of
// another one, by every route there is, and sees and changes nothing.
func TestNoRouteLeadsToAnotherProject(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	acme, err := h.db.CreateProject(t.Context(), "acme", "cli:ann@host")
	require.NoError(t, err)
	intruder := newToken(t, h.db.Tenant(acme.ID), "intruder", meshhook.RoleAdmin, nil)

	webhook := h.want(t, 201, "POST", "/api/webhooks", `{"url_path":"private","workflow_id":"hello","verification":{"scheme":"none"}}`)
	h.want(t, 201, "POST", "/api/secrets", `{"name":"crm","value":"x"}`)
	run := h.want(t, 201, "POST", "/api/workflows/hello/runs", `{"body":{"mine":true}}`)
	event := h.event(t, "private", `{"mine":true}`)
	alert := as[string](t, h.want(t, 201, "POST", alerts, `{"all_workflows":true,"on":["failed"],"url":"https://example.com"}`)["id"])
	ids := []string{
		alert, "private", as[string](t, webhook["id"]), "hello", h.hello.ID.String(), as[string](t, run["id"]), event, "crm", "admin", "default",
	}
	audited := func() int {
		list, err := h.project.AuditLog(t.Context(), meshhook.AuditFilter{})
		require.NoError(t, err)
		return len(list)
	}
	before := audited()
	for _, r := range api.Routes() {
		if r.Role == "" || r.Stream {
			continue
		}
		if !strings.Contains(r.Path, "{") {
			re := h.as(t, intruder, r.Method, r.Path, "")
			for _, id := range ids[:len(ids)-2] { // the names of tokens and projects are words of their own
				require.NotContains(t, re.text, `"`+id+`"`, "%s %s", r.Method, r.Path)
			}
			continue
		}
		for _, id := range ids {
			body := ""
			if r.TakesBody {
				body = "{}"
			}
			if strings.HasPrefix(r.Path, "/api/workflows") && r.Method == http.MethodPut {
				body = `{"source":"name: hello\nsteps: [{id: a, transform: .}]\n"}`
			}
			re := h.as(t, intruder, r.Method, concrete(r.Path, id), body)
			require.Equal(t, 404, re.status, "%s %s of %s: %s", r.Method, r.Path, id, re.text)
		}
	}
	require.Equal(t, before, audited(), "nothing was changed")

	// Neither can it name what is not its own.
	require.Equal(t, 404, h.as(t, intruder, "POST", "/api/webhooks", `{"url_path":"evil","workflow_id":"`+h.hello.ID.String()+`"}`).status)
	require.Equal(t, 404, h.as(t, intruder, "POST", alerts, `{"id":"`+alert+`","enabled":false}`).status)
	require.Equal(t, 404, h.as(t, intruder, "POST", alerts, `{"workflow_id":"`+h.hello.ID.String()+`","on":["failed"],"url":"https://example.com"}`).status)
	require.Equal(t, 403, h.as(t, intruder, "POST", "/api/projects", `{"name":"evil"}`).status)
	require.Equal(t, 403, h.as(t, intruder, "DELETE", "/api/projects/acme", "").status)
	own := h.as(t, intruder, "GET", "/api/projects", "")
	require.Contains(t, own.text, `"acme"`)
	require.NotContains(t, own.text, `"default"`, "it does not hear of the others")
}

// event records a request of a webhook that verifies nothing, and returns its id.
func (h house) event(t *testing.T, path, body string) string {
	t.Helper()
	var id string
	require.Eventually(t, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+h.daemon.Addr("ingress")+"/hooks/"+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		defer func() { require.NoError(t, answer.Body.Close()) }()
		var stored struct {
			ID string `json:"event_id"`
		}
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&stored))
		id = stored.ID
		return id != ""
	}, patience, patience/1000)
	return id
}

// Nothing of any other shape ever leaves.
func TestErrorsHaveOneShape(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	plain := func(kind string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Type", kind) }
	}
	for name, c := range map[string]struct {
		method, path, body string
		change             func(*http.Request)
		status             int
		code               meshhook.Code
	}{
		"no such route":         {"GET", "/api/nothing", "", nil, 404, meshhook.CodeNotFound},
		"the root":              {"GET", "/api/", "", nil, 404, meshhook.CodeNotFound},
		"the root, bare":        {"GET", "/api", "", nil, 404, meshhook.CodeNotFound},
		"a slash at the end":    {"GET", "/api/webhooks/", "", nil, 404, meshhook.CodeNotFound},
		"two slashes":           {"GET", "/api//webhooks", "", nil, 404, meshhook.CodeNotFound},
		"dots":                  {"GET", "/api/../api/webhooks", "", nil, 404, meshhook.CodeNotFound},
		"dots, escaped":         {"GET", "/api/webhooks/%2e%2e", "", nil, 404, meshhook.CodeNotFound},
		"a slash among dots":    {"GET", "/api/webhooks/..%2f..%2fx", "", nil, 404, meshhook.CodeNotFound},
		"dots between":          {"GET", "/api/%2e%2e/api/webhooks", "", nil, 404, meshhook.CodeNotFound},
		"an empty segment":      {"GET", "/api/webhooks//test", "", nil, 404, meshhook.CodeNotFound},
		"a backslash":           {"GET", "/api/webhooks/..%5c..", "", nil, 404, meshhook.CodeNotFound},
		"deeper":                {"GET", "/api/webhooks/a/b/c/d", "", nil, 404, meshhook.CodeNotFound},
		"a method":              {"DELETE", "/api/webhooks", "", nil, 405, meshhook.CodeMethodNotAllowed},
		"an invented method":    {"BREW", "/api/webhooks/x", "", nil, 405, meshhook.CodeMethodNotAllowed},
		"no method of a route":  {"BREW", "/api/nothing", "", nil, 404, meshhook.CodeNotFound},
		"options":               {"OPTIONS", "/api/runs", "", nil, 405, meshhook.CodeMethodNotAllowed},
		"a form":                {"POST", "/api/webhooks", "a=b", plain("application/x-www-form-urlencoded"), 415, meshhook.CodeUnsupportedMediaType},
		"a type without sense":  {"POST", "/api/webhooks", "{}", plain(";;"), 415, meshhook.CodeUnsupportedMediaType},
		"a patch that is none":  {"POST", "/api/webhooks", "{}", plain("application/merge-patch+json"), 415, meshhook.CodeUnsupportedMediaType},
		"an encoding":           {"POST", "/api/webhooks", "{}", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415, meshhook.CodeUnsupportedMediaType},
		"too large":             {"POST", "/api/webhooks", strings.Repeat(" ", api.MaxBody+1), nil, 413, meshhook.CodePayloadTooLarge},
		"as large as can be":    {"POST", "/api/webhooks", strings.Repeat(" ", api.MaxBody-2) + "{}", nil, 422, meshhook.CodeInvalid},
		"not JSON":              {"POST", "/api/webhooks", "{", nil, 400, meshhook.CodeMalformed},
		"more than JSON":        {"POST", "/api/webhooks", "{}{}", nil, 400, meshhook.CodeMalformed},
		"no object":             {"POST", "/api/webhooks", `"text"`, nil, 400, meshhook.CodeMalformed},
		"not UTF-8":             {"POST", "/api/webhooks", "{\"url_path\":\"\xff\"}", nil, 400, meshhook.CodeMalformed},
		"a lone surrogate":      {"POST", "/api/webhooks", `{"url_path":"\ud800"}`, nil, 400, meshhook.CodeMalformed},
		"NUL":                   {"POST", "/api/webhooks", `{"url_path":"a\u0000","workflow_id":"hello"}`, nil, 422, meshhook.CodeInvalid},
		"NUL where text can be": {"POST", "/api/webhooks", `{"url_path":"a","workflow_id":"he\u0000llo"}`, nil, 422, meshhook.CodeInvalid},
		"NUL in a text":         {"POST", "/api/webhooks", `{"url_path":"a","workflow_id":"hello","description":"\u0000"}`, nil, 422, meshhook.CodeInvalid},
		"NUL in a response":     {"POST", "/api/webhooks", `{"url_path":"a","workflow_id":"hello","response":{"body":{"x":"\u0000"}}}`, nil, 422, meshhook.CodeInvalid},
		"NUL in a filter":       {"GET", "/api/events?webhook=%00", "", nil, 400, meshhook.CodeMalformed},
		"deep":                  {"POST", "/api/webhooks", `{"validation_schema":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, nil, 400, meshhook.CodeMalformed},
		"deep and open":         {"PATCH", "/api/webhooks/x", strings.Repeat(`{"a":`, 100000), nil, 400, meshhook.CodeMalformed},
		"many unknown fields":   {"POST", "/api/webhooks", manyFields(5000), nil, 400, meshhook.CodeMalformed},
		"an event's odd id":     {"GET", "/api/events/x", "", nil, 404, meshhook.CodeNotFound},
		"a webhook named NUL":   {"GET", "/api/webhooks/%00", "", nil, 404, meshhook.CodeNotFound},
		"a webhook of no UTF-8": {"GET", "/api/webhooks/%ff%fe", "", nil, 404, meshhook.CodeNotFound},
		"a run's upper case id": {"GET", "/api/runs/01890A5D-AC96-774B-BCCE-B302099A8057", "", nil, 404, meshhook.CodeNotFound},
		"a retry from nowhere":  {"POST", "/api/runs/01890a5d-ac96-774b-bcce-b302099a8057/retry", `{"from_step":"x"}`, nil, 404, meshhook.CodeNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			change := c.change
			if change == nil {
				change = func(*http.Request) {}
			}
			re := h.admin(t, c.method, c.path, c.body, change)
			require.Equal(t, c.status, re.status, re.text)
			requireError(t, c.code, re)
			require.LessOrEqual(t, len(re.Error.Details), 20)
			require.Less(t, len(re.text), 8<<10, "an answer does not repeat what was sent")
			require.Equal(t, c.status == 405, re.header.Get("Allow") != "")
		})
	}
	re := h.admin(t, "PUT", "/api/webhooks/x", "")
	require.Equal(t, "GET, HEAD, PATCH, DELETE", re.header.Get("Allow"))
	head := h.admin(t, http.MethodHead, "/api/webhooks", "")
	require.Equal(t, 200, head.status)
	require.Empty(t, head.text)
	head = h.admin(t, http.MethodHead, "/api/events/stream", "") // which would have no end
	require.Equal(t, 200, head.status)
}

func manyFields(n int) string {
	fields := map[string]int{}
	for i := range n {
		fields[strings.Repeat("x", i)] = i
	}
	text, _ := json.Marshal(fields)
	return string(text[:min(len(text), 900_000)]) + `"}`
}

// The document describes every route, and its references lead somewhere.
func TestTheDocumentDescribesEverything(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	re := h.as(t, "", "GET", "/api/openapi.json", "")
	require.Equal(t, 200, re.status)
	require.Equal(t, "application/openapi+json", re.header.Get("Content-Type"))
	var document struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string                      `json:"operationId"`
			Security    []map[string][]string       `json:"security"`
			Parameters  []struct{ Name, In string } `json:"parameters"`
			RequestBody *struct {
				Content map[string]struct {
					Schema map[string]any `json:"schema"`
				} `json:"content"`
			} `json:"requestBody"`
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
		Components struct {
			Schemas         map[string]any `json:"schemas"`
			SecuritySchemes map[string]any `json:"securitySchemes"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal([]byte(re.text), &document))
	require.Equal(t, "3.1.0", document.OpenAPI)
	require.Contains(t, document.Components.SecuritySchemes, "token")
	ids := map[string]bool{}
	count := 0
	for _, methods := range document.Paths {
		count += len(methods)
	}
	require.Len(t, api.Routes(), count)
	for _, r := range api.Routes() {
		o, ok := document.Paths[r.Path][strings.ToLower(r.Method)]
		require.True(t, ok, "%s %s is not described", r.Method, r.Path)
		require.False(t, ids[o.OperationID], o.OperationID)
		ids[o.OperationID] = true
		require.Equal(t, r.Role == "", len(o.Security) == 0, r.Path)
		require.Equal(t, r.TakesBody, o.RequestBody != nil, r.Path)
		require.Contains(t, o.Responses, "default")
		dry := o.OperationID == "replayEvent" || o.OperationID == "startRun"
		require.Equal(t, dry, len(o.Responses) == 3, "%s: a dry run has an answer of its own", o.OperationID)
		var query []string
		for _, p := range o.Parameters {
			if p.In == "query" {
				query = append(query, p.Name)
			} else {
				require.Contains(t, r.Path, "{"+p.Name+"}")
			}
		}
		require.Equal(t, r.Query, query, r.Path)
		require.Equal(t, strings.Contains(r.Path, "{"), len(o.Parameters) > len(query), r.Path)
	}
	for _, found := range regexp.MustCompile(`"\$ref":"#/components/schemas/(\w+)"`).FindAllStringSubmatch(re.text, -1) {
		require.Contains(t, document.Components.Schemas, found[1])
	}
	// As a JSON Schema it lets pass what the API takes, and nothing else.
	var whole struct {
		Components json.RawMessage `json:"components"`
	}
	require.NoError(t, json.Unmarshal([]byte(re.text), &whole))
	compiled, err := schema.Compile([]byte(`{"$ref":"#/components/schemas/WebhookBody","components":`+string(whole.Components)+`}`), schema.Options{})
	require.NoError(t, err)
	for body, good := range map[string]bool{
		full: true, `{"url_path":"x","workflow_id":"y","rate_limit":"5/s"}`: true, `{"url_path":"x"}`: false, `{"url_path":"x","workflow_id":1}`: false,
		`{"url_path":"x","workflow_id":"y","colour":"red"}`: false, `{"url_path":"x","workflow_id":"y","rate_limit":{"type":"leaky","value":"1/s"}}`: false,
	} {
		value, err := content.Decode([]byte(body))
		require.NoError(t, err)
		require.Equal(t, good, len(compiled.Validate(value)) == 0, body)
	}
	webhook := as[map[string]any](t, document.Components.Schemas["WebhookBody"])
	require.ElementsMatch(t, []any{"url_path", "workflow_id"}, webhook["required"])
	require.Equal(t, false, webhook["additionalProperties"])
	require.Contains(t, slices.Collect(maps.Keys(as[map[string]any](t, webhook["properties"]))), "secret_key")
	patch := document.Paths["/api/webhooks/{id}"]["patch"].RequestBody.Content["application/merge-patch+json"].Schema
	require.NotContains(t, patch, "required")
	require.NotContains(t, patch["properties"], "secret_key")
}

// A daemon that is no admin answers health and metrics only.
func TestADaemonOfWorkersHasNoAPI(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "MESHHOOK_ONLY=worker")
	r, err := http.NewRequestWithContext(context.Background(), "GET", "http://"+h.daemon.Addr("admin")+"/api/webhooks", http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, 404, answer.StatusCode)
}

// The page about the API names every route, and none that there is not.
func TestThePageNamesEveryRoute(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/api.md")
	require.NoError(t, err)
	var want, got []string
	for _, r := range api.Routes() {
		want = append(want, r.Method+" "+r.Path)
	}
	for _, found := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /api/[^`]*)` \\|").FindAllStringSubmatch(string(page), -1) {
		got = append(got, found[1])
	}
	require.ElementsMatch(t, want, got)
}

// What the page shows as a body is taken.
func TestThePagesExampleIsTaken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	page, err := os.ReadFile("../../docs/api.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "-d '{\n")
	require.True(t, found)
	body, _, found := strings.Cut("{\n"+rest, "\n}'")
	require.True(t, found)
	body = strings.Replace(body+"\n}", `"orders"`, `"hello"`, 1) // the workflow
	require.Equal(t, "shop/orders", h.want(t, 201, "POST", "/api/webhooks", body)["url_path"])
}
