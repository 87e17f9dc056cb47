package tui

import "github.com/charmbracelet/bubbles/key"

// keys are all keys of the screen. Those that move mean the same everywhere; capital
// letters do what cannot be undone, or to many.
type keys struct {
	up, down, halfUp, halfDown, pageUp, pageDown, top, bottom key.Binding
	open, back, filter, pause, nextStop, lastStop             key.Binding
	run, event, webhook, workflow, alert                      key.Binding
	nextPage, lastPage, page, again, copyID                   key.Binding
	help, quit, abort                                         key.Binding

	replay, curl                       key.Binding // events
	retry, cancel, approve, reject     key.Binding // runs
	toggle, rotate, remove, copyURL    key.Binding // webhooks; alerts, too, but for the last
	test, redeliver, exhausted, launch key.Binding // alerts, deliveries, workflows
	create, edit                       key.Binding // forms
}

func newKeys() keys {
	bind := func(keys []string, shown, does string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(shown, does))
	}
	one := func(k, does string) key.Binding { return bind([]string{k}, k, does) }
	return keys{
		up:       bind([]string{"up", "k"}, "↑ k", "one up; Live pauses"),
		down:     bind([]string{"down", "j"}, "↓ j", "one down"),
		halfUp:   bind([]string{"ctrl+u"}, "ctrl-u", "half a screen up"),
		halfDown: bind([]string{"ctrl+d"}, "ctrl-d", "half a screen down"),
		pageUp:   bind([]string{"pgup", "ctrl+b"}, "PgUp", "a screen up"),
		pageDown: bind([]string{"pgdown", "ctrl+f"}, "PgDn", "a screen down"),
		top:      bind([]string{"home", "g"}, "g Home", "to the top"),
		bottom:   bind([]string{"end", "G"}, "G End", "to the bottom; Live follows"),
		open:     bind([]string{"enter"}, "enter", "open; fold and unfold"),
		back:     bind([]string{"esc", "backspace"}, "esc", "back; clear the filter"),
		filter:   one("/", "filter the list"),
		pause:    bind([]string{" "}, "space", "pause Live, and follow again"),
		nextStop: bind([]string{"right", "l"}, "→ l", "next link or step"),
		lastStop: bind([]string{"left", "h"}, "← h", "link or step before"),
		run:      one("r", "to the run"),
		event:    one("e", "to the event"),
		webhook:  one("w", "to the webhook"),
		workflow: one("f", "to the workflow"),
		alert:    one("m", "to the alert"),
		nextPage: bind([]string{"tab", "]"}, "tab ]", "next page"),
		lastPage: bind([]string{"shift+tab", "["}, "⇧tab [", "page before"),
		page:     bind([]string{"1", "2", "3", "4", "5", "6", "7"}, "1 … 7", "to this page"),
		again:    bind([]string{"ctrl+r", "R"}, "R", "read again"),
		copyID:   one("y", "copy the id"),
		help:     one("?", "these keys"),
		quit:     one("q", "quit (ctrl-c, too)"),
		abort:    one("ctrl+c", "quit"),

		replay:    one("p", "replay"),
		curl:      one("c", "copy as curl"),
		retry:     one("t", "retry"),
		cancel:    one("X", "cancel"),
		approve:   one("a", "approve"),
		reject:    one("x", "reject"),
		toggle:    one("o", "on or off"),
		rotate:    one("S", "new secret"),
		remove:    one("D", "delete"),
		copyURL:   one("c", "copy the URL"),
		test:      one("t", "test"),
		redeliver: one("p", "send again"),
		exhausted: one("P", "send all exhausted again"),
		launch:    one("s", "start a run"),
		create:    one("n", "new"),
		edit:      one("e", "edit"),
	}
}

// moving are the keys of every page, in the order of the help.
func (k keys) moving() []key.Binding {
	return []key.Binding{
		k.page, k.nextPage, k.lastPage, k.up, k.down, k.halfUp, k.halfDown, k.pageUp, k.pageDown, k.top, k.bottom,
		k.open, k.back, k.nextStop, k.lastStop, k.filter, k.again, k.copyID, k.help, k.quit,
	}
}

// linking are the keys that lead from one thing to another.
func (k keys) linking() []key.Binding {
	return []key.Binding{k.run, k.event, k.webhook, k.workflow, k.alert}
}
