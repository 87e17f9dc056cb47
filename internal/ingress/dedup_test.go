package ingress_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// system runs a statement past the store, for the whole system.
func (h *house) system(sql string, args ...any) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.url)
	require.NoError(h.t, err)
	defer func() { require.NoError(h.t, conn.Close(context.Background())) }()
	_, err = conn.Exec(h.t.Context(), `SET meshhook.system = 'on'`)
	require.NoError(h.t, err)
	tag, err := conn.Exec(h.t.Context(), sql, args...)
	require.NoError(h.t, err)
	require.Positive(h.t, tag.RowsAffected())
}

// A key is remembered for the webhook's window, and free again after it.
func TestADedupKeyIsFreeAfterItsWindow(t *testing.T) {
	t.Parallel()
	h := build(t, func(e *meshhook.Endpoint) {
		e.Dedup, e.DedupWindow = "header:X-Id", meshhook.Duration(time.Hour)
	})
	send := func() reply {
		r := h.request("{}")
		r.Header.Set("X-Id", "1")
		return h.send(r)
	}
	begun := time.Now()
	first := send()
	require.Equal(t, "accepted", first.Status)
	ended := time.Now()
	require.Equal(t, "duplicate", send().Status)
	conn, err := pgx.Connect(t.Context(), h.url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	_, err = conn.Exec(t.Context(), `SET meshhook.system = 'on'`)
	require.NoError(t, err)
	var expires time.Time
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT expires_at FROM dedup_keys`).Scan(&expires))
	require.False(t, expires.Before(begun.Add(time.Hour).Truncate(time.Microsecond)), "the window is the webhook's")
	require.False(t, expires.After(ended.Add(time.Hour)))

	h.system(`UPDATE dedup_keys SET expires_at = now() + interval '1 minute'`)
	require.Equal(t, "duplicate", send().Status)
	h.system(`UPDATE dedup_keys SET expires_at = now()`)
	second := send()
	require.Equal(t, "accepted", second.Status)
	third := send()
	require.Equal(t, "duplicate", third.Status)
	require.Equal(t, second.EventID, third.EventID, "the key is the second one's now")
}

// What is a key and what is none, from a header and from an expression.
func TestDedupKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dedup, body string
		header      map[string]string
		// key is what is remembered of body, "" where a repetition is no duplicate.
		key string
	}{
		"a header":                {dedup: "header:X-Id", header: map[string]string{"X-Id": "7"}, key: "7"},
		"a header, other letters": {dedup: "header: x-id ", header: map[string]string{"X-ID": "7"}, key: "7"},
		"an empty header":         {dedup: "header:X-Id", header: map[string]string{"X-Id": ""}},
		"no header":               {dedup: "header:X-Id"},
		"a string":                {dedup: ".event.body.id", body: `{"id":"7"}`, key: "7"},
		"an empty string":         {dedup: ".event.body.id", body: `{"id":""}`},
		"a number":                {dedup: ".event.body.id", body: `{"id":7}`, key: "7"},
		"a large number":          {dedup: ".event.body.id", body: `{"id":9007199254740993}`, key: "9007199254740993"},
		"a boolean":               {dedup: ".event.body.id", body: `{"id":false}`, key: "false"},
		"an array":                {dedup: "[.event.body.id, .event.method]", body: `{"id":7}`, key: `[7,"POST"]`},
		"an object":               {dedup: "{id: .event.body.id}", body: `{"id":7}`, key: `{"id":7}`},
		"null":                    {dedup: ".event.body.id", body: `{"id":null}`},
		"missing":                 {dedup: ".event.body.id", body: `{}`},
		"nothing":                 {dedup: "empty", body: `{}`},
		"a failure":               {dedup: ".event.body | keys", body: `7`},
		"switched off":            {dedup: "none", header: map[string]string{"X-GitHub-Delivery": "7"}},
		"the scheme's own":        {dedup: "", header: map[string]string{"X-GitHub-Delivery": "7"}, key: "7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, func(e *meshhook.Endpoint) { e.Dedup = c.dedup })
			h.t = t
			if c.body == "" {
				c.body = "{}"
			}
			want := []string{"accepted", "accepted"}
			if c.key != "" {
				want[1] = "duplicate"
			}
			for _, status := range want {
				r := h.request(c.body)
				for name, value := range c.header {
					r.Header.Set(name, value)
				}
				got := h.send(r)
				require.Equal(t, status, got.Status, got.text)
				require.Contains(t, []int{http.StatusAccepted, http.StatusOK}, got.code)
				require.Equal(t, c.key, h.events()[0].DedupKey)
			}
		})
	}
}
