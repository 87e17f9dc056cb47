package tui

import (
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// rateSpan is how far back the rate goes, in seconds.
const rateSpan = 60

// bars draw a number from nothing to the most, in one cell.
var bars = []rune("▁▂▃▄▅▆▇█")

// rate counts entries by the second in which they happened, over the last minute.
type rate struct {
	counts [rateSpan]int
	last   int64 // the second of the newest count, since the Unix epoch
}

// advance forgets what is older than a minute.
func (r *rate) advance(now time.Time) {
	second := now.Unix()
	for s := max(r.last+1, second-rateSpan+1); s <= second; s++ {
		r.counts[s%rateSpan] = 0
	}
	r.last = max(r.last, second)
}

// add counts an entry. One from the future is one of now: clocks differ.
func (r *rate) add(e meshhook.Entry, now time.Time) {
	r.advance(now)
	if second := min(e.At.Unix(), r.last); second > r.last-rateSpan && second >= 0 {
		r.counts[second%rateSpan]++
	}
}

// now is how many entries a second there were over the last ten that are over.
func (r *rate) now() string {
	const over = 10
	sum := 0
	for s := r.last - over; s < r.last; s++ {
		sum += r.counts[((s%rateSpan)+rateSpan)%rateSpan]
	}
	if sum > 0 && sum < over {
		return "<1/s"
	}
	return strconv.Itoa((sum+over/2)/over) + "/s"
}

// spark draws the last minute in so many cells, the newest at the right; a second
// that is not over is left out.
func (r *rate) spark(width int) string {
	values := make([]int, width)
	most := 0
	for i := range rateSpan - 1 {
		second := r.last - rateSpan + 1 + int64(i)
		cell := i * width / (rateSpan - 1)
		values[cell] += r.counts[((second%rateSpan)+rateSpan)%rateSpan]
		most = max(most, values[cell])
	}
	var b strings.Builder
	for _, v := range values {
		level := 0
		if v > 0 { // what is not nothing can be seen
			level = max(1, v*(len(bars)-1)/most)
		}
		b.WriteRune(bars[level])
	}
	return b.String()
}
