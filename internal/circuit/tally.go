package circuit

import "time"

// What opens a circuit. docs/workflows.md states it.
const (
	// window is the time over which failures are set against calls, in slots that
	// are forgotten one by one.
	window   = 30 * time.Second
	slots    = 6
	slotTime = window / slots
	// enough is how many calls of the window make a share of them worth anything, and
	// share which one opens, in percent.
	enough = 10
	share  = 50
	// inARow is how many failures in a row open, none longer than gap after the one
	// before. A host that answered within the last quiet is not gone, whatever
	// happened since: a lost connection fails all calls that it carries at once.
	inARow = 5
	gap    = time.Minute
	quiet  = time.Second
)

// tally counts the calls to one host while its circuit is closed.
type tally struct {
	slots [slots]slot
	// row is how many calls in a row failed.
	row         int
	failedAt    time.Time
	succeededAt time.Time
}

// slot counts the calls of a part of the window.
type slot struct {
	// number is that of the part since 1970.
	number          int64
	calls, failures int
}

// add counts a call. When the circuit has to open it returns how many of how many
// calls failed, and zeros otherwise.
func (t *tally) add(now time.Time, failed bool) (failures, calls int) {
	number := now.UnixNano() / int64(slotTime)
	s := &t.slots[number%slots]
	if s.number != number {
		*s = slot{number: number}
	}
	s.calls++
	if !failed {
		t.row, t.succeededAt = 0, now
		return 0, 0
	}
	s.failures++
	if now.Sub(t.failedAt) > gap {
		t.row = 0
	}
	t.row++
	t.failedAt = now
	if t.row >= inARow && now.Sub(t.succeededAt) >= quiet {
		return t.row, t.row
	}
	if failures, calls = t.count(number); calls >= enough && failures*100 >= calls*share {
		return failures, calls
	}
	return 0, 0
}

// count sums the window that ends with the slot of this number.
func (t *tally) count(number int64) (failures, calls int) {
	for _, s := range t.slots {
		if s.number > number-slots && s.number <= number {
			failures, calls = failures+s.failures, calls+s.calls
		}
	}
	return failures, calls
}

// idle tells that what was counted means nothing any more.
func (t *tally) idle(now time.Time) bool {
	return now.Sub(t.failedAt) > gap && now.Sub(t.succeededAt) > window
}
