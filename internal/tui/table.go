package tui

import (
	"slices"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// tablePage is how many rows are read at once.
	tablePage = 100
	// anew is how many rows at most are read again when something has changed: those
	// further down stay as they were read.
	anew = 500
	// searched is how many rows a filter that finds too few reads by itself. Whoever
	// goes down from the last one has it read as many again.
	searched = 2000
	// tableSize is how many rows a table remembers.
	tableSize = 10_000
)

// table is what a page lists: the rows that have been read, newest first, and those
// of them that the query lets through.
type table struct {
	noun    *noun
	rows    []row
	query   query
	shown   []int // indices into rows, ascending
	skipped int   // rows that a jq predicate had no time for
	sel     int   // index into shown
	top     int   // index into shown of the first visible row
	further int   // rows that were read when somebody wanted a filter to read on
	height  int   // visible rows
	more    bool  // there may be older ones
	read    bool  // something has been read
	err     error // why the last reading failed
	load    loading
}

// loading says how far a question to the store is.
type loading struct {
	busy  bool      // it was asked
	stale bool      // something happened since
	waits bool      // it will be asked in a moment
	last  time.Time // when it was asked last
}

// put takes rows that were read: the newest when before is zero, or those that follow.
func (t *table) put(rows []row, before meshhook.ID, limit int) {
	t.read, t.err = true, nil
	held := t.held()
	full := t.noun.paged && len(rows) >= limit
	switch {
	case before != (meshhook.ID{}):
		t.rows = append(t.rows, rows...)
		t.more = full && len(t.rows) < tableSize
	case full && len(t.rows) > 0:
		// What is older than the last of them was read before.
		last := rows[len(rows)-1].key
		if i := slices.IndexFunc(t.rows, func(r row) bool { return r.key == last }); i >= 0 {
			rows = append(rows, t.rows[i+1:]...)
		} else {
			t.more = true
		}
		t.rows = rows
	default:
		t.rows, t.more = rows, full
	}
	if len(t.rows) > tableSize {
		t.rows = t.rows[:tableSize]
	}
	t.apply(held)
}

// setQuery shows what matches q, and stays at what was selected where that does.
func (t *table) setQuery(q query) {
	t.query, t.further = q, 0
	t.apply(t.held())
}

// held is the key of the row that the cursor must stay on; "" on the newest, where it
// stays on the newest.
func (t *table) held() string {
	if r, ok := t.selected(); ok && t.sel > 0 {
		return r.key
	}
	return ""
}

// apply judges all rows anew. The cursor stays on the row with the key held, at the same
// height of the screen.
func (t *table) apply(held string) {
	above := t.sel - t.top
	look := t.query.look(judging)
	t.shown = t.shown[:0]
	for i := range t.rows {
		if look.match(&t.rows[i]) {
			t.shown = append(t.shown, i)
		}
	}
	t.skipped = look.skipped
	if held != "" {
		if i := slices.IndexFunc(t.shown, func(i int) bool { return t.rows[i].key == held }); i >= 0 {
			t.sel = i
			t.top = i - above
		}
	}
	t.settle()
}

// oldest is the id behind which the next page begins.
func (t *table) oldest() meshhook.ID {
	if len(t.rows) == 0 {
		return meshhook.ID{}
	}
	id, _ := idOf(t.rows[len(t.rows)-1].key) // of paged nouns every key is one
	return id
}

// wants tells whether older rows should be read now: the cursor is near the end, or a
// filter has found less than the screen holds.
func (t *table) wants() bool {
	if !t.more || t.err != nil {
		return false
	}
	if t.query.filters() && len(t.shown) < t.height && len(t.rows) < t.further+searched {
		return true
	}
	return t.sel+t.height >= len(t.shown) && len(t.shown) > t.height
}

func (t *table) resize(height int) {
	t.height = max(1, height)
	t.settle()
}

// move selects another row. Below the last one that a filter has found may be more.
func (t *table) move(by int) {
	if by > 0 && t.sel+by >= len(t.shown) && !t.load.busy && t.query.filters() {
		t.further = len(t.rows)
	}
	t.sel += by
	t.settle()
}

// click selects the n-th visible row, and tells whether it was selected already.
func (t *table) click(n int) (again bool) {
	if n < 0 || n >= len(t.visible()) {
		return false
	}
	again = t.sel == t.top+n
	t.sel = t.top + n
	return again
}

// selected returns the row under the cursor; false when nothing is shown.
func (t *table) selected() (*row, bool) {
	if t.sel >= len(t.shown) || t.shown[t.sel] >= len(t.rows) {
		return nil, false
	}
	return &t.rows[t.shown[t.sel]], true
}

// visible returns the indices of the rows on the screen.
func (t *table) visible() []int { return t.shown[t.top:min(t.top+t.height, len(t.shown))] }

// settle brings cursor and window back to where there is something.
func (t *table) settle() {
	last := max(0, len(t.shown)-1)
	t.sel = min(max(t.sel, 0), last)
	t.top = min(max(t.top, t.sel-t.height+1), t.sel)
	t.top = max(0, min(t.top, len(t.shown)-t.height))
}
