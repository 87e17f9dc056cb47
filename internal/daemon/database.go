// Package daemon wires the product together and gives it its life: it opens the
// database that the configuration names, starts the stages that the daemon's
// roles ask for, and stops them in reverse.
package daemon

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/pgembed"
	"github.com/profullstack/meshhook/internal/postgres"
)

// OpenOptions say for whom the database is opened.
type OpenOptions struct {
	Version string
	Log     *slog.Logger
	// Daemon is set for a daemon: a private cluster lives as long as it does.
	Daemon bool
}

// Database is the open database of an installation.
type Database struct {
	*postgres.DB
	// server is the private cluster; nil when the user gave a database.
	server *pgembed.Server
}

// OpenDatabase opens the database that the configuration names, or, where it
// names none, the private cluster in the data directory: the one that runs, or
// one that it starts. It migrates a daemon's database and a private one, and
// opens the data keys with the master key.
func OpenDatabase(ctx context.Context, c *config.Config, o OpenOptions) (*Database, error) {
	db, err := OpenUnmigrated(ctx, c, o)
	if err != nil {
		return nil, err
	}
	if err := db.prepare(ctx, c, o); err != nil {
		return nil, errors.Join(err, db.Close(ctx))
	}
	return db, nil
}

// OpenUnmigrated opens the database as it stands, for commands that look at the
// migrations or apply them. Nothing sealed can be read through it.
func OpenUnmigrated(ctx context.Context, c *config.Config, o OpenOptions) (*Database, error) {
	db := &Database{}
	dsn := c.DatabaseURL.Reveal()
	if dsn == "" {
		var err error
		db.server, err = pgembed.Start(ctx, pgembed.Options{
			Dir: filepath.Join(c.DataDir, "postgres"), BinDir: c.Postgres.BinDir, TieToProcess: o.Daemon, Log: o.Log,
		})
		if err != nil {
			return nil, err
		}
		dsn = db.server.DSN()
	}
	var err error
	db.DB, err = postgres.Open(ctx, postgres.Options{DSN: dsn, Name: "meshhook " + o.Version, MaxConns: c.Database.MaxConns, Log: o.Log})
	if err != nil {
		return nil, errors.Join(err, db.Close(ctx))
	}
	return db, nil
}

// Close closes the database and leaves the private cluster, which stops when
// this was its last user.
func (db *Database) Close(ctx context.Context) error {
	if db.DB != nil {
		db.DB.Close()
	}
	if db.server == nil {
		return nil
	}
	return db.server.Stop(context.WithoutCancel(ctx))
}

func (db *Database) prepare(ctx context.Context, c *config.Config, o OpenOptions) error {
	if o.Daemon || db.server != nil {
		applied, err := db.Migrate(ctx)
		if err != nil {
			return err
		}
		if applied > 0 {
			o.Log.Info("migrated the database", "migrations", applied)
		}
	} else if err := db.IsMigrated(ctx); err != nil {
		return err
	}
	if err := makeMasterKey(ctx, db.DB, c); err != nil {
		return err
	}
	if err := db.UnsealBy(ctx, masterKeys(c)); err != nil {
		return err
	}
	return db.promoteMasterKey(ctx, c, o.Log)
}
