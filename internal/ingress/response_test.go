package ingress_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

var _ ingress.Runs = (*postgres.DB)(nil)

// A response may have another type, no body at all, and a status that forbids one.
func TestOwnResponses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		response   meshhook.Response
		code       int
		kind, text string
	}{
		"XML":            {meshhook.Response{ContentType: "text/xml", Body: "<ok>{{ .event.body.n }}</ok>"}, 202, "text/xml", "<ok>7</ok>"},
		"JSON of a kind": {meshhook.Response{Status: 200, ContentType: "application/hal+json", Body: map[string]any{"n": "{{ .event.body.n }}"}}, 200, "application/hal+json", `{"n":7}` + "\n"},
		"empty":          {meshhook.Response{Status: 200}, 200, "", ""},
		"empty text":     {meshhook.Response{Status: 200, Body: ""}, 200, "text/plain; charset=utf-8", ""},
		"no content":     {meshhook.Response{Status: 204}, 204, "", ""},
		"a header":       {meshhook.Response{Headers: map[string]string{"Content-Type": "a/b"}, Body: "x"}, 202, "a/b", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, func(e *meshhook.Endpoint) { e.Response = &c.response })
			h.t = t
			got := h.send(h.request(`{"n":7}`))
			require.Equal(t, c.code, got.code)
			require.Equal(t, c.kind, got.header.Get("Content-Type"))
			require.Equal(t, c.text, got.text)
		})
	}
}

// A provider that takes the standard answer for a failure gets one that it knows,
// unless the webhook has its own.
func TestTheSchemesResponse(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	byXero := func(r *http.Request, body string) {
		mac := hmac.New(sha256.New, []byte("hush"))
		mac.Write([]byte(body))
		r.Header.Set("X-Xero-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	byDiscord := func(r *http.Request, body string) {
		at := strconv.FormatInt(time.Now().Unix(), 10)
		r.Header.Set("X-Signature-Timestamp", at)
		r.Header.Set("X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(private, []byte(at+body))))
	}
	for scheme, c := range map[string]struct {
		secret, body string
		sign         func(*http.Request, string)
		code         int
	}{
		"xero":    {"hush", `{"events":[{"n":7}],"firstEventSequence":1,"lastEventSequence":1}`, byXero, 200},
		"discord": {hex.EncodeToString(public), `{"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}`, byDiscord, 204},
	} {
		for _, own := range []*meshhook.Response{nil, {Body: "mine"}} {
			h := buildWithSecret(t, c.secret, func(e *meshhook.Endpoint) {
				e.Verification, e.Response = meshhook.Verification{Scheme: scheme}, own
			})
			r := h.request(c.body)
			c.sign(r, c.body)
			got := h.send(r)
			if own != nil {
				require.Equal(t, []any{202, "mine"}, []any{got.code, got.text}, scheme)
				continue
			}
			require.Equal(t, []any{c.code, "", ""}, []any{got.code, got.text, got.header.Get("Content-Type")}, scheme)
			require.Equal(t, meshhook.EventAccepted, h.events()[0].Status)
			runs, err := h.project.Runs(t.Context(), meshhook.RunFilter{})
			require.NoError(t, err)
			require.Len(t, runs, 1)
		}
	}
}

// asks is the real store, which notes how many runs it was asked for at once.
type asks struct {
	*postgres.DB
	mu   sync.Mutex
	most int
}

func (a *asks) EndedRuns(ctx context.Context, ids []meshhook.ID) ([]meshhook.Run, error) {
	a.mu.Lock()
	a.most = max(a.most, len(ids))
	a.mu.Unlock()
	return a.DB.EndedRuns(ctx, ids)
}

func (a *asks) atOnce() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.most
}

// waiting builds a house whose senders wait for their runs, with the loop that a
// daemon has for them.
func waiting(t *testing.T, response meshhook.Response, options ...func(*ingress.Options)) (*house, *asks) {
	t.Helper()
	store := &asks{}
	response.From = meshhook.FromRun
	h := build(t, func(e *meshhook.Endpoint) { e.Response = &response }, append(options, func(o *ingress.Options) {
		db, ok := o.Store.(*postgres.DB)
		require.True(t, ok)
		store.DB = db
		o.Runs = store
	})...)
	h.db.OnRing(postgres.BellJournal, h.handler.RingJournal)
	ctx, stop := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() {
		for {
			select {
			case <-h.handler.JournalBell():
				if _, err := h.handler.Settle(ctx); err != nil && ctx.Err() == nil {
					t.Errorf("settling: %v", err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() { stop(); loop.Wait() })
	return h, store
}

// finish ends all runs that are queued, and returns how many those were.
func (h *house) finish(status meshhook.RunStatus, output string) int {
	h.t.Helper()
	claims, err := h.db.ClaimRuns(h.t.Context(), meshhook.NewID(), 1000, time.Minute)
	require.NoError(h.t, err)
	for _, c := range claims {
		m := meshhook.RunMove{RunID: c.Run.ID, ProjectID: c.Run.ProjectID, Fence: c.Fence, Status: status, FinishedAt: time.Now()}
		if status == meshhook.RunFailed {
			m.Error = &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "answered 500 with hush", Step: "call"}
		} else if output != "" {
			m.Output = json.RawMessage(output)
		}
		require.NoError(h.t, h.db.Move(h.t.Context(), m))
	}
	return len(claims)
}

// later sends requests at once, and returns their answers when they are there.
func (h *house) later(requests ...*http.Request) <-chan reply {
	replies := make(chan reply, len(requests))
	for _, r := range requests {
		go func() {
			got, err := h.try(r)
			if err != nil {
				got.text = "no answer: " + err.Error()
			}
			replies <- got
		}()
	}
	return replies
}

// until waits for what must come soon.
func (h *house) until(condition func() bool) {
	h.t.Helper()
	require.Eventually(h.t, condition, 20*time.Second, 5*time.Millisecond)
}

func TestTheOutputOfTheRunIsTheAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		response   meshhook.Response
		output     string
		code       int
		kind, text string
	}{
		"JSON":          {meshhook.Response{}, `{"total":9007199254740993,"html":"<b>"}`, 200, "application/json", `{"total":9007199254740993,"html":"<b>"}` + "\n"},
		"a string":      {meshhook.Response{Status: 201}, `"thanks"`, 201, "text/plain; charset=utf-8", "thanks"},
		"nothing":       {meshhook.Response{}, ``, 200, "application/json", "null\n"},
		"of a type":     {meshhook.Response{ContentType: "text/xml"}, `"<a/>"`, 200, "text/xml", "<a/>"},
		"without body":  {meshhook.Response{Status: 204}, `{"a":1}`, 204, "", ""},
		"with a header": {meshhook.Response{Headers: map[string]string{"X-N": "{{ .event.body.n }}"}}, `1`, 200, "application/json", "1\n"},
		"a header that fails": {
			meshhook.Response{Headers: map[string]string{"X-Fails": "{{ .event.body.nothing }}"}}, `1`, 200, "application/json", "1\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := waiting(t, c.response)
			h.t = t
			r := h.request(`{"n":7}`)
			r.Header.Set("X-GitHub-Delivery", "d-1")
			replies := h.later(r)
			h.until(func() bool { return h.finish(meshhook.RunSucceeded, c.output) == 1 })
			got := <-replies
			require.Equal(t, c.code, got.code)
			require.Equal(t, c.kind, got.header.Get("Content-Type"))
			require.Equal(t, c.text, got.text)
			event := h.last()
			require.Equal(t, event.ID.String(), got.header.Get("X-MeshHook-Event-ID"))
			require.Equal(t, event.RunIDs[0].String(), got.header.Get("X-MeshHook-Run-ID"))
			if name == "with a header" {
				require.Equal(t, "7", got.header.Get("X-N"))
			}
			require.Equal(t, "accepted", (<-h.outcomes).Result)

			// Sent again, it gets the same answer, of the first event.
			r = h.request(`{"n":7}`)
			r.Header.Set("X-GitHub-Delivery", "d-1")
			again := h.send(r)
			require.Equal(t, c.code, again.code)
			require.Equal(t, c.text, again.text)
			require.Equal(t, event.ID.String(), again.header.Get("X-MeshHook-Event-ID"))
			require.Equal(t, event.RunIDs[0].String(), again.header.Get("X-MeshHook-Run-ID"))
			require.Equal(t, "duplicate", (<-h.outcomes).Result)
		})
	}
}

// A run that failed is told, with its reason and no more; sent again, the event is
// known, and nothing asks its sender to try again for ever.
func TestARunThatFailedIsTold(t *testing.T) {
	t.Parallel()
	h, _ := waiting(t, meshhook.Response{})
	r := h.request("{}")
	r.Header.Set("X-GitHub-Delivery", "d-1")
	replies := h.later(r)
	h.until(func() bool { return h.finish(meshhook.RunFailed, "") == 1 })
	got := <-replies
	require.Equal(t, http.StatusBadGateway, got.code)
	require.Equal(t, "run_failed", got.Error.Code)
	require.Equal(t, "the event is stored and need not be sent again, but its run failed (http_status)", got.Error.Message)
	require.NotContains(t, got.text, "hush")
	require.Equal(t, h.last().RunIDs[0].String(), got.header.Get("X-MeshHook-Run-ID"))
	r = h.request("{}")
	r.Header.Set("X-GitHub-Delivery", "d-1")
	require.Equal(t, "duplicate", h.send(r).Status)

	replies = h.later(h.request("{}"))
	var runs []meshhook.Run
	h.until(func() bool {
		var err error
		runs, err = h.project.Runs(t.Context(), meshhook.RunFilter{Status: meshhook.RunQueued})
		require.NoError(t, err)
		return len(runs) == 1
	})
	_, err := h.project.CancelRun(t.Context(), runs[0].ID)
	require.NoError(t, err)
	require.Contains(t, (<-replies).Error.Message, "its run failed (canceled)")

	// One that cannot be read has failed as far as its sender is concerned.
	replies = h.later(h.request("{}"))
	h.until(func() bool {
		runs, err = h.project.Runs(t.Context(), meshhook.RunFilter{Status: meshhook.RunQueued})
		require.NoError(t, err)
		return len(runs) == 1
	})
	h.system(`UPDATE runs SET status = 'succeeded', wake_at = NULL, finished_at = now(), output = 'broken' WHERE id = $1`, runs[0].ID)
	h.handler.RingJournal()
	require.Contains(t, (<-replies).Error.Message, "its run failed (internal)")
}

// A run that takes longer goes on, and its sender hears that the event is accepted.
func TestAnAnswerThatTakesTooLong(t *testing.T) {
	t.Parallel()
	h, _ := waiting(t, meshhook.Response{Timeout: meshhook.Duration(100 * time.Millisecond)})
	begun := time.Now()
	r := h.request("{}")
	r.Header.Set("X-GitHub-Delivery", "d-1")
	got := h.send(r)
	require.GreaterOrEqual(t, time.Since(begun), 100*time.Millisecond)
	require.Equal(t, http.StatusAccepted, got.code)
	require.Equal(t, "accepted", got.Status)
	require.Equal(t, got.RunID, got.header.Get("X-MeshHook-Run-ID"))
	require.Equal(t, got.EventID, got.header.Get("X-MeshHook-Event-ID"))
	outcome := <-h.outcomes
	require.Equal(t, "accepted", outcome.Result)
	require.Less(t, outcome.Duration, time.Since(begun)-100*time.Millisecond, "waiting is no time of ingress's")

	r = h.request("{}")
	r.Header.Set("X-GitHub-Delivery", "d-1")
	require.Equal(t, "duplicate", h.send(r).Status, "its run is not over")
	require.Equal(t, 1, h.finish(meshhook.RunSucceeded, "1"))
}

// Many wait at once, for whom one question is asked; none of them holds a place
// among the requests that are judged.
func TestManyWaitAtOnce(t *testing.T) {
	t.Parallel()
	const requests = 100
	h, store := waiting(t, meshhook.Response{Timeout: meshhook.Duration(30 * time.Second)}, func(o *ingress.Options) {
		o.MaxInFlight, o.MaxWaiting = 50, requests
	})
	var replies []<-chan reply
	for range requests / 25 {
		var some []*http.Request
		for range 25 {
			some = append(some, h.request("{}"))
		}
		replies = append(replies, h.later(some...))
		want := len(replies) * 25
		h.until(func() bool {
			h.handler.RingJournal()
			return store.atOnce() == want
		})
	}
	// One more than may wait is not kept waiting.
	got := h.send(h.request("{}"))
	require.Equal(t, http.StatusAccepted, got.code)
	require.Equal(t, "accepted", got.Status)

	require.Equal(t, requests+1, h.finish(meshhook.RunSucceeded, `"done"`))
	seen := map[string]bool{}
	for _, some := range replies {
		for range 25 {
			got := <-some
			require.Equal(t, http.StatusOK, got.code)
			require.Equal(t, "done", got.text)
			seen[got.header.Get("X-MeshHook-Run-ID")] = true
		}
	}
	require.Len(t, seen, requests)
	require.Equal(t, requests, store.atOnce())

	// When the daemon stops, nobody is kept waiting.
	last := h.later(h.request("{}"))
	h.handler.StopWaiting()
	require.Equal(t, http.StatusAccepted, (<-last).code)
	require.Equal(t, http.StatusAccepted, h.send(h.request("{}")).code)
	h.handler.StopWaiting() // again is no harm
}

// A sender may wait for longer than the server lets writing take: its deadline has
// begun with the request.
func TestWaitingIsNoSlowWriting(t *testing.T) {
	t.Parallel()
	h, store := waiting(t, meshhook.Response{Timeout: meshhook.Duration(30 * time.Second)})
	h.server = httptest.NewUnstartedServer(h.handler)
	h.server.Config.WriteTimeout = 250 * time.Millisecond
	h.server.Start()
	t.Cleanup(h.server.Close)
	begun := time.Now()
	replies := h.later(h.request("{}"))
	h.until(func() bool {
		h.handler.RingJournal()
		return store.atOnce() == 1 && time.Since(begun) > 2*h.server.Config.WriteTimeout
	})
	require.Equal(t, 1, h.finish(meshhook.RunSucceeded, `"late"`))
	require.Equal(t, "late", (<-replies).text)
}

// Without the part that finds the ends of runs, nobody waits.
func TestNobodyWaitsWhereNobodyLooks(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) { e.Response = &meshhook.Response{From: "run"} })
	r := h.request("{}")
	r.Header.Set("X-GitHub-Delivery", "d-1")
	require.Equal(t, "accepted", h.send(r).Status)
	r = h.request("{}")
	r.Header.Set("X-GitHub-Delivery", "d-1")
	require.Equal(t, "duplicate", h.send(r).Status)
}

func TestSettleReportsALostDatabase(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) {
		e.Response = &meshhook.Response{From: "run", Timeout: meshhook.Duration(time.Second)}
	}, func(o *ingress.Options) {
		db, ok := o.Store.(*postgres.DB)
		require.True(t, ok)
		o.Runs = db
	})
	_, err := h.handler.Settle(t.Context())
	require.NoError(t, err, "nobody waits, so nobody is asked")
	replies := h.later(h.request("{}"))
	<-h.handler.JournalBell() // somebody waits now
	h.db.Close()
	_, err = h.handler.Settle(t.Context())
	require.Equal(t, meshhook.CodeUnavailable, meshhook.ErrorCode(err))
	require.Equal(t, http.StatusAccepted, (<-replies).code)
}
