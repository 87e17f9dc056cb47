package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The statements that take deliveries that are due, and to each host no more than may be
// under way: a slow receiver keeps no other waiting, and what could not be sent now is not
// taken.
const (
	isReady = `status = 'pending' AND lease_owner IS NULL AND next_at <= now()`

	load = `
	WITH RECURSIVE load AS (
		SELECT * FROM unnest($4::bytea[], $5::integer[]) AS u (host, free)
	)`

	// isFree tells that the host of d is not full.
	isFree = `(d.host IS NULL OR d.host <> ALL (ARRAY(SELECT l.host FROM load l WHERE l.free <= 0)))`

	// claimOldest takes the oldest.
	claimOldest = load + `, due AS (
		SELECT id, host, next_at FROM deliveries d
		 WHERE ` + isReady + ` AND ` + isFree + `
		 ORDER BY next_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
	)` + claimRoom

	// claimFront takes the oldest, where a host is full: thousands may wait for it, and
	// claimOldest would read all of them each time. It looks at frontRows.
	claimFront = load + `, front AS MATERIALIZED (
		SELECT id, host FROM deliveries WHERE ` + isReady + ` ORDER BY next_at, id LIMIT ` + frontRows + `
	), due AS (
		SELECT x.id, x.host, x.next_at FROM front d JOIN deliveries x ON x.id = d.id
		 WHERE x.status = 'pending' AND x.lease_owner IS NULL AND ` + isFree + `
		 ORDER BY x.next_at, x.id LIMIT $1 FOR UPDATE OF x SKIP LOCKED
	)` + claimRoom

	// claimByHost takes the oldest of each host, from one host to the next.
	claimByHost = load + `, hosts AS (
		(SELECT host FROM deliveries WHERE status = 'pending' AND lease_owner IS NULL AND host IS NOT NULL ORDER BY host LIMIT 1)
		UNION ALL
		SELECT (SELECT d.host FROM deliveries d WHERE d.status = 'pending' AND d.lease_owner IS NULL AND d.host > h.host ORDER BY d.host LIMIT 1)
		  FROM hosts h WHERE h.host IS NOT NULL
	), due AS (
		SELECT n.id, n.host, n.next_at FROM (SELECT id, host, next_at FROM deliveries WHERE host IS NULL AND ` + isReady + ` ORDER BY next_at, id LIMIT $1 FOR UPDATE SKIP LOCKED) n
		UNION ALL
		SELECT o.id, o.host, o.next_at FROM hosts h LEFT JOIN load l ON l.host = h.host
		 CROSS JOIN LATERAL (
			SELECT id, host, next_at FROM deliveries d WHERE d.host = h.host AND ` + isReady + `
			 ORDER BY next_at, id LIMIT least(coalesce(l.free, $6::integer), $1) FOR UPDATE SKIP LOCKED
		) o
		 LIMIT $1
	)` + claimRoom

	claimRoom = `, ready AS (
		SELECT d.id FROM (SELECT id, host, row_number() OVER (PARTITION BY host ORDER BY next_at, id) AS place FROM due) d LEFT JOIN load l ON l.host = d.host
		 WHERE d.host IS NULL OR d.place <= coalesce(l.free, $6::integer)
	)` + claimReady

	// claimReady claims for the owner $2, for the time $3, what is ready of what is due.
	claimReady = `, claimed AS (
		UPDATE deliveries d SET lease_owner = $2, lease_until = now() + $3::interval, next_at = NULL, fence = d.fence + 1
		  FROM ready WHERE d.id = ready.id
		RETURNING d.*
	)
	SELECT ` + deliveryFields + `, fence, host, passed, due_at, snapshot, circuit, request, now(), (SELECT count(*) FROM due) FROM claimed ORDER BY id`
)

// frontRows is how many of the oldest deliveries claimFront reads. It is no parameter: of
// those a plan that is made once knows nothing, and sorts all there are.
const frontRows = "2000"

// behindFront tells whether there are more deliveries that are due than claimFront reads.
const behindFront = `SELECT count(*) FROM (SELECT FROM deliveries WHERE ` + isReady + ` ORDER BY next_at, id OFFSET ` + frontRows + ` LIMIT 1) next`

// ClaimDeliveries gives due deliveries, as many as there is room for, into the hands of
// the daemon owner for the time of the lease. seen is of how many it took them: room's
// Limit where there may be others.
func (db *DB) ClaimDeliveries(ctx context.Context, owner meshhook.ID, room meshhook.DeliveryRoom, lease time.Duration) (claims []meshhook.DeliveryClaim, seen int, err error) {
	err = db.inTx(ctx, "claiming deliveries", func(tx pgx.Tx) error {
		claim := func(statement string) error {
			rows, err := tx.Query(ctx, statement, room.Limit, owner, lease, room.Hosts, room.Free, room.PerHost)
			if err != nil {
				return err
			}
			claims, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (meshhook.DeliveryClaim, error) { return db.scanDeliveryClaim(row, &seen) })
			return err
		}
		if !slices.ContainsFunc(room.Free, func(free int) bool { return free <= 0 }) {
			return claim(claimOldest)
		}
		if err := claim(claimFront); err != nil {
			return err
		}
		var behind int
		if err := tx.QueryRow(ctx, behindFront).Scan(&behind); err != nil || behind == 0 {
			return err
		}
		if len(claims) == 0 {
			return claim(claimByHost)
		}
		seen = room.Limit
		return nil
	})
	return claims, seen, err
}

// ClaimDelivery gives one delivery that is due into the hands of owner for the time of
// the lease; nil when it is not due, or in other hands.
func (db *DB) ClaimDelivery(ctx context.Context, owner, id meshhook.ID, lease time.Duration) (claims []meshhook.DeliveryClaim, err error) {
	err = db.inTx(ctx, "claiming the delivery", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			WITH due AS (
				SELECT id FROM deliveries WHERE id = $1 AND status = 'pending' AND lease_owner IS NULL AND next_at <= now() FOR UPDATE SKIP LOCKED
			), ready AS (SELECT id FROM due)`+claimReady, id, owner, lease)
		if err != nil {
			return err
		}
		claims, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (meshhook.DeliveryClaim, error) {
			return db.scanDeliveryClaim(row, new(int))
		})
		return err
	})
	return claims, err
}

func (db *DB) scanDeliveryClaim(row pgx.CollectableRow, seen *int) (c meshhook.DeliveryClaim, err error) {
	var sealedError, snapshot, circuit, request []byte // the first is of what is over
	d := &c.Delivery
	if err = row.Scan(append(deliveryTargets(d, &sealedError), &c.Fence, &c.Host, &c.Passed, &c.Due, &snapshot, &circuit, &request, &c.Now, seen)...); err != nil {
		return c, err
	}
	deliveryInUTC(d)
	inUTC(&c.Due, &c.Now)
	var unreadable error
	if request != nil {
		d.Request = &meshhook.AlertRequest{}
		unreadable = db.openJSON("deliveries.request", d.ID, request, d.Request)
	}
	if snapshot != nil {
		c.Snapshot = &meshhook.Run{}
		unreadable = errors.Join(unreadable, db.openJSON("deliveries.snapshot", d.ID, snapshot, c.Snapshot))
	}
	if circuit != nil {
		c.Circuit = &meshhook.Circuit{}
		unreadable = errors.Join(unreadable, db.openJSON("deliveries.circuit", d.ID, circuit, c.Circuit))
	}
	c.Unreadable = unreadable
	return c, nil
}
