package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The table rate_limits holds, for each key, the moment at which its whole quota is
// there again (internal/limit). Moments are the server's own: daemons ask how far
// ahead they lie, so that their clocks need not agree.

// TakeRate moves the key ahead by cost, unless it would then be further than burst
// ahead of now. It returns how far ahead the key is afterwards, moved or not. One
// that is not moved is not written.
func (db *DB) TakeRate(ctx context.Context, key string, cost, burst time.Duration) (ahead time.Duration, taken bool, err error) {
	if cost <= burst { // the INSERT of a key that is not there has no condition
		err = db.pool.QueryRow(ctx, `
			INSERT INTO rate_limits AS r (key, tat) VALUES ($1, clock_timestamp() + $2::interval)
			ON CONFLICT (key) DO UPDATE SET tat = greatest(r.tat, clock_timestamp()) + $2::interval
			 WHERE greatest(r.tat, clock_timestamp()) + $2::interval <= clock_timestamp() + $3::interval
			RETURNING tat - clock_timestamp()`, key, cost, burst).Scan(&ahead)
		if !errors.Is(err, pgx.ErrNoRows) {
			return max(0, ahead), err == nil, translate(err, "counting against a rate limit")
		}
	}
	ahead, err = db.RateAhead(ctx, key)
	return ahead, false, err
}

// RateAhead returns how far ahead of now the key is; 0 for one that is not.
func (db *DB) RateAhead(ctx context.Context, key string) (ahead time.Duration, err error) {
	err = db.pool.QueryRow(ctx, `SELECT tat - clock_timestamp() FROM rate_limits WHERE key = $1`, key).Scan(&ahead)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return max(0, ahead), translate(err, "reading a rate limit")
}

// ResetRate forgets the key.
func (db *DB) ResetRate(ctx context.Context, key string) error {
	_, err := db.pool.Exec(ctx, `DELETE FROM rate_limits WHERE key = $1`, key)
	return translate(err, "resetting a rate limit")
}

// Rates returns how far ahead every key is that is ahead of now.
func (db *DB) Rates(ctx context.Context) (map[string]time.Duration, error) {
	rows, err := db.pool.Query(ctx, `SELECT key, tat - clock_timestamp() FROM rate_limits WHERE tat > clock_timestamp()`)
	if err != nil {
		return nil, translate(err, "reading the rate limits")
	}
	all := map[string]time.Duration{}
	var key string
	var ahead time.Duration
	_, err = pgx.ForEachRow(rows, []any{&key, &ahead}, func() error {
		all[key] = ahead
		return nil
	})
	return all, translate(err, "reading the rate limits")
}

// JoinRates takes a daemon's own counters over where they are further ahead, and
// its lease of being alone from it, and lets those know who wait for that.
func (db *DB) JoinRates(ctx context.Context, daemon meshhook.ID, own map[string]time.Duration) error {
	keys, aheads := make([]string, 0, len(own)), make([]time.Duration, 0, len(own))
	for key, ahead := range own {
		keys, aheads = append(keys, key), append(aheads, ahead)
	}
	err := db.inTx(ctx, "merging the rate limits", func(tx pgx.Tx) error {
		// Sorted, so that two that merge the same keys do not wait for each other.
		if _, err := tx.Exec(ctx, `
			INSERT INTO rate_limits AS r (key, tat)
			SELECT key, clock_timestamp() + ahead FROM unnest($1::text[], $2::interval[]) AS own (key, ahead) ORDER BY key
			ON CONFLICT (key) DO UPDATE SET tat = greatest(r.tat, excluded.tat)`, keys, aheads); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE daemons SET alone_until = NULL WHERE id = $1 AND alone_until IS NOT NULL`, daemon)
		return err
	})
	if err == nil {
		db.Ring(BellDaemons)
	}
	return err
}

// Muster says that the daemon is alive and returns which others take requests. To
// one that is the only one it grants, for the time alone, the lease to count in its
// own memory; 0 asks for none.
//
// All of that is done under one lock: a daemon is either seen by the one that asks
// for the lease, or sees that it was granted.
func (db *DB) Muster(ctx context.Context, daemon meshhook.ID, alone time.Duration) (m meshhook.Muster, err error) {
	b := &pgx.Batch{}
	// After a crash of the server there are no counters either: nothing is gained
	// by waiting for the disk.
	b.Queue(`SELECT set_config('synchronous_commit', 'off', true)`)
	b.Queue(`SELECT pg_advisory_xact_lock(hashtext('meshhook.daemons'))`)
	b.Queue(`
		WITH others AS (
			SELECT count(*) AS count, coalesce(max(alone_until) - clock_timestamp(), '0') AS alone FROM daemons
			 WHERE id <> $1 AND 'ingress' = ANY (roles) AND seen_at > clock_timestamp() - $2::interval)
		UPDATE daemons SET seen_at = clock_timestamp(),
		       alone_until = CASE WHEN others.count = 0 AND $3::interval > '0' THEN clock_timestamp() + $3::interval ELSE alone_until END
		  FROM others WHERE id = $1
		RETURNING others.count, others.alone, others.count = 0 AND $3::interval > '0'`, daemon, daemonSeen, alone).
		QueryRow(func(row pgx.Row) error { return row.Scan(&m.Others, &m.OtherAlone, &m.Alone) })
	err = db.pool.SendBatch(ctx, b).Close()
	m.OtherAlone = max(0, m.OtherAlone)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, meshhook.Errorf(meshhook.CodeNotFound, "this daemon is not in the list of daemons; its next heartbeat puts it there")
	}
	return m, translate(err, "looking for other daemons")
}
