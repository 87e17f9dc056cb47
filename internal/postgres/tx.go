package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// What every transaction sets for itself. SET LOCAL ends with the transaction, so
// a pooled connection never carries it into the next one, and a server of the
// user's own needs no settings for us.
//
// The row-level security policies read meshhook.project and meshhook.system.
// Compiling a plan (jit) takes a hundred times as long as running ours. The
// statements of the stages are joins of a few rows by index, planned once: a plan
// that was made while a table was empty would scan it when it has grown, and
// planning each anew costs more than running it.
const (
	beginProject = "BEGIN; SET LOCAL jit = off; SET LOCAL meshhook.project = '"
	beginSystem  = `BEGIN; SET LOCAL jit = off; SET LOCAL meshhook.system = 'on'; SET LOCAL plan_cache_mode = force_generic_plan;
		SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off`
	setSystem = `SELECT set_config('jit', 'off', true), set_config('meshhook.system', 'on', true), set_config('plan_cache_mode', 'force_generic_plan', true),
		set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`
)

// inTx runs fn in a transaction for the project, and commits unless fn fails; within
// Atomically, it runs fn in the one that there is.
func (t *Tenant) inTx(ctx context.Context, doing string, fn func(tx pgx.Tx) error) error {
	if t.whole != nil {
		return translate(fn(t.whole.tx), doing)
	}
	return t.db.begin(ctx, transactionTimeout, beginProject+t.id.String()+"'", doing, fn)
}

// inTx runs fn in a transaction for the whole system, and commits unless fn fails.
func (db *DB) inTx(ctx context.Context, doing string, fn func(tx pgx.Tx) error) error {
	return db.begin(ctx, transactionTimeout, beginSystem, doing, fn)
}

// transactionTimeout bounds a transaction: a server that has silently gone must
// not hold a loop for as long as TCP goes on trying.
const transactionTimeout = 30 * time.Second

func (db *DB) begin(ctx context.Context, limit time.Duration, begin, doing string, fn func(tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{BeginQuery: begin}, fn)
	return translate(err, doing)
}

// inBatch sends statements for the system in one round trip. Postgres runs a
// pipeline without BEGIN as one transaction: all of it is committed, or nothing.
func (db *DB) inBatch(ctx context.Context, doing string, fill func(b *pgx.Batch)) error {
	b := &pgx.Batch{}
	b.Queue(setSystem)
	fill(b)
	return translate(db.pool.SendBatch(ctx, b).Close(), doing)
}

// changedConfig marks the project's configuration as changed, in the
// transaction that changes it; the caller rings BellConfig after the commit.
func changedConfig(ctx context.Context, tx pgx.Tx, project meshhook.ID) error {
	_, err := tx.Exec(ctx, `UPDATE projects SET config_version = config_version + 1 WHERE id = $1`, project)
	return err
}
