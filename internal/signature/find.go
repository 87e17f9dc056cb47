package signature

import (
	"slices"
	"strings"
	"unicode"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Schemes returns every scheme, ordered by name.
func Schemes() []Scheme {
	all := table()
	slices.SortFunc(all, func(a, b Scheme) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Find returns the scheme of that name, as it is before an endpoint changes it.
func Find(name string) (Scheme, bool) {
	all := table()
	i := slices.IndexFunc(all, func(s Scheme) bool { return s.Name == name })
	if i < 0 {
		return Scheme{}, false
	}
	return all[i], true
}

// errUnknownScheme names the likeliest scheme there is, and where they are listed.
func errUnknownScheme(name string) error {
	const listed = "'meshhook webhook schemes' lists those there are"
	if name == "" {
		return meshhook.Errorf(meshhook.CodeInvalid, "the verification scheme is missing; %s (none accepts every request)", listed)
	}
	near := slices.MinFunc(Schemes(), func(a, b Scheme) int { return distance(name, a.Name) - distance(name, b.Name) }).Name
	if distance(name, near) <= 2 {
		return meshhook.Errorf(meshhook.CodeInvalid, "%q is not a verification scheme; did you mean %s? %s", clip(name), near, "'meshhook webhook schemes' lists them all")
	}
	return meshhook.Errorf(meshhook.CodeInvalid, "%q is not a verification scheme; %s", clip(name), listed)
}

// clip shortens text from outside for a message.
func clip(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// legible is clip for what is shown without quotes: what a terminal would take for
// a command is marked.
func legible(text string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return unicode.ReplacementChar
		}
		return c
	}, clip(text))
}

// distance is how many letters it takes to make b of a, regardless of case
// (Levenshtein). Past 2 it says 3 at once where the lengths alone differ by
// more, so that a long a costs nothing.
func distance(a, b string) int {
	if gap := len(a) - len(b); gap > 2 || gap < -2 {
		return 3
	}
	a = strings.ToLower(a)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
