package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestEverythingAboutAStep(t *testing.T) {
	t.Parallel()
	entry := func(kind meshhook.EntryKind, ms, attempt, status int, code, detail string) meshhook.Entry {
		return meshhook.Entry{Kind: kind, At: after(ms), Step: "crm", Attempt: attempt, HTTPStatus: status, Code: code, Detail: detail}
	}
	steps := []meshhook.Step{
		stepOf("order", "", "transform", meshhook.StepSucceeded, output(`{"total":5,"text":"a\u001b"}`)),
		stepOf("crm", "", "http", meshhook.StepSucceeded, attempts(2),
			input(`{"method":"POST","url":"https://crm.example.com/orders?a=1","headers":{"content-type":"application/json","authorization":"•••"},"body":{"order":[1,2]}}`),
			output(`{"status":201,"headers":{"server":"x\r\ny"},"body":"line one\nline two\tend","duration_ms":12,"body_truncated":true}`)),
		stepOf("cool", "", "delay", meshhook.StepSucceeded, input(`{"until":"2026-03-01T12:00:00.000Z"}`), output(`{"until":"2026-03-01T12:00:00.000Z"}`)),
		stepOf("kind", "", "branch", meshhook.StepSucceeded, input(`{"taken":null}`), output(`{"taken":null}`)),
	}
	history := []meshhook.Entry{
		{Kind: meshhook.EntryRunStarted, At: after(0)},
		entry(meshhook.EntryStepRetrying, 0, 1, 500, "http_status", "its beginning is not kept any more"),
		entry(meshhook.EntryStepStarted, 0, 1, 0, "", ""),
		entry(meshhook.EntryStepRetrying, 30, 1, 503, "http_status", "the answer was 503 Service Unavailable"),
		entry(meshhook.EntryStepStarted, 1030, 2, 0, "", ""),
		entry(meshhook.EntryStepSucceeded, 1042, 2, 201, "", ""),
		entry(meshhook.EntryStepStarted, 2000, 3, 0, "", ""),
	}
	require.Equal(t, `✓ order  transform  succeeded  2ms
   output
     {
       "total": 5,
       "text": "a\u001b"
     }
✓ crm    http       succeeded  2 attempts · HTTP 201 · 2ms
   request  POST https://crm.example.com/orders?a=1
     authorization: •••
     content-type: application/json
     {
       "order": [
         1,
         2
       ]
     }
   ↻ attempt 1 · 2026-03-01T12:00:00.000Z · HTTP 503 · 30ms · http_status: the answer was 503 Service Unavailable
   ✓ attempt 2 · 2026-03-01T12:00:01.030Z · HTTP 201 · 12ms
   › attempt 3 · 2026-03-01T12:00:02.000Z
   answer  201 · 12ms
     server: x\r\ny
     line one
     line two    end
     the body was longer; no more of it was kept
✓ cool   delay      succeeded  2ms
   input
     {
       "until": "2026-03-01T12:00:00.000Z"
     }
   output
     {
       "until": "2026-03-01T12:00:00.000Z"
     }
✓ kind   branch     succeeded  2ms
`, linesOf(t, steps, nil, treeOptions{full: true, history: history}))
}

func TestLongBodiesAreCut(t *testing.T) {
	t.Parallel()
	show := func(raw string) string {
		return linesOf(t, []meshhook.Step{stepOf("a", "", "transform", meshhook.StepSucceeded, output(raw))}, nil, treeOptions{full: true})
	}
	const note = "shows all of it"
	lines := func(n int) string { return `"` + strings.TrimSuffix(strings.Repeat(`x\n`, n), `\n`) + `"` }
	require.NotContains(t, show(lines(bodyLines)), note)
	require.Contains(t, show(lines(bodyLines+1)), "     … of 123B; -o json shows all of it\n")
	require.Equal(t, bodyLines, strings.Count(show(lines(bodyLines+1)), "     x\n"))
	require.NotContains(t, show(`"`+strings.Repeat("x", bodyBytes)+`"`), note)
	require.Contains(t, show(`"`+strings.Repeat("x", bodyBytes+1)+`"`), note)

	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	require.Contains(t, show(deep(2)), "     [\n       []\n     ]\n")
	require.Contains(t, show(deep(meshhook.DeepestIndented+1)), "     "+deep(meshhook.DeepestIndented+1)+"\n")
	require.Contains(t, show(`["[[\"[", 1]`), "       1\n")
	require.Contains(t, show("nonsense"), "     nonsense\n")
}

func TestBodiesThatAreNoText(t *testing.T) {
	t.Parallel()
	show := func(raw string) string {
		return linesOf(t, []meshhook.Step{stepOf("a", "", "http", meshhook.StepSucceeded, output(raw))}, nil, treeOptions{full: true})
	}
	require.Contains(t, show(`{"status":200,"headers":{},"body":null,"body_base64":"AAECAwQF"}`), "   answer  200 · 0s\n     6 bytes that are no text, as body_base64 in -o json\n")
	require.Contains(t, show(`[1]`), "   answer\n     [\n       1\n     ]\n")
	require.Contains(t, show(`{"status":200,"headers":{"a":7}}`), "     a: 7\n")
}
