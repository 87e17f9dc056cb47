package tui

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// id returns the n-th id of a test.
func id(n int) meshhook.ID {
	return meshhook.ID{0: 1, 1: 0x9b, 6: 0x70, 8: 0x80, 14: byte(n >> 8), 15: byte(n)}
}

func ref(n int) *meshhook.ID {
	i := id(n)
	return &i
}

// plainStyles have no colour, so that a View is what the eye reads.
func plainStyles() styles {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.Ascii)
	return newStyles(r)
}

// screen drives a model without a program: messages in, commands run at once.
type screen struct {
	t *testing.T
	*model
	store *things
	deeds *deeds
	clock time.Time
}

func newScreen(t *testing.T, width, height int) *screen {
	t.Helper()
	store, deeds := newThings(), &deeds{}
	o := Options{Project: "default", OnLive: true, Store: store, Actions: deeds, Location: time.UTC}
	s := &screen{t, newModel(t.Context(), o, plainStyles()), store, deeds, noon}
	s.now = func() time.Time { return s.clock }
	s.after = func(_ time.Duration, msg tea.Msg) tea.Cmd {
		if _, tick := msg.(tickMsg); tick {
			return nil
		}
		return func() tea.Msg { return msg }
	}
	s.send(tea.WindowSizeMsg{Width: width, Height: height})
	return s
}

// send gives the model a message and runs what it asks for.
func (s *screen) send(msg tea.Msg) {
	s.t.Helper()
	_, cmd := s.Update(msg)
	s.run(cmd)
}

// run carries a command out, and those that follow from it.
func (s *screen) run(cmd tea.Cmd) {
	s.t.Helper()
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			s.run(c)
		}
	default:
		s.send(msg)
	}
}

// opened are the titles of what is open on the page.
func (s *screen) opened() (titles []string) {
	for _, d := range s.page().opened {
		titles = append(titles, d.title)
	}
	return titles
}

// feedIn hands entries over as the feed would.
func (s *screen) feedIn(entries ...meshhook.Entry) {
	s.clock = s.clock.Add(time.Second)
	s.run(s.take(entries))
}

// press presses keys, by their names separated by spaces.
func (s *screen) press(names string) {
	s.t.Helper()
	for name := range strings.FieldsSeq(names) {
		s.send(keyMsg(name))
	}
}

// write types text.
func (s *screen) write(text string) {
	for _, r := range text {
		s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
	}
}

func keyMsg(name string) tea.KeyMsg {
	types := map[string]tea.KeyType{
		"enter": tea.KeyEnter, "esc": tea.KeyEsc, "up": tea.KeyUp, "down": tea.KeyDown, "home": tea.KeyHome, "end": tea.KeyEnd,
		"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "ctrl+u": tea.KeyCtrlU, "ctrl+d": tea.KeyCtrlD, "ctrl+c": tea.KeyCtrlC,
		"tab": tea.KeyTab, "backspace": tea.KeyBackspace, "left": tea.KeyLeft, "right": tea.KeyRight, "shift+tab": tea.KeyShiftTab, "ctrl+r": tea.KeyCtrlR,
	}
	if name == "space" {
		return tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{' '}}
	}
	if t, ok := types[name]; ok {
		return tea.KeyMsg{Type: t}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// line returns the n-th line of the screen, from the end when n is negative.
func (s *screen) line(n int) string {
	lines := strings.Split(s.View(), "\n")
	if n < 0 {
		n += len(lines)
	}
	return strings.TrimRight(lines[n], " ")
}

// seen returns the details of the visible rows, and the one selected.
func (s *screen) seen() (rows []string, selected string) {
	for _, number := range s.list.visible() {
		rows = append(rows, s.list.ring.at(number).entry.Detail)
	}
	if it, ok := s.list.selected(); ok {
		selected = it.entry.Detail
	}
	return rows, selected
}

// numbered returns entries from..to whose details are their numbers.
func numbered(from, to int) []meshhook.Entry {
	var entries []meshhook.Entry
	for n := from; n <= to; n++ {
		entries = append(entries, meshhook.Entry{
			At: noon.Add(time.Duration(n) * time.Millisecond), Kind: meshhook.EntryEventAccepted,
			EventID: ref(n), Webhook: "github", Status: "accepted", Detail: fmt.Sprint(n),
		})
	}
	return entries
}

// story is what a busy minute looks like.
func story() []meshhook.Entry {
	entries := []meshhook.Entry{
		{Kind: meshhook.EntryEventAccepted, EventID: ref(1), RunID: ref(2), Webhook: "github", Workflow: "github-to-chat", Status: "accepted"},
		{Kind: meshhook.EntryRunStarted, RunID: ref(2), EventID: ref(1), Workflow: "github-to-chat", Status: "running"},
		{Kind: meshhook.EntryStepSucceeded, RunID: ref(2), Workflow: "github-to-chat", Step: "shape", Status: "succeeded", DurationMS: 2},
		{Kind: meshhook.EntryStepRetrying, RunID: ref(2), Workflow: "github-to-chat", Step: "post", Status: "waiting", Code: "http_status", Detail: "the answer was 503", Attempt: 2, HTTPStatus: 503, DurationMS: 412},
		{Kind: meshhook.EntryStepSucceeded, RunID: ref(2), Workflow: "github-to-chat", Step: "post", Status: "succeeded", Attempt: 3, HTTPStatus: 200, DurationMS: 87},
		{Kind: meshhook.EntryRunSucceeded, RunID: ref(2), Workflow: "github-to-chat", Status: "succeeded", DurationMS: 1503},
		{Kind: meshhook.EntryEventRejected, EventID: ref(3), Webhook: "stripe", Status: "rejected", Code: "invalid_signature", Detail: "the signature does not match"},
		{Kind: meshhook.EntryEventSuppressed, Webhook: "stripe", Code: "invalid_signature", Count: 41},
		{Kind: meshhook.EntryEventDuplicate, EventID: ref(4), Webhook: "注文/亀", Status: "duplicate"},
		{Kind: meshhook.EntryRunFailed, RunID: ref(5), Workflow: "注文", Status: "failed", Code: "timeout", Detail: "the run took longer than 1m0s"},
	}
	for i := range entries {
		entries[i].At = noon.Add(time.Duration(i) * 137 * time.Millisecond)
	}
	return entries
}

var errReset = fmt.Errorf("read tcp: connection reset by peer")

func stateLost() tail.State { return tail.State{Lost: errReset, Since: noon.Add(3 * time.Minute)} }

func tailState() tail.State { return tail.State{Since: noon} }
