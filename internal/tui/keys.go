package tui

import "github.com/charmbracelet/bubbles/key"

// keys are all keys of the screen. Those that move mean the same everywhere.
type keys struct {
	up, down, halfUp, halfDown, pageUp, pageDown, top, bottom key.Binding
	open, back, filter, pause, run, event, next               key.Binding
	help, quit, abort                                         key.Binding
}

func newKeys() keys {
	bind := func(keys []string, shown, does string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(shown, does))
	}
	return keys{
		up:       bind([]string{"up", "k"}, "↑ k", "one up, and pause"),
		down:     bind([]string{"down", "j"}, "↓ j", "one down"),
		halfUp:   bind([]string{"ctrl+u"}, "ctrl-u", "half a page up"),
		halfDown: bind([]string{"ctrl+d"}, "ctrl-d", "half a page down"),
		pageUp:   bind([]string{"pgup", "ctrl+b"}, "PgUp", "a page up"),
		pageDown: bind([]string{"pgdown", "ctrl+f"}, "PgDn", "a page down"),
		top:      bind([]string{"home", "g"}, "g Home", "to the oldest, or the top"),
		bottom:   bind([]string{"end", "G"}, "G End", "to the newest, and follow"),
		open:     bind([]string{"enter"}, "enter", "open the event or run"),
		back:     bind([]string{"esc"}, "esc", "close the page or the filter"),
		filter:   bind([]string{"/"}, "/", "filter the list"),
		pause:    bind([]string{" "}, "space", "pause, and follow again"),
		run:      bind([]string{"r"}, "r", "to the run"),
		event:    bind([]string{"e"}, "e", "to the event"),
		next:     bind([]string{"tab"}, "tab", "next run of an event"),
		help:     bind([]string{"?"}, "?", "these keys"),
		quit:     bind([]string{"q"}, "q", "quit (ctrl-c, too)"),
		abort:    bind([]string{"ctrl+c"}, "ctrl-c", "quit"),
	}
}

// all lists the bindings in the order of the help page.
func (k keys) all() []key.Binding {
	return []key.Binding{
		k.open, k.back, k.filter, k.pause, k.run, k.event, k.next, k.up, k.down,
		k.halfUp, k.halfDown, k.pageUp, k.pageDown, k.top, k.bottom, k.help, k.quit,
	}
}
