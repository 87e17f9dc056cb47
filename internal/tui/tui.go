// Package tui is the terminal face: `meshhook tail` as a screen that follows
// the journal live and tells everything about an event or run on Enter.
//
// All text that comes from the store goes through tail.Clean, whoever wrote it;
// no page asks the store in Update, but returns a command that does.
package tui

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// Store tells about one event or run. A thing that is not there is an error
// with CodeNotFound.
type Store interface {
	// Event returns an event with its Header, Body and RunIDs.
	Event(ctx context.Context, id meshhook.ID) (meshhook.Event, error)
	// Run returns a run with its Steps.
	Run(ctx context.Context, id meshhook.ID) (meshhook.Run, error)
}

// Options are what the screen needs.
type Options struct {
	// Project is the name shown at the top.
	Project string
	// Scope says how flags have narrowed what Follow hands out, like
	// "webhook=github"; "" when they have not.
	Scope string
	// Follow starts to follow the journal: tail.Follow with onState as its
	// OnState. It is called once, and must end with ctx.
	Follow func(ctx context.Context, onState func(tail.State)) iter.Seq2[meshhook.Entry, error]
	// Store tells about what is opened.
	Store Store
	// Input is the keyboard: the terminal when nil.
	Input io.Reader
	// Output is the screen: standard output when nil.
	Output io.Writer
	// NoColor leaves all colour away; so does the variable NO_COLOR.
	NoColor bool
	// Location is the time zone of the times shown: the machine's when nil.
	Location *time.Location
}

// Run shows the screen until its user quits or ctx ends, and returns nil then.
// When Follow ended with an error the screen stays, says so, and Run returns
// that error in the end.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.Output == nil {
		o.Output = os.Stdout
	}
	m := newModel(ctx, o, newStyles(newRenderer(o.Output, o.NoColor)))
	stopped := m.feed.start(ctx, o.Follow)
	// Signals are the command line's: they end ctx. The program is asked to quit
	// then, not killed by tea.WithContext: a killed one returns while it still
	// reads the keyboard.
	options := []tea.ProgramOption{
		tea.WithoutSignalHandler(), tea.WithOutput(o.Output), tea.WithAltScreen(), tea.WithMouseCellMotion(),
	}
	if o.Input != nil {
		options = append(options, tea.WithInput(o.Input))
	}
	program := tea.NewProgram(m, options...)
	defer context.AfterFunc(ctx, program.Quit)()
	_, err := program.Run()
	cancel()
	<-stopped
	if err != nil {
		return fmt.Errorf("show the screen: %w", err)
	}
	return m.failure
}
