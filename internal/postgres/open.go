package postgres

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/profullstack/meshhook/internal/lane"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// connectTimeout bounds one attempt to connect.
const connectTimeout = 5 * time.Second

// DefaultMaxConns is the size of a pool where nobody says otherwise.
const DefaultMaxConns = 16

// Options say how to reach the database.
type Options struct {
	// DSN is a connection URL or keyword string as libpq and pgx read it.
	DSN string
	// Name is shown by the server as the connections' application_name.
	Name string
	// MaxConns bounds the pool; 0 takes DefaultMaxConns.
	MaxConns int
	Log      *slog.Logger
}

// DB is a pool of connections to MeshHook's database. It is safe for
// concurrent use.
type DB struct {
	pool *pgxpool.Pool
	// direct connects outside the pool, for the connections that listen and ring.
	direct *pgx.ConnConfig
	log    *slog.Logger
	keys   keyring
	bell   *bell
	// closing lets Close be called by whoever comes first.
	closing sync.Once

	intakes *lane.Lane[intakeRow, meshhook.Recorded]
	moves   *lane.Lane[moveRow, bool]
	places  *lane.Lane[placeRow, placing]
}

// Open connects to the database and checks that it answers. Errors have
// CodeInvalid for a DSN that cannot be read and CodeUnavailable for a server
// that cannot be reached or refuses.
func Open(ctx context.Context, o Options) (*DB, error) {
	config, err := pgxpool.ParseConfig(o.DSN)
	if err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the database URL cannot be read: %s; "+
			"write it like postgres://user:password@host:5432/meshhook, with other characters than letters and digits percent-encoded", fault(err))
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	config.MaxConns = DefaultMaxConns
	if o.MaxConns > 0 {
		config.MaxConns = int32(min(o.MaxConns, 1000)) //nolint:gosec // bounded on this line
	}
	config.ConnConfig.ConnectTimeout = connectTimeout
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = o.Name
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, translate(err, "connecting to the database")
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, translate(err, "connecting to the database")
	}
	db := &DB{pool: pool, direct: config.ConnConfig.Copy(), log: o.Log}
	db.keys.again = db.readAgain //nolint:contextcheck // see keyring.again
	db.bell = newBell(db)        //nolint:contextcheck // it rings for as long as the database is open
	db.startLanes()
	return db, nil
}

// fault is what can be shown of an error in the DSN: neither the DSN nor the
// words of the parser below, which may quote a piece of a password.
func fault(err error) string {
	text := err.Error()
	if cause := errors.Unwrap(err); cause != nil {
		text = strings.TrimSuffix(text, " ("+cause.Error()+")")
	}
	_, message, _ := strings.Cut(text[strings.LastIndexByte(text, '`')+1:], ": ")
	return message
}

// Close finishes what the lanes and the bell still hold and closes the pool.
// Closing twice is the same as once.
func (db *DB) Close() { db.closing.Do(db.close) }

func (db *DB) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(db.intakes.Close(ctx), db.moves.Close(ctx), db.places.Close(ctx)); err != nil {
		db.log.Error("closing the database with writes under way", "error", err)
	}
	db.bell.close()
	db.pool.Close()
}

// Ping asks the server for an answer.
func (db *DB) Ping(ctx context.Context) error {
	return translate(db.pool.Ping(ctx), "asking the database")
}

// Reach asks the server for an answer on a new connection, whatever those of the pool
// do.
func (db *DB) Reach(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, db.direct.Copy())
	if err != nil {
		return translate(err, "connecting to the database")
	}
	defer closeConn(conn) //nolint:contextcheck // it is closed after its context has ended
	return translate(conn.Ping(ctx), "asking the database")
}

// Tenant is one project's view of the database.
type Tenant struct {
	db *DB
	id meshhook.ID
	// actor is whom changes are written down for; see As.
	actor meshhook.Actor
	// many tells that replays are written down as one; see ReplayMany.
	many bool
	// whole is the transaction that all methods share; nil where each has its own.
	whole *whole
}

// Tenant returns the view of the project with this id.
func (db *DB) Tenant(project meshhook.ID) *Tenant { return &Tenant{db: db, id: project} }

// ID returns the project's id.
func (t *Tenant) ID() meshhook.ID { return t.id }
