package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// withHouse returns a screen on which there is something of everything.
func withHouse(t *testing.T, width, height int) *screen {
	s := withStory(t, width, height)
	house(s.store)
	return s
}

// Every page and what can be opened on it, on a small screen and on a large one.
func TestPages_Golden(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]string{
		"webhooks": "2", "webhook": "2 enter", "events": "3", "event": "3 G enter", "workflows": "4", "workflow": "4 enter",
		"runs": "5", "run": "5 G enter", "run unfolded": "5 G enter right right right enter right enter G",
		"alerts": "6", "alert": "6 enter", "deliveries": "7", "delivery": "7 G enter", "help": "6 ?",
		"question": "2 D", "note": "4 s", "secret": "2 S y", "filtered": "3 / r e j enter", "wrong jq": "3 / . [",
	} {
		for _, size := range []struct{ width, height int }{{60, 15}, {100, 30}} {
			t.Run(fmt.Sprintf("%s/%dx%d", name, size.width, size.height), func(t *testing.T) {
				t.Parallel()
				s := withHouse(t, size.width, size.height)
				s.press(keys)
				golden(t, s)
			})
		}
	}
}

// The keys that go from page to page, and what each page remembers.
func TestPages_GoThrough(t *testing.T) {
	t.Parallel()
	s := withHouse(t, 80, 24)
	for keys, want := range map[string]int{"1": 0, "7": 6, "1 tab": 1, "1 shift+tab": 6, "7 ]": 0, "1 ] ]": 2, "3 [": 1, "5 enter 2 5": 4} {
		s.press(keys)
		require.Equal(t, want, s.at, keys)
	}
	s.press("5")
	require.Len(t, s.opened(), 1, "what was opened is still there")
	s.press("esc 3 / r e j enter 4 3")
	require.Contains(t, s.line(2), "/rej (1 of 2)")
	s.press("3 ?")
	require.Equal(t, []string{"keys"}, s.opened())
	s.press("?")
	require.Empty(t, s.opened())
}

// What a page opens on is told; what it shows first is read at once.
func TestPages_OpensOnWebhooks(t *testing.T) {
	t.Parallel()
	m := newModel(t.Context(), Options{Store: newThings()}, plainStyles())
	require.Equal(t, 1, m.at)
	batch, ok := m.Init()().(tea.BatchMsg)
	require.True(t, ok)
	require.Len(t, batch, 4)
	require.Equal(t, rowsMsg{noun: "webhook", rows: []row{}, limit: tablePage}, batch[3]())
}

// Links lead from each thing to the others.
func TestPages_Links(t *testing.T) {
	t.Parallel()
	s := withHouse(t, 100, 30)
	for keys, want := range map[string]string{
		"2 f":                     "workflow github-to-chat",
		"2 enter enter":           "workflow github-to-chat",
		"3 G r":                   "run 2",
		"3 G enter r e":           "event 1",
		"4 enter enter":           "run 2",
		"5 G w":                   "webhook github",
		"5 G f":                   "workflow github-to-chat",
		"5 G e":                   "event 1",
		"6 f":                     "workflow 31",
		"6 enter right enter":     "delivery 52",
		"7 G m":                   "alert 41",
		"7 G r":                   "run 5",
		"7 G enter enter":         "alert 41",
		"7 G k enter right right": "delivery 52",
	} {
		for range 5 { // close what was opened before
			s.press(keys[:1] + " esc esc")
		}
		s.press(keys)
		titles := s.opened()
		require.NotEmpty(t, titles, keys)
		got := titles[len(titles)-1]
		noun, key, _ := strings.Cut(got, " ")
		if strings.HasPrefix(key, "019b") {
			key = strings.TrimLeft(key[34:], "0")
		}
		require.Equal(t, want, noun+" "+key, keys)
	}
	s.press("2 esc esc e")
	require.Equal(t, " there is nothing to go to from here", s.line(-1))
}

// A detail that is open moves.
func TestPages_DetailsMove(t *testing.T) {
	t.Parallel()
	for keys, entry := range map[string]meshhook.Entry{
		"2 enter":   {Kind: meshhook.EntryEventAccepted, Webhook: "github", EventID: ref(9)},
		"4 enter":   {Kind: meshhook.EntryRunFailed, Workflow: "github-to-chat", RunID: ref(9)},
		"6 enter":   {Kind: meshhook.EntryAlertDelivered, AlertID: ref(0x41)},
		"7 G enter": {Kind: meshhook.EntryAlertDelivered, DeliveryID: ref(0x51)},
		"3 G enter": {Kind: meshhook.EntryEventAccepted, EventID: ref(1)},
	} {
		t.Run(keys, func(t *testing.T) {
			t.Parallel()
			s := withHouse(t, 80, 24)
			s.press(keys)
			before := len(s.store.asked)
			s.feedIn(meshhook.Entry{Kind: meshhook.EntryEventRejected, Webhook: "other"})
			require.Len(t, s.store.asked, before)
			s.feedIn(entry)
			require.Greater(t, len(s.store.asked), before)
		})
	}
}

// The cursor stays on its step when what stands above it changes, and comes back to it.
func TestPages_CursorStays(t *testing.T) {
	t.Parallel()
	s := withHouse(t, 80, 40)
	s.press("5 G enter left")
	require.Contains(t, s.View(), "›▸ ⏸ post")
	run := chatRun()
	run.Steps = run.Steps[:1]
	run.Webhook = ""
	s.store.runs[run.ID] = run
	moved := meshhook.Entry{Kind: meshhook.EntryRunQueued, RunID: ref(2)}
	s.feedIn(moved)
	require.Contains(t, s.View(), "›▸ ✓ shape")
	run.Steps = chatRun().Steps
	s.store.runs[run.ID] = run
	s.feedIn(moved)
	require.Contains(t, s.View(), "›▸ ⏸ post")
}

// The mouse: the bar, a row, the same row again, a link.
func TestPages_Mouse(t *testing.T) {
	t.Parallel()
	s := withHouse(t, 80, 24)
	click := func(x, y int) {
		s.send(tea.MouseMsg{Button: tea.MouseButtonLeft, Action: tea.MouseActionPress, X: x, Y: y})
	}
	click(strings.Index(s.line(1), "5 Runs")-2, 1)
	require.Equal(t, 4, s.at)
	click(0, 1)
	require.Equal(t, 4, s.at, "between names there is nothing")
	click(10, listTop+1)
	require.Equal(t, 1, s.page().table.sel)
	require.Empty(t, s.opened())
	click(10, listTop+1)
	require.Len(t, s.opened(), 1)
	click(10, detailTop)
	require.Len(t, s.opened(), 1)
	line := slices.IndexFunc(strings.Split(s.View(), "\n"), func(l string) bool { return strings.Contains(l, "event   ") })
	click(10, line)
	click(10, line)
	require.Len(t, s.opened(), 2)
	s.send(tea.MouseMsg{Button: tea.MouseButtonWheelDown})
	s.press("1")
	click(10, listTop+3)
	require.True(t, s.list.paused)
	click(10, listTop+3)
	require.Len(t, s.opened(), 1)
	s.press("3")
	s.send(tea.MouseMsg{Button: tea.MouseButtonWheelDown})
	require.Equal(t, 1, s.page().table.sel)
	click(10, 22)
	require.Equal(t, 1, s.page().table.sel)
	s.press("2 D")
	click(10, listTop)
	require.NotNil(t, s.overlay)
}

// What is read takes no longer than it may.
func TestPages_ReadingTimesOut(t *testing.T) {
	t.Parallel()
	require.Equal(t, "the database did not answer within 10s", whyNot("runs", context.DeadlineExceeded))
	require.Equal(t, "cannot load the runs: read tcp: connection reset by peer", whyNot("runs", errReset))
}
