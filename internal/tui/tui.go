// Package tui is the terminal face, behind `meshhook tail` and `meshhook ui`: seven
// pages, of which the first follows the journal live and the others list what is
// stored. Enter opens what is under the cursor, and keys do what commands do.
//
// Where things are: screen.go is the whole, press.go its keys and view.go its lines;
// page.go a page, list.go and ring.go what Live lists, table.go what the others list,
// detail.go and doc.go what is opened; noun.go says what a noun is, and each has its
// file; act.go what can be done, overlay.go what stands over a page meanwhile. form.go is
// a form, form_field.go a field under its cursor and form_view.go its lines; what the
// forms ask is in form_webhook.go and form_alert.go, who answers in form_editor.go.
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

// Store tells about what is stored. A thing that is not there is an error with
// CodeNotFound. Lists begin with the newest.
type Store interface {
	// Endpoint returns a webhook by its path or id, and its secrets without values.
	Endpoint(ctx context.Context, pathOrID string) (meshhook.Endpoint, []meshhook.EndpointSecret, error)
	Endpoints(ctx context.Context) ([]meshhook.Endpoint, error)
	// Event returns an event with its Header, Body and RunIDs.
	Event(ctx context.Context, id meshhook.ID) (meshhook.Event, error)
	Events(ctx context.Context, f meshhook.EventFilter) ([]meshhook.Event, error)
	Workflow(ctx context.Context, nameOrID string) (meshhook.Workflow, error)
	Workflows(ctx context.Context) ([]meshhook.Workflow, error)
	Versions(ctx context.Context, nameOrID string) ([]meshhook.Version, error)
	// Version returns a version with its Source; the newest for number 0.
	Version(ctx context.Context, nameOrID string, number int) (meshhook.Version, error)
	// Run returns a run with its Steps.
	Run(ctx context.Context, id meshhook.ID) (meshhook.Run, error)
	Runs(ctx context.Context, f meshhook.RunFilter) ([]meshhook.Run, error)
	// RunEntries returns what the journal keeps of a run, in its order.
	RunEntries(ctx context.Context, run meshhook.Run) ([]meshhook.Entry, error)
	Alert(ctx context.Context, id meshhook.ID) (meshhook.Alert, error)
	Alerts(ctx context.Context, workflow string) ([]meshhook.Alert, error)
	AlertSecrets(ctx context.Context, alert meshhook.ID) ([]meshhook.AlertSecret, error)
	Delivery(ctx context.Context, id meshhook.ID) (meshhook.Delivery, error)
	Deliveries(ctx context.Context, f meshhook.DeliveryFilter) ([]meshhook.Delivery, error)
	// Attempts returns attempts as they may be shown: without credentials.
	Attempts(ctx context.Context, f meshhook.AttemptFilter) ([]meshhook.AlertAttempt, error)
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
	// OnLive opens the page Live first, not Webhooks.
	OnLive bool
	// Store tells about what is listed and opened.
	Store Store
	// Actions does what is asked for; nil makes a screen that only looks.
	Actions Actions
	// Forms opens forms for webhooks and alerts; nil for none.
	Forms Forms
	// WebhookFacts and AlertFacts say all that is configured of a webhook or of an alert
	// whose credentials are masked, in the words of the commands; nil for the barest.
	WebhookFacts func(meshhook.Endpoint, []meshhook.EndpointSecret) []Fact
	AlertFacts   func(meshhook.Alert, []meshhook.AlertSecret) []Fact
	// Graph draws a version of a workflow with characters, not wider than 76 cells where
	// that can be; "" where it cannot be read. It may be nil.
	Graph func(meshhook.Version) string
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
