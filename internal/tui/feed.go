package tui

import (
	"context"
	"iter"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

const (
	// frame is the shortest time between two batches of entries. Faster than
	// that nobody reads, and every batch is a new screen.
	frame = 33 * time.Millisecond
	// batchSize bounds what is collected in one frame; whoever writes faster
	// waits, back to the journal's reader.
	batchSize = ringSize
)

type (
	// entriesMsg are the entries of one frame, at least one.
	entriesMsg []meshhook.Entry
	// stateMsg tells that the connection stands or is lost.
	stateMsg tail.State
	// endedMsg tells that no entries come any more; err is nil when the
	// context ended.
	endedMsg struct{ err error }
)

// feed brings what a follower yields to the program, in batches.
type feed struct {
	entries chan meshhook.Entry
	states  chan tail.State // one place, the newest
	failure error           // to be read when entries is closed
	last    time.Time       // of the batch before
}

func newFeed() *feed {
	return &feed{entries: make(chan meshhook.Entry, 1024), states: make(chan tail.State, 1)}
}

// start follows in the background; the channel is closed when that has ended.
func (f *feed) start(
	ctx context.Context, follow func(context.Context, func(tail.State)) iter.Seq2[meshhook.Entry, error],
) <-chan struct{} {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		defer close(f.entries)
		for e, err := range follow(ctx, f.onState) {
			if err != nil {
				f.failure = err
				return
			}
			select {
			case f.entries <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return stopped
}

// onState keeps the newest state for the program. Its calls do not overlap.
func (f *feed) onState(s tail.State) {
	select {
	case <-f.states:
	default:
	}
	f.states <- s
}

// next is the command that waits for a batch. Only one may be under way.
func (f *feed) next() tea.Msg {
	e, ok := <-f.entries
	if !ok {
		return endedMsg{f.failure}
	}
	batch := entriesMsg{e}
	timer := time.NewTimer(time.Until(f.last.Add(frame)))
	defer timer.Stop()
	for entries := f.entries; ; {
		if len(batch) >= batchSize {
			entries = nil
		}
		select {
		case e, ok := <-entries:
			if !ok {
				entries = nil // the next batch's command will say so
				continue
			}
			batch = append(batch, e)
		case <-timer.C:
			f.last = time.Now()
			return batch
		}
	}
}

// state is the command that waits for a change of the connection.
func (f *feed) state(ctx context.Context) tea.Cmd {
	return func() tea.Msg {
		select {
		case s := <-f.states:
			return stateMsg(s)
		case <-ctx.Done():
			return nil
		}
	}
}
