package tui

import (
	"context"
	"io"

	"github.com/aymanbagabas/go-osc52/v2"
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/profullstack/meshhook/internal/tail"
)

// toggleHelp shows the keys of what is there, or closes them.
func (m *model) toggleHelp() tea.Cmd {
	p := m.page()
	if d := p.detail(); d != nil && d.target == (target{}) {
		return m.back()
	}
	n, _ := m.shown()
	d := m.push(target{}, "keys")
	d.show(content{draw: func(d *doc) { m.drawHelp(d, n) }}, nil)
	return nil
}

// doable are the bindings of what can be done with a thing now, or, without one, with
// its noun at all.
func (m *model) doable(n *noun, t *thing) (list []key.Binding) {
	if n == nil {
		return nil
	}
	if n.made && m.opts.Forms != nil {
		list = append(list, m.keys.create, m.keys.edit)
	}
	for _, a := range n.actions {
		if m.opts.Actions != nil && (t == nil || a.fits == nil || a.fits(t) == "") {
			list = append(list, a.key)
		}
	}
	return list
}

func (m *model) drawHelp(d *doc, n *noun) {
	write := func(bindings []key.Binding) {
		for _, b := range bindings {
			d.field(b.Help().Key, b.Help().Desc)
		}
	}
	if list := m.doable(n, nil); len(list) > 0 {
		d.heading(n.name)
		write(list)
	}
	d.heading("go")
	if n == nil {
		write([]key.Binding{m.keys.pause})
	}
	write(m.keys.linking())
	d.heading("everywhere")
	write(m.keys.moving())
	plain := d.styles.tones[tail.Plain]
	d.heading("filter")
	d.prose(0, "Words match any column; eight characters or more, ids as well. A word with - in front must not match.", plain)
	for _, f := range [][2]string{
		{"status:failed", "accepted rejected … queued running waiting succeeded …"},
		{"webhook:git", "part of a webhook's path"},
		{"workflow:chat", "part of a workflow's name"},
		{"alert:chat", "part of an alert's name; in Live, of its id"},
		{"kind:run", "event, run (with its steps), step, alert, circuit, or a whole kind"},
		{".attempt > 1", "jq on the row's JSON, where it begins with . or ( or jq"},
	} {
		d.field(f[0], f[1])
	}
	d.heading("mouse")
	d.prose(0, "The wheel scrolls, a click selects, and one more opens. Hold shift to select text.", plain)
}

// copy puts text into the clipboard of the terminal, where that allows it: by OSC 52,
// which reaches the user's own through ssh, too. What it copies is shown as well.
func (m *model) copy(text string) tea.Cmd {
	ctx, out := m.ctx, m.opts.Output
	if out == nil {
		return nil
	}
	return func() tea.Msg {
		if context.Cause(ctx) == nil {
			_, _ = io.WriteString(out, osc52.New(text).String())
		}
		return nil
	}
}
