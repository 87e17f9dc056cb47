package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

// A rotation is a chain of single commits, and after each of them everything opens:
//
//	AddDataKey     a key more, which nobody seals with; wait until every daemon has it
//	PromoteDataKey it seals from now on; the old ones open; wait until every daemon knows
//	Rewrap         another master key wraps the same data keys
//	Reencrypt      seal anew what the old keys sealed; when nothing is left, take them out
//
// Whoever is killed in between leaves a database that works, and a rotation that the
// next one goes on with. Each commit replaces exactly the row that it was computed from,
// so that of two rotations at once one is refused.

// keyTakeup is how long a rotation waits for the daemons to take a change up: they look
// every second.
const keyTakeup = 30 * time.Second

// AddDataKey adds a data key, and waits until every daemon that serves can open what it
// will seal. A daemon that cannot is an error with CodeConflict that names it; nothing
// has been sealed with the key by then.
func (db *DB) AddDataKey(ctx context.Context) (id uint32, err error) {
	if err := db.checkMasterKeys(ctx); err != nil {
		return 0, err
	}
	err = db.replaceKeyset(ctx, func(stored storedKeyset, master seal.MasterKey) (wrapped []byte, _ seal.MasterKey, err error) {
		wrapped, id, err = seal.AddKey(master, stored.wrapped)
		return wrapped, master, err
	})
	if err == nil {
		err = db.awaitDaemons(ctx)
	}
	return id, err
}

// PromoteDataKey makes the key that AddDataKey added the one that seals, and waits until
// every daemon that serves knows.
func (db *DB) PromoteDataKey(ctx context.Context, id uint32) error {
	err := db.replaceKeyset(ctx, func(stored storedKeyset, master seal.MasterKey) ([]byte, seal.MasterKey, error) {
		wrapped, err := seal.Promote(master, stored.wrapped, id)
		return wrapped, master, err
	})
	if err != nil {
		return err
	}
	return db.awaitDaemons(ctx)
}

// checkMasterKeys refuses to change the keys while a daemon serves that could not open
// what comes of it: it would have to stop sealing.
func (db *DB) checkMasterKeys(ctx context.Context) error {
	id, err := db.MasterKeyID(ctx)
	if err != nil {
		return err
	}
	list, err := db.Daemons(ctx, daemonSeen)
	for i := range list {
		if d := &list[i]; d.KeysVersion > 0 && d.MasterKeyID != id {
			return meshhook.Errorf(meshhook.CodeConflict,
				"the daemon on %s (pid %d) does not have the master key of the last rotation, %s; bring it there first, and wait until 'meshhook key status' names no daemon any more", d.Host, d.PID, id)
		}
	}
	return err
}

// replaceKeyset stores what change makes of the data keys, as a new version that every
// daemon takes up.
func (db *DB) replaceKeyset(ctx context.Context, change func(storedKeyset, seal.MasterKey) ([]byte, seal.MasterKey, error)) error {
	stored, master, err := db.unwrappable(ctx)
	if err != nil {
		return err
	}
	wrapped, _, err := change(stored, master)
	if err != nil {
		return err
	}
	tag, err := db.pool.Exec(ctx, `UPDATE keysets SET wrapped = $1, version = version + 1, updated_at = now() WHERE wrapped = $2`, wrapped, stored.wrapped)
	if err := replaced(tag.RowsAffected(), err); err != nil {
		return err
	}
	db.Ring(BellKeys)
	_, err = db.RenewKeys(ctx)
	return err
}

// unwrappable reads the data keys, and finds the master key that opens them.
func (db *DB) unwrappable(ctx context.Context) (storedKeyset, seal.MasterKey, error) {
	stored, err := readKeyset(ctx, db.pool)
	if err != nil {
		return stored, seal.MasterKey{}, translate(err, "reading the data keys")
	}
	masters, err := db.keys.masters()
	if err != nil {
		return stored, seal.MasterKey{}, err
	}
	_, master, err := seal.OpenAny(masters, stored.wrapped)
	return stored, master, err
}

func replaced(rows int64, err error) error {
	if err != nil {
		return translate(err, "changing the data keys")
	}
	if rows == 0 {
		return meshhook.Errorf(meshhook.CodeConflict, "another rotation changed the keys at the same moment; run one at a time")
	}
	return nil
}

// awaitDaemons waits until every daemon that serves has the data keys as they are.
func (db *DB) awaitDaemons(ctx context.Context) error {
	version, _ := db.keys.standing()
	patience := time.NewTimer(keyTakeup)
	defer patience.Stop()
	for {
		list, err := db.Daemons(ctx, daemonSeen)
		if err != nil {
			return err
		}
		behind := firstBehind(list, version)
		if behind == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-patience.C:
			return notTakenUp(behind)
		case <-ctx.Done():
			return translate(ctx.Err(), "waiting for the daemons")
		}
	}
}

func firstBehind(list []meshhook.Daemon, version int64) *meshhook.Daemon {
	for i := range list {
		if list[i].KeysVersion < version {
			return &list[i]
		}
	}
	return nil
}

func notTakenUp(d *meshhook.Daemon) error {
	who := fmt.Sprintf("the daemon on %s (pid %d, version %s)", d.Host, d.PID, d.Version)
	if d.KeysVersion == 0 {
		return meshhook.Errorf(meshhook.CodeConflict, "%s is too old to take up other keys while it runs; upgrade it, or stop it, and run 'meshhook key rotate' again", who)
	}
	return meshhook.Errorf(meshhook.CodeConflict,
		"%s does not take up the changed keys; see what its log says, or stop it, and run 'meshhook key rotate' again, which goes on here", who)
}

// Rewrap has another master key wrap the data keys, which stay as they are, and writes
// that down in that project. The other must be where every daemon of this machine finds
// it before this is called: from the commit on the old one opens nothing.
func (db *DB) Rewrap(ctx context.Context, by *Tenant, next seal.MasterKey) error {
	stored, master, err := db.unwrappable(ctx)
	if err != nil || master.ID() == next.ID() {
		return err
	}
	wrapped, err := seal.Rewrap(master, next, stored.wrapped)
	if err != nil {
		return err
	}
	err = db.inTx(ctx, "changing the master key", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE keysets SET wrapped = $1, master_key_id = $2, updated_at = now() WHERE wrapped = $3`, wrapped, next.ID(), stored.wrapped)
		if err := replaced(tag.RowsAffected(), err); err != nil {
			return err
		}
		return by.audit(ctx, tx, "master_key.rotated", next.ID(), map[string]string{"old": master.ID(), "data_key": dataKeyID(db.keys.box.Load().PrimaryKeyID())})
	})
	if err != nil {
		return err
	}
	db.Ring(BellKeys)
	_, err = db.RenewKeys(ctx)
	return err
}

func dataKeyID(id uint32) string { return fmt.Sprintf("%08x", id) }
