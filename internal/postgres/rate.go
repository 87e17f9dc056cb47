package postgres

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The table rate_limits holds where each key stands (internal/limit): the moment at
// which its whole quota is there again, and the end of its period with the count in
// it. Moments are the server's own: daemons ask how far ahead they lie, so that their
// clocks need not agree.

// TakeRate counts requests against the key if they are admitted, as
// meshhook.RateStanding.Take says. It returns where the key stands afterwards,
// either way. Where they are not admitted nothing is written.
func (db *DB) TakeRate(ctx context.Context, key string, t meshhook.RateTake) (s meshhook.RateStanding, taken bool, err error) {
	if t.Count <= t.Limit && t.Cost <= t.Burst { // the INSERT of a key that is not there has no condition
		err = db.pool.QueryRow(ctx, `
			INSERT INTO rate_limits AS r (key, tat, ends, count) VALUES ($1, clock_timestamp() + $2::interval, clock_timestamp() + $5::interval, $4)
			ON CONFLICT (key) DO UPDATE SET tat = greatest(r.tat, clock_timestamp()) + $2::interval,
			       ends = CASE WHEN r.ends > clock_timestamp() THEN r.ends ELSE clock_timestamp() + $5::interval END,
			       count = CASE WHEN r.ends > clock_timestamp() THEN r.count ELSE 0 END + $4
			 WHERE greatest(r.tat, clock_timestamp()) + $2::interval <= clock_timestamp() + $3::interval
			   AND (r.ends <= clock_timestamp() OR r.count + $4 <= $6)
			RETURNING tat - clock_timestamp(), ends - clock_timestamp(), count`, key, t.Cost, t.Burst, t.Count, t.Period, t.Limit).Scan(&s.Ahead, &s.Left, &s.Count)
		if !errors.Is(err, pgx.ErrNoRows) {
			return s.After(0), err == nil, translate(err, "counting against a rate limit")
		}
	}
	s, err = db.Rate(ctx, key)
	return s, false, err
}

// Rate returns where the key stands.
func (db *DB) Rate(ctx context.Context, key string) (s meshhook.RateStanding, err error) {
	err = db.pool.QueryRow(ctx, `SELECT tat - clock_timestamp(), ends - clock_timestamp(), count FROM rate_limits WHERE key = $1`, key).Scan(&s.Ahead, &s.Left, &s.Count)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, nil
	}
	return s.After(0), translate(err, "reading a rate limit")
}

// ResetRate forgets the key.
func (db *DB) ResetRate(ctx context.Context, key string) error {
	_, err := db.pool.Exec(ctx, `DELETE FROM rate_limits WHERE key = $1`, key)
	return translate(err, "resetting a rate limit")
}

// Rates returns every key whose quota is not whole.
func (db *DB) Rates(ctx context.Context) (map[string]meshhook.RateStanding, error) {
	rows, err := db.pool.Query(ctx, `
		SELECT key, tat - clock_timestamp(), ends - clock_timestamp(), count FROM rate_limits
		 WHERE tat > clock_timestamp() OR ends > clock_timestamp()`)
	if err != nil {
		return nil, translate(err, "reading the rate limits")
	}
	all := map[string]meshhook.RateStanding{}
	var key string
	var s meshhook.RateStanding
	_, err = pgx.ForEachRow(rows, []any{&key, &s.Ahead, &s.Left, &s.Count}, func() error {
		all[key] = s.After(0)
		return nil
	})
	return all, translate(err, "reading the rate limits")
}

// JoinRates takes a daemon's own counters over where they are stricter, and its
// lease of being alone from it, and lets those know who wait for that.
func (db *DB) JoinRates(ctx context.Context, daemon meshhook.ID, own map[string]meshhook.RateStanding) error {
	keys := slices.Sorted(maps.Keys(own)) // two that merge the same keys do not wait for each other
	value := func(of func(meshhook.RateStanding) time.Duration) []time.Duration {
		return column(keys, func(key *string) time.Duration { return of(own[*key]) })
	}
	err := db.inTx(ctx, "merging the rate limits", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
			INSERT INTO rate_limits AS r (key, tat, ends, count)
			SELECT key, clock_timestamp() + ahead, clock_timestamp() + left_, count
			  FROM unnest($1::text[], $2::interval[], $3::interval[], $4::bigint[]) AS own (key, ahead, left_, count)
			ON CONFLICT (key) DO UPDATE SET tat = greatest(r.tat, excluded.tat), ends = greatest(r.ends, excluded.ends),
			       count = CASE WHEN r.ends > clock_timestamp() THEN greatest(r.count, excluded.count) ELSE excluded.count END`,
			keys, value(func(s meshhook.RateStanding) time.Duration { return s.Ahead }),
			value(func(s meshhook.RateStanding) time.Duration { return s.Left }),
			column(keys, func(key *string) int64 { return own[*key].Count })); err != nil {
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
