//go:build linux

package tui

import (
	"context"
	"flag"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/muesli/termenv"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/charmbracelet/lipgloss"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// soak is how long TestSoak lasts: `go test ./internal/tui -run Soak -soak 10m -timeout 15m`.
var soak = flag.Duration("soak", 2*time.Second, "how long the screen is soaked in entries")

// steady follows a journal with so many entries a second, of all kinds, until ctx ends.
// It counts those that were taken.
func steady(perSecond int, taken *atomic.Int64) func(context.Context, func(tail.State)) iter.Seq2[meshhook.Entry, error] {
	return func(ctx context.Context, onState func(tail.State)) iter.Seq2[meshhook.Entry, error] {
		onState(tail.State{Since: time.Now()})
		return func(yield func(meshhook.Entry, error) bool) {
			entries := story()
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			begin, sent := time.Now(), 0
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				for due := int(time.Since(begin).Seconds() * float64(perSecond)); sent < due; sent++ {
					e := entries[sent%len(entries)]
					e.At, e.Detail = time.Now(), fmt.Sprintf("%s %d", e.Detail, sent)
					if !yield(e, nil) {
						return
					}
					taken.Add(1)
				}
			}
		}
	}
}

// soaked runs the program, in colour, and shows it entries. It calls each twice a second
// with what has passed since the ring was full, and ends when that says so.
func soaked(tb testing.TB, perSecond int, each func(program *tea.Program, passed time.Duration) (on bool)) {
	tb.Helper()
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.ANSI256)
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	store := newThings()
	house(store)
	m := newModel(ctx, Options{Project: "default", OnLive: true, Store: store, Location: time.UTC}, newStyles(r))
	var taken atomic.Int64
	stopped := m.feed.start(ctx, steady(perSecond, &taken))
	keyboard, _ := io.Pipe()
	program := tea.NewProgram(m, tea.WithInput(keyboard), tea.WithOutput(io.Discard), tea.WithoutSignalHandler())
	ended := make(chan error, 1)
	go func() {
		_, err := program.Run()
		ended <- err
	}()
	program.Send(tea.WindowSizeMsg{Width: 100, Height: 30})
	tick := time.NewTicker(time.Second / 2)
	defer tick.Stop()
	begin := time.Time{}
	for range tick.C {
		switch {
		case begin.IsZero() && taken.Load() < 2*ringSize:
			continue
		case begin.IsZero():
			begin = time.Now()
		}
		if !each(program, time.Since(begin)) {
			break
		}
	}
	program.Quit()
	require.NoError(tb, <-ended)
	require.NoError(tb, keyboard.Close())
	cancel()
	<-stopped
}

// heap is what is alive, in MiB.
func heap() float64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc) / (1 << 20)
}

// A thousand entries a second, for as long as -soak says, with pages being looked at:
// what is alive stays what it was when the ring had filled.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	perSecond := 1000
	if *soak < time.Minute { // fill the ring in time
		perSecond = 4 * ringSize
	}
	keys := []string{"3", "enter", "esc", "5", "G", "esc", "1", "g", "space", "/", "x", "esc"}
	var first, last float64
	step := 0
	soaked(t, perSecond, func(program *tea.Program, passed time.Duration) bool {
		program.Send(keyMsg(keys[step%len(keys)]))
		step++
		switch now := heap(); {
		case passed >= *soak:
			last = now
			return false
		case first == 0:
			first = now
		}
		return true
	})
	t.Logf("alive when the ring was full: %.1f MiB, %s later: %.1f MiB", first, *soak, last)
	require.Less(t, last, first*1.25+4)
}

// BenchmarkScreen says which share of one core the screen takes that shows 2,000 entries
// a second.
func BenchmarkScreen(b *testing.B) {
	const lasts = 5 * time.Second
	for b.Loop() {
		var before time.Duration
		var begin time.Time
		soaked(b, 2000, func(_ *tea.Program, passed time.Duration) bool {
			if begin.IsZero() {
				before, begin = cpu(b), time.Now()
			}
			return passed < lasts
		})
		share := 100 * (cpu(b) - before).Seconds() / time.Since(begin).Seconds()
		b.ReportMetric(share, "%core")
		require.Less(b, share, 40.0)
	}
}

// cpu is the time that this process has computed.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
