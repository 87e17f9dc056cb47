package tui

import (
	"io"
	"os"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"github.com/profullstack/meshhook/internal/tail"
)

// newRenderer returns a renderer for out. What out can show is asked of it and
// of the environment (NO_COLOR, TERM).
func newRenderer(out io.Writer, noColor bool) *lipgloss.Renderer {
	r := lipgloss.NewRenderer(out)
	if noColor || os.Getenv("NO_COLOR") != "" {
		r.SetColorProfile(termenv.Ascii)
	}
	// Bubble Tea has asked the terminal for its background when the process
	// began; asking again, with the keyboard being read, would hang.
	r.SetHasDarkBackground(lipgloss.HasDarkBackground())
	return r
}

// styles are all colours of the screen, for light and dark backgrounds. Each
// goes with a sign or a word that says the same.
type styles struct {
	renderer *lipgloss.Renderer
	tones    map[tail.Tone]lipgloss.Style
	title    lipgloss.Style // names of pages and sections
	faint    lipgloss.Style // what is there but need not be read
	selected lipgloss.Style // the row under the cursor
	tab      lipgloss.Style // the name of the page that is shown
	frame    lipgloss.Style // around what stands over a page
}

func newStyles(r *lipgloss.Renderer) styles {
	color := func(light, dark string) lipgloss.Style {
		return r.NewStyle().Foreground(lipgloss.AdaptiveColor{Light: light, Dark: dark})
	}
	return styles{
		renderer: r,
		tones: map[tail.Tone]lipgloss.Style{
			tail.Plain: r.NewStyle(),
			tail.Good:  color("28", "78"),
			tail.Bad:   color("160", "203"),
			tail.Busy:  color("26", "75"),
			tail.Warn:  color("130", "215"),
			tail.Quiet: color("242", "246"),
		},
		title:    color("55", "141").Bold(true),
		faint:    color("242", "246"),
		tab:      color("55", "141").Bold(true).Underline(true),
		frame:    r.NewStyle().Border(lipgloss.RoundedBorder()).BorderForeground(lipgloss.AdaptiveColor{Light: "55", Dark: "141"}),
		selected: r.NewStyle().Bold(true).Background(lipgloss.AdaptiveColor{Light: "254", Dark: "237"}),
	}
}
