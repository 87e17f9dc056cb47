package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// receiver answers with the status that is set.
func receiver(t *testing.T) (url string, status *atomic.Int32) {
	t.Helper()
	status = &atomic.Int32{}
	status.Store(http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	t.Cleanup(server.Close)
	return server.URL, status
}

func TestAlertsAreTried(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "MESHHOOK_NETWORK_ALLOW=127.0.0.0/8")
	url, status := receiver(t)
	id := as[string](t, h.want(t, 201, "POST", alerts, `{"workflow_id":"hello","on":["failed"],"url":"`+url+`/hush-hush-hush","headers":{"X-Own":"hush"}}`)["id"])

	const path = "/api/alerts/test"
	trial := h.want(t, 200, "POST", path, `{"id":"`+id+`"}`)
	require.Equal(t, true, trial["delivered"])
	require.Equal(t, true, trial["signature_valid"])
	require.Contains(t, trial, "latency_ms")
	request := as[map[string]any](t, trial["request"])
	require.Equal(t, url+"/…", request["url"])
	require.Equal(t, meshhook.Mask, as[map[string]any](t, request["headers"])["x-own"])
	require.Contains(t, request["body"], `"type":"alert.test"`)
	require.EqualValues(t, 200, as[map[string]any](t, trial["response"])["status"])
	delivery := as[map[string]any](t, trial["delivery"])
	require.Equal(t, "delivered", delivery["status"])
	require.Equal(t, delivery["id"], as[map[string]any](t, request["headers"])["webhook-id"])

	status.Store(http.StatusTeapot)
	trial = h.want(t, 200, "POST", path, `{"id":"`+id+`"}`)
	require.Equal(t, false, trial["delivered"])
	require.Equal(t, "http_status", trial["reason"])

	// What is not stored leaves no trace.
	before, _ := h.list(t, "/api/alerts/log")
	trial = h.want(t, 200, "POST", path, `{"workflow_id":"hello","url":"`+url+`","preset":"slack","signing":"none"}`)
	require.Nil(t, trial["signature_valid"])
	require.NotContains(t, trial, "delivery")
	trial = h.want(t, 200, "POST", path, `{"url":"`+url+`","secret_key":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`)
	require.Equal(t, true, trial["signature_valid"])
	trial = h.want(t, 200, "POST", path, `{"url":"http://10.1.2.3"}`)
	require.Equal(t, "refused", trial["reason"])
	require.Nil(t, trial["response"])
	after, _ := h.list(t, "/api/alerts/log")
	require.Equal(t, before, after)

	for body, place := range map[string]string{
		`{}`: "/url", `{"url":"` + url + `","secret_key":"short"}`: "/secret_key", `{"id":"` + id + `","url":"x"}`: "/id",
		`{"url":"x","workflow_id":"hello","all_workflows":true}`: "/workflow_id",
	} {
		re := h.refused(t, 422, meshhook.CodeInvalid, "POST", path, body)
		require.Equal(t, place, re.Error.Details[0].Path, body)
	}
	h.refused(t, 404, meshhook.CodeNotFound, "POST", path, `{"id":"`+meshhook.NewID().String()+`"}`)
	h.refused(t, 404, meshhook.CodeNotFound, "POST", path, `{"url":"x","workflow_id":"nope"}`)
}

func TestDeliveriesAreListedAndSentAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "MESHHOOK_NETWORK_ALLOW=127.0.0.0/8")
	url, status := receiver(t)
	status.Store(http.StatusTeapot)
	id := as[string](t, h.want(t, 201, "POST", alerts, `{"all_workflows":true,"on":["succeeded"],"url":"`+url+`/hush-hush-hush"}`)["id"])
	run := as[string](t, h.want(t, 201, "POST", "/api/workflows/hello/runs", `{"body":1}`)["id"])
	h.want(t, 201, "POST", "/api/workflows/hello/runs", `{"body":2}`)
	deliveries := func(query string) (list []map[string]any) {
		list, _ = h.list(t, "/api/alerts/deliveries?"+query)
		return list
	}
	require.Eventually(t, func() bool { return len(deliveries("status=exhausted")) == 2 }, patience, patience/1000)
	ids, pages := h.pages(t, "/api/alerts/deliveries?limit=1", "id")
	require.Equal(t, 2, pages)
	for query, n := range map[string]int{"alert=" + id: 2, "run=" + run: 1, "alert=" + meshhook.NewID().String(): 0, "status=delivered": 0, "since=1h": 2} {
		require.Len(t, deliveries(query), n, query)
	}
	for _, bad := range []string{"deliveries?run=x", "deliveries?status=odd", "deliveries?limit=0", "log?delivery=x", "log?full=1", "log?cursor=x", "stats?since=x"} {
		h.refused(t, 400, meshhook.CodeMalformed, "GET", "/api/alerts/"+bad, "")
	}
	for _, missing := range []string{"deliveries?alert=x", "log?alert=x", "stats?alert=x"} {
		h.refused(t, 404, meshhook.CodeNotFound, "GET", "/api/alerts/"+missing, "")
	}
	name := as[string](t, deliveries("alert=" + id)[0]["alert"])
	require.Len(t, deliveries("alert="+name), 2)
	dead := as[string](t, ids[0])
	list, _ := h.list(t, "/api/alerts/log?delivery="+dead)
	require.Len(t, list, 1)
	require.Equal(t, url+"/…", list[0]["url"])
	require.Equal(t, "http_status", list[0]["reason"])
	require.NotContains(t, list[0], "request")
	full := h.admin(t, "GET", "/api/alerts/log?full=true&limit=1000&alert="+id, "")
	require.Contains(t, full.text, `"webhook-id":"`+dead)
	require.NotContains(t, full.text, "hush")
	_, pages = h.pages(t, "/api/alerts/log?limit=1&full=false", "id")
	require.Equal(t, 2, pages)

	stats := h.want(t, 200, "GET", "/api/alerts/stats", "")
	require.EqualValues(t, 0, as[map[string]any](t, stats["all"])["delivered_share"])
	require.Len(t, stats["alerts"], 1)
	require.EqualValues(t, 500, as[map[string]any](t, stats["promised"])["dispatch_p99_ms"])
	stats = h.want(t, 200, "GET", "/api/alerts/stats?since=1h&alert="+id, "")
	require.Len(t, stats["alerts"], 1)
	h.refused(t, 404, meshhook.CodeNotFound, "GET", "/api/alerts/stats?alert="+meshhook.NewID().String(), "")

	status.Store(http.StatusOK)
	again := "/api/alerts/deliveries/" + dead + "/redeliver"
	require.Equal(t, 403, h.as(t, h.tokens[meshhook.RoleRead], "POST", again, "").status)
	require.Equal(t, dead, h.want(t, 200, "POST", again, "")["id"])
	require.Eventually(t, func() bool { return len(deliveries("status=delivered")) == 1 }, patience, patience/1000)
	h.refused(t, 404, meshhook.CodeNotFound, "POST", strings.Replace(again, dead, "nothing", 1), "")
	h.refused(t, 404, meshhook.CodeNotFound, "POST", strings.Replace(again, dead, meshhook.NewID().String(), 1), "")
	for body, place := range map[string]string{`{}`: "/exhausted", `{"since":"1h"}`: "/exhausted", `{"exhausted":true,"since":"soon"}`: "/since"} {
		re := h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/alerts/redeliver", body)
		require.Equal(t, place, re.Error.Details[0].Path)
	}
	require.EqualValues(t, 1, h.want(t, 200, "POST", "/api/alerts/redeliver", `{"exhausted":true,"since":"1h"}`)["redelivered"])
	require.Eventually(t, func() bool { return len(deliveries("status=delivered")) == 2 }, patience, patience/1000)
	require.EqualValues(t, 0, h.want(t, 200, "POST", "/api/alerts/redeliver", `{"exhausted":true}`)["redelivered"])
	h.want(t, 200, "POST", alerts, `{"id":"`+id+`","enabled":false}`)
	h.refused(t, 409, meshhook.CodeConflict, "POST", again, "")
}
