package postgres

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

// keysFresh is how long after the data keys were last read they may seal. A process
// that was stopped for longer reads them again first: the key that it had may be gone
// by now, and what it sealed with it could never be opened. A rotation waits for as
// long before it takes anything for sealed by the new key.
const keysFresh = 5 * time.Second

// keyPatience bounds the reading of the keys by one who wants to seal or open, and
// keyPause is how long after a failure nobody tries again.
const (
	keyPatience = 3 * time.Second
	keyPause    = 500 * time.Millisecond
)

// keyring is what this process has of the data keys.
type keyring struct {
	box atomic.Pointer[seal.Box]
	// fresh is when they were last known to be those of the database.
	fresh atomic.Pointer[time.Time]

	// again reads them again for one who seals or opens, whose context is not asked: all
	// others wait for the same answer. mu is held.
	again func() error

	mu      sync.Mutex // one reads, the others wait
	masters MasterKeys
	version int64
	// wrappedBy is the master key that wraps the keys in the database, and fits the
	// one of this machine that does; "" where none does.
	wrappedBy, fits string
	failed          error
	failedAt        time.Time
}

// open takes what the database has up, if a master key fits.
func (k *keyring) open(masters MasterKeys, keys []seal.MasterKey, stored storedKeyset) error {
	box, master, err := seal.OpenAny(keys, stored.wrapped)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.masters, k.version = masters, stored.version
	k.wrappedBy, k.fits = stored.masterKeyID, master.ID()
	k.box.Store(box)
	k.fresh.Store(&stored.asked)
	return nil
}

// renew takes up what has changed since. That another master key wraps the same data
// keys is no reason to stop: it is told by standing.
func (k *keyring) renew(stored storedKeyset) error {
	if stored.version == k.version && stored.masterKeyID == k.wrappedBy && k.fits != "" {
		k.fresh.Store(&stored.asked)
		return nil
	}
	keys, err := k.masters()
	if err != nil && stored.version != k.version {
		return err
	}
	box, master, err := seal.OpenAny(keys, stored.wrapped)
	k.wrappedBy, k.fits = stored.masterKeyID, ""
	switch {
	case err == nil:
		k.fits, k.version = master.ID(), stored.version
		k.box.Store(box)
	case stored.version != k.version:
		return err
	}
	k.fresh.Store(&stored.asked)
	return nil
}

// RenewKeys reads the data keys again if they have changed; a daemon calls it every
// second. It returns the id of the master key that wraps them where this machine does
// not have that one, and "" where it does.
func (db *DB) RenewKeys(ctx context.Context) (lacking string, err error) {
	stored, err := readKeyset(ctx, db.pool)
	if err != nil {
		return "", translate(err, "reading the data keys")
	}
	db.keys.mu.Lock()
	defer db.keys.mu.Unlock()
	if err := db.keys.renew(stored); err != nil {
		return stored.masterKeyID, err
	}
	if db.keys.fits == "" {
		return stored.masterKeyID, nil
	}
	return "", nil
}

// standing is what a daemon tells of its keys.
func (k *keyring) standing() (version int64, masterKeyID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.version, k.fits
}

// sealer returns what seals, once it is known to be what seals today.
func (db *DB) sealer() (*seal.Box, error) {
	k := &db.keys
	if fresh := k.fresh.Load(); fresh != nil && time.Since(*fresh) < keysFresh {
		return k.box.Load(), nil
	}
	if k.box.Load() == nil {
		return nil, meshhook.Errorf(meshhook.CodeInternal, "the data keys have not been opened")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(*k.fresh.Load()) < keysFresh { // another one was quicker
		return k.box.Load(), nil
	}
	if err := k.again(); err != nil {
		return nil, err
	}
	return k.box.Load(), nil
}

// sealingKey is the id of the data key that seals today.
func (db *DB) sealingKey() (uint32, error) {
	box, err := db.sealer()
	if err != nil {
		return 0, err
	}
	return box.PrimaryKeyID(), nil
}

// sealQueued seals those rows of a group commit anew that another key sealed before they
// waited in its queue: a rotation waits for transactions that write, and knows of no
// queue, so the key may be gone before they come to be written.
func sealQueued[T any](db *DB, rows []T, sealedBy func(*T) uint32, anew func(*T) (T, error)) error {
	key, err := db.sealingKey()
	for i := range rows {
		if err != nil {
			return err
		}
		if sealedBy(&rows[i]) != key {
			rows[i], err = anew(&rows[i])
		}
	}
	return err
}

// opener returns what opens the value: with the keys as they are now, if it was sealed
// by one that is not known. Where they cannot be read the value does not open, and that
// says which key it needs.
func (db *DB) opener(sealed []byte) *seal.Box {
	k := &db.keys
	box := k.box.Load()
	if id := box.KeyID(sealed); id == 0 || box.Has(id) {
		return box
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if box = k.box.Load(); !box.Has(box.KeyID(sealed)) {
		if err := k.again(); err != nil {
			db.log.Warn("the data keys have changed and cannot be read", "error", err)
		}
	}
	return k.box.Load()
}

// readAgain renews the keys over a connection of its own: whoever seals may hold one
// of the pool, and all others may be held by those who wait here.
func (db *DB) readAgain() error {
	k := &db.keys
	if k.failed != nil && time.Since(k.failedAt) < keyPause {
		return k.failed
	}
	ctx, cancel := context.WithTimeout(context.Background(), keyPatience)
	defer cancel()
	stored, err := readKeysetApart(ctx, db.direct.Copy())
	if err != nil {
		err = translate(err, "reading the data keys")
	} else {
		err = k.renew(stored)
	}
	k.failed, k.failedAt = err, time.Now()
	return err
}

func readKeysetApart(ctx context.Context, config *pgx.ConnConfig) (storedKeyset, error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return storedKeyset{}, err
	}
	defer closeConn(conn) //nolint:contextcheck // it is closed after its context has ended
	return readKeyset(ctx, conn)
}
