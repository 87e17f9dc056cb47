package tui

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func coloredStyles() styles {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.ANSI256)
	r.SetHasDarkBackground(true)
	return newStyles(r)
}

// Keys, texts, numbers and words have a colour each, on every piece of a broken line.
func TestCode_Colours(t *testing.T) {
	t.Parallel()
	d := &doc{styles: coloredStyles(), width: 14}
	d.code(0, []byte(`{"key":"a long text of words","n":-1.5e3,"t":[true,null]}`))
	text := strings.Join(d.lines, "\n")
	for _, want := range []string{
		"\x1b[38;5;75m\"key\"\x1b[0m", "\x1b[38;5;78m\"a l", "\x1b[38;5;215m-1.5e3", "\x1b[1;38;5;141mtrue", "\x1b[1;38;5;141mnull", "\x1b[38;5;246m{",
	} {
		require.Contains(t, text, want)
	}
	for _, line := range d.lines {
		require.LessOrEqual(t, ansi.StringWidth(line), 15)
	}
	d = &doc{styles: plainStyles(), width: 14}
	d.code(2, []byte("["+strings.Repeat("1,", shownLines)+"1]"))
	require.Equal(t, "   … more lines", d.lines[len(d.lines)-1])
	require.Equal(t, 5, quoted(`"a\"b`))
}

// Colour changes no character, whatever the JSON and the width.
func FuzzCode(f *testing.F) {
	f.Add([]byte(`{"a":[1,"\"[\\",true,-1e400],"亀":"\u202e\u001b"}`), 10)
	f.Add([]byte(`"`), 1)
	f.Fuzz(func(t *testing.T, body []byte, width int) {
		width = max(width%200, 4)
		colored, plain := &doc{styles: coloredStyles(), width: width}, &doc{styles: plainStyles(), width: width}
		colored.code(0, body)
		plain.text(0, meshhook.IndentJSON(body))
		if !json.Valid(body) {
			return
		}
		require.Equal(t, plain.lines, strings.Split(ansi.Strip(strings.Join(colored.lines, "\n")), "\n"))
	})
}
