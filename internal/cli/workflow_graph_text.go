package cli

import (
	"fmt"
	"strings"

	"github.com/profullstack/meshhook/internal/tail"
)

const (
	// graphWidth is how wide the drawing is, in cells of a terminal: what everybody's
	// has. Only deep nesting and long ids go beyond it.
	graphWidth = 80
	// graphDetail is the least room for a line of details.
	graphDetail = 24
	// graphColumn is how far ids are padded at most, so that kinds stand below each
	// other.
	graphColumn = 24
)

// textGraph draws a workflow with characters: from above to below, a line for each
// step, and what a step holds below it.
func textGraph(g *graphView) string {
	s := &sketch{}
	s.WriteString(tail.Clean(g.Workflow))
	if g.Version > 0 {
		fmt.Fprintf(s, "  version %d", g.Version)
	}
	noun := "steps"
	if g.count == 1 {
		noun = "step"
	}
	fmt.Fprintf(s, "  %d %s\n\n", g.count, noun)
	s.block(&g.graphBlock, "")
	return s.String()
}

// sketch is a drawing under way.
type sketch struct{ strings.Builder }

// block draws the steps of a block; the margin stands before each line.
func (s *sketch) block(b *graphBlock, margin string) {
	layers := layersOf(b)
	between, width := "│", 0
	for i, layer := range layers {
		if len(layer) > 1 || i > 0 && !plain(layers[i-1], &layer[0]) {
			between = "▼"
		}
		for k := range layer {
			width = min(max(width, len(layer[k].ID)), graphColumn)
		}
	}
	for i, layer := range layers {
		if i > 0 {
			s.WriteString(margin + between + "\n")
		}
		last := i == len(layers)-1
		for k := range layer {
			step := &layer[k]
			head, below := "● ", "│ "
			if len(layer) > 1 {
				head, below = hook(i == 0 && k == 0, last && k == len(layer)-1)+"● ", "│   "
			}
			if last && k == len(layer)-1 {
				below = strings.Replace(below, "│", " ", 1)
			}
			var named []string
			if i > 0 && !plain(layers[i-1], step) {
				named = step.Needs
			}
			s.step(step, margin+head, margin+below, width, named)
		}
	}
}

// hook is how a step hangs on the line that it shares with those beside it.
func hook(first, last bool) string {
	switch {
	case first:
		return "┌─"
	case last:
		return "└─"
	default:
		return "├─"
	}
}

// plain tells whether a step needs just the one step above it, so that the line
// says all.
func plain(above []graphStep, s *graphStep) bool {
	return len(above) == 1 && len(s.Needs) == 1 && s.Needs[0] == above[0].ID
}

// layersOf cuts the steps, which stand in the order of their layers.
func layersOf(b *graphBlock) (layers [][]graphStep) {
	from := 0
	for i := range b.Steps {
		if i == len(b.Steps)-1 || b.Steps[i+1].Layer != b.Steps[i].Layer {
			layers = append(layers, b.Steps[from:i+1])
			from = i + 1
		}
	}
	return layers
}

// step draws a step, and what it holds; named are the needs that no line shows.
func (s *sketch) step(step *graphStep, head, below string, width int, named []string) {
	line := head + fmt.Sprintf("%-*s  %s", width, step.ID, step.Kind)
	indent := below + "    "
	room := max(graphWidth-cells(indent), graphDetail)
	for _, word := range details(step, named, room) {
		switch {
		case cells(line)+2+cells(word.text) <= graphWidth && word.apart:
			line += "  " + word.text
		case cells(line)+1+cells(word.text) <= graphWidth && !word.apart:
			line += " " + word.text
		default:
			s.WriteString(line + "\n")
			line = indent + word.text
		}
	}
	s.WriteString(line + "\n")
	for i := range step.Blocks {
		corner, rail := "├─ ", "│  "
		if i == len(step.Blocks)-1 {
			corner, rail = "└─ ", "   "
		}
		title := tail.Clean(oneBlank(step.title(&step.Blocks[i])))
		s.WriteString(below + corner + firstCells(title, max(graphWidth-cells(below+corner), graphDetail)) + "\n")
		s.block(&step.Blocks[i], below+rail)
	}
}

// word is a piece of a step's details; one that is apart begins another detail.
type word struct {
	text  string
	apart bool
}

// details are what stands behind a step: all that it needs, and its common keys. A
// condition is cut to the room that it has.
func details(step *graphStep, named []string, room int) (words []word) {
	for i, id := range named {
		text := id
		if i == 0 {
			text = "← " + text
		}
		if i < len(named)-1 {
			text += ","
		}
		words = append(words, word{text, i == 0})
	}
	if step.If != "" {
		words = append(words, word{firstCells(tail.Clean("if: "+oneBlank(step.If)), room), true})
	}
	if step.Timeout != 0 {
		words = append(words, word{"timeout: " + step.Timeout.String(), true})
	}
	if step.ContinueOnError {
		words = append(words, word{"continue_on_error", true})
	}
	return words
}

// oneBlank writes each run of blanks and line breaks as one blank.
func oneBlank(text string) string { return strings.Join(strings.Fields(text), " ") }
