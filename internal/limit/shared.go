package limit

import (
	"context"
	"errors"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Table is what the store asks of the database: the counters that all daemons
// share, and the list of the daemons.
type Table interface {
	// TakeRate counts requests against the key if they are admitted, as
	// meshhook.RateStanding.Take says, and returns where it stands afterwards.
	TakeRate(ctx context.Context, key string, t meshhook.RateTake) (s meshhook.RateStanding, taken bool, err error)
	// Rate returns where the key stands.
	Rate(ctx context.Context, key string) (meshhook.RateStanding, error)
	ResetRate(ctx context.Context, key string) error
	// Rates returns every key whose quota is not whole.
	Rates(ctx context.Context) (map[string]meshhook.RateStanding, error)
	// Muster says that the daemon is there and returns who else takes requests. To
	// a daemon that is the only one it grants alone, a lease of that length, unless
	// it is 0.
	Muster(ctx context.Context, daemon meshhook.ID, alone time.Duration) (meshhook.Muster, error)
	// JoinRates merges a daemon's own counters into the table and gives its lease
	// up, both or neither.
	JoinRates(ctx context.Context, daemon meshhook.ID, own map[string]meshhook.RateStanding) error
}

// takeTimeout bounds one question to the table, for which a request waits.
const takeTimeout = time.Second

// shared is the book in the database. A question whose sender has left is asked
// to its end, so that what was counted is known.
type shared struct{ table Table }

func (s shared) take(ctx context.Context, key string, t meshhook.RateTake) (meshhook.RateStanding, bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeTimeout)
	defer cancel()
	return s.table.TakeRate(ctx, key, t)
}

func (s shared) peek(ctx context.Context, key string) (meshhook.RateStanding, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeTimeout)
	defer cancel()
	return s.table.Rate(ctx, key)
}

func (s shared) reset(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeTimeout)
	defer cancel()
	return s.table.ResetRate(ctx, key)
}

// wary is the book while it is not known which one counts: the table, together with
// this process's own memory, so that what it counted there is not forgiven. Both
// are merged later by what is stricter, which counts nothing twice.
type wary struct{ own, table book }

func (w wary) take(ctx context.Context, key string, t meshhook.RateTake) (meshhook.RateStanding, bool, error) {
	if s, taken, err := w.own.take(ctx, key, t); err != nil || !taken {
		return s, taken, err
	}
	return w.table.take(ctx, key, t)
}

func (w wary) peek(ctx context.Context, key string) (meshhook.RateStanding, error) {
	return w.table.peek(ctx, key)
}

func (w wary) reset(ctx context.Context, key string) error {
	return errors.Join(w.own.reset(ctx, key), w.table.reset(ctx, key))
}
