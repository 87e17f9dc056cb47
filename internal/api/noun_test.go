package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestEventsAreListedShownAndReplayed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.open(t)
	before := time.Now()
	var want []any
	for _, body := range []string{`{"n":1}`, `{"n":2}`, `{"n":3}`} {
		want = append([]any{h.event(t, "open", body)}, want...)
	}
	got, pages := h.pages(t, "/api/events?limit=2", "id")
	require.Equal(t, want, got)
	require.Equal(t, 2, pages)
	after := url.QueryEscape(time.Now().Add(time.Minute).Format(time.RFC3339))
	for query, n := range map[string]int{
		"webhook=open": 3, "webhook=other": 0, "status=accepted": 3, "status=rejected": 0, "since=1h": 3, "since=" + after: 0,
		"until=1h": 0, "until=" + after: 3, "since=" + url.QueryEscape(before.Format(time.RFC3339Nano)): 3, "limit=3": 3, "status=": 3,
	} {
		items, next := h.list(t, "/api/events?"+query)
		require.Len(t, items, n, query)
		require.Empty(t, next, query)
	}
	for _, query := range []string{"status=odd", "since=yesterday", "since=-1h", "until=x", "cursor=x", "limit=1.5"} {
		require.Equal(t, 400, h.admin(t, "GET", "/api/events?"+query, "").status, query)
	}

	id := as[string](t, want[2])
	event := h.want(t, 200, "GET", "/api/events/"+id, "")
	require.Equal(t, map[string]any{"n": float64(1)}, event["body"])
	require.Equal(t, "open", event["webhook"])
	require.NotEmpty(t, event["headers"])
	require.Len(t, event["run_ids"], 1)

	run := h.want(t, 201, "POST", "/api/events/"+id+"/replay", "")
	require.Equal(t, id, run["event_id"])
	require.Equal(t, "hello", run["workflow"])
	h.want(t, 201, "POST", "/api/events/"+id+"/replay", `{"workflow":"hello","version":1}`)
	h.refused(t, 404, meshhook.CodeNotFound, "POST", "/api/events/"+id+"/replay", `{"workflow":"nope"}`)
	h.refused(t, 404, meshhook.CodeNotFound, "POST", "/api/events/"+id+"/replay", `{"version":9}`)
	h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/events/"+id+"/replay", `{"version":-1}`)
	h.refused(t, 404, meshhook.CodeNotFound, "GET", "/api/events/"+meshhook.NewID().String(), "")
	for _, body := range []string{`{"dry_run":true}`, `{"dry_run":true,"workflow":"hello","version":1}`} {
		dry := h.want(t, 200, "POST", "/api/events/"+id+"/replay", body)
		require.Equal(t, true, dry["dry_run"])
		require.Equal(t, id, dry["event_id"])
		require.Equal(t, "succeeded", dry["status"])
		require.Len(t, dry["steps"], 1)
	}
	h.refused(t, 404, meshhook.CodeNotFound, "POST", "/api/events/"+id+"/replay", `{"dry_run":true,"version":9}`)
	h.refused(t, 404, meshhook.CodeNotFound, "POST", "/api/events/"+meshhook.NewID().String()+"/replay", `{"dry_run":true}`)
	h.refused(t, 400, meshhook.CodeMalformed, "POST", "/api/events/"+id+"/replay", `{"dry_run":"yes"}`)
	event = h.want(t, 200, "GET", "/api/events/"+id, "")
	require.Len(t, event["run_ids"], 3)

	h.want(t, 200, "DELETE", "/api/webhooks/open", "")
	re := h.refused(t, 404, meshhook.CodeNotFound, "POST", "/api/events/"+id+"/replay", "")
	require.Contains(t, re.Error.Message, "is gone")
}

// The list finds what the command finds, by content too, page by page.
func TestEventsAreSearched(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.want(t, 201, "POST", "/api/webhooks", `{"url_path":"open","workflow_id":"hello","verification":{"scheme":"none"},"dedup":".event.body.id"}`)
	var ids []any
	for _, body := range []string{`{"id":"a","total":1}`, `{"id":"b","total":20}`, `{"id":"c","total":"x"}`, `{"id":"d","total":30}`} {
		ids = append(ids, h.event(t, "open", body))
	}
	require.Equal(t, 400, int(as[float64](t, h.want(t, 200, "POST", "/api/webhooks/open/test", `{"body":"{"}`)["status"])))
	for query, want := range map[string][]any{
		"dedup_key=b":                                       {ids[1]},
		"dedup_key=nope":                                    nil,
		"where=.event.body.total>10":                        {ids[3], ids[2], ids[1]}, // to jq, text is more than any number
		"where=.event.body.total%2B1>10":                    {ids[3], ids[1]},         // it fails on text
		"where=.event.body.total==20&dedup_key=b":           {ids[1]},
		"where=.event.body.total==20&dedup_key=a":           nil,
		"code=invalid_signature":                            nil,
		"from=127.0.0.0/8&status=accepted":                  {ids[3], ids[2], ids[1], ids[0]},
		"from=::ffff:127.0.0.1&status=accepted&dedup_key=a": {ids[0]},
		"from=192.0.2.0/24":                                 nil,
		"since=2020-01-01&until=2020-01-02":                 nil,
	} {
		items, next := h.list(t, "/api/events?"+query)
		var got []any
		for _, item := range items {
			got = append(got, item["id"])
			require.NotContains(t, item, "body")
		}
		require.Equal(t, want, got, query)
		require.Empty(t, next, query)
	}
	items, _ := h.list(t, "/api/events?code=malformed_payload")
	require.Len(t, items, 1)
	got, pages := h.pages(t, "/api/events?where=.event.body.total%2B1>10&limit=1", "id")
	require.Equal(t, []any{ids[3], ids[1]}, got)
	require.Equal(t, 2, pages)
	for query, says := range map[string]string{
		"where=.event.body%20%7C%20(": "column 16", "code=odd": "code=odd cannot be; use", "from=300.0.0.1": "write a network", "from=": "",
	} {
		re := h.admin(t, "GET", "/api/events?"+query, "")
		if says == "" {
			require.Equal(t, 200, re.status, query)
			continue
		}
		require.Equal(t, 400, re.status, query)
		requireError(t, meshhook.CodeMalformed, re)
		require.Contains(t, re.Error.Message, says)
	}
}

// A refusal is explained without a word of the secret.
func TestARefusalIsExplained(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.want(t, 201, "POST", "/api/webhooks", `{"url_path":"strict","workflow_id":"hello","secret_key":"hush-hush "}`)
	require.Eventually(t, func() bool {
		return h.want(t, 200, "POST", "/api/webhooks/strict/test", "")["status"] == float64(202)
	}, patience, 20*time.Millisecond)
	h.want(t, 200, "POST", "/api/webhooks/strict/test", `{"headers":{"X-Signature":"`+signed(`{"hello":"world"}`, "hush-hush")+`"}}`)
	events, _ := h.list(t, "/api/events?code=invalid_signature")
	require.Len(t, events, 1)
	id := as[string](t, events[0]["id"])
	x := h.want(t, 200, "GET", "/api/events/"+id+"/explain", "")
	require.Equal(t, []any{id, "strict", "hmac", events[0]["reason"]}, []any{x["event_id"], x["webhook"], x["scheme"], x["reason"]})
	mistake := as[map[string]any](t, as[[]any](t, x["mistakes"])[0])
	require.Equal(t, "secret", mistake["mistake"])
	require.Equal(t, true, mistake["proven"])
	require.NotContains(t, h.admin(t, "GET", "/api/events/"+id+"/explain", "").text, "hush")

	accepted, _ := h.list(t, "/api/events?status=accepted&limit=1")
	re := h.refused(t, 409, meshhook.CodeConflict, "GET", "/api/events/"+as[string](t, accepted[0]["id"])+"/explain", "")
	require.Contains(t, re.Error.Message, "was not refused for its signature")
	h.refused(t, 404, meshhook.CodeNotFound, "GET", "/api/events/nope/explain", "")
	h.want(t, 200, "DELETE", "/api/webhooks/strict", "")
	h.refused(t, 404, meshhook.CodeNotFound, "GET", "/api/events/"+id+"/explain", "")
}

// signed is the value of X-Signature over a body.
func signed(body, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// What was rejected runs by force only, and that is written down.
func TestARejectedEventIsReplayedByForceOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.want(t, 201, "POST", "/api/webhooks", `{"url_path":"strict","workflow_id":"hello"}`)
	var id string
	require.Eventually(t, func() bool {
		return h.want(t, 200, "POST", "/api/webhooks/strict/test", "")["status"] == float64(202)
	}, patience, 20*time.Millisecond)
	h.want(t, 200, "POST", "/api/webhooks/strict/test", `{"headers":{"X-Signature":"sha256=00"}}`)
	re := h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/webhooks/strict/test", `{"headers":{"X Y":"1"}}`)
	require.Contains(t, re.Error.Message, "the test cannot be sent: ")
	events, _ := h.list(t, "/api/events?status=rejected")
	require.Len(t, events, 1)
	id = as[string](t, events[0]["id"])
	shown := h.want(t, 200, "GET", "/api/events/"+id, "")
	require.Equal(t, "invalid_signature", shown["code"])
	require.NotEmpty(t, shown["findings"])
	re = h.refused(t, 409, meshhook.CodeConflict, "POST", "/api/events/"+id+"/replay", "")
	require.Contains(t, re.Error.Message, "invalid_signature")
	h.refused(t, 409, meshhook.CodeConflict, "POST", "/api/events/"+id+"/replay", `{"dry_run":true}`)
	require.Equal(t, "succeeded", h.want(t, 200, "POST", "/api/events/"+id+"/replay", `{"dry_run":true,"force":true}`)["status"])
	run := h.want(t, 201, "POST", "/api/events/"+id+"/replay", `{"force":true}`)
	audit, _ := h.list(t, "/api/audit?action=event.replayed")
	require.Len(t, audit, 1)
	require.Equal(t, "token:admin", audit[0]["actor"])
	require.Equal(t, id, audit[0]["target"])
	require.Equal(t, run["id"], as[map[string]any](t, audit[0]["detail"])["run_id"])
}

// The limit of a workflow's concurrency holds for what was applied here, too.
func TestBlockedRuns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "MESHHOOK_ONLY=admin") // nobody drives the runs
	h.want(t, 201, "POST", "/api/workflows", `{"source":"name: one\nconcurrency: {limit: 1}\nsteps: [{id: a, transform: .}]\n"}`)
	for range 2 {
		h.want(t, 201, "POST", "/api/workflows/one/runs", `{}`)
	}
	claims, err := h.db.ClaimRuns(t.Context(), meshhook.NewID(), 10, time.Minute)
	require.NoError(t, err)
	for i := range claims {
		run := &claims[i].Run
		claims[i].Place = meshhook.PlaceOf(run.WorkflowID, "")
		taken, err := h.db.TakePlace(t.Context(), &claims[i], "")
		require.NoError(t, err)
		require.Equal(t, i == 0, taken)
		shown := h.want(t, 200, "GET", "/api/runs/"+run.ID.String(), "")
		require.Equal(t, !taken, shown["blocked"] == true)
		require.NotContains(t, shown, "wake_at")
	}
}

func TestWorkflowsAndRuns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "MESHHOOK_ONLY=admin") // nobody drives the runs
	re := h.admin(t, "POST", "/api/workflows", `{"definition":{"name":"sums","steps":[{"id":"a","transform":".event.body.n + 1"}]}}`)
	require.Equal(t, 201, re.status, re.text)
	require.Contains(t, re.header.Get("Location"), "/api/workflows/")
	require.Equal(t, false, h.want(t, 200, "POST", "/api/workflows", `{"definition":{"steps":[{"transform":".event.body.n + 1","id":"a"}],"name":"sums"}}`)["changed"])
	second := h.want(t, 200, "PUT", "/api/workflows/sums", `{"source":"name: sums\nsteps: [{id: a, transform: .event.body.n + 2}]\n"}`)
	require.InDelta(t, 2, as[map[string]any](t, second["workflow"])["version"], 0)

	got, pages := h.pages(t, "/api/workflows?limit=1", "name")
	require.Equal(t, []any{"hello", "sums"}, got)
	require.Equal(t, 2, pages)
	one := h.want(t, 200, "GET", "/api/workflows/sums?version=1", "")
	require.Contains(t, one["source"], "n + 1")
	require.InDelta(t, 1, one["version"], 0)
	require.Contains(t, h.want(t, 200, "GET", "/api/workflows/"+as[string](t, one["id"]), "")["source"], "n + 2")
	versions, pages := h.pages(t, "/api/workflows/sums/versions?limit=1", "version")
	require.Equal(t, []any{float64(2), float64(1)}, versions)
	require.Equal(t, 2, pages)
	for path, status := range map[string]int{
		"/api/workflows/sums?version=9": 404, "/api/workflows/sums?version=0": 400, "/api/workflows/sums?version=x": 400, "/api/workflows/nope": 404,
		"/api/workflows/nope/versions": 404, "/api/workflows/sums/versions?cursor=x": 400, "/api/workflows/sums/versions?limit=0": 400,
	} {
		require.Equal(t, status, h.admin(t, "GET", path, "").status, path)
	}
	for body, says := range map[string]string{
		`{}`: "in one form", `{"source":"a","definition":{}}`: "in one form", `{"source":"name: x\nsteps: []\n"}`: "workflow:",
		`{"source":"name: x\nstepz: []\n"}`: "stepz", `{"definition":[]}`: "workflow:",
	} {
		re := h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/workflows", body)
		require.Contains(t, re.Error.Message, says)
	}
	h.refused(t, 422, meshhook.CodeInvalid, "PUT", "/api/workflows/hello", `{"source":"name: sums\nsteps: [{id: a, transform: .}]\n"}`)
	h.refused(t, 422, meshhook.CodeInvalid, "PUT", "/api/workflows/hello", `{"source":"x"}`)
	h.refused(t, 404, meshhook.CodeNotFound, "PUT", "/api/workflows/nope", `{"source":"name: nope\nsteps: [{id: a, transform: .}]\n"}`)

	run := h.want(t, 201, "POST", "/api/workflows/sums/runs", `{"body":{"n":1}}`)
	require.Equal(t, "queued", run["status"])
	require.InDelta(t, 2, run["version"], 0)
	id := as[string](t, run["id"])
	h.want(t, 201, "POST", "/api/workflows/hello/runs", `{"body":"text","version":1}`)
	h.want(t, 201, "POST", "/api/workflows/hello/runs", ``)
	h.refused(t, 404, meshhook.CodeNotFound, "POST", "/api/workflows/nope/runs", "")
	h.refused(t, 404, meshhook.CodeNotFound, "POST", "/api/workflows/hello/runs", `{"version":9,"dry_run":true}`)
	h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/workflows/hello/runs", `{"version":-1}`)
	dry := h.want(t, 200, "POST", "/api/workflows/hello/runs", `{"body":{"n":1},"dry_run":true}`)
	require.Equal(t, map[string]any{"n": float64(1)}, as[map[string]any](t, as[[]any](t, dry["steps"])[0])["output"])
	ids, pages := h.pages(t, "/api/runs?limit=2", "id")
	require.Len(t, ids, 3)
	require.Equal(t, 2, pages)
	for query, n := range map[string]int{"workflow=sums": 1, "status=queued": 3, "status=failed": 0, "since=1h": 3} {
		items, _ := h.list(t, "/api/runs?"+query)
		require.Len(t, items, n, query)
	}
	for _, query := range []string{"status=odd", "since=x", "cursor=x", "limit=0"} {
		require.Equal(t, 400, h.admin(t, "GET", "/api/runs?"+query, "").status, query)
	}
	input, err := h.project.Run(t.Context(), uuid(t, id))
	require.NoError(t, err)
	require.Equal(t, `{"n":1}`, string(input.Input))

	h.refused(t, 409, meshhook.CodeConflict, "POST", "/api/runs/"+id+"/retry", "")
	require.Equal(t, "canceled", h.want(t, 200, "POST", "/api/runs/"+id+"/cancel", "{}")["status"])
	h.refused(t, 409, meshhook.CodeConflict, "POST", "/api/runs/"+id+"/cancel", "")
	h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/runs/"+id+"/retry", `{"from_step":"nope"}`)
	require.Equal(t, "queued", h.want(t, 200, "POST", "/api/runs/"+id+"/retry", "")["status"])
	require.InDelta(t, 2, h.want(t, 200, "GET", "/api/runs/"+id, "")["attempt"], 0)

	re = h.refused(t, 409, meshhook.CodeConflict, "DELETE", "/api/workflows/sums", "")
	require.Contains(t, re.Error.Message, "not over")
	h.want(t, 200, "POST", "/api/runs/"+id+"/cancel", "")
	h.want(t, 200, "DELETE", "/api/workflows/sums", "")
	h.refused(t, 404, meshhook.CodeNotFound, "DELETE", "/api/workflows/sums", "")

	// What is doubtful is said, and done.
	require.NotContains(t, second, "warnings")
	const doubtful = `{"definition":{"name":"sums","steps":[{"id":"a","transform":".event.body.n"},{"id":"b","http":{"url":"{{ .secrets.hook_url }}"}}]}}`
	require.Equal(t, []any{
		`workflow:1:31: no expression reads .steps.a, so that the step has no effect`,
		`the secret hook_url does not exist; make it with: meshhook secret set hook_url`,
	}, h.want(t, 201, "POST", "/api/workflows", doubtful)["warnings"])
}

func uuid(t *testing.T, text string) meshhook.ID {
	t.Helper()
	id, err := meshhook.ParseID(text)
	require.NoError(t, err)
	return id
}

// A deleted project's door is closed, its tokens open nothing, and its paths are free.
func TestADeletedProjectIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	shop, err := h.db.CreateProject(t.Context(), "shop", "cli:ann@host")
	require.NoError(t, err)
	project := h.db.Tenant(shop.ID)
	applyHello(t, project)
	token := newToken(t, project, "shop", meshhook.RoleAdmin, nil)
	const webhook = `{"url_path":"door","workflow_id":"hello","verification":{"scheme":"none"}}`
	require.Equal(t, 201, h.as(t, token, "POST", "/api/webhooks", webhook).status)
	h.event(t, "door", `{"n":1}`)
	require.Equal(t, 404, h.admin(t, "GET", "/api/webhooks/door", "").status)

	h.want(t, 200, "DELETE", "/api/projects/"+shop.ID.String(), "")
	require.Eventually(t, func() bool { return h.as(t, token, "GET", "/api/webhooks", "").status == 401 }, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+h.daemon.Addr("ingress")+"/hooks/door", strings.NewReader("{}"))
		require.NoError(t, err)
		answer, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode == 404
	}, patience, 10*time.Millisecond)
	require.Equal(t, 201, h.admin(t, "POST", "/api/webhooks", webhook).status)
	h.event(t, "door", `{"n":2}`)
	items, _ := h.list(t, "/api/events?webhook=door")
	require.Len(t, items, 1)
}

func TestSecretsTokensProjectsAndTheAuditLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	require.Equal(t, map[string]any{"name": "crm", "created": true}, h.want(t, 201, "POST", "/api/secrets", `{"name":"crm","value":"hush-hush"}`))
	require.Equal(t, false, h.want(t, 200, "POST", "/api/secrets", `{"name":"crm","value":"hush-hush-hush"}`)["created"])
	for _, body := range []string{`{}`, `{"name":"crm"}`, `{"name":"crm","value":""}`, `{"name":"a-b","value":"x"}`, `{"name":"crm","value":null}`} {
		h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/secrets", body)
	}
	re := h.admin(t, "GET", "/api/secrets", "")
	require.Contains(t, re.text, `"crm"`)
	require.NotContains(t, re.text, "hush")
	h.want(t, 200, "DELETE", "/api/secrets/crm", "")
	h.refused(t, 404, meshhook.CodeNotFound, "DELETE", "/api/secrets/crm", "")

	made := h.want(t, 201, "POST", "/api/tokens", `{"name":"ci","role":"write","expires_in":"1h"}`)
	require.Regexp(t, `^mhk_[A-Za-z0-9_-]{43}$`, made["token"])
	require.Equal(t, "write", made["role"])
	require.Equal(t, 200, h.as(t, as[string](t, made["token"]), "GET", "/api/runs", "").status)
	require.Equal(t, "read", h.want(t, 201, "POST", "/api/tokens", "")["role"])
	h.refused(t, 409, meshhook.CodeConflict, "POST", "/api/tokens", `{"name":"ci"}`)
	h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/tokens", `{"role":"root"}`)
	h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/tokens", `{"expires_in":"soon"}`)
	h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/tokens", `{"expires_in":"999999h"}`)
	h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/tokens", `{"expires_in":"0s"}`)
	re = h.admin(t, "GET", "/api/tokens", "")
	require.NotContains(t, re.text, "mhk_")
	require.NotContains(t, re.text, "digest")
	h.want(t, 200, "DELETE", "/api/tokens/ci", "")
	h.refused(t, 404, meshhook.CodeNotFound, "DELETE", "/api/tokens/ci", "")

	require.Equal(t, "shop", h.want(t, 201, "POST", "/api/projects", `{"name":"shop"}`)["name"])
	h.refused(t, 409, meshhook.CodeConflict, "POST", "/api/projects", `{"name":"shop"}`)
	h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/projects", `{"name":"The Shop"}`)
	h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/projects", `{}`)
	got, pages := h.pages(t, "/api/projects?limit=1", "name")
	require.Equal(t, []any{"default", "shop"}, got)
	require.Equal(t, 2, pages)
	require.Equal(t, map[string]any{"id": "shop", "deleted": true}, h.want(t, 200, "DELETE", "/api/projects/shop", ""))
	h.refused(t, 404, meshhook.CodeNotFound, "DELETE", "/api/projects/shop", "")
	h.refused(t, 409, meshhook.CodeConflict, "DELETE", "/api/projects/default", "")
	items, _ := h.list(t, "/api/audit?action=project.deleted")
	require.Len(t, items, 1)
	require.Equal(t, "token:admin", items[0]["actor"])

	actions, pages := h.pages(t, "/api/audit?actor=token:admin&limit=2", "action")
	require.Equal(t, []any{"project.deleted", "token.revoked", "token.created", "token.created", "secret.deleted", "secret.set", "secret.set"}, actions)
	require.Equal(t, 4, pages)
	items, _ = h.list(t, "/api/audit?action=secret.set&since=1h")
	require.Len(t, items, 2)
	items, _ = h.list(t, "/api/audit?since=1ns")
	require.Empty(t, items)
	for _, query := range []string{"since=x", "cursor=x", "limit=0"} {
		require.Equal(t, 400, h.admin(t, "GET", "/api/audit?"+query, "").status, query)
	}
	require.NotContains(t, h.admin(t, "GET", "/api/audit", "").text, "hush")
}
