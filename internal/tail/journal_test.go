package tail_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

var errGone = errors.New("connection reset by peer")

// journal is a Source in memory that keeps Postgres' rules: a transaction has
// its number from its beginning, its entries are seen when it has committed and
// nothing older is open, and a bell rings at every commit.
type journal struct {
	mu        sync.Mutex
	nextXID   uint64
	open      map[uint64]bool
	committed []meshhook.Entry
	bells     []chan struct{}
	hangUp    chan struct{} // closed and renewed to lose the listeners

	mute      bool  // commits do not ring
	listenErr error // what Listen returns at once
	cursorErr error
	readErr   error
	hungUpErr error // what a lost Listen returns
	reads     []time.Time
	listens   []time.Time
	asked     []time.Time // what CursorAt was asked for
}

func newJournal() *journal {
	return &journal{nextXID: 100, open: map[uint64]bool{}, hangUp: make(chan struct{}), hungUpErr: errGone}
}

// tx is an open transaction.
type tx struct {
	j       *journal
	xid     uint64
	entries []meshhook.Entry
}

func (j *journal) begin() *tx {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := &tx{j: j, xid: j.nextXID}
	j.open[t.xid] = true
	j.nextXID++
	return t
}

func (t *tx) add(entries ...meshhook.Entry) *tx {
	for _, e := range entries {
		e.ID = meshhook.NewID()
		e.At = time.Now()
		e.Cursor = meshhook.Cursor{XID: t.xid, ID: e.ID}
		t.entries = append(t.entries, e)
	}
	return t
}

// commit makes the entries durable, and rings unless the transaction is empty.
func (t *tx) commit() {
	t.j.mu.Lock()
	defer t.j.mu.Unlock()
	delete(t.j.open, t.xid)
	t.j.committed = append(t.j.committed, t.entries...)
	if len(t.entries) == 0 || t.j.mute {
		return
	}
	for _, bell := range t.j.bells {
		bell <- struct{}{}
	}
}

// change sets fields under the lock.
func (j *journal) change(f func(j *journal)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f(j)
}

// looks and dials count what the follower has asked for.
func (j *journal) looks() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.reads)
}

func (j *journal) dials() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.listens)
}

// drop loses every listener.
func (j *journal) drop() {
	j.change(func(j *journal) {
		close(j.hangUp)
		j.hangUp = make(chan struct{})
		j.bells = nil
	})
}

func (j *journal) Listen(ctx context.Context, ring func()) error {
	bell := make(chan struct{}, 1000)
	j.mu.Lock()
	j.listens = append(j.listens, time.Now())
	if err := j.listenErr; err != nil {
		j.mu.Unlock()
		return err
	}
	hangUp := j.hangUp
	j.bells = append(j.bells, bell)
	j.mu.Unlock()

	ring()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-hangUp:
			return j.hungUpErr
		case <-bell:
			ring()
		}
	}
}

func (j *journal) EntriesAfter(ctx context.Context, after meshhook.Cursor, limit int) ([]meshhook.Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reads = append(j.reads, time.Now())
	if err := cmp.Or(ctx.Err(), j.readErr); err != nil {
		return nil, err
	}
	xmin := j.nextXID
	for xid := range j.open {
		xmin = min(xmin, xid)
	}
	var entries []meshhook.Entry
	for _, e := range j.committed {
		if e.Cursor.XID < xmin && compare(e.Cursor, after) > 0 {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b meshhook.Entry) int { return compare(a.Cursor, b.Cursor) })
	return entries[:min(limit, len(entries))], nil
}

func (j *journal) CursorAt(_ context.Context, t time.Time) (meshhook.Cursor, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = append(j.asked, t)
	if j.cursorErr != nil {
		return meshhook.Cursor{}, j.cursorErr
	}
	if !t.IsZero() {
		return meshhook.Cursor{}, nil // too early is allowed: Since filters
	}
	xmin := j.nextXID
	for xid := range j.open {
		xmin = min(xmin, xid)
	}
	return meshhook.Cursor{XID: xmin}, nil
}

func compare(a, b meshhook.Cursor) int {
	return cmp.Or(cmp.Compare(a.XID, b.XID), slices.Compare(a.ID[:], b.ID[:]))
}

// elapse lets the fake time of a bubble pass.
func elapse(d time.Duration) { <-time.After(d) }

// watch follows src in the background and collects what comes.
type watch struct {
	mu     sync.Mutex
	got    []string // details
	at     []time.Duration
	states []string
	err    error
	done   chan struct{}
	stop   context.CancelFunc
}

func follow(ctx context.Context, src tail.Source, o tail.Options) *watch {
	begin := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{done: make(chan struct{}), stop: cancel}
	o.OnState = func(s tail.State) {
		w.mu.Lock()
		defer w.mu.Unlock()
		text := s.Since.Sub(begin).Round(time.Millisecond).String() + " connected"
		if s.Lost != nil {
			text = s.Since.Sub(begin).Round(time.Millisecond).String() + " lost: " + s.Lost.Error()
		}
		w.states = append(w.states, text)
	}
	go func() {
		defer close(w.done)
		for e, err := range tail.Follow(ctx, src, o) {
			w.mu.Lock()
			if err != nil {
				w.err = err
			} else {
				w.got = append(w.got, e.Detail)
				w.at = append(w.at, time.Since(begin))
			}
			w.mu.Unlock()
		}
	}()
	return w
}

func (w *watch) details() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got)
}

func (w *watch) said() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.states)
}

func (w *watch) end() {
	w.stop()
	<-w.done
}
