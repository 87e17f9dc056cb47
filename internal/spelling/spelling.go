// Package spelling measures how far a word is from the one that was meant. Where that
// is too far to guess is for those to say who know the words.
package spelling

// MaxLength is how long a word may be to be measured, in bytes. The measure takes the
// product of both lengths, and whoever asks may have written anything.
const MaxLength = 64

// Distance counts the bytes to insert, delete, replace or swap with their neighbour to
// make b of a (optimal string alignment). Where a word is longer than MaxLength it says
// as much as it can be: the longer one's length.
func Distance(a, b string) int {
	if len(a) > MaxLength || len(b) > MaxLength {
		return max(len(a), len(b))
	}
	before, last, row := []int{}, make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
