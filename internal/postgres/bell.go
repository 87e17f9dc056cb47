package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Channel names what a bell is about. A bell carries no data: the row is the
// truth, and every loop polls behind its bell.
type Channel string

// The channels.
const (
	BellConfig     Channel = "meshhook_config"     // endpoints, secrets or workflows changed
	BellRuns       Channel = "meshhook_runs"       // runs are ready
	BellControl    Channel = "meshhook_control"    // a person canceled a run or answered an approval
	BellJournal    Channel = "meshhook_journal"    // there are new entries
	BellDaemons    Channel = "meshhook_daemons"    // a daemon came, went or counts elsewhere
	BellDeliveries Channel = "meshhook_deliveries" // there are alerts to send
	BellCircuits   Channel = "meshhook_circuits"   // a circuit opened or closed
	BellKeys       Channel = "meshhook_keys"       // the data keys changed
)

// bellGather is how long rings are collected before they are sent together.
// NOTIFY takes a lock that serialises every commit of the server, so it is never
// part of a write and never sent more often than this.
const bellGather = 5 * time.Millisecond

// bell sends rings to all daemons and watchers from a connection of its own.
type bell struct {
	db   *DB
	kick chan struct{}
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	pending map[Channel]bool
	// heard are the callbacks of this process.
	heard map[Channel][]func()
}

func newBell(db *DB) *bell {
	b := &bell{
		db:      db,
		kick:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
		pending: map[Channel]bool{},
		heard:   map[Channel][]func(){},
	}
	go b.run()
	return b
}

// Ring rings the channels, after the commit that gave the reason: at once in
// this process, and within milliseconds in every other. It never blocks; a ring
// that is lost with its connection is made good by the listeners' polls.
func (db *DB) Ring(channels ...Channel) {
	b := db.bell
	b.mu.Lock()
	var local []func()
	for _, c := range channels {
		b.pending[c] = true
		local = append(local, b.heard[c]...)
	}
	b.mu.Unlock()
	for _, fn := range local {
		fn()
	}
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

// OnRing calls fn whenever the channel rings: by this process, and by others
// while Hear runs. fn must not block.
func (db *DB) OnRing(c Channel, fn func()) {
	db.bell.mu.Lock()
	defer db.bell.mu.Unlock()
	db.bell.heard[c] = append(db.bell.heard[c], fn)
}

// sound calls this process's callbacks for the channel; "" is every channel.
func (b *bell) sound(c Channel) {
	b.mu.Lock()
	var local []func()
	for channel, fns := range b.heard {
		if c == "" || c == channel {
			local = append(local, fns...)
		}
	}
	b.mu.Unlock()
	for _, fn := range local {
		fn()
	}
}

func (b *bell) run() {
	defer close(b.done)
	var conn *pgx.Conn
	defer func() { closeConn(conn) }()
	for {
		select {
		case <-b.kick:
			conn = b.send(conn)
		case <-b.stop:
			conn = b.send(conn)
			return
		}
		select {
		case <-time.After(bellGather):
		case <-b.stop:
		}
	}
}

// send notifies of what is pending, and returns the connection for the next
// time, or nil when it failed.
func (b *bell) send(conn *pgx.Conn) *pgx.Conn {
	b.mu.Lock()
	channels := b.pending
	b.pending = map[Channel]bool{}
	b.mu.Unlock()
	if len(channels) == 0 {
		return conn
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	if conn == nil {
		var err error
		if conn, err = pgx.ConnectConfig(ctx, b.db.direct.Copy()); err != nil {
			b.db.log.Debug("a bell could not be rung", "error", err)
			return nil
		}
	}
	batch := &pgx.Batch{}
	// A lost ring is no loss, so its commit need not wait for the disk.
	batch.Queue("SELECT set_config('synchronous_commit', 'off', true)")
	for c := range channels {
		batch.Queue("SELECT pg_notify($1, '')", string(c))
	}
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		b.db.log.Debug("a bell could not be rung", "error", err)
		closeConn(conn)
		return nil
	}
	return conn
}

func (b *bell) close() {
	close(b.stop)
	<-b.done
}

// closeConn says goodbye to the server; a nil connection is none.
func closeConn(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // the connection is given up either way
}
