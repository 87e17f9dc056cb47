// Package janitor keeps the house in order: it returns what dead daemons held,
// makes the partitions of the days to come and drops what retention says is over.
// Every daemon runs one; they do not get into each other's way.
package janitor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxRecover is how many runs are recovered at once, and in how many places of
// workflows' concurrency others are let in.
const maxRecover = 500

// Store is what the janitor asks of the database.
type Store interface {
	// RecoverRuns puts up to limit runs whose lease ran out back into the queue.
	RecoverRuns(ctx context.Context, limit int) (int, error)
	// RecoverDeliveries puts up to limit alerts whose lease ran out back into the queue.
	RecoverDeliveries(ctx context.Context, limit int) (int, error)
	// WakeBlocked wakes the runs of up to limit places that sleep although it is their
	// turn, and returns how many it woke.
	WakeBlocked(ctx context.Context, limit int) (woken int, err error)
	// EnsurePartitions makes the partitions of now and the near future.
	EnsurePartitions(ctx context.Context, now time.Time) error
	// Expire deletes what is older than the retention.
	Expire(ctx context.Context, now time.Time, r meshhook.Retention) (dropped []string, err error)
}

// Janitor does the house's chores. Recover, LetIn and Tidy are the Work of loops.
type Janitor struct {
	store     Store
	retention meshhook.Retention
	log       *slog.Logger
}

// New returns a Janitor.
func New(store Store, retention meshhook.Retention, log *slog.Logger) *Janitor {
	return &Janitor{store: store, retention: retention, log: log}
}

// Recover returns the runs and alerts of dead daemons to their queues.
func (j *Janitor) Recover(ctx context.Context) (more bool, err error) {
	runs, noRuns := j.store.RecoverRuns(ctx, maxRecover)
	alerts, noAlerts := j.store.RecoverDeliveries(ctx, maxRecover)
	if runs+alerts > 0 {
		j.log.Warn("took over what a daemon held that has been silent for longer than its lease", "runs", runs, "alerts", alerts)
	}
	return runs == maxRecover || alerts == maxRecover, errors.Join(noRuns, noAlerts)
}

// LetIn wakes runs that wait for a place of their workflow's concurrency where there
// is room: the end of a run does, too, but there may never be one after the limit was
// raised, and a daemon of another version may know nothing of places.
func (j *Janitor) LetIn(ctx context.Context) (more bool, err error) {
	woken, err := j.store.WakeBlocked(ctx, maxRecover)
	if woken > 0 {
		j.log.Info("woke runs that waited for a place although there is room", "runs", woken)
	}
	return false, err
}

// Tidy makes partitions and expires what is old.
func (j *Janitor) Tidy(ctx context.Context) (more bool, err error) {
	now := time.Now()
	ahead := j.store.EnsurePartitions(ctx, now)
	dropped, err := j.store.Expire(ctx, now, j.retention)
	if len(dropped) > 0 {
		j.log.Info("dropped what retention says is over", "partitions", dropped)
	}
	return false, errors.Join(ahead, err)
}
