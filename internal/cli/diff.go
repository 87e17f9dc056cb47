package cli

import "slices"

// diffLine is one line of a comparison: sign is ' ' for a line of both texts, '-' for
// one of the old, '+' for one of the new, and '~' where lines of both are left out.
type diffLine struct {
	sign byte
	text string
}

const (
	// diffContext is how many lines are kept around a change.
	diffContext = 2
	// maxDiffCells bounds the work of a comparison; beyond it, all is old and new.
	maxDiffCells = 4 << 20
)

// diff compares two texts line by line; nil when they are the same.
func diff(was, is []string) []diffLine {
	if slices.Equal(was, is) {
		return nil
	}
	same := func(list []diffLine, texts []string) []diffLine {
		for _, text := range texts {
			list = append(list, diffLine{' ', text})
		}
		return list
	}
	head, tail := 0, 0
	for head < min(len(was), len(is)) && was[head] == is[head] {
		head++
	}
	for tail < min(len(was), len(is))-head && was[len(was)-1-tail] == is[len(is)-1-tail] {
		tail++
	}
	lines := same(nil, was[:head])
	lines = append(lines, diffMiddle(was[head:len(was)-tail], is[head:len(is)-tail])...)
	return abridged(same(lines, was[len(was)-tail:]))
}

// diffMiddle keeps the longest sequence of lines that both have.
func diffMiddle(was, is []string) (lines []diffLine) {
	width := len(is) + 1
	// common[i*width+j] is how long that sequence is from lines i and j on; without it
	// no line is kept.
	var common []int32
	if len(was)*len(is) <= maxDiffCells {
		common = make([]int32, (len(was)+1)*width)
		for i := len(was) - 1; i >= 0; i-- {
			for j := len(is) - 1; j >= 0; j-- {
				if was[i] == is[j] {
					common[i*width+j] = common[(i+1)*width+j+1] + 1
				} else {
					common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
				}
			}
		}
	}
	i, j := 0, 0
	for i < len(was) || j < len(is) {
		switch {
		case common != nil && i < len(was) && j < len(is) && was[i] == is[j]:
			lines = append(lines, diffLine{' ', was[i]})
			i, j = i+1, j+1
		case i < len(was) && (j == len(is) || common == nil || common[(i+1)*width+j] >= common[i*width+j+1]):
			lines = append(lines, diffLine{'-', was[i]})
			i++
		default:
			lines = append(lines, diffLine{'+', is[j]})
			j++
		}
	}
	return lines
}

// abridged leaves out what is far from any change.
func abridged(lines []diffLine) (short []diffLine) {
	near := make([]bool, len(lines))
	for i, line := range lines {
		if line.sign != ' ' {
			for k := max(0, i-diffContext); k <= min(len(lines)-1, i+diffContext); k++ {
				near[k] = true
			}
		}
	}
	for i, line := range lines {
		alone := (i == 0 || near[i-1]) && (i == len(lines)-1 || near[i+1]) // the mark would take as much room
		switch {
		case near[i], alone:
			short = append(short, line)
		case i == 0 || near[i-1]:
			short = append(short, diffLine{'~', "…"})
		}
	}
	return short
}
