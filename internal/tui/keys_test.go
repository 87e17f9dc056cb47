package tui

import (
	"testing"

	"github.com/charmbracelet/bubbles/key"
	"github.com/stretchr/testify/require"
)

// A key means one thing wherever it is pressed. Only where things are made in forms `e`
// edits, because nothing there leads to one event.
func TestKeys_MeanOneThing(t *testing.T) {
	t.Parallel()
	k := newKeys()
	for _, n := range nouns(k) {
		meant := map[string]string{}
		add := func(b key.Binding) {
			for _, one := range b.Keys() {
				require.Empty(t, meant[one], "%s: %s", n.title, one)
				meant[one] = b.Help().Desc
			}
		}
		for _, b := range append(k.moving(), k.pause, k.abort) {
			add(b)
		}
		for _, b := range k.linking() {
			if n.made && b.Help().Key == "e" {
				b = k.edit
			}
			add(b)
		}
		for _, a := range n.actions {
			add(a.key)
		}
		if n.made {
			add(k.create)
		}
	}
}
