package config

import (
	"strings"

	"github.com/profullstack/meshhook/internal/spelling"
)

// didYouMean returns "; did you mean X?" where a known name is near the wrong one.
func didYouMean(wrong string, known []string) string {
	if near := nearest(wrong, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// nearest returns the known name that is most like the wrong one, and nothing
// where none is like it.
func nearest(wrong string, known []string) string {
	// Two slips in a short word, three in a long one.
	best, bestDistance := "", min(len(wrong)/3+2, 4)
	folded := fold(wrong)
	for _, name := range known {
		candidate := fold(name)
		d := spelling.Distance(folded, candidate)
		if _, last, nested := strings.Cut(name, "."); nested {
			d = min(d, spelling.Distance(folded, fold(last))) // "level" for log.level
		}
		if len(candidate) > 3 && strings.HasPrefix(folded, candidate) {
			d = min(d, 2) // "listen_address" for listen
		}
		if d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// fold makes spellings alike that differ in case and separators only.
func fold(name string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(name))
}
