package tui

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// actTimeout is how long something may take that was asked for. A test of an alert
// waits for its receiver.
const actTimeout = 90 * time.Second

// Actions are what the screen can do, as the commands do it. Their errors are for a
// person. An action that was refused has changed nothing.
type Actions interface {
	// Replay starts another run on an event, as 'event replay' does.
	Replay(ctx context.Context, event meshhook.ID) (run meshhook.ID, err error)
	// Curl is a command for a POSIX shell that sends an event's request again, and what
	// its user must know of it.
	Curl(ctx context.Context, event meshhook.ID) (line string, notes []string, err error)

	// RetryRun goes on with a run that failed or was canceled.
	RetryRun(ctx context.Context, run meshhook.ID) error
	// CancelRun ends a run.
	CancelRun(ctx context.Context, run meshhook.ID) error
	// Decide answers the approval that a step of a run waits for; the only one for "".
	Decide(ctx context.Context, run meshhook.ID, step string, approved bool, note string) error

	// URL is where a webhook takes requests.
	URL(path string) string
	// EnableWebhook opens or closes a webhook.
	EnableWebhook(ctx context.Context, path string, enabled bool) error
	// RotateWebhook gives a webhook a new secret; the old ones verify for a while.
	RotateWebhook(ctx context.Context, path string) (NewSecret, error)
	// DeleteWebhook deletes a webhook. Its events stay.
	DeleteWebhook(ctx context.Context, path string) error

	// TestAlert sends a sample, and says what came of it.
	TestAlert(ctx context.Context, alert meshhook.ID) (Tested, error)
	// EnableAlert switches an alert on or off.
	EnableAlert(ctx context.Context, alert meshhook.ID, enabled bool) error
	// RotateAlert gives an alert a new secret; the old ones sign beside it for a while.
	RotateAlert(ctx context.Context, alert meshhook.ID) (NewSecret, error)
	// DeleteAlert deletes an alert. What it has sent stays in the log.
	DeleteAlert(ctx context.Context, alert meshhook.ID) error

	// Redeliver sends a message that is over again.
	Redeliver(ctx context.Context, delivery meshhook.ID) error
	// RedeliverExhausted sends all messages again that were given up.
	RedeliverExhausted(ctx context.Context) (count int, err error)

	// RunWorkflow starts a run by hand; an empty body is none.
	RunWorkflow(ctx context.Context, workflow string, body []byte) (run meshhook.ID, err error)
	// DeleteWorkflow deletes a workflow.
	DeleteWorkflow(ctx context.Context, workflow string) error
}

// NewSecret is a secret that was just made. It is shown once.
type NewSecret struct {
	Secret string
	// PublicKey is what the recipient checks signatures by, where there is one.
	PublicKey string
	// OldUntil is until when the old ones are good.
	OldUntil time.Time
}

// Tested is what came of a test: one sentence, and the exchange.
type Tested struct {
	Delivered bool
	Result    string
	Exchange  string
}

// action is something that can be done with a thing.
type action struct {
	key key.Binding
	// fits says why it cannot be done; "" when it can. It may be nil.
	fits func(t *thing) string
	// ask is the question that comes first; nil or "" for what can be undone.
	ask func(t *thing) string
	// write gives title and text of a line that is typed first; nil for none.
	write func(t *thing) (title, text string)
	// do does it.
	do func(ctx context.Context, s styles, a Actions, t *thing, typed string) (didMsg, error)
	// alone tells that it is about no thing, and can be done in an empty list.
	alone bool
}

// noteLength bounds what can be typed for an action, in characters.
const noteLength = meshhook.MaxNote

// act begins an action on a thing: it asks what has to be asked.
func (m *model) act(a action, t *thing) tea.Cmd {
	if a.fits != nil {
		if why := a.fits(t); why != "" {
			m.say(why, tail.Warn)
			return nil
		}
	}
	held := *t // the row may be another when the answer comes
	if a.write == nil {
		return m.ask(a, &held, "")
	}
	title, text := a.write(&held)
	m.overlay = newNote(m.styles, title, text, noteLength, func(typed string) tea.Cmd {
		return func() tea.Msg { return typedMsg{a, &held, typed} }
	})
	return nil
}

// typedMsg brings what was typed for an action.
type typedMsg struct {
	action action
	thing  *thing
	typed  string
}

// ask asks before what cannot be undone, and does it.
func (m *model) ask(a action, t *thing, typed string) tea.Cmd {
	if a.ask != nil {
		if text := a.ask(t); text != "" {
			m.overlay = &question{styles: m.styles, text: text, yes: m.doing(a, t, typed)}
			return nil
		}
	}
	m.say("…", tail.Quiet)
	return m.doing(a, t, typed)
}

// doing is the command that does it.
func (m *model) doing(a action, t *thing, typed string) tea.Cmd {
	ctx, styles, actions := m.ctx, m.styles, m.opts.Actions
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, actTimeout)
		defer cancel()
		did, err := a.do(ctx, styles, actions, t, typed)
		if err != nil {
			return didMsg{err: err}
		}
		return did
	}
}

// did shows what came of something, and reads anew what it may have changed.
func (m *model) did(msg didMsg) tea.Cmd {
	switch {
	case msg.err != nil:
		m.say("✗ "+reasonOf(msg.err), tail.Bad)
	case msg.text != "":
		m.say(msg.text, tail.Good)
	default:
		m.notice = notice{}
	}
	if msg.box != nil {
		m.overlay = msg.box
	}
	var cmds []tea.Cmd
	if msg.copied != "" {
		cmds = append(cmds, m.copy(msg.copied))
	}
	if d := m.page().detail(); msg.gone != nil && d != nil && d.target == *msg.gone {
		return tea.Batch(append(cmds, m.back())...)
	}
	if msg.open != nil {
		return tea.Batch(append(cmds, m.open(*msg.open))...)
	}
	return tea.Batch(append(cmds, m.refresh())...)
}

// reasonOf says an error in one line. It is clean.
func reasonOf(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "it took too long, and may have been done or not"
	}
	text := err.Error()
	if e, ok := errors.AsType[*meshhook.Error](err); ok {
		for _, d := range e.Details {
			text += "\n" + d.Path + ": " + d.Message
		}
	}
	return text
}

// secretBox shows a new secret once.
func secretBox(s styles, whose string, n NewSecret) *box {
	text := n.Secret
	if n.PublicKey != "" {
		text += "\n\npublic key\n" + n.PublicKey
	}
	text += "\n\nIt is shown this once. Old secrets are good until " + meshhook.FormatTime(n.OldUntil) + "."
	return &box{styles: s, title: "New secret of " + tail.Clean(whose), text: text, copy: n.Secret}
}

// byID calls an action of a thing that is known by its id.
func byID(t *thing, do func(id meshhook.ID) error) error {
	id, err := idOf(t.key)
	if err != nil {
		return err
	}
	return do(id)
}

// said is a didMsg of one sentence.
func said(err error, format string, args ...any) (didMsg, error) {
	return didMsg{text: "✓ " + fmt.Sprintf(format, args...)}, err
}

// deleted is a didMsg of something that is gone.
func deleted(t *thing, err error, format string, args ...any) (didMsg, error) {
	did, err := said(err, format, args...)
	did.gone = &t.target
	return did, err
}
