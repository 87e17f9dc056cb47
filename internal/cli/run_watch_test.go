package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// observer does something once what is written has a text in it.
type observer struct {
	seen bytes.Buffer // not embedded: it would hide Write behind its WriteString
	text string
	then func()
}

func (o *observer) Write(p []byte) (int, error) {
	n, err := o.seen.Write(p)
	if o.then != nil && strings.Contains(o.seen.String(), o.text) {
		then := o.then
		o.then = nil
		then()
	}
	return n, err
}

// watches watches a run, and does something once it sees the text.
func (u *user) watches(ctx context.Context, id, text string, then func(), flags ...string) result {
	u.t.Helper()
	out, err := &observer{text: text, then: then}, &bytes.Buffer{}
	streams := u.streams(out, err)
	streams.Size = func() (int, int) { return 60, 10 }
	code := Main(ctx, append([]string{"run", "show", id, "--watch"}, flags...), streams)
	return result{code, out.seen.String(), err.String()}
}

func TestARunIsWatchedOnATerminal(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.terminal = true
	id := strings.TrimSpace(u.must("workflow run hello -q"))
	canceled := make(chan string, 1)
	r := u.watches(t.Context(), id, "not begun", func() { canceled <- u.must("run cancel " + id) }, "--no-color")
	require.Equal(t, 1, r.code, r.err)
	require.Contains(t, <-canceled, "canceled")
	frames, end, cleared := strings.Cut(r.out, "\x1b[3A\r\x1b[J")
	require.True(t, cleared, "%q", r.out)
	first, _, _ := strings.Cut(frames, "\x1b[J")
	require.Equal(t, "+ queued · run "+id+" of hell…\x1b[K\n\x1b[K\n· a  transform  not begun\x1b[K\n", first)
	require.Contains(t, end, "status    canceled\n")
	require.NotContains(t, end, "\x1b")
	require.Contains(t, end, "\n· a  transform  not begun\n")

	// What is over is shown at once, and has nothing to be drawn over.
	r = u.watches(t.Context(), id, "", nil, "--full")
	require.Equal(t, 1, r.code)
	require.NotContains(t, r.out, "\x1b[J")
	u.env = append(u.env, "TERM=dumb")
	require.Contains(t, u.watches(t.Context(), id, "", nil).out, "■ run.canceled")
}

func TestAnInterruptEndsAWatch(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	id := strings.TrimSpace(u.must("workflow run hello -q"))
	for _, terminal := range []bool{true, false} {
		u.terminal = terminal
		ctx, cancel := context.WithCancel(t.Context())
		r := u.watches(ctx, id, map[bool]string{true: "not begun", false: "run.queued"}[terminal], cancel)
		require.Equal(t, 1, r.code)
		require.Equal(t, "error: interrupted\n", r.err)
		require.True(t, strings.HasSuffix(r.out, "\n") || strings.HasSuffix(r.out, "\n\x1b[J"), "the prompt gets a line of its own: %q", r.out)
	}
	require.Equal(t, 2, u.runs("run show "+id+" --watch -o yaml").code)
	require.Equal(t, 2, u.runs("run show "+id+" --watch --full").code)
	r := u.does("run", "retry", id, "--from-step", "")
	require.Equal(t, 2, r.code)
	require.Contains(t, r.err, "--from-step is empty; leave it out to go on from what failed")
}

// A run that is canceled while its journal is followed ends the lines, too.
func TestARunIsWatchedInAPipe(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	id := strings.TrimSpace(u.must("workflow run hello -q"))
	r := u.watches(t.Context(), id, `"run.queued"`, func() { u.must("run cancel " + id) }, "-o", "json")
	require.Equal(t, 1, r.code, r.err)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[1], `"kind":"run.canceled"`)
}

func TestFrames(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	f := &frame{out: &out}
	require.NoError(t, f.clear())
	require.NoError(t, f.draw([]string{"a", "b"}, 10, 5))
	require.NoError(t, f.draw([]string{"c"}, 10, 5))
	require.NoError(t, f.draw([]string{"d"}, 9, 5))
	require.NoError(t, f.clear())
	require.Equal(t, "a\x1b[K\nb\x1b[K\n\x1b[J"+"\x1b[2A\rc\x1b[K\n\x1b[J"+"\x1b[H\x1b[2Jd\x1b[K\n\x1b[J"+"\x1b[1A\r\x1b[J", out.String())
	require.Error(t, (&frame{out: full{}}).draw(nil, 1, 1))
}

func TestAWindowHoldsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 20 {
		lines = append(lines, fmt.Sprint(i))
	}
	require.Equal(t, lines, window(lines, 3, 20))
	require.Equal(t, []string{"… 0 lines above", "0", "1", "2", "… 17 lines below"}, window(lines, 0, 5))
	require.Equal(t, []string{"… 8 lines above", "8", "9", "10", "… 9 lines below"}, window(lines, 10, 5))
	require.Equal(t, []string{"… 17 lines above", "17", "18", "19", "… 0 lines below"}, window(lines, 19, 5))
	require.Len(t, window(lines, 19, -1), 3, "however low the terminal is")
}

func TestARunWhoseVersionIsGoneIsShown(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.terminal = true
	id := strings.TrimSpace(u.must("workflow run hello -q"))
	require.Contains(t, u.must("run show "+id), "not begun")
	u.must("run cancel " + id)
	u.must("workflow delete hello")
	require.NotContains(t, u.must("run show "+id), "not begun")
	require.Equal(t, 3, u.runs("run show "+meshhook.NewID().String()+" --full").code)
}
