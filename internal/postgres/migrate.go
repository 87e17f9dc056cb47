package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/migrations"
)

// Migration is one file of the schema and whether it stands in the database.
type Migration struct {
	Number  int64  `json:"number"`
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
	// AppliedAt is nil until the migration is applied.
	AppliedAt *time.Time `json:"applied_at,omitempty"`
}

// Migrate applies the migrations that are missing, each in a transaction of its
// own, under an advisory lock, so that daemons may start together; it returns
// how many it applied. It also makes the partitions of now and the near future.
// A database that a newer MeshHook migrated is refused with CodeConflict.
func (db *DB) Migrate(ctx context.Context) (applied int, err error) {
	err = db.withProvider(func(p *goose.Provider) error {
		// The fast path of every start but the first takes no lock.
		if pending, err := p.HasPending(ctx); err != nil || !pending {
			return errors.Join(err, refuseNewer(ctx, p))
		}
		results, err := p.Up(ctx)
		applied = len(results)
		return err
	})
	if err != nil {
		return applied, translate(err, "migrating the database")
	}
	return applied, db.EnsurePartitions(ctx, time.Now())
}

func refuseNewer(ctx context.Context, p *goose.Provider) error {
	stands, known, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if stands > known {
		return meshhook.Errorf(meshhook.CodeConflict, "the database was migrated to %d by a newer meshhook, this one knows %d; use the newer binary", stands, known)
	}
	return nil
}

// IsMigrated returns a CodeUnavailable error that says what to do unless every
// migration stands in the database.
func (db *DB) IsMigrated(ctx context.Context) error {
	err := db.withProvider(func(p *goose.Provider) error {
		pending, err := p.HasPending(ctx)
		if err == nil && pending {
			err = meshhook.Errorf(meshhook.CodeUnavailable, "the database has not been migrated; run 'meshhook migrate up'")
		}
		return err
	})
	return translate(err, "reading the migrations")
}

// Migrations lists every migration, oldest first.
func (db *DB) Migrations(ctx context.Context) ([]Migration, error) {
	var list []Migration
	err := db.withProvider(func(p *goose.Provider) error {
		status, err := p.Status(ctx)
		for _, s := range status {
			m := Migration{Number: s.Source.Version, Name: s.Source.Path, Applied: s.State == goose.StateApplied}
			if m.Applied {
				m.AppliedAt = &s.AppliedAt
			}
			list = append(list, m)
		}
		return err
	})
	return list, translate(err, "reading the migrations")
}

func (db *DB) withProvider(fn func(*goose.Provider) error) error {
	// One second between tries of the lock, for four minutes.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 240))
	if err != nil {
		return err
	}
	pool := stdlib.OpenDBFromPool(db.pool)
	defer func() { _ = pool.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, pool, migrations.FS, goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	return fn(provider)
}
