package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// many fills the store with so many runs.
func many(s *screen, n int) {
	for i := 1; i <= n; i++ {
		s.store.runs[id(i)] = meshhook.Run{ID: id(i), Workflow: fmt.Sprintf("flow-%d", i), Status: meshhook.RunSucceeded, CreatedAt: noon}
	}
}

// rowNames are the workflows of the visible rows, and that of the selected one.
func rowNames(s *screen) (rows []string, selected string) {
	table := s.page().table
	for _, i := range table.visible() {
		rows = append(rows, strings.TrimPrefix(table.rows[i].workflow, "flow-"))
	}
	if r, ok := table.selected(); ok {
		selected = strings.TrimPrefix(r.workflow, "flow-")
	}
	return rows, selected
}

// A table reads a hundred rows, and more as one goes down.
func TestTable_ReadsMore(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 15)
	many(s, 250)
	s.press("5")
	require.Equal(t, " Runs 100+", s.line(2))
	rows, selected := rowNames(s)
	require.Equal(t, "250", selected)
	require.Len(t, rows, 10)
	s.press("G")
	require.Len(t, s.page().table.rows, 200)
	s.press("G G G")
	require.Equal(t, " Runs 250", s.line(2))
	_, selected = rowNames(s)
	require.Equal(t, "1", selected)
	s.press("k k pgup g")
	_, selected = rowNames(s)
	require.Equal(t, "250", selected)

	// What is new is put above, and what was read below stays.
	many(s, 251)
	s.clock = s.clock.Add(time.Second)
	s.press("j j R")
	require.Len(t, s.page().table.rows, 251)
	_, selected = rowNames(s)
	require.Equal(t, "248", selected, "the cursor stays on its row")
	s.press("g")
	_, selected = rowNames(s)
	require.Equal(t, "251", selected)
}

// A table that has more rows than are read anew keeps those below.
func TestTable_ReadsAnewWhatIsOnTop(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 15)
	many(s, 800)
	s.press("5 G G G G G G G G")
	require.Len(t, s.page().table.rows, 800)
	many(s, 803)
	s.clock = s.clock.Add(time.Second)
	s.press("R")
	require.Len(t, s.page().table.rows, 803)
	keys := map[string]bool{}
	for _, r := range s.page().table.rows {
		require.False(t, keys[r.key])
		keys[r.key] = true
	}
	// So many came that the two do not meet: then only the new ones are there.
	many(s, 2000)
	s.clock = s.clock.Add(time.Second)
	s.press("R")
	require.Less(t, len(s.page().table.rows), 800)
	require.True(t, s.page().table.more)
}

// A filter that finds little reads on, as far as is bounded.
func TestTable_FilterReadsOn(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 15)
	many(s, 350)
	s.press("5 /")
	s.write("workflow:flow-7")
	rows, _ := rowNames(s)
	require.Equal(t, []string{"79", "78", "77", "76", "75", "74", "73", "72", "71", "70"}, rows)
	require.Contains(t, s.page().input.field.Value(), "flow-7")
	s.press("enter")
	require.Contains(t, s.line(2), "(11 of 350)")
	s.press("esc")
	require.Equal(t, " Runs 350", s.line(2))
	s.press("/")
	s.write("nothing")
	require.Contains(t, s.View(), "Nothing matches the filter; esc clears it.")
}

// What a filter looks for may be older than what it reads by itself.
func TestTable_FilterReadsFurtherWhenAsked(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 15)
	many(s, 4500)
	s.press("5 /")
	s.write("nothing")
	s.press("enter")
	require.Len(t, s.page().table.rows, 2000)
	require.Contains(t, s.View(), " None of the newest 2000 matches. ↓ reads on, esc clears.")
	s.press("up")
	require.Len(t, s.page().table.rows, 2000)
	s.press("down")
	require.Len(t, s.page().table.rows, 4000)
	s.press("G")
	require.Len(t, s.page().table.rows, 4500)
	require.Contains(t, s.View(), "Nothing matches the filter; esc clears it.")
}

// What happens is read at most four times a second, and once more afterwards.
func TestTable_Coalesces(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 15)
	many(s, 3)
	var woken []tea.Msg
	s.after = func(d time.Duration, msg tea.Msg) tea.Cmd {
		require.Equal(t, 150*time.Millisecond, d)
		woken = append(woken, msg)
		return nil
	}
	s.press("5")
	asked := func() int {
		n := 0
		for _, a := range s.store.asked {
			if a == "runs" {
				n++
			}
		}
		return n
	}
	require.Equal(t, 1, asked())
	s.clock = s.clock.Add(100 * time.Millisecond)
	entry := entriesMsg{{Kind: meshhook.EntryRunSucceeded, RunID: ref(2)}}
	for range 20 {
		s.run(s.take(entry))
	}
	require.Equal(t, 1, asked())
	require.Equal(t, []tea.Msg{wakeMsg{noun: "run"}}, woken, "one alarm is set")
	s.send(woken[0])
	require.Equal(t, 2, asked())
	s.run(s.take(entriesMsg{{Kind: meshhook.EntryEventRejected, EventID: ref(7)}}))
	require.Len(t, woken, 1, "that is no matter of runs")

	// While an answer is awaited, nothing is asked, but remembered.
	s.clock = s.clock.Add(time.Second)
	first := s.take(entry)
	require.Nil(t, s.take(entry))
	s.after = func(time.Duration, tea.Msg) tea.Cmd { return func() tea.Msg { return wakeMsg{noun: "run"} } }
	s.run(first)
	require.Equal(t, 4, asked())

	// A page that is not shown asks nothing.
	s.press("1")
	s.send(wakeMsg{noun: "run"})
	require.Equal(t, 4, asked())
}

// The cursor is on the newest row and stays there; on another it stays with its row.
func TestTable_Live(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 15)
	many(s, 3)
	s.press("5")
	many(s, 4)
	s.feedIn(meshhook.Entry{Kind: meshhook.EntryRunQueued, RunID: ref(4)})
	_, selected := rowNames(s)
	require.Equal(t, "4", selected)
	s.press("j")
	many(s, 6)
	s.feedIn(meshhook.Entry{Kind: meshhook.EntryRunQueued, RunID: ref(5)})
	rows, selected := rowNames(s)
	require.Equal(t, "3", selected)
	require.Equal(t, []string{"6", "5", "4", "3", "2", "1"}, rows)
	s.store.err = errReset
	s.feedIn(meshhook.Entry{Kind: meshhook.EntryRunQueued, RunID: ref(5)})
	require.Contains(t, s.line(2), "✗ cannot load the runs: read tcp")
	rows, _ = rowNames(s)
	require.Len(t, rows, 6, "what is known stays")
	s.store.err = nil
	s.clock = s.clock.Add(time.Second)
	_, _ = s.Update(stateMsg(stateLost()))
	s.run(s.connection(tailState()))
	require.NotContains(t, s.line(2), "✗", "what was missed is read when the connection stands again")
}

// Where nothing could be read, the whole reason stands in the place of rows.
func TestTable_SaysWhyItIsEmpty(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 15)
	s.store.err = fmt.Errorf("%s\x1b[31m end", strings.Repeat("a long reason ", 10))
	s.press("4")
	require.Equal(t, " Workflows"+strings.Repeat(" ", 48)+"✗", s.line(2))
	require.Equal(t, " cannot load the workflows: a long reason a long reason a", s.line(5))
	require.Contains(t, s.View(), `\x1b[31m end`)
	s.store.err = fmt.Errorf("%s", strings.Repeat("a long reason ", 100))
	s.clock = s.clock.Add(time.Second)
	s.press("R")
	require.Len(t, strings.Split(s.View(), "\n"), 15)
}

// Nothing there, and nothing read yet.
func TestTable_Empty(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 15)
	for i, want := range []string{"webhook create", "No request", "workflow apply", "No run yet", "alerts create", "No alert has been sent"} {
		s.press(fmt.Sprint(i + 2))
		require.Contains(t, s.View(), want)
		s.press("enter r e w f m p c t X a x o S D s P n y j k G g space pgdown esc esc")
		if s.overlay != nil { // all exhausted deliveries need no selected one
			require.Equal(t, 5, i)
			s.press("n")
		}
	}
	require.Empty(t, s.deeds.done)
	_, _ = s.Update(keyMsg("5"))
	s.page().table.read = false
	require.Contains(t, s.View(), "loading…")
}

// What others configure has no entry in the journal, and is seen all the same.
func TestTable_Polls(t *testing.T) {
	t.Parallel()
	s := withHouse(t, 80, 24)
	s.press("2")
	require.Equal(t, " Webhooks 2", s.line(2))
	s.store.endpoints = s.store.endpoints[:1]
	for range polled {
		require.Equal(t, " Webhooks 2", s.line(2))
		s.clock = s.clock.Add(time.Second)
		s.send(tickMsg{})
	}
	require.Equal(t, " Webhooks 1", s.line(2))
}

// Alerts are found by their names, and by those the messages that they sent.
func TestTable_FilterByAlert(t *testing.T) {
	t.Parallel()
	s := withHouse(t, 100, 30)
	shown := func() (names []string) {
		table := s.page().table
		for _, i := range table.visible() {
			names = append(names, table.rows[i].alert)
		}
		return names
	}
	s.press("6 /")
	s.write("alert:all-ex")
	require.Equal(t, []string{"all-exhausted"}, shown())
	s.press("enter 7 /")
	s.write("alert:chat-failed")
	require.Equal(t, []string{"github-to-chat-failed", "github-to-chat-failed"}, shown())
}
