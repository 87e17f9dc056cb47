package tui

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// pushEvent is the event that began the story.
func pushEvent() meshhook.Event {
	return meshhook.Event{
		ID: id(1), Webhook: "github", Status: meshhook.EventAccepted, ReceivedAt: noon, RemoteAddr: "192.0.2.7",
		Method: "POST", Path: "/hooks/github", Query: "a=1", ContentType: "application/json", DedupKey: "72d3162e",
		Header: http.Header{"X-Github-Event": {"push"}, "Accept": {"*/*", "text/html"}, "Content-Type": {"application/json"}},
		Body:   []byte(`{"ref":"refs/heads/main","commits":[{"id":1,"message":"Größe 亀"}]}`), BodySize: 2100,
		SecretID: ref(9), RunIDs: []meshhook.ID{id(2), id(6)},
	}
}

func rejectedEvent() meshhook.Event {
	return meshhook.Event{
		ID: id(3), Webhook: "stripe", Status: meshhook.EventRejected, Code: meshhook.CodeInvalidSignature,
		Reason: "the signature does not match", ReceivedAt: noon, RemoteAddr: "198.51.100.1", Method: "POST", Path: "/hooks/stripe",
		Findings: json.RawMessage(`{"scheme":"stripe","header":"Stripe-Signature","found":true}`),
		Body:     []byte("\x00\x01binary\xff"), BodySize: 3 << 20, BodyTruncated: true, DuplicateOf: ref(1),
	}
}

// chatRun is a run with a step of each kind of fate.
func chatRun() meshhook.Run {
	at := func(ms int) *time.Time { t := noon.Add(time.Duration(ms) * time.Millisecond); return &t }
	return meshhook.Run{
		ID: id(2), Workflow: "github-to-chat", Version: 3, EventID: ref(1), Webhook: "github", Status: meshhook.RunWaiting,
		WaitingFor: meshhook.WaitingForRetry, WakeAt: at(5000), Attempt: 2, CreatedAt: noon, StartedAt: at(1),
		Steps: []meshhook.Step{
			{ID: "shape", Kind: "transform", Status: meshhook.StepSucceeded, Attempt: 1, StartedAt: *at(1), FinishedAt: at(3), Output: json.RawMessage(`{"text":"hi"}`)},
			{ID: "maybe", Kind: "http", Status: meshhook.StepSkipped, StartedAt: *at(3), FinishedAt: at(3)},
			{ID: "post", Kind: "http", Status: meshhook.StepWaiting, Attempt: 2, StartedAt: *at(4), NextAt: at(5000), Error: &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "the answer was 503", Step: "post"}},
		},
	}
}

func failedRun() meshhook.Run {
	end := noon.Add(time.Minute)
	return meshhook.Run{
		ID: id(5), Workflow: "by-hand", Version: 1, Status: meshhook.RunFailed, Attempt: 1, CreatedAt: noon, StartedAt: &noon, FinishedAt: &end,
		Error: &meshhook.Failure{Reason: meshhook.FailedTimeout, Message: "the run took longer than 1m0s", Step: "post"},
		Input: []byte("plain text"), Output: json.RawMessage(`[1,2]`),
	}
}

// withStory returns a screen on which the story can be opened.
func withStory(t *testing.T, width, height int) *screen {
	s := newScreen(t, width, height)
	s.conn = connected
	for _, e := range []meshhook.Event{pushEvent(), rejectedEvent()} {
		s.store.events[e.ID] = e
	}
	for _, r := range []meshhook.Run{chatRun(), failedRun()} {
		s.store.runs[r.ID] = r
	}
	s.feedIn(story()...)
	return s
}

func TestPage_Golden(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]string{
		"event":          "g enter",
		"event next run": "g enter right",
		"rejected":       "g j j j j j j enter",
		"run":            "g j enter",
		"failed run":     "enter",
		"not there":      "k enter",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withStory(t, 80, 46)
			s.press(keys)
			golden(t, s)
		})
	}
}

// A small terminal scrolls what does not fit.
func TestPage_Scrolls(t *testing.T) {
	t.Parallel()
	s := withStory(t, 60, 15)
	s.press("g enter")
	first := s.line(3)
	require.Equal(t, " status        ✓ accepted", first)
	for _, there := range []string{"j", "ctrl+d", "pgdown", "space", "G", "end"} {
		s.press(there)
		require.NotEqual(t, first, s.line(3), there)
		s.press("g")
		require.Equal(t, first, s.line(3), there)
	}
	s.send(tea.MouseMsg{Button: tea.MouseButtonWheelDown})
	s.press("k pgup")
	require.Equal(t, first, s.line(3))
	s.send(tea.MouseMsg{Button: tea.MouseButtonWheelDown})
	require.Equal(t, " received      2026-01-02T12:00:00.000Z", s.line(3))
}

// From the event to its runs, from a run to its event, and back.
func TestPage_Links(t *testing.T) {
	t.Parallel()
	s := withStory(t, 80, 40)
	short := func() (list []string) {
		for _, title := range s.opened() {
			list = append(list, strings.ReplaceAll(title, " 019b0000-0000-7000-8000-00000000000", " "))
		}
		return list
	}
	for _, step := range []struct {
		keys string
		want []string
	}{
		{"g r", []string{"run 2"}}, // straight from the entry of the event
		{"e", []string{"run 2", "event 1"}},
		{"r", []string{"run 2"}}, // back, not deeper
		{"right right enter", []string{"run 2", "event 1"}},
		{"right enter", []string{"run 2", "event 1", "run 6"}},
		{"esc", []string{"run 2", "event 1"}},
		{"?", []string{"run 2", "event 1", "keys"}},
		{"?", []string{"run 2", "event 1"}},
		{"?", []string{"run 2", "event 1", "keys"}},
		{"esc esc esc", nil},
		{"j e", []string{"event 1"}},
		{"right left left r", []string{"event 1", "run 6"}},
	} {
		s.press(step.keys)
		require.Equal(t, step.want, short(), step.keys)
	}
	require.True(t, s.list.paused, "the list waits where it was")
}

func TestPage_NothingToGoTo(t *testing.T) {
	t.Parallel()
	s := withStory(t, 80, 24)
	s.press("enter e")
	require.Equal(t, " there is nothing to go to from here", s.line(-1))
	s.press("enter")
	require.Equal(t, "run 019b0000-0000-7000-8000-000000000005", s.opened()[0])
}

// What happens to the thing on the page is shown as it happens, and an error
// leaves what is known.
func TestPage_Live(t *testing.T) {
	t.Parallel()
	s := withStory(t, 80, 40)
	s.press("g j enter")
	require.Equal(t, " status        ⏸ waiting", s.line(3))

	run := chatRun()
	run.Status = meshhook.RunSucceeded
	s.store.runs[run.ID] = run
	s.feedIn(numbered(50, 60)...) // about something else
	require.Equal(t, []string{"run 02"}, s.store.asked)
	s.feedIn(meshhook.Entry{At: noon, Kind: meshhook.EntryRunSucceeded, RunID: ref(2)}, meshhook.Entry{At: noon, Kind: meshhook.EntryRunSucceeded, RunID: ref(2)})
	require.Equal(t, []string{"run 02", "run 02"}, s.store.asked)
	require.Equal(t, " status        ✓ succeeded", s.line(3))

	s.store.err = errReset
	s.feedIn(meshhook.Entry{At: noon, Kind: meshhook.EntryRunSucceeded, RunID: ref(2)})
	require.Equal(t, " ✗ cannot load the run 019b0000-0000-7000-8000-000000000002: read tcp:", s.line(3))
	require.Equal(t, " status        ✓ succeeded", s.line(5))

	s.store.err = nil
	s.press("e")
	s.feedIn(meshhook.Entry{At: noon, Kind: meshhook.EntryRunQueued, RunID: ref(77), EventID: ref(1)})
	require.Equal(t, []string{"event 01", "event 01"}, s.store.asked[3:])
	s.press("esc") // the run may have changed meanwhile
	require.Equal(t, "run 02", s.store.asked[5])
	require.Equal(t, " status        ✓ succeeded", s.line(3))
}

// While one question is open no second one is asked; it is asked afterwards.
func TestPage_OneQuestionAtATime(t *testing.T) {
	t.Parallel()
	s := withStory(t, 80, 40)
	s.press("g j")
	_, first := s.Update(keyMsg("enter"))
	require.Equal(t, " loading…", s.line(3))
	s.press("e")
	require.Equal(t, " loading…", s.line(-1))
	entry := meshhook.Entry{At: noon, Kind: meshhook.EntryRunStarted, RunID: ref(2)}
	require.Nil(t, s.take(entriesMsg{entry}))
	require.Nil(t, s.take(entriesMsg{entry}))
	require.Empty(t, s.store.asked)
	s.run(first)
	require.Equal(t, []string{"run 02", "run 02"}, s.store.asked)

	_, late := s.Update(keyMsg("e"))
	s.press("esc esc")
	s.run(late) // the answer for a page that is closed
	require.Empty(t, s.opened())
}

func TestPage_SaysWhyNot(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"gone":    {fmt.Errorf("reading: %w", meshhook.Errorf(meshhook.CodeNotFound, "no")), "the run X is not there any more"},
		"slow":    {fmt.Errorf("reading: %w", context.DeadlineExceeded), "the database did not answer within 10s"},
		"else":    {errReset, "cannot load the run X: read tcp: connection reset by peer"},
		"hostile": {fmt.Errorf("%s", "\x1b[31m\n"), `cannot load the run X: \x1b[31m\n`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, whyNot("run X", tt.err))
		})
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	nested := strings.Repeat("[", meshhook.DeepestIndented) + strings.Repeat("]", meshhook.DeepestIndented)
	for name, tt := range map[string]struct {
		body []byte
		want []string // the first lines
	}{
		"empty":                {nil, []string{"(empty)"}},
		"json":                 {[]byte(` {"a":[1,"\u001b"],"a":2} `), []string{"{", `  "a": [`, "    1,", `    "\u001b"`, "  ],", `  "a": 2`, "}"}},
		"json deepest":         {[]byte(nested), []string{"[", "  ["}},
		"json too deep":        {[]byte("[" + nested + "]"), []string{"[" + nested[:77], nested[77:] + "]"}},
		"brackets in a string": {[]byte(`["` + nested + `\"["]`), []string{"["}},
		"text":                 {[]byte("a=1&b=ü\r\n\tx\n\x1b[0m"), []string{"a=1&b=ü", "    x", `\x1b[0m`}},
		"nul":                  {[]byte("a\x00"), []string{"00000000  61 00                                            |a.|"}},
		"bad utf-8":            {[]byte("\xff\xfe"), []string{"00000000  ff fe                                            |..|"}},
		"half a letter":        {[]byte("abc\xc3"), []string{"00000000  61 62 63 c3                                      |abc.|"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &doc{styles: plainStyles(), width: 78}
			d.body(0, tt.body)
			require.GreaterOrEqual(t, len(d.lines), len(tt.want))
			for i, want := range tt.want {
				require.Equal(t, want, strings.TrimPrefix(d.lines[i], " "))
			}
		})
	}
}

// Whatever is big is cut, and the page says so.
func TestBody_Caps(t *testing.T) {
	t.Parallel()
	last := func(body []byte) (lines int, text string) {
		d := &doc{styles: plainStyles(), width: 64}
		d.body(0, body)
		return len(d.lines), d.lines[len(d.lines)-1]
	}
	lines, text := last(bytes.Repeat([]byte("x"), shownBody))
	require.Equal(t, shownBody/64, lines)
	require.Equal(t, " "+strings.Repeat("x", 64), text)

	_, text = last(bytes.Repeat([]byte("x"), shownBody+1))
	require.Equal(t, " … 1 B more", text)
	_, text = last(append(bytes.Repeat([]byte("x"), shownBody-1), "ü and more"...)) // cut inside ü
	require.Equal(t, " … 10 B more", text)

	_, text = last(make([]byte, shownBinary))
	require.Equal(t, " 00000ff8  00 00 00 00 00 00 00 00  |........|", text)
	_, text = last(make([]byte, 5<<20))
	require.Equal(t, " … 5 MiB more", text)

	lines, text = last(bytes.Repeat([]byte("\n"), shownLines))
	require.Equal(t, shownLines, lines)
	require.NotContains(t, text, "more")
	lines, text = last(bytes.Repeat([]byte("\n"), shownLines+2))
	require.Equal(t, shownLines+1, lines)
	require.Equal(t, " … more lines", text)

	d := &doc{styles: plainStyles(), width: 64}
	d.body(2, bytes.Repeat([]byte("1"), shownBody+1500))
	require.Equal(t, "   … 1.5 KiB more", d.lines[len(d.lines)-1])
}

func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"a":[1,"\"["]}`))
	f.Add([]byte("\x1b]0;x\x07\u202e\x00"))
	f.Add([]byte("亀\xe4\xba"))
	f.Fuzz(func(t *testing.T, body []byte) {
		d := &doc{styles: plainStyles(), width: 10}
		d.body(0, body)
		require.NotEmpty(t, d.lines)
		requireCleanScreen(t, strings.Join(d.lines, "\n"))
	})
}

// A run that waits for a place says so.
func TestPage_Blocked(t *testing.T) {
	t.Parallel()
	s := withStory(t, 80, 40)
	run := chatRun()
	run.Status, run.WaitingFor, run.WakeAt, run.Blocked = meshhook.RunQueued, "", nil, true
	s.store.runs[run.ID] = run
	s.press("g j enter")
	require.Equal(t, " waiting for   a place of its workflow's concurrency", s.line(4))
}
