package tui

import (
	"slices"
	"sort"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// list is the live list: what the ring holds and the query lets through, the
// place that is looked at, and whether that place is the newest.
type list struct {
	ring    ring
	query   query
	shown   []int // the numbers of the entries that match, ascending
	skipped int   // entries that a jq predicate had no time for
	sel     int   // index into shown
	top     int   // index into shown of the first visible row
	height  int   // visible rows
	paused  bool
	since   int // the number of the first entry that came after the pause
}

// add takes new entries in. When following, the newest one is selected.
func (l *list) add(entries []meshhook.Entry) {
	look := l.query.look(frame)
	for _, e := range entries {
		if look.match(l.ring.push(e)) {
			l.shown = append(l.shown, l.ring.next-1)
		}
	}
	l.skipped += look.skipped
	gone := sort.SearchInts(l.shown, l.ring.first())
	l.shown = l.shown[gone:]
	l.sel, l.top = l.sel-gone, l.top-gone
	l.settle()
}

// setQuery shows what matches q, and stays near what was selected. The newest are
// judged first: where time runs out, the oldest are left out.
func (l *list) setQuery(q query) {
	number := l.ring.next
	if l.sel < len(l.shown) {
		number = l.shown[l.sel]
	}
	l.query, l.shown = q, nil
	look := q.look(judging)
	for n := l.ring.next - 1; n >= l.ring.first(); n-- {
		if look.match(l.ring.at(n)) {
			l.shown = append(l.shown, n)
		}
	}
	slices.Reverse(l.shown)
	l.skipped = look.skipped
	l.sel = sort.SearchInts(l.shown, number)
	l.top = l.sel - l.height/2
	l.settle()
}

// resize sets the number of visible rows.
func (l *list) resize(height int) {
	l.height = max(1, height)
	l.settle()
}

// move selects another row; upwards it also pauses, because whoever reads what
// was must not lose it to what comes.
func (l *list) move(by int) {
	if by < 0 {
		l.pause()
	}
	l.sel += by
	l.settle()
}

// click selects the n-th visible row, and tells whether it was selected already.
func (l *list) click(n int) (again bool) {
	if n < 0 || n >= len(l.visible()) {
		return false
	}
	l.pause()
	again = l.sel == l.top+n
	l.sel = l.top + n
	return again
}

// pause keeps the place that is looked at.
func (l *list) pause() {
	if !l.paused {
		l.paused, l.since = true, l.ring.next
	}
}

// follow goes to the newest entry and stays there.
func (l *list) follow() {
	l.paused = false
	l.settle()
}

// news is how many entries that match have come since the pause.
func (l *list) news() int {
	if !l.paused {
		return 0
	}
	return len(l.shown) - sort.SearchInts(l.shown, l.since)
}

// selected returns the item under the cursor; false when nothing is shown.
func (l *list) selected() (*item, bool) {
	if len(l.shown) == 0 {
		return nil, false
	}
	return l.ring.at(l.shown[l.sel]), true
}

// visible returns the numbers of the rows on the screen.
func (l *list) visible() []int {
	return l.shown[l.top:min(l.top+l.height, len(l.shown))]
}

// settle brings cursor and window back to where there is something.
func (l *list) settle() {
	last := max(0, len(l.shown)-1)
	if !l.paused {
		l.sel = last
	}
	l.sel = min(max(l.sel, 0), last)
	l.top = min(max(l.top, l.sel-l.height+1), l.sel)
	l.top = max(0, min(l.top, len(l.shown)-l.height))
}
