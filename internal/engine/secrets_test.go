package engine_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// A secret goes out where the workflow puts it, and stands nowhere in what is
// recorded or logged, however it was written on the way and back.
func TestSecretsAreNotRecorded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const value = `p4ss "word"/+&<ü> end`
	_, err := h.project.SetSecret(t.Context(), "token", meshhook.NewSecret(value))
	require.NoError(t, err)
	basic := base64.StdEncoding.EncodeToString([]byte("user:" + value))
	s := newSink(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		query := r.URL.Query().Get("t")
		_, _ = io.WriteString(w, `{"echo": `+string(must(json.Marshal(query)))+`, "auth": "`+r.Header.Get("Authorization")+`", "hex": "`+hex.EncodeToString([]byte(query))+
			`", "url": "`+url.QueryEscape(query)+`", "again": `+string(must(json.Marshal(string(must(json.Marshal(query))))))+`}`)
	})
	id := h.startOf(t, fmt.Sprintf(`
steps:
  - id: call
    http:
      url: "%[1]s/?t={{ .secrets.token }}"
      headers: { Authorization: 'Basic {{ "user:" + .secrets.token | @base64 }}', X-Token: "{{ .secrets.token | @uri }}" }
      body: { token: "{{ .secrets.token }}", "in text": "a {{ .secrets.token }} b" }
  - { id: made, transform: '[.secrets.token, "x" + .secrets.token, (.secrets.token | @base64), (.secrets.token | @html), (.secrets.token | @sh), {(.secrets.token): 1}]' }
  - { id: item, foreach: { in: "[.secrets.token]", steps: [{ id: same, transform: .item }] } }
  - { id: ask, approval: { message: "{{ .secrets.token }}?", timeout: 1ms, on_timeout: approve } }
  - { id: bad, continue_on_error: true, transform: 'error("no \(.secrets.token)")' }
  - { id: end, terminate: { status: failed, message: "{{ .secrets.token }} is wrong", output: "{{ .secrets.token }}" } }
`, s.URL))
	d := h.daemon(t)
	d.finish(t)

	require.Len(t, s.hits, 1)
	require.Equal(t, "Basic "+basic, s.hits[0].Header.Get("Authorization"))
	require.JSONEq(t, string(must(json.Marshal(map[string]string{"token": value, "in text": "a " + value + " b"}))), s.hits[0].Body)
	run, err := h.project.FullRun(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, meshhook.FailedTerminated, run.Error.Reason, "%+v", run.Error)
	cursor, err := h.project.CursorAt(t.Context(), meshhook.IDTime(id))
	require.NoError(t, err)
	var entries []meshhook.Entry
	require.Eventually(t, func() bool { // transactions of other tests hold the journal up
		entries, err = h.project.EntriesAfter(t.Context(), cursor, 1000)
		return err != nil || slices.ContainsFunc(entries, func(e meshhook.Entry) bool { return e.Kind == meshhook.EntryRunFailed })
	}, patience, tick)
	require.NoError(t, err)
	told := string(must(json.Marshal(run))) + string(must(json.Marshal(entries))) + d.log.String()
	for name, form := range map[string]string{
		"itself": value, "part": `p4ss`, "in JSON": `p4ss \"word`, "base64": base64.StdEncoding.EncodeToString([]byte(value))[:20], "basic": basic[8:28],
		"hex": hex.EncodeToString([]byte(value)), "query": url.QueryEscape(value), "path": url.PathEscape(value),
	} {
		require.NotContains(t, told, form, name)
	}
	require.Contains(t, told, meshhook.Mask)
	require.Equal(t, 4, strings.Count(string(run.Steps[0].Input), meshhook.Mask+`"`), "%s", run.Steps[0].Input)
}

// faultyCircuits show in their fault what they were asked.
type faultyCircuits struct{}

func (faultyCircuits) Allow(_ context.Context, _ meshhook.ID, url string) (report func(meshhook.CallOutcome), refused *meshhook.CircuitRefusal) {
	panic("cannot count " + url)
}

// A fault of ours tells no secret, and no circuit is kept for a host that is one.
func TestSecretsAreNotInFaults(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := newSink(t, nil)
	for name, value := range map[string]string{"token": "p4ss-word", "host": strings.TrimPrefix(s.URL, "http://")} {
		_, err := h.project.SetSecret(t.Context(), name, meshhook.NewSecret(value))
		require.NoError(t, err)
	}
	d := h.daemon(t, func(o *engine.Options) { o.Circuits = faultyCircuits{} })
	id := h.startOf(t, `steps: [{ id: call, http: { url: "http://h.invalid/{{ .secrets.token }}" } }]`)
	d.finish(t)
	require.Equal(t, "panic: cannot count http://h.invalid/"+meshhook.Mask, h.run(t, id).Error.Message)
	require.Contains(t, d.log.String(), "cannot count")
	require.NotContains(t, d.log.String(), "p4ss-word")
	id = h.startOf(t, `steps: [{ id: call, http: { url: '{{ "http://" + .secrets.host }}' } }]`)
	d.finish(t)
	require.Equal(t, meshhook.RunSucceeded, h.run(t, id).Status)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
