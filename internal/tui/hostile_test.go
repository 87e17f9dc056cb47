package tui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// evil is what a terminal must never be told: clear the screen, set the title,
// put text into the clipboard, turn the writing direction, ring, go back.
const evil = "\x1b[2J\x1b]0;pwned\x07\x1b]52;c;cHduZWQ=\x1b\\\u009b31m\x9b31m\u202e\u2066\u200b\ufeff\b\r\n\t\x00\x7f\xff亀e\u0301"

// requireCleanScreen wants nothing on a screen without colour that is not text.
func requireCleanScreen(t *testing.T, view string) {
	t.Helper()
	for line := range strings.SplitSeq(view, "\n") {
		require.Equal(t, tail.Clean(line), line)
	}
}

// evilEvent and evilRun are hostile in every field that is text.
func evilEvent() meshhook.Event {
	return meshhook.Event{
		ID: id(1), Webhook: evil, Status: evil, Code: evil, Reason: evil, Findings: json.RawMessage(evil), RemoteAddr: evil,
		Method: evil, Path: evil, Query: evil, Header: http.Header{evil: {evil}}, ContentType: evil, Body: []byte(evil), DedupKey: evil, RunIDs: []meshhook.ID{id(2)},
	}
}

func evilRun() meshhook.Run {
	why := &meshhook.Failure{Reason: evil, Message: evil, Step: evil}
	return meshhook.Run{
		ID: id(2), Workflow: evil, Webhook: evil, Status: evil, WaitingFor: evil, StartedAt: &noon, Error: why,
		Input: []byte(strings.ReplaceAll(evil, "\x00", "")), Output: json.RawMessage(evil),
		Steps: []meshhook.Step{{ID: evil, Kind: evil, Status: evil, Error: why, Output: json.RawMessage(evil)}},
	}
}

func evilEntry(noun string) meshhook.Entry {
	return meshhook.Entry{
		At: noon, Kind: meshhook.EntryKind(noun + evil), EventID: ref(1), RunID: ref(2), Webhook: evil, Workflow: evil, Step: evil,
		Status: evil, Code: evil, Detail: evil,
	}
}

// evilHouse makes everything hostile that is stored.
func evilHouse(s *things) {
	why := json.RawMessage(evil)
	s.events[id(1)], s.runs[id(2)] = evilEvent(), evilRun()
	s.endpoints = []meshhook.Endpoint{{
		ID: id(0x21), Path: evil, Workflow: evil, Description: evil, Enabled: true, Verification: meshhook.Verification{Scheme: evil}, Methods: []string{evil},
		Schema: why, Dedup: evil, Filter: evil,
	}}
	s.workflows = []meshhook.Workflow{{ID: id(0x31), Name: evil, Description: evil}}
	s.versions = []meshhook.Version{{Number: 1, Digest: evil, Source: evil}}
	s.alerts = []meshhook.Alert{{
		ID: id(0x41), WorkflowID: ref(0x31), Workflow: evil, On: []meshhook.Condition{evil}, Preset: evil, URL: "https://" + evil, Headers: map[string]string{evil: evil}, DisabledReason: evil, Description: evil,
	}}
	s.deliveries = []meshhook.Delivery{{ID: id(0x51), AlertID: id(0x41), Type: evil, Status: evil, Reason: evil, Workflow: evil, RunID: ref(2)}}
	s.attempts = []meshhook.AlertAttempt{{
		ID: id(0x61), Attempt: 1, At: noon, URL: evil, Headers: map[string]string{evil: evil}, Body: []byte(evil), HTTPStatus: 500, Answer: []byte(evil), Reason: evil, Error: evil, Fallback: evil,
	}}
	s.entries = []meshhook.Entry{
		{At: noon, Kind: meshhook.EntryStepStarted, RunID: ref(2), Step: evil},
		{At: noon, Kind: meshhook.EntryStepFailed, RunID: ref(2), Step: evil, Code: evil, Detail: evil},
	}
}

// evilFacts are what configuration says of itself.
func evilFacts(o *Options) {
	o.WebhookFacts = func(meshhook.Endpoint, []meshhook.EndpointSecret) []Fact { return []Fact{{Name: evil, Value: evil}} }
	o.AlertFacts = func(meshhook.Alert, []meshhook.AlertSecret) []Fact { return []Fact{{Name: evil, Value: evil}} }
	o.Graph = func(meshhook.Version) string { return evil }
}

// checkHostile wants a clean screen with every line within the width, and the columns
// of a table where its title has them.
func checkHostile(t *testing.T, s *screen) {
	t.Helper()
	requireCleanScreen(t, s.View())
	lines := strings.Split(s.View(), "\n")
	require.Len(t, lines, s.height)
	for _, line := range lines {
		require.LessOrEqual(t, ansi.StringWidth(line), s.width)
	}
}

// Nothing of a stranger's reaches the screen raw, on any page, at any width.
func TestHostile_EveryPage(t *testing.T) {
	t.Parallel()
	for _, width := range []int{60, 80, 100, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			t.Parallel()
			s := newScreen(t, width, 80)
			s.opts.Project, s.opts.Scope = evil, evil
			evilHouse(s.store)
			evilFacts(&s.opts)
			s.feedIn(evilEntry("event."), evilEntry("run."), evilEntry("step."), evilEntry(""))
			for _, keys := range []string{
				"g", "enter", "r", "esc esc", "2", "enter", "D", "n", "S", "y", "esc", "esc", "3", "enter", "p", "n", "c", "esc",
				"4", "enter", "esc", "s", "esc", "D", "n", "5", "enter", "right right right enter", "right enter G", "esc", "6", "enter", "t", "esc", "7", "enter", "right right right enter G", "?",
			} {
				s.press(keys)
				checkHostile(t, s)
			}
			for i, p := range s.pages[1:] {
				s.press(fmt.Sprint(i + 2))
				require.NotEmpty(t, p.table.rows, p.title)
				require.NoError(t, p.table.err, p.title)
				p.opened = nil
				s.press("enter")
				checkHostile(t, s)
				require.NoError(t, p.detail().err)
				require.Contains(t, s.View(), `\x1b]0;pwned\x07`, p.title)
				s.press("esc /")
				s.send(tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune("(" + evil)})
				checkHostile(t, s)
				s.press("enter esc")
			}
			s.store.err, s.deeds.err = fmt.Errorf("%s", evil), fmt.Errorf("%s", evil)
			s.clock = s.clock.Add(time.Minute)
			s.press("2 R o")
			checkHostile(t, s)
			s.press("esc 1 esc esc enter")
			checkHostile(t, s)
			_, _ = s.Update(stateMsg{Lost: fmt.Errorf("%s", evil), Since: noon})
			checkHostile(t, s)
			_, _ = s.Update(endedMsg{fmt.Errorf("%s", evil)})
			checkHostile(t, s)
			s.press("esc /")
			s.send(tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune(evil)})
			checkHostile(t, s)
			s.press("enter")
			checkHostile(t, s)
		})
	}
}

// Wide, combining and escaped characters keep the columns of a table where its title
// has them.
func TestHostile_ColumnsStay(t *testing.T) {
	t.Parallel()
	names := []string{"plain", "注文/亀亀亀亀亀亀亀亀亀亀亀亀亀亀亀亀", strings.Repeat("e\u0301", 40), "\x1b[31mred", "a\u200bb\u202ec\ufeff", "👩‍👩‍👧‍👦 family", "\xff\xfe"}
	for _, width := range []int{60, 80, 100, 160} {
		s := newScreen(t, width, 24)
		for i, name := range names {
			s.store.runs[id(i+1)] = meshhook.Run{ID: id(i + 1), Workflow: name, Status: "succeeded", CreatedAt: noon, StartedAt: &noon, FinishedAt: &noon, Error: &meshhook.Failure{Reason: "why", Message: "it failed"}}
		}
		s.press("5")
		lines := strings.Split(s.View(), "\n")
		at := ansi.StringWidth(lines[3][:strings.Index(lines[3], "why")])
		for _, line := range lines[4 : 4+len(names)] {
			require.Equal(t, "why: i", ansi.Cut(line, at, at+6), "%q", line)
		}
	}
}
