package cli

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/profullstack/meshhook/internal/tail"
)

// graphLabel bounds a condition in a picture, in cells.
const graphLabel = 60

// dotGraph writes a workflow in DOT (https://graphviz.org/doc/info/lang.html). What
// a step holds is a cluster, to which a dotted edge leads.
func dotGraph(g *graphView) string {
	var b strings.Builder
	b.WriteString("digraph " + dotQuote(g.Workflow) + " {\n  rankdir=TB;\n  node [shape=box, style=rounded];\n")
	dotBlock(&b, &g.graphBlock, "  ")
	b.WriteString("}\n")
	return b.String()
}

func dotBlock(b *strings.Builder, block *graphBlock, margin string) {
	for i := range block.Steps {
		s := &block.Steps[i]
		label := dotEscape(s.ID) + `\n` + dotEscape(s.Kind)
		if s.If != "" {
			label += `\n` + dotEscape("if "+short(s.If))
		}
		fmt.Fprintf(b, "%s%s [label=\"%s\"];\n", margin, dotQuote(s.ID), label)
		for k := range s.Blocks {
			inner := &s.Blocks[k]
			fmt.Fprintf(b, "%ssubgraph %s {\n%s  label=%s;\n", margin, dotQuote(fmt.Sprintf("cluster_%s_%d", s.ID, k)), margin, dotQuote(short(s.title(inner))))
			dotBlock(b, inner, margin+"  ")
			b.WriteString(margin + "}\n")
		}
	}
	for i := range block.Steps {
		s := &block.Steps[i]
		for _, id := range s.Needs {
			fmt.Fprintf(b, "%s%s -> %s;\n", margin, dotQuote(id), dotQuote(s.ID))
		}
		for _, id := range s.entries() {
			fmt.Fprintf(b, "%s%s -> %s [style=dotted];\n", margin, dotQuote(s.ID), dotQuote(id))
		}
	}
}

// dotEscape makes a text fit for a label between quotes: a backslash begins an
// escape, a quote ends it, and an ampersand begins an entity of HTML.
func dotEscape(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;").Replace(text)
}

func dotQuote(text string) string { return `"` + dotEscape(text) + `"` }

// mermaidGraph writes a workflow as a flowchart of Mermaid
// (https://mermaid.js.org/syntax/flowchart.html).
func mermaidGraph(g *graphView) string {
	var b strings.Builder
	b.WriteString("flowchart TB\n")
	mermaidBlock(&b, &g.graphBlock, "  ")
	return b.String()
}

func mermaidBlock(b *strings.Builder, block *graphBlock, margin string) {
	for i := range block.Steps {
		s := &block.Steps[i]
		label := mermaidEscape(s.ID) + "<br>" + mermaidEscape(s.Kind)
		if s.If != "" {
			label += "<br>" + mermaidEscape("if "+short(s.If))
		}
		fmt.Fprintf(b, "%s%s[\"%s\"]\n", margin, mermaidID(s.ID), label)
		for k := range s.Blocks {
			inner := &s.Blocks[k]
			fmt.Fprintf(b, "%ssubgraph b%d_%s[\"%s\"]\n", margin, k, s.ID, mermaidEscape(short(s.title(inner))))
			mermaidBlock(b, inner, margin+"  ")
			b.WriteString(margin + "end\n")
		}
	}
	for i := range block.Steps {
		s := &block.Steps[i]
		for _, id := range s.Needs {
			fmt.Fprintf(b, "%s%s --> %s\n", margin, mermaidID(id), mermaidID(s.ID))
		}
		for _, id := range s.entries() {
			fmt.Fprintf(b, "%s%s -.-> %s\n", margin, mermaidID(s.ID), mermaidID(id))
		}
	}
}

// mermaidID keeps an id from being a word of the language, such as end, and from
// the letters o and x at its beginning, which an arrow would take for its head.
func mermaidID(id string) string { return "s_" + id }

// mermaidEscape writes all but letters, digits and a few plain characters as
// entities by their number: Mermaid looks for directives, styles and HTML in
// quoted text, too.
func mermaidEscape(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" _.,-+/?!'", r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "#%d;", r)
	}
	return b.String()
}

// short is a condition as a picture shows it: one line, cut.
func short(text string) string { return firstCells(tail.Clean(oneBlank(text)), graphLabel) }

// entries are the steps with which what is inside a step begins.
func (s *graphStep) entries() (ids []string) {
	for _, inner := range s.Blocks {
		for _, step := range inner.Steps {
			if step.Layer == 0 {
				ids = append(ids, step.ID)
			}
		}
	}
	return ids
}
