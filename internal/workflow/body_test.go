package workflow_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// What ingress takes (content.Read gives no error) never fails a run for its
// bytes: a step that passes the event on records just what expressions see.
func FuzzWhatIsAcceptedRuns(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	deepest := strings.Repeat("[", content.MaxDepth) + strings.Repeat("]", content.MaxDepth)
	for _, seed := range [][3]string{
		{"application/json", `{"id":90071992547409931234567890,"f":-0,"e":1E5,"huge":1e400,"tiny":1e-999999999}`, "a=1&a=2"},
		{"application/json", `{"a":"\u0000\ud83c\udf89\u2028<&>","a":[1]}`, "%ff=%00"},
		{"application/json", `"\ud83c"`, ""},
		{"application/json", deepest, ""},
		{"", deepest, "&&=&\xff"},
		{"application/json", "[" + strings.Repeat("9", content.MaxNumber) + "]", ""},
		{form, "a=%00&a=%C3%A9&b[]=1", ""},
		{form, "n=Jos%E9&charset=windows-1252", ""},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n\xff\r\n--x--", ""},
		{"text/plain; charset=gbk", "\xd6\xd0\x00", ""},
		{"image/png", "\x89PNG\r\n", ""},
		{"text/plain", strings.Repeat("\x01", 100), ""},
	} {
		f.Add(seed[0], []byte(seed[1]), seed[2])
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte, query string) {
		contentType = content.Legible(contentType)
		if _, err := content.Read(contentType, body); err != nil {
			return
		}
		e := &meshhook.Event{Method: "POST", ContentType: contentType, Query: query, Body: body, Header: http.Header{"X-Odd": {query}}}
		s := state()
		s.Event = e
		d := next(t, compile(t, "name: x\nsteps: [{id: s, transform: .event}]"), s)
		require.Len(t, d.Steps, 1)
		require.Nil(t, d.Steps[0].Error)
		require.True(t, json.Valid(d.Steps[0].Output))
		recorded, err := content.DecodeOwn(d.Steps[0].Output)
		require.NoError(t, err)
		require.Equal(t, workflow.EventContext(e), recorded)
	})
}

// A megabyte of any kind is no more than an expression may give.
func TestTheLargestBodiesRun(t *testing.T) {
	t.Parallel()
	const size = meshhook.DefaultMaxBody
	fill := func(unit string) string { return strings.Repeat(unit, int(size)/len(unit)) }
	for _, c := range [][2]string{
		{"text/plain", fill("\x01")},
		{"text/plain", fill("1234567\x01")},
		{"text/plain", fill("\u2028")},
		{"image/png", fill("\xff")},
		{"application/json", "[" + fill("[],")[:size-4] + "1]"},
		{"application/json", `["` + fill(`\u0001`)[:size-16] + `"]`},
		{"application/x-www-form-urlencoded", fill("%01")},
		{"application/x-www-form-urlencoded", fill("a&")},
		{"application/xml", fill("<a/>")},
	} {
		_, err := content.Read(c[0], []byte(c[1]))
		require.NoError(t, err, "%s %.20q", c[0], c[1])
		s := state()
		s.Event = &meshhook.Event{ContentType: c[0], Body: []byte(c[1])}
		d := next(t, compile(t, "name: x\nsteps: [{id: s, transform: .event}]"), s)
		require.Nil(t, d.Steps[0].Error, "%s %.20q", c[0], c[1])
	}
}

// An answer is read more leniently than a payload: it was asked for. But what is
// recorded of it can always be read again.
func TestSettle_OddAnswers(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", content.MaxDepth+1) + strings.Repeat("]", content.MaxDepth+1)
	for body, want := range map[string]any{
		`{"a":"\ud83c"}`:   map[string]any{"a": "\ufffd"},
		"{\"a\":\"\xff\"}": map[string]any{"a": "\ufffd"},
		deep:               deep,
		`{"n":1e400}`:      map[string]any{"n": json.Number("1e400")},
	} {
		step := compile(t, calls).Settle(try("plain", 1), state(), workflow.Result{
			Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body),
		})
		recorded, err := content.DecodeOwn(step.Output)
		require.NoError(t, err)
		answer, ok := recorded.(map[string]any)
		require.True(t, ok)
		require.Equal(t, want, answer["body"])
	}
}
