package tui

import (
	"bytes"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/teatest"
	"github.com/stretchr/testify/require"
)

// A form in the program itself: its commands come back to it, and what it ends in is seen.
func TestProgram_Form(t *testing.T) {
	t.Parallel()
	s, webhooks, _ := withForms(t, 60, 15)
	webhooks.made.Secret = "s3cret"
	tm := teatest.NewTestModel(t, s.model, teatest.WithInitialTermSize(60, 15))
	see := func(text string) {
		t.Helper()
		teatest.WaitFor(t, tm.Output(), func(out []byte) bool { return bytes.Contains(out, []byte(text)) },
			teatest.WithCheckInterval(5*time.Millisecond), teatest.WithDuration(10*time.Second))
	}
	tm.Send(keyMsg("2"))
	see("github-to-chat")
	tm.Send(keyMsg("e"))
	see("1 of 6: Where")
	tm.Type("-2")
	see("github-2")
	for range 5 {
		tm.Send(tea.KeyMsg{Type: tea.KeyPgDown})
	}
	see("6 of 6: Store it")
	tm.Send(keyMsg("enter"))
	see("s3cret")
	tm.Send(keyMsg("enter"))
	tm.Send(keyMsg("q"))
	final, ok := tm.FinalModel(t, teatest.WithFinalTimeout(10*time.Second)).(*model)
	require.True(t, ok)
	require.Nil(t, final.overlay)
	require.Len(t, webhooks.stored, 1)
	require.Equal(t, []string{"path"}, webhooks.stored[0].Changed())
	require.Equal(t, "github-2", webhooks.stored[0].Now["path"])
}
