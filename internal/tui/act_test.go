package tui

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// approvalRun waits for two answers.
func approvalRun() meshhook.Run {
	r := chatRun()
	r.WaitingFor = meshhook.WaitingForApproval
	r.Steps = []meshhook.Step{
		{ID: "first", Kind: "approval", Status: meshhook.StepWaiting, Input: []byte(`{"message":"One?"}`)},
		{ID: "second", Kind: "approval", Status: meshhook.StepWaiting, Input: []byte(`{"message":"Two?"}`)},
	}
	return r
}

// Every key that does something: what it asks, does and says.
func TestActions(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]struct {
		done  []string
		shows string // somewhere on the screen afterwards
	}{
		"3 G p y":           {[]string{"replay 01"}, "run 019b0000-0000-7000-8000-000000000002"},
		"3 G p n":           {nil, "Events 2"},
		"3 p":               {[]string{"replay 03"}, "run 019b0000-0000-7000-8000-000000000002"},
		"3 G enter p y":     {[]string{"replay 01"}, "is queued"},
		"3 c":               {[]string{"curl 03"}, "credentials are not kept"},
		"3 y":               {nil, "copied: 019b0000-0000-7000-8000-000000000003"},
		"5 t":               {[]string{"retry 05"}, "✓ the run goes on"},
		"5 X":               {nil, "the run is over"},
		"5 a":               {nil, "the run waits for nobody's answer"},
		"5 G X y":           {[]string{"cancel 02"}, "✓ the run is canceled"},
		"5 G X enter":       {nil, "Runs 2"},
		"5 G t":             {nil, "only a run that failed or was canceled can be retried"},
		"5 G a o k enter":   {[]string{"decide 02  true ok"}, "✓ the run of github-to-chat is approved"},
		"5 G a o k esc":     {nil, "Runs 2"},
		"5 G enter a enter": {[]string{"decide 02 first true"}, "✓ the step first of github-to-chat is approved"},
		"5 G enter right right right right x n o enter y":     {[]string{"decide 02 second false no"}, "is rejected"},
		"5 G enter right right right right x n o enter enter": {nil, "second"},
		"2 c":           {nil, "https://hooks.example/hooks/github"},
		"2 o":           {[]string{"enable webhook 21 false"}, "✓ webhook github is disabled; senders get 410"},
		"2 j o":         {[]string{"enable webhook 22 true"}, "✓ webhook 注文/亀 is enabled"},
		"2 S y":         {[]string{"rotate webhook 21"}, "new-secret-1"},
		"2 S y enter":   {[]string{"rotate webhook 21"}, "Webhooks 2"},
		"2 D y":         {[]string{"delete webhook 21"}, "✓ webhook github is deleted"},
		"2 D esc":       {nil, "Webhooks 2"},
		"6 t":           {[]string{"test alert 41"}, "✓ The sample was taken"},
		"6 o":           {[]string{"enable alert 41 false"}, "✓ alert github-to-chat-failed is disabled"},
		"6 j o":         {[]string{"enable alert 42 true"}, "✓ alert all-exhausted is enabled"},
		"6 S y":         {[]string{"rotate alert 41"}, "whpk_public"},
		"6 D y":         {[]string{"delete alert 41"}, "✓ alert github-to-chat-failed is deleted"},
		"7 p":           {nil, "it is on its way already"},
		"7 G p":         {[]string{"redeliver 51"}, "✓ it will be sent again"},
		"7 P y":         {[]string{"redeliver exhausted"}, "✓ 3 will be sent again"},
		"7 P n":         {nil, "Deliveries 3"},
		"4 s { } enter": {[]string{"run workflow 31 {}"}, "run 019b0000-0000-7000-8000-000000000002"},
		"4 D y":         {[]string{"delete workflow 31"}, "✓ workflow github-to-chat is deleted"},
		"4 D enter":     {nil, "Workflows 2"},
		"1 p c t X a D": {nil, "following"},
	} {
		t.Run(keys, func(t *testing.T) {
			t.Parallel()
			s := withHouse(t, 100, 30)
			if strings.Contains(keys, "enter right right right") || strings.HasPrefix(keys, "5 G a") || strings.HasPrefix(keys, "5 G enter a") {
				s.store.runs[id(2)] = approvalRun()
			}
			s.press(keys)
			require.Equal(t, want.done, s.deeds.done)
			require.Contains(t, s.View(), want.shows)
		})
	}
}

// What was deleted is not looked at any more.
func TestActions_DeletedIsClosed(t *testing.T) {
	t.Parallel()
	for _, keys := range []string{"2 enter D y", "4 enter D y", "6 enter D y"} {
		s := withHouse(t, 80, 24)
		s.press(keys)
		require.Empty(t, s.opened(), keys)
		require.Contains(t, s.line(-1), "deleted")
	}
}

// What is refused says why, and a long reason has a box.
func TestActions_Fail(t *testing.T) {
	t.Parallel()
	s := withHouse(t, 80, 24)
	s.deeds.err = meshhook.Errorf(meshhook.CodeConflict, "it is not so")
	for _, keys := range []string{"2 o", "2 S y", "2 D y", "3 c", "3 p", "4 D y", "5 t", "6 t", "6 o", "6 S y", "6 D y", "7 G p", "7 P y", "4 s enter"} {
		s.press(keys)
		require.Equal(t, " ✗ it is not so", s.line(-1), keys)
		require.Nil(t, s.overlay, keys)
	}
	s.deeds.err = &meshhook.Error{Code: meshhook.CodeInvalid, Message: strings.Repeat("a long story, ", 10), Details: []meshhook.Problem{{Path: "/url", Message: "is wrong\x1b[31m"}}}
	s.press("2 o")
	require.Contains(t, s.View(), "It was not done")
	require.Contains(t, s.View(), `/url: is wrong\x1b[31m`)
	requireCleanScreen(t, s.View())
	s.press("q")
	require.Nil(t, s.overlay)
	require.Equal(t, "it took too long, and may have been done or not", reasonOf(fmt.Errorf("%w", context.DeadlineExceeded)))
	s.send(didMsg{})
	require.Empty(t, s.notice.text)
	require.Error(t, byID(&thing{}, func(meshhook.ID) error { return nil }))
}

// Without Actions the screen only looks; nothing of them is shown.
func TestActions_ReadOnly(t *testing.T) {
	t.Parallel()
	s := withHouse(t, 100, 40)
	s.opts.Actions = nil
	s.press("2 o D S c")
	require.Nil(t, s.overlay)
	require.Equal(t, " enter open  / filter  ? keys  q quit", s.line(-1))
	s.press("?")
	require.NotContains(t, s.View(), "new secret")
}

// What is copied goes to the terminal as OSC 52, and nowhere else.
func TestActions_Copy(t *testing.T) {
	t.Parallel()
	s := withHouse(t, 80, 24)
	var out bytes.Buffer
	s.opts.Output = &out
	s.press("2 c")
	require.Equal(t, "\x1b]52;c;aHR0cHM6Ly9ob29rcy5leGFtcGxlL2hvb2tzL2dpdGh1Yg==\x07", out.String())
	out.Reset()
	s.press("enter S y")
	require.Empty(t, out.String(), "a secret is copied only when that is wanted")
	s.press("c")
	require.Equal(t, "\x1b]52;c;bmV3LXNlY3JldC0x\x07", out.String())
	require.NotNil(t, s.overlay)
}

// formed are Forms that open a box.
type formed struct{ opened []string }

func (f *formed) open(noun string, s styles, id *meshhook.ID) (overlay, tea.Cmd) {
	what := noun + " new"
	if id != nil {
		what = noun + " " + short(*id)
	}
	f.opened = append(f.opened, what)
	return &box{styles: s, title: what}, nil
}

func (f *formed) webhook(_ context.Context, s styles, id *meshhook.ID) (overlay, tea.Cmd) {
	return f.open("webhook", s, id)
}

func (f *formed) alert(_ context.Context, s styles, id *meshhook.ID) (overlay, tea.Cmd) {
	return f.open("alert", s, id)
}

func TestForms(t *testing.T) {
	t.Parallel()
	s := withHouse(t, 100, 40)
	s.press("2 n e 6 n e")
	require.Nil(t, s.overlay)
	f := &formed{}
	s.opts.Forms = f
	s.press("2 n esc e esc enter e esc 6 n esc j e esc 3 n e")
	require.Equal(t, []string{"webhook new", "webhook 21", "webhook 21", "alert new", "alert 42"}, f.opened)
	s.press("6 ?")
	require.Contains(t, s.View(), " n             new")
	s.store.alerts = nil
	s.clock = s.clock.Add(tableSize)
	s.press("? R")
	s.page().table.rows = nil
	s.page().table.apply("")
	require.Contains(t, s.View(), "So does the key n, with a form.")
	s.press("e n")
	require.Len(t, f.opened, 6)
}

// A box that is higher than the screen scrolls; a question hears only its answer.
func TestOverlays(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 15)
	b := &box{styles: s.styles, title: "Long", text: strings.Repeat("line\n", 40) + "last"}
	s.overlay = b
	require.Contains(t, s.View(), "↑↓ scroll")
	s.press("k j j up")
	require.Equal(t, 1, b.top)
	s.press("pgdown space ctrl+d pgup down")
	require.Equal(t, 12, b.top)
	for range 20 {
		s.press("pgdown")
		_ = s.View()
	}
	require.Contains(t, s.View(), "last")
	s.press("c ctrl+u x")
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	s.send(struct{}{}) // a message of its own
	s.press("esc")
	require.Nil(t, s.overlay)
	s.send(struct{}{})

	q := &question{styles: s.styles, text: "Sure?", yes: func() tea.Msg { return didMsg{text: "done"} }}
	s.overlay = q
	s.press("x j 1")
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("y"), Paste: true})
	s.send(tea.MouseMsg{Button: tea.MouseButtonLeft, Action: tea.MouseActionPress})
	require.NotNil(t, s.overlay)
	s.press("y")
	require.Equal(t, " done", s.line(-1))

	n := newNote(s.styles, "Note", "why", 5, func(text string) tea.Cmd {
		return func() tea.Msg { return didMsg{text: "typed " + text} }
	})
	s.overlay = n
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune("a\x1bb\u202ec and more")})
	s.send(tea.MouseMsg{})
	s.press("enter")
	require.Equal(t, " typed a b c", s.line(-1))
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q"), Paste: true}) // no key, and nothing to type into
}
