package mask

import (
	"cmp"
	"slices"
	"strings"
)

// index finds many patterns in one pass (Wu and Manber, 1994). It looks at three
// bytes of the text: where no pattern has them, it skips as far as the shortest
// pattern is long. So it reads a fraction of most texts, and is made in microseconds,
// which counts because every run has its own.
type index struct {
	patterns []pattern
	least    int // length of the shortest pattern, at most maxSkip

	// skip is how far the next match is at least, by the last three bytes of a window
	// of `least` bytes; 0 when a pattern may begin where the window does.
	skip [1 << blockBits]uint8
	// first is the first pattern to compare, by the same three bytes, counted from 1;
	// after is the one to compare then.
	first [1 << chainBits]int32
	after []int32
}

const (
	block     = 3 // bytes that are looked at
	blockBits = 12
	chainBits = 8
	maxSkip   = 255
)

// hash returns a number of blockBits bits for three bytes.
func hash(a, b, c byte) uint32 {
	return (uint32(a) | uint32(b)<<8 | uint32(c)<<16) * 0x9E3779B1 >> (32 - blockBits)
}

func (x *index) build(patterns []pattern) {
	slices.SortFunc(patterns, func(a, b pattern) int { return cmp.Compare(a.text, b.text) })
	x.patterns = slices.CompactFunc(patterns, func(a, b pattern) bool { return a == b })
	x.least = maxSkip
	for _, p := range x.patterns {
		x.least = min(x.least, len(p.text))
	}
	for i := range x.skip {
		x.skip[i] = uint8(x.least - block + 1)
	}
	x.after = make([]int32, len(x.patterns))
	for i, p := range x.patterns {
		for end := block - 1; end < x.least; end++ {
			h := hash(p.text[end-2], p.text[end-1], p.text[end])
			x.skip[h] = min(x.skip[h], uint8(x.least-1-end))
			if end == x.least-1 {
				chain := h >> (blockBits - chainBits)
				x.after[i], x.first[chain] = x.first[chain], int32(i+1)
			}
		}
	}
}

// next returns the first match whose window ends at end or later, and where the next
// one may end; 0 when there is none.
func (x *index) next(text string, end int) (span, int) {
	for end < len(text) {
		h := hash(text[end-2], text[end-1], text[end])
		if skip := x.skip[h]; skip > 0 {
			end += int(skip)
			continue
		}
		if s := x.match(text, end-x.least+1, h); s.to > 0 {
			return s, end + 1
		}
		end++
	}
	return span{}, 0
}

// match returns what the patterns that begin at from cover together; the zero span
// when there is none.
func (x *index) match(text string, from int, h uint32) (all span) {
	for i := x.first[h>>(blockBits-chainBits)]; i > 0; i = x.after[i-1] {
		p := &x.patterns[i-1]
		if !strings.HasPrefix(text[from:], p.text) {
			continue
		}
		s := span{from, from + len(p.text)}
		if p.before && from > 0 && isBase64(text[from-1]) {
			s.from--
		}
		if p.after && s.to < len(text) && isBase64(text[s.to]) {
			s.to++
		}
		if all.to == 0 {
			all = s
		}
		all.from, all.to = min(all.from, s.from), max(all.to, s.to)
	}
	return all
}
