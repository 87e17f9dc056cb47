package loop

// Bell wakes a loop: it says "look now" and carries no data. Rings that come
// before the loop has looked are one ring.
type Bell struct{ rung chan struct{} }

// NewBell returns a bell that has not been rung.
func NewBell() *Bell {
	// One place is enough, and it is needed: a ring while the work is under way
	// must lead to another look afterwards.
	return &Bell{rung: make(chan struct{}, 1)}
}

// Ring rings the bell. It never blocks and may be called from anywhere.
func (b *Bell) Ring() {
	select {
	case b.rung <- struct{}{}:
	default:
	}
}

// C returns the channel on which one loop hears the bell. It is never closed.
func (b *Bell) C() <-chan struct{} { return b.rung }
