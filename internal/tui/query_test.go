package tui

import (
	"fmt"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// jq filters entries and rows; one that is wrong filters nothing, one that fails on a
// row leaves it out.
func TestFilter_JQ(t *testing.T) {
	t.Parallel()
	s := withHouse(t, 80, 24)
	for text, want := range map[string]int{
		`.kind == "run.failed"`:              1,
		`jq .http_status == 503`:             1,
		`(.duration_ms // 0) > 100`:          2,
		`.webhook | test("^git")`:            1, // fails where there is none
		`.kind,`:                             10,
		`.[`:                                 10,
		`. as $x | range(1000000)`:           0, // too much for each
		`.kind | startswith("step") | not`:   7,
		`(.workflow // "") == "注文"`:          1,
		`.no_such_field`:                     0,
		`. == {"kind": "run.failed"} | not`:  10,
		`jq .status == "accepted" or .count`: 2,
	} {
		s.press("1 /")
		s.write(text)
		require.Len(t, s.list.shown, want, text)
		s.press("esc")
	}
	s.press("3 /")
	s.write(`.body_size > 1000000`)
	s.press("enter")
	require.Contains(t, s.line(2), "/.body_size > 1000000 (1 of 2)")
	s.press("esc 6 /")
	s.write(`.url | contains("T000")`)
	require.Empty(t, s.page().table.shown, "what is masked is not found either")
}

// Where a predicate is too slow for what there is, the rest is left out, and said so.
func TestFilter_SlowJQ(t *testing.T) {
	t.Parallel()
	q := parseQuery(".x")
	l := q.look(-time.Second)
	require.False(t, l.match(&item{}))
	require.False(t, l.match(&item{}))
	require.Equal(t, 2, l.skipped)
	s := newScreen(t, 80, 24)
	s.feedIn(story()...)
	s.press("/")
	s.write(".kind")
	s.press("enter")
	s.list.skipped = 7
	require.Contains(t, s.line(3), "(10 of 10), 7 too slow to judge")
	require.Nil(t, asInput(func() {}))
	require.Equal(t, "the expression is too long", query{err: fmt.Errorf("the expression is too long")}.wrong())
}

func TestRate(t *testing.T) {
	t.Parallel()
	var r rate
	require.Equal(t, "0/s", r.now())
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	add := func(second, n int) {
		for range n {
			r.add(meshhook.Entry{At: at(second)}, at(second))
		}
	}
	add(0, 1)
	r.advance(at(1))
	require.Equal(t, "<1/s", r.now())
	require.Equal(t, "▁▁▁▁█", r.spark(5))
	for s := range 30 {
		add(s+1, 10)
	}
	require.Equal(t, "10/s", r.now())
	require.Equal(t, "▁▁▁▁▂████▆", r.spark(10))
	r.add(meshhook.Entry{At: at(9999)}, at(30)) // a clock that is ahead
	r.add(meshhook.Entry{At: at(-9999)}, at(30))
	r.advance(at(29)) // a clock that was set back
	r.advance(at(95))
	require.Equal(t, "0/s", r.now())
	require.Equal(t, "▁▁▁", r.spark(3))
	s := newScreen(t, 80, 24)
	s.send(tickMsg{})
}

// Judging thousands of rows takes a while, and no key may wait for it.
func TestScreen_APredicateIsJudgedWhenTheKeysRest(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 80, 24)
	s.feedIn(story()...)
	all := len(s.list.shown)
	var rests []tea.Msg
	s.after = func(d time.Duration, msg tea.Msg) tea.Cmd {
		require.Equal(t, typing, d)
		rests = append(rests, msg)
		return nil
	}
	s.press("/")
	s.write(`.kind == "nothing"`)
	require.Len(t, s.list.shown, all, "the list waits")
	require.Greater(t, len(rests), 2)
	s.send(rests[0])
	require.Len(t, s.list.shown, all, "a key came after this one")
	s.send(rests[len(rests)-1])
	require.Empty(t, s.list.shown)

	s.press("esc / ")
	require.Len(t, s.list.shown, all)
	s.write(`.kind == "nothing"`)
	s.press("enter")
	require.Empty(t, s.list.shown, "who presses enter does not wait")
	s.press("/ esc")
	s.send(rests[len(rests)-1])
	require.Len(t, s.list.shown, all, "what was given up is not judged")
	s.press("/")
	s.write("nothing")
	require.Empty(t, s.list.shown, "words are judged at once")
}
