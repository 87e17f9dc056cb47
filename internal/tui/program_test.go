//go:build linux

package tui

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/teatest"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// The program itself, by teatest: entries arrive, an event is opened, its run,
// the list is filtered, and q ends it.
func TestProgram(t *testing.T) {
	t.Parallel()
	s := withStory(t, 80, 24)
	s.list = list{}
	ctx, cancel := context.WithCancel(t.Context())
	m := newModel(ctx, s.opts, plainStyles())
	stopped := m.feed.start(ctx, func(ctx context.Context, onState func(tail.State)) iter.Seq2[meshhook.Entry, error] {
		onState(tail.State{Since: noon})
		return yielding(func(yield func(meshhook.Entry, error) bool) {
			for _, e := range story() {
				yield(e, nil)
			}
		})(ctx, onState)
	})
	tm := teatest.NewTestModel(t, m, teatest.WithInitialTermSize(80, 24))
	see := func(text string) {
		t.Helper()
		teatest.WaitFor(t, tm.Output(), func(out []byte) bool { return bytes.Contains(out, []byte(text)) },
			teatest.WithCheckInterval(5*time.Millisecond), teatest.WithDuration(10*time.Second))
	}
	see("run.failed")
	tm.Send(keyMsg("g"))
	tm.Send(keyMsg("enter"))
	see("72d3162e")
	tm.Send(keyMsg("r"))
	see("version       3")
	tm.Send(keyMsg("esc"))
	tm.Send(keyMsg("esc"))
	tm.Send(keyMsg("/"))
	tm.Type("kind:step")
	see("/kind:step")
	tm.Send(keyMsg("enter"))
	see("(3 of 10)")
	tm.Send(keyMsg("5"))
	see("by-hand")
	tm.Send(keyMsg("t"))
	see("the run goes on")
	tm.Send(keyMsg("2"))
	see("There is no webhook yet")
	tm.Send(keyMsg("1"))
	see("(3 of 10)")
	tm.Send(keyMsg("q"))
	final, ok := tm.FinalModel(t, teatest.WithFinalTimeout(10*time.Second)).(*model)
	require.True(t, ok)
	cancel()
	<-stopped
	golden(t, &screen{t: t, model: final})
}

// terminal is a pseudo terminal: the keyboard and eye of a test.
type terminal struct {
	t       *testing.T
	control *os.File // the test's side
	tty     *os.File // the program's side

	mu   sync.Mutex
	cond *sync.Cond
	out  bytes.Buffer
	done chan struct{}
}

func newTerminal(t *testing.T, width, height uint16) *terminal {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	fd := int(control.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width}))
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)

	term := &terminal{t: t, control: control, tty: tty, done: make(chan struct{})}
	term.cond = sync.NewCond(&term.mu)
	go term.read()
	return term
}

// read collects the output until the program's side is closed.
func (term *terminal) read() {
	defer close(term.done)
	buf := make([]byte, 4096)
	for {
		n, err := term.control.Read(buf)
		term.mu.Lock()
		term.out.Write(buf[:n])
		term.cond.Broadcast()
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// see waits until text has been on the screen.
func (term *terminal) see(text string) {
	term.t.Helper()
	term.mu.Lock()
	defer term.mu.Unlock()
	late := time.AfterFunc(10*time.Second, term.cond.Broadcast)
	defer late.Stop()
	for begin := time.Now(); !strings.Contains(term.out.String(), text); term.cond.Wait() {
		require.Less(term.t, time.Since(begin), 10*time.Second, "%q is not in %q", text, term.out.String())
	}
}

func (term *terminal) hit(keys string) {
	term.t.Helper()
	_, err := term.control.WriteString(keys)
	require.NoError(term.t, err)
}

// close ends the session and returns all that was written to the terminal.
func (term *terminal) close() string {
	term.t.Helper()
	require.NoError(term.t, term.tty.Close())
	<-term.done
	require.NoError(term.t, term.control.Close())
	return term.out.String()
}

// known are the sequences that the screen itself writes: colours, modes, and
// the cursor's moves. None of them carries text.
var known = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]`)

// Run on a real terminal: what is hostile in any field is not in the bytes that
// are written, and the terminal is given back as it was.
func TestRun_Terminal(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("NO_COLOR", "")
	t.Setenv("CI", "") // where it is set, no terminal is looked for
	store := newThings()
	store.events[id(1)], store.runs[id(2)] = evilEvent(), evilRun()
	term := newTerminal(t, 100, 30)
	result := make(chan error, 1)
	go func() {
		result <- Run(t.Context(), Options{
			Project: evil, OnLive: true, Store: store, Input: term.tty, Output: term.tty, Location: time.UTC,
			Follow: yielding(func(yield func(meshhook.Entry, error) bool) { yield(evilEntry("event."), nil) }),
		})
	}()
	term.see("event.")
	term.hit("\r")
	term.see("sender")
	term.hit("r")
	term.see("waiting for")
	term.hit("q")
	require.NoError(t, <-result)
	out := term.close()

	require.Contains(t, out, "\x1b[?1049h")
	require.Contains(t, out, "\x1b[?1049l")
	require.Contains(t, out, "\x1b[38;5;", "there is colour")
	for _, bad := range []string{"\x1b]", "\x07", "\u009b", "\x9b31m\u202e", "\u202e", "\u2066", "\u200b", "\ufeff", "\x00", "\x7f"} {
		require.NotContains(t, out, bad)
	}
	text := strings.NewReplacer("\r", "", "\n", "").Replace(known.ReplaceAllString(out, ""))
	require.Equal(t, tail.Clean(text), text)
}

func TestRun_ContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	term := newTerminal(t, 80, 24)
	result := make(chan error, 1)
	go func() {
		result <- Run(ctx, Options{
			Project: "default", OnLive: true, Input: term.tty, Output: term.tty, NoColor: true,
			Follow: yielding(func(func(meshhook.Entry, error) bool) {}),
		})
	}()
	term.see("connecting…")
	cancel()
	require.NoError(t, <-result)
	require.Contains(t, term.close(), "\x1b[?1049l")
}

// A follower that gives up leaves the screen, and its error is Run's.
func TestRun_FollowFails(t *testing.T) {
	t.Parallel()
	term := newTerminal(t, 80, 24)
	result := make(chan error, 1)
	go func() {
		result <- Run(t.Context(), Options{
			Project: "default", OnLive: true, Input: term.tty, Output: term.tty,
			Follow: func(context.Context, func(tail.State)) iter.Seq2[meshhook.Entry, error] {
				return func(yield func(meshhook.Entry, error) bool) { yield(meshhook.Entry{}, errReset) }
			},
		})
	}()
	term.see("✗ ended")
	term.hit("q")
	require.ErrorIs(t, <-result, errReset)
	term.close()
}

// A screen that cannot be shown is an error of its own.
func TestRun_NoTerminal(t *testing.T) {
	t.Parallel()
	closed, err := os.Open(os.DevNull)
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	err = Run(t.Context(), Options{OnLive: true, Input: closed, Output: &bytes.Buffer{}, Follow: yielding(func(func(meshhook.Entry, error) bool) {})})
	require.ErrorContains(t, err, "show the screen: ")
}
