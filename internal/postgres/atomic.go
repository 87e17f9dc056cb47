package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// whole is a transaction that several methods of a Tenant share.
type whole struct {
	tx pgx.Tx
	// changed tells that the configuration has changed, and rings whom to tell: both
	// once, at the end.
	changed bool
	rings   []Channel
}

const (
	// atomicTimeout bounds Atomically, the wait for another one included.
	atomicTimeout = 5 * time.Minute
	// atomicTries is how often it is tried when the server ends it to let others go on.
	atomicTries = 3

	stateSerialization = "40001"
	stateDeadlock      = "40P01"

	lockWhole = `SELECT pg_advisory_xact_lock(hashtextextended('meshhook.whole:' || $1::text, 0))`
)

// Atomically lets fn change the project in one transaction: all that its methods do is
// committed when fn returns nil, and nothing of it otherwise. Bells ring after the
// commit. Of two calls for one project the second waits for the first; what changes the
// project otherwise goes on beside it, so that fn has to look again under the lock of
// ChangeEndpoint and ChangeAlert. fn is called anew, from its beginning, when the server
// has ended the transaction because of a deadlock.
//
// Methods that record events and move runs share their transactions with others and are
// no part of this one.
func (t *Tenant) Atomically(ctx context.Context, fn func(ctx context.Context, t *Tenant) error) (err error) {
	if t.whole != nil {
		return fn(ctx, t)
	}
	for range atomicTries {
		if err = t.atomicallyOnce(ctx, fn); !again(err) {
			return err
		}
	}
	return err
}

// again tells whether a transaction may succeed when it is tried once more.
func again(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == stateDeadlock || pg.Code == stateSerialization)
}

func (t *Tenant) atomicallyOnce(ctx context.Context, fn func(ctx context.Context, t *Tenant) error) error {
	within := *t
	err := t.db.begin(ctx, atomicTimeout, beginProject+t.id.String()+"'", "changing the project", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockWhole, t.id); err != nil {
			return err
		}
		within.whole = &whole{tx: tx}
		if err := fn(ctx, &within); err != nil {
			return err
		}
		if !within.whole.changed {
			return nil
		}
		return changedConfig(ctx, tx, t.id)
	})
	if err == nil {
		t.db.Ring(within.whole.rings...)
	}
	return err
}

// changedConfig is changedConfig of the project: at the end of Atomically, where several
// changes share a transaction. Rows of webhooks, workflows and alerts are locked before
// that of the project by everybody, so that none waits for the other.
func (t *Tenant) changedConfig(ctx context.Context, tx pgx.Tx) error {
	if t.whole == nil {
		return changedConfig(ctx, tx, t.id)
	}
	t.whole.changed = true
	return nil
}

// ring is DB.Ring: after the commit, where several changes share a transaction.
func (t *Tenant) ring(channels ...Channel) {
	if t.whole == nil {
		t.db.Ring(channels...)
		return
	}
	t.whole.rings = append(t.whole.rings, channels...)
}
