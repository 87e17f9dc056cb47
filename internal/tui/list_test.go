package tui

import (
	"fmt"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// details returns the numbers from..to as numbered writes them.
func details(from, to int) (list []string) {
	for n := from; n <= to; n++ {
		list = append(list, fmt.Sprint(n))
	}
	return list
}

// Each key from a list of 100 in a window of 11 rows that follows.
func TestList_Keys(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]struct {
		top      int // the first visible row
		selected int
		paused   bool
	}{
		"x":                      {90, 100, false},
		"down":                   {90, 100, false},
		"j":                      {90, 100, false},
		"pgdown":                 {90, 100, false},
		"up":                     {90, 99, true},
		"k k":                    {90, 98, true},
		"k j":                    {90, 100, true}, // reaching the end is not following
		"ctrl+u":                 {90, 95, true},
		"ctrl+u ctrl+u ctrl+d":   {90, 95, true},
		"pgup":                   {89, 89, true},
		"pgup pgup pgdown":       {79, 89, true},
		"g":                      {1, 1, true},
		"home k":                 {1, 1, true},
		"g j j":                  {1, 3, true},
		"g ctrl+d ctrl+d ctrl+d": {6, 16, true},
		"g G":                    {90, 100, false},
		"g end":                  {90, 100, false},
		"space":                  {90, 100, true},
		"g space":                {90, 100, false},
		"space space":            {90, 100, false},
	} {
		t.Run(keys, func(t *testing.T) {
			t.Parallel()
			s := newScreen(t, 60, 16)
			s.feedIn(numbered(1, 100)...)
			s.press(keys)
			rows, selected := s.seen()
			require.Equal(t, details(want.top, want.top+10), rows)
			require.Equal(t, fmt.Sprint(want.selected), selected)
			require.Equal(t, want.paused, s.list.paused)
		})
	}
}

// Over a slow line several keys come at once; a paste is no keys.
func TestList_KeysInOnePiece(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 16)
	s.feedIn(numbered(1, 100)...)
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("kkkkj")})
	_, selected := s.seen()
	require.Equal(t, "97", selected)
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("/42")})
	_, selected = s.seen()
	require.Equal(t, "42", selected)
	s.press("esc")
	_, cmd := s.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q"), Paste: true})
	require.Nil(t, cmd)
}

func TestList_Wheel(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 16)
	s.feedIn(numbered(1, 100)...)
	s.send(tea.MouseMsg{Button: tea.MouseButtonLeft, Y: 100})
	require.False(t, s.list.paused)
	s.send(tea.MouseMsg{Button: tea.MouseButtonWheelUp})
	s.send(tea.MouseMsg{Button: tea.MouseButtonWheelUp})
	s.send(tea.MouseMsg{Button: tea.MouseButtonWheelDown})
	_, selected := s.seen()
	require.Equal(t, "97", selected)
	require.True(t, s.list.paused)
}

// While paused nothing on the screen moves; following goes to the newest.
func TestList_Pause(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 16)
	s.feedIn(numbered(1, 50)...)
	s.press("k k space space") // paused by moving, then following, then paused
	require.True(t, s.list.paused)
	s.press("k")
	s.feedIn(numbered(51, 150)...)
	rows, selected := s.seen()
	require.Equal(t, details(40, 50), rows)
	require.Equal(t, "49", selected)
	require.Equal(t, 100, s.list.news())
	require.Contains(t, s.line(2), "⏸ paused, 100 new")
	s.press("space")
	rows, selected = s.seen()
	require.Equal(t, details(140, 150), rows)
	require.Equal(t, "150", selected)
	require.Zero(t, s.list.news())
}

// The ring holds 10,000 entries, and the list never shows one that is gone.
func TestList_RingOverflows(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 16)
	s.feedIn(numbered(1, ringSize)...)
	require.Len(t, s.list.shown, ringSize)
	s.press("g")
	_, selected := s.seen()
	require.Equal(t, "1", selected)

	s.feedIn(numbered(ringSize+1, ringSize+1)...)
	require.Len(t, s.list.shown, ringSize)
	_, selected = s.seen()
	require.Equal(t, "2", selected, "the oldest is gone, and the cursor on the next")

	s.press("j j")
	s.feedIn(numbered(ringSize+2, ringSize+2)...)
	rows, selected := s.seen()
	require.Equal(t, "4", selected, "the cursor stays on its entry")
	require.Equal(t, details(3, 13), rows)

	s.feedIn(numbered(ringSize+3, 3*ringSize)...)
	rows, _ = s.seen()
	require.Equal(t, details(2*ringSize+1, 2*ringSize+11), rows)
	require.Len(t, s.list.ring.items, ringSize)
	require.Equal(t, 3*ringSize-ringSize, s.list.ring.first())
}

func TestList_Empty(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 16)
	s.press("enter r e k j g G pgup ctrl+d space space esc")
	require.Empty(t, s.opened())
	_, selected := s.seen()
	require.Empty(t, selected)
}

func TestQuery(t *testing.T) {
	t.Parallel()
	entry := meshhook.Entry{
		Kind: meshhook.EntryStepFailed, RunID: ref(0xab), EventID: ref(0xcd), Webhook: "shop/Stripe", Workflow: "Pay-Order", Step: "notify",
		Status: "failed", Code: "http_status", Detail: "the answer was 503", HTTPStatus: 503,
	}
	for text, want := range map[string]bool{
		"":                                true,
		"   ":                             true,
		"notify":                          true,
		"NOTIFY answer":                   true,
		"notify nothing":                  false,
		"000000ab":                        true,
		"00ab":                            false,
		"00000000-7000-8000-0000000000cd": false,
		"7000-8000-0000000000cd":          true,
		"stripe":                          true,
		"status:failed":                   true,
		"status:fai":                      true, // still typing
		"status:":                         true,
		"status:ailed":                    false,
		"webhook:stripe":                  true,
		"webhook:pay":                     false,
		"workflow:pay":                    true,
		"workflow:stripe":                 false,
		"alert:pay":                       false,
		"kind:run":                        true,
		"kind:step":                       true,
		"kind:step.failed":                true,
		"kind:event":                      false,
		"status:failed webhook:stripe x":  false,
		"-status:failed":                  false,
		"-status:succeeded -kind:event":   true,
		"-notify":                         false,
		"-":                               true, // a word: it stands in "Pay-Order"
		"http:503":                        false,
		"http_status:":                    true, // no field, but a word of the facts
		"status":                          true,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			var r ring
			require.Equal(t, want, parseQuery(text).match(r.push(entry)))
		})
	}
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"status:failed -kind:run x", "-", ":", "kind:", "- -- -:", "\x00\xff", ".kind == 1", "(.", "jq .a | .b", ".[]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r ring
		it := r.push(meshhook.Entry{Kind: "event.accepted", Detail: text})
		if q := parseQuery(text); q.program != nil || q.err != nil {
			_, _ = q.wrong(), q.look(judging).match(it)
			return
		}
		for _, one := range parseQuery(text).terms {
			if plain, not := (query{terms: []term{{one.field, one.value, false}}}), (query{terms: []term{{one.field, one.value, true}}}); plain.match(it) == not.match(it) {
				t.Fatalf("%+v is neither true nor false", one)
			}
		}
	})
}

// The list follows each key; Enter keeps the filter, Esc forgets it.
func TestFilter_Typing(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 16)
	s.feedIn(numbered(1, 100)...)
	s.press("/")
	s.write("99")
	rows, _ := s.seen()
	require.Equal(t, []string{"99"}, rows)
	s.press("backspace backspace")
	s.write("kind:event 10")
	rows, _ = s.seen()
	require.Equal(t, []string{"10", "100"}, rows)
	s.press("enter")
	require.False(t, s.pages[0].input.open)
	require.Contains(t, s.line(3), "/kind:event 10 (2 of 100)")
	s.feedIn(numbered(101, 120)...)
	rows, selected := s.seen()
	require.Equal(t, details(100, 110), rows)
	require.Equal(t, "110", selected)

	s.press("/")
	require.Contains(t, s.line(-1), "/kind:event 10▏")
	s.press("left")
	require.Contains(t, s.line(-1), "/kind:event 1▏0")
	s.press("esc")
	rows, _ = s.seen()
	require.Equal(t, details(110, 120), rows)
	s.press("/ 7 enter esc")
	require.False(t, s.list.query.filters())
	require.Empty(t, s.pages[0].input.field.Value())
}

// A filter that is set while something is looked at stays near it.
func TestFilter_KeepsThePlace(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 16)
	s.feedIn(numbered(1, 100)...)
	s.press("g pgdown pgdown pgdown")
	_, selected := s.seen()
	require.Equal(t, "34", selected)
	s.press("/")
	s.write("5")
	_, selected = s.seen()
	require.Equal(t, "35", selected)
	s.press("esc")
	_, selected = s.seen()
	require.Equal(t, "35", selected)
}

// A paste may hold anything; what a terminal would obey never gets in.
func TestFilter_HostilePaste(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 60, 16)
	s.press("/")
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune("a\x1b[31mb\u202ec\nd\u009be")})
	require.Equal(t, "a [31mb c d e", s.pages[0].input.field.Value())
	s.press("esc /")
	for range 3 * queryLength {
		s.write("w")
	}
	s.write("亀")
	require.Len(t, s.pages[0].input.field.Value(), queryLength)
	require.Equal(t, " …wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww▏", s.line(-1))
}
