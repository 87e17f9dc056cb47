package cli

import (
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// row is a line of a drawing before it is painted: the branches of the tree, the
// columns of a step, or else a text alone.
type row struct {
	lead    string
	sign    string
	name    string
	columns [2]string // kind and state
	facts   string
	tone    tail.Tone
	loud    bool // the facts have the tone, too
}

// drawing lays nodes out.
type drawing struct {
	treeOptions
	rows  []row
	tries map[string][]try
	// busy is the last row of a step that is under way; 0 where none is.
	busy int
}

// rails are the branches of the tree: to one that others follow, to the last, and
// past those that follow.
type rails struct{ tee, corner, past, gap string }

var (
	boxRails   = rails{"├─ ", "└─ ", "│  ", "   "}
	asciiRails = rails{"|- ", "`- ", "|  ", "   "}
)

func newDrawing(roots []*node, o treeOptions) *drawing {
	d := &drawing{treeOptions: o}
	if o.full {
		d.tries = triesOf(o.history)
	}
	r := boxRails
	if o.plain {
		r = asciiRails
	}
	for _, n := range roots {
		d.node(n, "", "", r)
	}
	return d
}

// node draws a node behind its lead; what is under it stands behind under.
func (d *drawing) node(n *node, lead, under string, r rails) {
	first := d.row(n)
	first.lead = lead
	if n.step != nil && !n.step.Status.Ended() {
		d.busy = len(d.rows)
	}
	d.rows = append(d.rows, first)
	if d.full && n.step != nil {
		rail := r.gap
		if len(n.below) > 0 {
			rail = r.past
		}
		for _, line := range d.details(n.step) {
			d.rows = append(d.rows, row{lead: under + rail, facts: line.text, tone: line.tone, loud: true})
		}
	}
	for i, below := range n.below {
		if i < len(n.below)-1 {
			d.node(below, under+r.tee, under+r.past, r)
		} else {
			d.node(below, under+r.corner, under+r.gap, r)
		}
	}
}

// lines paints the rows, with their columns below each other.
func (d *drawing) lines() []string {
	var name, kind, state int
	for _, r := range d.rows {
		if r.sign != "" {
			name = max(name, cells(r.lead)+cells(r.name))
			kind, state = max(kind, cells(r.columns[0])), max(state, cells(r.columns[1]))
		}
	}
	lines := make([]string, 0, len(d.rows))
	for _, r := range d.rows {
		if r.sign == "" {
			lines = append(lines, d.line(cell{text: r.lead}, cell{r.facts, r.tone}))
			continue
		}
		facts := tail.Plain
		if r.loud {
			facts = r.tone
		}
		lines = append(lines, d.line(
			cell{text: r.lead}, cell{r.sign + " ", r.tone}, cell{padded(r.name, name-cells(r.lead)) + "  ", quietly(r.tone)},
			cell{padded(r.columns[0], kind) + "  ", quietly(r.tone)}, cell{padded(r.columns[1], state) + "  ", r.tone}, cell{r.facts, facts},
		))
	}
	return lines
}

// quietly keeps the tone of what need not be read, and no other.
func quietly(tone tail.Tone) tail.Tone {
	if tone == tail.Quiet {
		return tone
	}
	return tail.Plain
}

func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-cells(text)))
}

// line joins cells, cut to the width, and without blanks at its end.
func (d *drawing) line(parts ...cell) string {
	for i := len(parts) - 1; i >= 0; i-- {
		parts[i].text = strings.TrimRight(parts[i].text, " ")
		if parts[i].text != "" {
			break
		}
	}
	var b strings.Builder
	left := d.width
	for _, p := range parts {
		if p.text == "" {
			continue
		}
		if d.width > 0 {
			if left <= 0 {
				break
			}
			p.text = cut(p.text, left)
			left -= cells(p.text)
		}
		if d.paint != nil && p.tone != tail.Plain {
			p.text = d.paint(p.text, p.tone)
		}
		b.WriteString(p.text)
	}
	return b.String()
}

// cut shortens clean text to so many cells.
func cut(text string, width int) string {
	condition := runewidth.Condition{StrictEmojiNeutral: true}
	return condition.Truncate(text, width, "…")
}

// row says a node in columns.
func (d *drawing) row(n *node) row {
	switch {
	case n.note != "":
		return row{facts: tail.Clean(n.note), tone: n.tone, loud: true}
	case n.step == nil:
		return row{sign: "·", name: tail.Clean(n.name), columns: [2]string{tail.Clean(n.def.Kind), "not begun"}, tone: tail.Quiet, loud: true}
	}
	status, sign, tone := d.look(n.step)
	r := row{sign: sign, name: tail.Clean(n.name), columns: [2]string{tail.Clean(n.step.Kind), tail.Clean(status)}, tone: tone}
	r.facts = tail.Clean(strings.Join(d.facts(n), " · "))
	r.loud = tone != tail.Good && tone != tail.Busy
	return r
}

// look is how the state of a step is said and shown. What had not ended when its
// run did is canceled with it.
func (o *treeOptions) look(s *meshhook.Step) (status, sign string, tone tail.Tone) {
	if o.ended && !s.Status.Ended() {
		sign, tone = tail.Look(meshhook.EntryRunCanceled)
		return "canceled", sign, tone
	}
	kind := meshhook.EntryKind("step." + string(s.Status))
	if s.Status == meshhook.StepWaiting && s.Error != nil {
		kind = meshhook.EntryStepRetrying
	}
	sign, tone = tail.Look(kind)
	return string(s.Status), sign, tone
}
