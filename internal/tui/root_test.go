package tui

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/teatest"
	"github.com/muesli/termenv"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// golden compares the screen with the picture in testdata, and checks that it
// fills the terminal exactly.
func golden(t *testing.T, s *screen) {
	t.Helper()
	view := s.View()
	lines := strings.Split(view, "\n")
	require.Len(t, lines, s.height)
	for i, line := range lines {
		require.LessOrEqual(t, ansi.StringWidth(line), s.width, "line %d", i)
		lines[i] = strings.TrimRight(line, " ")
	}
	teatest.RequireEqualOutput(t, []byte(strings.Join(lines, "\n")+"\n"))
}

func TestScreen_List(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ width, height int }{{60, 15}, {80, 24}, {140, 20}} {
		t.Run(fmt.Sprintf("%dx%d", size.width, size.height), func(t *testing.T) {
			t.Parallel()
			s := newScreen(t, size.width, size.height)
			s.conn = connected
			s.feedIn(story()...)
			golden(t, s)
		})
	}
}

func TestScreen_States(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(s *screen){
		"connecting": func(*screen) {},
		"scoped":     func(s *screen) { s.opts.Scope = "webhook=github kind=event,run" },
		"lost": func(s *screen) {
			s.feedIn(story()...)
			_, _ = s.Update(stateMsg(stateLost()))
		},
		"ended": func(s *screen) {
			_, _ = s.Update(endedMsg{meshhook.Errorf(meshhook.CodeNotFound, "there is no project %q", "default")})
		},
		"paused": func(s *screen) {
			s.feedIn(numbered(1, 20)...)
			s.press("space")
			s.feedIn(numbered(21, 32)...)
		},
		"typing": func(s *screen) {
			s.feedIn(story()...)
			s.press("/")
			s.write("status:failed 注文")
		},
		"filtered": func(s *screen) {
			s.feedIn(story()...)
			s.press("/")
			s.write("kind:step post")
			s.press("enter")
		},
		"nothing matches": func(s *screen) {
			s.feedIn(story()...)
			s.press("/")
			s.write("no such thing")
			s.press("enter")
		},
		"nothing stored": func(s *screen) {
			s.feedIn(story()[7])
			s.press("enter")
		},
		"keys": func(s *screen) { s.press("?") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScreen(t, 60, 15)
			prepare(s)
			golden(t, s)
		})
	}
}

// From 60×15 up there is a screen; below it says what it needs.
func TestScreen_Resize(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 140, 40)
	s.feedIn(story()...)
	s.store.events[id(1)] = meshhook.Event{ID: id(1), Body: []byte(strings.Repeat("word ", 100))}
	for range 2 { // the list, then a page
		for _, size := range [][2]int{{60, 15}, {59, 15}, {60, 14}, {1, 1}, {12, 3}, {300, 100}, {61, 16}} {
			s.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			lines := strings.Split(s.View(), "\n")
			require.LessOrEqual(t, len(lines), size[1])
			for _, line := range lines {
				require.LessOrEqual(t, ansi.StringWidth(line), size[0])
			}
			small := size[0] < 60 || size[1] < 15
			require.Equal(t, small, strings.HasPrefix(s.View(), "T"), "%v", size)
			if !small {
				require.Len(t, lines, size[1])
			}
		}
		s.press("g enter")
	}
	require.Equal(t, "The screen needs 60×15; this terminal is 59×15. q quits.", func() string {
		s.send(tea.WindowSizeMsg{Width: 59, Height: 15})
		return s.View()
	}())
	require.Empty(t, newModel(t.Context(), Options{}, plainStyles()).View(), "no size yet")
}

// NO_COLOR has no escape sequence at all; colours differ with the background.
func TestScreen_Colour(t *testing.T) {
	t.Parallel()
	draw := func(profile termenv.Profile, dark bool) string {
		s := newScreen(t, 100, 20)
		r := lipgloss.NewRenderer(&strings.Builder{})
		r.SetColorProfile(profile)
		r.SetHasDarkBackground(dark)
		s.styles = newStyles(r)
		s.feedIn(story()...)
		return s.View()
	}
	plain, light, dark := draw(termenv.Ascii, true), draw(termenv.ANSI256, false), draw(termenv.ANSI256, true)
	require.NotContains(t, plain, "\x1b")
	require.NotEqual(t, light, dark)
	require.Equal(t, plain, ansi.Strip(light))
	require.Equal(t, plain, ansi.Strip(dark))
	require.Contains(t, dark, "\x1b[38;5;203m✗ event.rejected")
	require.Contains(t, light, "\x1b[38;5;160m✗ event.rejected")
}

func TestScreen_NoColorVariable(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	t.Setenv("CLICOLOR_FORCE", "1")
	require.Equal(t, termenv.Ascii, newRenderer(&strings.Builder{}, false).ColorProfile())
	t.Setenv("NO_COLOR", "")
	require.NotEqual(t, termenv.Ascii, newRenderer(&strings.Builder{}, false).ColorProfile())
	require.Equal(t, termenv.Ascii, newRenderer(&strings.Builder{}, true).ColorProfile())
}

func TestScreen_Counts(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 80, 24)
	require.Equal(t, " events ✓ 0 ✗ 0  runs ✓ 0 ✗ 0  alerts ✓ 0 ✗ 0  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁ 0/s  ▶ following", s.line(2))
	s.press("/")
	s.write("nothing of this") // what is hidden counts all the same
	s.feedIn(story()...)
	s.feedIn(numbered(1, 1000)...)
	require.Equal(t, " events ✓ 1001 ✗ 42  runs ✓ 1 ✗ 1  alerts ✓ 0 ✗ 0  ▁▁▁▁▁▁▁▁█ 101/s  ▶ following", s.line(2))
	s.counts.succeeded = 123_456
	require.Equal(t, " events ✓ 1001 ✗ 42  runs ✓ 123456 ✗ 1  alerts ✓ 0 ✗ 0  101/s       ▶ following", s.line(2), "the rate stays where bars have no room")
}

func TestScreen_Quits(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]string{
		"q": "", "ctrl+c": "", "q on a page": "?", "ctrl+c on a page": "?", "ctrl+c while typing": "/",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScreen(t, 80, 24)
			s.press(prepare)
			_, cmd := s.Update(keyMsg(strings.Fields(name)[0]))
			require.Equal(t, tea.QuitMsg{}, cmd())
		})
	}
	s := newScreen(t, 80, 24)
	s.press("/ q")
	require.Equal(t, "q", s.pages[0].input.field.Value())
}

func TestScreen_StateComesBack(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 15)
	_, cmd := s.Update(stateMsg(stateLost()))
	require.NotNil(t, cmd, "it waits for the next state")
	require.Equal(t, " meshhook · default          ↻ reconnecting… since 12:03:00", s.line(0))
	require.Equal(t, " connection lost: read tcp: connection reset by peer", s.line(-1))
	_, _ = s.Update(stateMsg{Since: noon})
	require.Equal(t, " meshhook · default                                  ● live", s.line(0))
	require.Equal(t, " enter open  / filter  space pause  ? keys  q quit", s.line(-1))
	_, cmd = s.Update(endedMsg{}) // the end of the context is no failure
	require.Nil(t, cmd)
	require.Equal(t, connected, s.conn)
}

// The commands of Init are what brings entries and states in.
func TestScreen_Init(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	m := newModel(ctx, Options{OnLive: true}, plainStyles())
	require.Equal(t, time.Local, m.opts.Location)
	batch, ok := m.Init()().(tea.BatchMsg)
	require.True(t, ok)
	require.Len(t, batch, 3)

	m.feed.onState(stateLost())
	require.Equal(t, stateMsg(stateLost()), batch[1]())
	m.feed.entries <- numbered(1, 1)[0]
	msg := batch[0]()
	require.Equal(t, entriesMsg(numbered(1, 1)), msg)
	_, cmd := m.Update(msg)
	require.NotNil(t, cmd)
	require.Len(t, m.list.shown, 1)
	cancel()
	require.Nil(t, batch[1]())
}

// A message about a run is a row of its own, and leads to the run.
func TestScreen_Alerts(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 120, 15)
	s.conn = connected
	s.feedIn(
		meshhook.Entry{ID: id(1), At: noon, Kind: meshhook.EntryAlertDelivered, DeliveryID: ref(9), AlertID: ref(8), Workflow: "orders", HTTPStatus: 204},
		meshhook.Entry{
			ID: id(2), At: noon, Kind: meshhook.EntryAlertExhausted, DeliveryID: ref(9), AlertID: ref(8), RunID: ref(2), Workflow: "orders",
			Status: "exhausted", Code: "http_status", Detail: "the answer was 400 Bad Request", HTTPStatus: 400,
		},
	)
	view := s.View()
	require.Regexp(t, `✓ alert\.delivered +orders +HTTP 204`, view)
	require.Regexp(t, `✗ alert\.exhausted +orders +http_status: the answer was 400 Bad Request · HTT`, view)
	s.press("/")
	s.write("kind:alert status:exhausted")
	s.press("enter")
	require.NotContains(t, s.View(), "alert.delivered")
	s.press("enter")
	require.Equal(t, to("delivery", id(9)), s.page().detail().target)
}
