package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// table is what people read: aligned with a header on a terminal, tab-separated
// without one in a pipe. Its cells are clean.
type table struct {
	columns []string
	rows    [][]cell
}

// cell is a piece of text and how it is meant.
type cell struct {
	text string
	tone tail.Tone
}

// add appends a row of texts, cells, times and whatever fmt prints.
func (t *table) add(values ...any) {
	row := make([]cell, len(values))
	for i, v := range values {
		row[i] = newCell(v)
	}
	t.rows = append(t.rows, row)
}

func newCell(v any) cell {
	switch v := v.(type) {
	case cell:
		return cell{tail.Clean(v.text), v.tone}
	case time.Time:
		return cell{text: meshhook.FormatTime(v)}
	case *time.Time:
		if v == nil {
			return cell{}
		}
		return cell{text: meshhook.FormatTime(*v)}
	default:
		return cell{text: tail.Clean(fmt.Sprint(v))}
	}
}

// state is a cell with the colour of a noun's state.
func state[S ~string](noun string, status S) cell {
	_, tone := tail.Look(meshhook.EntryKind(noun + "." + string(status)))
	return cell{string(status), tone}
}

// printList prints a list: an array for a machine, rows for a person.
func printList[T any](a *app, list []T, columns []string, row func(t *table, item T)) error {
	if list == nil {
		list = []T{}
	}
	return a.print(list, func(w io.Writer) error {
		t := &table{columns: columns}
		if len(list) == 0 && a.OutTTY {
			defer a.note("none")
		}
		for _, item := range list {
			row(t, item)
		}
		return a.writeTable(w, t)
	})
}

// printFields prints one thing: an object for a machine, lines of name and value
// for a person. Fields without a value are left out.
func printFields(a *app, thing any, fill func(f *fields)) error {
	return a.print(thing, func(w io.Writer) error {
		f := &fields{}
		fill(f)
		return a.writeTable(w, &f.table)
	})
}

// fields are the lines of one thing.
type fields struct{ table }

// add appends a line, unless there is nothing to say.
func (f *fields) add(name string, value any) {
	if c := newCell(value); c.text != "" {
		f.rows = append(f.rows, []cell{{text: name}, c})
	}
}

// print writes a value in the format that the user chose.
func (a *app) print(value any, forPeople func(io.Writer) error) error {
	switch a.output {
	case "json":
		encoder := jsonTo(a.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	case "yaml":
		return writeYAML(a.Out, value)
	default:
		return forPeople(a.Out)
	}
}

// printForMachine prints what was changed for -o json and yaml; a person reads the note.
func (a *app) printForMachine(thing any) error {
	return a.print(thing, func(io.Writer) error { return nil })
}

// writeYAML prints what JSON would, as YAML: one set of names for both.
func writeYAML(w io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var node yaml.Node
	// JSON lets controls stand raw that YAML refuses.
	if err := yaml.Unmarshal([]byte(tail.Escaped(string(text), escapeYAML)), &node); err != nil {
		return err
	}
	inBlocks(&node)
	var buffer bytes.Buffer
	encoder := yaml.NewEncoder(&buffer)
	encoder.SetIndent(2)
	if err := encoder.Encode(&node); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	_, err = io.WriteString(w, tail.Escaped(buffer.String(), escapeYAML))
	return err
}

// boolean finds words that are text in YAML 1.2 and true, false or no value at all in YAML
// 1.1, which many programs read.
var boolean = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|=)$`)

// inBlocks takes JSON's braces away, and its quotes where they are not needed.
func inBlocks(node *yaml.Node) {
	switch {
	case needsEscapes(node.Value): // escapes stand in double quotes only
		node.Style = yaml.DoubleQuotedStyle
	case !boolean.MatchString(node.Value):
		node.Style = 0
	}
	for _, child := range node.Content {
		inBlocks(child)
	}
}

// aligned tells whether tables are for eyes: on a terminal, or when asked for.
func (a *app) aligned() bool { return a.OutTTY || a.output == "table" }

func (a *app) writeTable(w io.Writer, t *table) error {
	var b strings.Builder
	if !a.aligned() {
		for _, row := range t.rows {
			for i, c := range row {
				if i > 0 {
					b.WriteByte('\t')
				}
				b.WriteString(c.text)
			}
			b.WriteByte('\n')
		}
		_, err := io.WriteString(w, b.String())
		return err
	}
	if len(t.columns) > 0 {
		header := make([]cell, len(t.columns))
		for i, name := range t.columns {
			header[i] = cell{text: cmp.Or(strings.ToUpper(name), " ")}
		}
		t.rows = append([][]cell{header}, t.rows...)
	}
	if a.OutTTY && a.Size != nil {
		if width, _ := a.Size(); width > 0 {
			t.cutProse(width)
		}
	}
	widths := t.widths()
	for _, row := range t.rows {
		a.writeRow(&b, row, widths)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *table) widths() []int {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cells(c.text))
		}
	}
	return widths
}

// cutProse cuts the columns that are read, not copied, where a terminal of so many
// columns would break the rows: one long error makes every row of a list as long.
func (t *table) cutProse(width int) {
	const least = 24 // of a text that still says something
	widths := t.widths()
	over := 2*(len(widths)-1) - width
	for _, w := range widths {
		over += w
	}
	for i, name := range t.columns {
		if over <= 0 || !slices.Contains([]string{"description", "detail", "error", "what"}, name) {
			continue
		}
		room := min(widths[i], max(widths[i]-over, least))
		over -= widths[i] - room
		for _, row := range t.rows {
			if i < len(row) {
				row[i].text = firstCells(row[i].text, room)
			}
		}
	}
}

func (a *app) writeRow(b *strings.Builder, row []cell, widths []int) {
	for i, c := range row {
		text := c.text
		if text == "" {
			text = "-"
		}
		padding := strings.Repeat(" ", max(0, widths[i]-cells(text)))
		b.WriteString(a.paint(text, c.tone))
		if i < len(row)-1 {
			b.WriteString(padding + "  ")
		}
	}
	b.WriteByte('\n')
}

// cells is how many columns of a terminal text takes; the condition is made
// here because the library's own depends on the environment.
func cells(text string) int {
	condition := runewidth.Condition{StrictEmojiNeutral: true}
	return condition.StringWidth(text)
}

// colors are the SGR codes (ECMA-48, 8.3.117) of the tones.
var colors = map[tail.Tone]string{
	tail.Good: "32", tail.Bad: "31", tail.Busy: "36", tail.Warn: "33", tail.Quiet: "2",
}

func (a *app) paint(text string, tone tail.Tone) string {
	code, ok := colors[tone]
	if !ok || !a.colored(a.OutTTY) {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// took is how long something lasted, "" while it lasts.
func took(from, to *time.Time) string {
	if from == nil || to == nil {
		return ""
	}
	return to.Sub(*from).Round(time.Millisecond).String()
}

// failure says in one line where and why a run failed.
func failure(f *meshhook.Failure) string {
	if f != nil && f.Step != "" {
		return "step " + f.Step + ": " + reason(f)
	}
	return reason(f)
}

// reason says in one line why a run or step failed.
func reason(f *meshhook.Failure) string {
	if f == nil {
		return ""
	}
	return string(f.Reason) + ": " + f.Message
}

// oneLine is an error's text in one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
