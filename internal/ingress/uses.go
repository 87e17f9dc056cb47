package ingress

import (
	"context"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// useEvery is how exactly the last use of a secret is kept: a busy webhook
	// writes it once in this time, however many requests come.
	useEvery = time.Minute
	// useForgotten is after how long without a request a secret is forgotten here;
	// its last use is stored by then.
	useForgotten = time.Hour
)

// uses collects when secrets were last used, away from the hot path.
type uses struct {
	mu   sync.Mutex
	last map[meshhook.ID]use
}

// use is when a secret was last used, and which of its uses was last stored.
type use struct{ at, stored time.Time }

func newUses() *uses { return &uses{last: map[meshhook.ID]use{}} }

func (u *uses) note(secret meshhook.ID, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	known := u.last[secret]
	if at.After(known.at) {
		known.at = at
		u.last[secret] = known
	}
}

// take returns the uses that are to be stored: the first of a secret, and then one
// in each minute. With all, it returns every use that is not stored yet.
func (u *uses) take(now time.Time, all bool) []meshhook.SecretUse {
	u.mu.Lock()
	defer u.mu.Unlock()
	var due []meshhook.SecretUse
	for id, known := range u.last {
		if age := known.at.Sub(known.stored); age >= useEvery || all && age > 0 {
			due = append(due, meshhook.SecretUse{SecretID: id, At: known.at})
		} else if now.Sub(known.at) > useForgotten {
			delete(u.last, id)
		}
	}
	return due
}

// done remembers what was stored.
func (u *uses) done(stored []meshhook.SecretUse) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range stored {
		known := u.last[s.SecretID]
		known.stored = s.At
		u.last[s.SecretID] = known
	}
}

// FlushUses stores when secrets were last used. It is the Work of a loop.
func (h *Handler) FlushUses(ctx context.Context) (more bool, err error) {
	return false, h.flushUses(ctx, false)
}

// Finish stores what was only collected so far, for a daemon that stops.
func (h *Handler) Finish(ctx context.Context) error {
	_, err := h.FlushSuppressed(ctx)
	if failed := h.flushUses(ctx, true); err == nil {
		err = failed
	}
	return err
}

func (h *Handler) flushUses(ctx context.Context, all bool) error {
	due := h.used.take(time.Now(), all)
	if len(due) == 0 {
		return nil
	}
	if err := h.store.RecordSecretUses(ctx, due); err != nil {
		return err // they are still due
	}
	h.used.done(due)
	return nil
}
