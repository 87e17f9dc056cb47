package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/workflow"
)

const (
	// shownCells is how much of a line is shown with a caret under it, in cells of
	// a terminal; beforeCaret is how much of that may stand before the caret in
	// a line that has more.
	shownCells, beforeCaret = 100, 70
	// shownBytes bounds what is looked at on either side of the place: a line may
	// be a megabyte, and a cell many bytes.
	shownBytes = 1 << 10
	// shownLines is how many lines of an expression are shown.
	shownLines = 20
)

// withCaret returns a line of a text, fit for a terminal, and one with a caret
// under the byte at of it, which counts from 0. A long line is cut around it.
func withCaret(line string, at int) (text, caret string) {
	before, after := cutAt(line, at)
	more := "" // what stands for what is missing
	if cut := len(before) - shownBytes; cut > 0 {
		_, before = cutAt(before, cut)
		more = "…"
	}
	before = more + onTerminal(before)
	after, rest := cutAt(after, shownBytes)
	if after = onTerminal(after); rest != "" {
		after += "…"
	}
	before = lastCells(before, max(beforeCaret, shownCells-cells(after)))
	after = firstCells(after, shownCells-cells(before))
	return before + after, strings.Repeat(" ", cells(before)) + "^"
}

// cutAt cuts a text at a byte, or before it where this is inside of a character:
// of several runes, where marks are put on a letter.
func cutAt(text string, at int) (before, after string) {
	at = max(0, min(at, len(text)))
	for 0 < at && at < len(text) {
		r, _ := utf8.DecodeRuneInString(text[at:])
		if utf8.RuneStart(text[at]) && !unicode.IsMark(r) {
			break
		}
		at--
	}
	return text[:at], text[at:]
}

// onTerminal makes a piece of a line fit for a terminal; a tab is a blank, as it is
// in what people paste.
func onTerminal(text string) string { return tail.Clean(strings.ReplaceAll(text, "\t", " ")) }

// firstCells cuts a clean text to a width at its end.
func firstCells(text string, width int) string {
	condition := runewidth.Condition{StrictEmojiNeutral: true}
	return condition.Truncate(text, width, "…")
}

// lastCells cuts a clean text to a width at its beginning.
func lastCells(text string, width int) string {
	condition := runewidth.Condition{StrictEmojiNeutral: true}
	return condition.TruncatePrefix(text, width, "…")
}

// showProblem prints a problem of a file, after how bad it is; below stand the line
// and a caret, for people: who reads -o json takes each line for a problem.
func (a *app) showProblem(degree string, p workflow.Problem) {
	fmt.Fprintln(a.Err, tail.Clean(p.Place()+": "+degree+p.Message))
	if p.Source != "" {
		a.showPlace(fmt.Sprintf("%5d | ", p.Line), p.Source, p.Column-1)
	}
}

// showSyntax prints the line of an expression that is wrong.
func (a *app) showSyntax(e *expr.SyntaxError) {
	text, at := e.Line()
	a.showPlace("  ", text, at)
}

// showPlace prints a line after a margin, and a caret below.
func (a *app) showPlace(margin, line string, at int) {
	if a.output == "json" || a.output == "yaml" {
		return
	}
	text, caret := withCaret(line, at)
	blank := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return ' '
		}
		return r
	}, margin)
	fmt.Fprintln(a.Err, strings.TrimRight(margin+text, " "))
	fmt.Fprintln(a.Err, blank+caret)
}

// showFailed prints an expression that failed, and the kind of the failure.
func (a *app) showFailed(e *expr.EvalError) {
	if e.Expr != "" {
		for i, line := range strings.SplitAfterN(e.Expr, "\n", shownLines+1) {
			if i == shownLines {
				fmt.Fprintln(a.Err, "  …")
				break
			}
			line, _ = cutAt(strings.TrimRight(line, "\r\n"), shownBytes)
			fmt.Fprintln(a.Err, "  "+firstCells(onTerminal(line), shownCells))
		}
	}
	fmt.Fprintln(a.Err, "  reason: "+string(e.Reason))
}
