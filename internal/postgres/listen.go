package postgres

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/backoff"
)

// reconnect is how long Hear waits between tries to connect again.
var reconnect = backoff.Policy{Initial: 100 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2, Jitter: 0.2}

// Hear passes the rings of other processes on to the callbacks of OnRing, until
// ctx ends. It connects again by itself, and then rings every channel once:
// what was missed is looked for.
func (db *DB) Hear(ctx context.Context) {
	for attempt := 1; ; attempt++ {
		err := db.listen(ctx, []Channel{BellConfig, BellRuns, BellControl, BellJournal, BellDaemons, BellDeliveries, BellCircuits, BellKeys}, func(c Channel) {
			attempt = 1
			db.bell.sound(c)
		})
		if ctx.Err() != nil {
			return
		}
		db.log.Warn("the bell's connection was lost; polling goes on meanwhile", "error", err)
		select {
		case <-time.After(reconnect.Delay(attempt, rand.Float64())): //nolint:gosec // jitter is no secret
		case <-ctx.Done():
			return
		}
	}
}

// listen calls heard with "" once the channels are listened to, and then with
// each channel that rings, until ctx ends or the connection is lost.
func (db *DB) listen(ctx context.Context, channels []Channel, heard func(Channel)) error {
	conn, err := pgx.ConnectConfig(ctx, db.direct.Copy())
	if err != nil {
		return translate(err, "listening")
	}
	defer closeConn(conn) //nolint:contextcheck // it is closed after its context has ended
	for _, c := range channels {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{string(c)}.Sanitize()); err != nil {
			return translate(err, "listening")
		}
	}
	heard("")
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return translate(err, "listening")
		}
		heard(Channel(n.Channel))
	}
}
