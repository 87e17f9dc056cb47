package config

import "strings"

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
	// Two slips (or two letters that changed places) in a short word, three in a long one.
	best, bestDistance := "", min(len(wrong)/3+2, 4)
	folded := fold(wrong)
	for _, name := range known {
		candidate := fold(name)
		d := distance(folded, candidate)
		if _, last, nested := strings.Cut(name, "."); nested {
			d = min(d, distance(folded, fold(last))) // "level" for log.level
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

// maxDistance caps the names that are compared, in bytes: a file may hold any.
const maxDistance = 64

// distance is Levenshtein's: the least number of bytes to put in, take out or
// change that makes b of a.
func distance(a, b string) int {
	if len(a) > maxDistance || len(b) > maxDistance {
		return maxDistance
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
