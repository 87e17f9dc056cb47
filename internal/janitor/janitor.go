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

// maxRecover is how many runs are recovered at once.
const maxRecover = 500

// Store is what the janitor asks of the database.
type Store interface {
	// RecoverRuns puts up to limit runs whose lease ran out back into the queue.
	RecoverRuns(ctx context.Context, limit int) (int, error)
	// EnsurePartitions makes the partitions of now and the near future.
	EnsurePartitions(ctx context.Context, now time.Time) error
	// Expire deletes what is older than the retention.
	Expire(ctx context.Context, now time.Time, r meshhook.Retention) (dropped []string, err error)
}

// Janitor does the house's chores. Recover and Tidy are the Work of two loops.
type Janitor struct {
	store     Store
	retention meshhook.Retention
	log       *slog.Logger
}

// New returns a Janitor.
func New(store Store, retention meshhook.Retention, log *slog.Logger) *Janitor {
	return &Janitor{store: store, retention: retention, log: log}
}

// Recover returns the runs of dead daemons to the queue.
func (j *Janitor) Recover(ctx context.Context) (more bool, err error) {
	count, err := j.store.RecoverRuns(ctx, maxRecover)
	if count > 0 {
		j.log.Warn("took over runs whose daemon has been silent for longer than its lease", "runs", count)
	}
	return count == maxRecover, err
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
