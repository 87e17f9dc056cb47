package tui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

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

// Nothing of a stranger's reaches the screen raw, on any page, at any width, and
// the columns stay.
func TestHostile_EveryPage(t *testing.T) {
	t.Parallel()
	for _, width := range []int{60, 80, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			t.Parallel()
			s := newScreen(t, width, 80)
			s.opts.Project, s.opts.Scope = evil, evil
			s.store.events[id(1)], s.store.runs[id(2)] = evilEvent(), evilRun()
			s.feedIn(evilEntry("event."), evilEntry("run."), evilEntry("step."), evilEntry(""))
			check := func() {
				t.Helper()
				requireCleanScreen(t, s.View())
				for line := range strings.SplitSeq(s.View(), "\n") {
					require.LessOrEqual(t, ansi.StringWidth(line), width)
				}
			}
			check()
			s.press("g enter")
			check()
			require.Contains(t, s.View(), `\x1b]0;pwned\x07`)
			s.press("r")
			check()
			require.Contains(t, s.View(), `\x1b]0;pwned\x07`)
			s.press("esc esc")
			s.store.err = fmt.Errorf("%s", evil)
			s.press("enter")
			check()
			_, _ = s.Update(stateMsg{Lost: fmt.Errorf("%s", evil), Since: noon})
			check()
			_, _ = s.Update(endedMsg{fmt.Errorf("%s", evil)})
			check()
			s.press("esc /")
			s.send(tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune(evil)})
			check()
			s.press("enter")
			check()
		})
	}
}
