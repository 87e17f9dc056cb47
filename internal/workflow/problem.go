package workflow

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/spelling"
)

// maxProblems is how many problems of one document are listed; the rest is
// only counted. Nobody mends more than this in one go.
const maxProblems = 100

// Problem is one thing wrong, or doubtful, in a document. Line and Column count
// from 1, Column in bytes as editors' goto commands do.
type Problem struct {
	File    string
	Line    int
	Column  int
	Message string
	// Source is the text of the line, without its end; "" where it is not known.
	// No message holds it: whoever shows a problem to a person may show it below.
	Source string
}

// Place returns file:line:column, which editors and terminals make a link of.
func (p Problem) Place() string {
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// String returns file:line:column: message.
func (p Problem) String() string { return p.Place() + ": " + p.Message }

// Problems is everything wrong with a file, in the order of its lines. It is
// the cause of the error that Parse returns, for errors.As.
type Problems []Problem

// Error returns one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Quote sets the Source of each problem from the text of its file. Warnings need
// it: a Definition does not keep the document.
func (ps Problems) Quote(src []byte) {
	if len(ps) == 0 {
		return
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(src), "\ufeff"), "\r\n", "\n")
	if hasOddBreak(text) {
		return // by which lines YAML counted, depends on the document
	}
	lines := strings.Split(text, "\n")
	for i := range ps {
		if row := ps[i].Line - 1; row >= 0 && row < len(lines) {
			ps[i].Source = lines[row]
		}
	}
}

// comparePlaces orders problems as they stand in the documents.
func comparePlaces(a, b Problem) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// asError makes the one error of all the problems: its message is the first of
// them and how many more there are, its details are all of them. No problems,
// no error.
func (ps Problems) asError() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, comparePlaces)
	message := ps[0].String()
	if len(ps) > 1 {
		message += fmt.Sprintf(" (and %d more)", len(ps)-1)
	}
	shown := ps[:min(len(ps), maxProblems)]
	details := make([]meshhook.Problem, len(shown))
	for i, p := range shown {
		details[i] = meshhook.Problem{Path: p.Place(), Message: p.Message}
	}
	return &meshhook.Error{Code: meshhook.CodeInvalid, Message: message, Details: details, Err: shown}
}

// Nearest returns the known word that the given one was probably meant to be,
// or "" when none is near.
func Nearest(word string, known []string) string {
	best, limit := "", 1+len(word)/4
	for _, k := range known {
		if d := spelling.Distance(strings.ToLower(word), k); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}

// didYouMean returns the end of a sentence about an unknown word: a guess, or
// else the words that are known.
func didYouMean(word string, known []string) string {
	if guess := Nearest(word, known); guess != "" {
		return fmt.Sprintf("; did you mean %q?", guess)
	}
	if len(known) == 0 || len(known) > 20 {
		return ""
	}
	return "; known are " + strings.Join(known, ", ")
}

// quote prints a word of a document in a message: quoted, and cut when long.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
