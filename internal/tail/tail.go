// Package tail follows the journal live and without gaps, and says its entries
// in plain lines. Every face that shows what happens drinks from this spring.
//
// The bell (LISTEN/NOTIFY) makes it fast and the poll makes it sure. What makes
// it free of gaps is neither: a Source only hands out entries of transactions
// below its snapshot's xmin, in the order of their transactions, so nothing can
// appear behind the cursor later.
package tail

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Source is one project's journal.
type Source interface {
	// Listen LISTENs on a connection of its own. It calls ring once when that
	// stands, and then at every bell, one call at a time, until ctx ends or the
	// connection is lost, which it returns.
	Listen(ctx context.Context, ring func()) error
	// EntriesAfter returns up to limit committed entries after the cursor, in the
	// order of their cursors; only those of transactions below the snapshot's
	// xmin.
	EntriesAfter(ctx context.Context, after meshhook.Cursor, limit int) ([]meshhook.Entry, error)
	// CursorAt returns the cursor before the first entry made at or after t, and
	// the cursor of the present for the zero time.
	CursorAt(ctx context.Context, t time.Time) (meshhook.Cursor, error)
}

// State tells whether a follower hears and reads its source.
type State struct {
	// Lost is why it does not; nil while it does.
	Lost error
	// Since is when that began.
	Since time.Time
}

// Options are what a follower may be told; the zero value follows everything
// from now on.
type Options struct {
	// Filter narrows what is handed out. Its zero Since is the present.
	Filter meshhook.EntryFilter
	// After is the entry to go on behind, whatever Filter.Since says of the
	// beginning; nil begins there.
	After *meshhook.Cursor
	// Poll is the longest rest between two looks, for bells that were lost; 1 s
	// when zero.
	Poll time.Duration
	// OnState hears of every change between connected and lost, the first
	// connection included. The calls do not overlap, but come from more than one
	// goroutine and hold the follower up: it should return at once. It may be nil.
	OnState func(State)
}

// Follow returns the entries of the journal from o.Filter.Since on, for ever:
// the iteration ends when ctx does, or with one last error that no patience
// cures (CodeInvalid, CodeNotFound). A lost connection is no such error: it is
// reported to OnState, and the follower goes on from its cursor when the source
// is back. Slow consumers slow the follower, and nothing is dropped.
func Follow(ctx context.Context, src Source, o Options) iter.Seq2[meshhook.Entry, error] {
	return func(yield func(meshhook.Entry, error) bool) {
		newFollower(src, o).run(ctx, yield)
	}
}

// Match tells whether the filter lets the entry through.
func Match(f meshhook.EntryFilter, e meshhook.Entry) bool {
	switch {
	case f.Webhook != "" && f.Webhook != e.Webhook,
		f.Workflow != "" && f.Workflow != e.Workflow,
		f.Status != "" && f.Status != e.Status,
		len(f.Kinds) > 0 && !slices.Contains(f.Kinds, e.Kind.Noun()),
		e.At.Before(f.Since):
		return false
	}
	return true
}
