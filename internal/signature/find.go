package signature

import (
	"slices"
	"strings"
	"unicode"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/spelling"
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
	distance := func(s Scheme) int { return spelling.Distance(strings.ToLower(name), s.Name) }
	near := slices.MinFunc(Schemes(), func(a, b Scheme) int { return distance(a) - distance(b) })
	if distance(near) <= 2 {
		return meshhook.Errorf(meshhook.CodeInvalid, "%q is not a verification scheme; did you mean %s? %s", clip(name), near.Name, "'meshhook webhook schemes' lists them all")
	}
	return meshhook.Errorf(meshhook.CodeInvalid, "%q is not a verification scheme; %s", clip(name), listed)
}

// clip shortens text from outside for a message.
func clip(text string) string { return meshhook.Clip(text, 64) }

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
