package tail_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

var (
	eventID = meshhook.ID{0: 1, 6: 0x70, 8: 0x80, 15: 0xee}
	alertID = meshhook.ID{0: 1, 6: 0x70, 8: 0x80, 15: 0xbb}
	runID   = meshhook.ID{0: 1, 6: 0x70, 8: 0x80, 15: 0xaa}
)

func TestLine(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	entries := []meshhook.Entry{
		{Kind: meshhook.EntryEventAccepted, EventID: &eventID, RunID: &runID, Webhook: "github", Workflow: "chat"},
		{Kind: meshhook.EntryEventRejected, EventID: &eventID, Webhook: "亀", Code: "invalid_signature", Detail: "the signature does not match"},
		{Kind: meshhook.EntryEventSuppressed, Webhook: "github", Count: 12},
		{Kind: meshhook.EntryRunStarted, RunID: &runID, Workflow: "chat"},
		{Kind: meshhook.EntryStepRetrying, RunID: &runID, EventID: &eventID, Workflow: "chat", Step: "post", Code: "http_status", Attempt: 2, HTTPStatus: 503, DurationMS: 61500},
		{Kind: meshhook.EntryRunFailed, RunID: &runID, Workflow: "a-name-that-is-longer-than-its-column", Detail: "gave up", Attempt: 1},
		{Kind: meshhook.EntryCircuitOpened, Status: "open", Detail: "crm.example.com:443: its last 5 calls failed (503)"},
		{Kind: meshhook.EntryAlertRetrying, DeliveryID: &eventID, AlertID: &alertID, RunID: &runID, Workflow: "chat", Code: "http_status", Detail: "the answer was 503", Attempt: 1, HTTPStatus: 503, DurationMS: 12},
		{Kind: meshhook.EntryAlertDelivered, DeliveryID: &eventID, AlertID: &alertID, Attempt: 2, HTTPStatus: 200},
		{Kind: "project.created"},
	}
	want := strings.TrimPrefix(`
2026-01-02T03:04:05.006Z ✓ event.accepted   github → chat                01000000-0000-7000-8000-0000000000ee run 01000000-0000-7000-8000-0000000000aa
2026-01-02T03:04:05.006Z ✗ event.rejected   亀                           01000000-0000-7000-8000-0000000000ee invalid_signature: the signature does not match
2026-01-02T03:04:05.006Z … event.suppressed github                                                            ×12
2026-01-02T03:04:05.006Z › run.started      chat                         01000000-0000-7000-8000-0000000000aa
2026-01-02T03:04:05.006Z ↻ step.retrying    chat › post                  01000000-0000-7000-8000-0000000000aa http_status · attempt 2 · HTTP 503 · 1m1.5s · event 01000000-0000-7000-8000-0000000000ee
2026-01-02T03:04:05.006Z ✗ run.failed       a-name-that-is-longer-than-its-column 01000000-0000-7000-8000-0000000000aa gave up
2026-01-02T03:04:05.006Z ⏸ circuit.opened   -                                                                 crm.example.com:443: its last 5 calls failed (503)
2026-01-02T03:04:05.006Z ↻ alert.retrying   chat                         01000000-0000-7000-8000-0000000000ee http_status: the answer was 503 · HTTP 503 · 12ms · run 01000000-0000-7000-8000-0000000000aa · alert 01000000-0000-7000-8000-0000000000bb
2026-01-02T03:04:05.006Z ✓ alert.delivered  -                            01000000-0000-7000-8000-0000000000ee attempt 2 · HTTP 200 · alert 01000000-0000-7000-8000-0000000000bb
2026-01-02T03:04:05.006Z · project.created  -
`, "\n")
	var got strings.Builder
	for _, e := range entries {
		e.At = at
		got.WriteString(tail.Line(e, nil) + "\n")
	}
	require.Equal(t, want, got.String())

	cet := time.FixedZone("CET", 3600)
	require.Equal(t, "2026-01-02T04:04:05.006+01:00 · x.y              -", tail.Line(meshhook.Entry{At: at, Kind: "x.y"}, cet))
}

func TestSubject(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		entry meshhook.Entry
		want  string
	}{
		{meshhook.Entry{Kind: "event.rejected"}, "-"},
		{meshhook.Entry{Kind: "event.rejected", Webhook: "w"}, "w"},
		{meshhook.Entry{Kind: "event.accepted", Workflow: "f"}, "f"},
		{meshhook.Entry{Kind: "run.queued", Webhook: "w", Workflow: "f"}, "f"},
		{meshhook.Entry{Kind: "step.failed", Webhook: "w", Workflow: "f", Step: "s"}, "f › s"},
	} {
		require.Equal(t, tt.want, tail.Subject(tt.entry))
	}
}

// Hostile text in any field stays one clean line.
func TestLine_Hostile(t *testing.T) {
	t.Parallel()
	const evil = "\x1b]0;pwned\x07\u202e\n\u009b31m\xff"
	for _, noun := range []string{"event.", "run.", "step.", "alert.", ""} {
		line := tail.Line(meshhook.Entry{
			Kind: meshhook.EntryKind(noun + evil), Webhook: evil, Workflow: evil, Step: evil,
			Status: evil, Code: evil, Detail: evil, EventID: &eventID, RunID: &runID,
		}, nil)
		require.Equal(t, tail.Clean(line), line)
	}
}

// Every kind and state that the ground knows has a look of its own noun, and
// every sign is one cell.
func TestLook(t *testing.T) {
	t.Parallel()
	var kinds []meshhook.EntryKind
	for _, s := range meshhook.EventStatuses() {
		kinds = append(kinds, meshhook.EventEntry(s))
	}
	for _, s := range meshhook.RunStatuses() {
		kinds = append(kinds, meshhook.RunEntry(s))
	}
	for _, s := range meshhook.StepStatuses() {
		kinds = append(kinds, meshhook.EntryKind("step."+string(s)))
	}
	kinds = append(kinds, meshhook.EntryCircuitOpened, meshhook.EntryCircuitClosed)
	for _, k := range kinds {
		sign, _ := tail.Look(k)
		require.NotEqual(t, "·", sign, k)
		require.Len(t, []rune(sign), 1, k)
	}
	sign, tone := tail.Look("step.failed")
	require.Equal(t, "✗", sign)
	require.Equal(t, tail.Bad, tone)
	sign, tone = tail.Look("unheard.of")
	require.Equal(t, "·", sign)
	require.Equal(t, tail.Plain, tone)
}
