package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

// MasterKeys returns the master keys of this machine as they are now. The first makes
// the data keys of a fresh database; there are more while a rotation is under way.
type MasterKeys func() ([]seal.MasterKey, error)

// Unseal opens the database's data keys with the master key, and makes them on
// the first start. A database that was sealed with another master key is refused
// with CodeInvalid. It must be called before anything sealed is read or written.
func (db *DB) Unseal(ctx context.Context, master seal.MasterKey) error {
	return db.UnsealBy(ctx, func() ([]seal.MasterKey, error) { return []seal.MasterKey{master}, nil })
}

// UnsealBy is Unseal for a machine whose master key may change: masters is asked again
// whenever the data keys have.
func (db *DB) UnsealBy(ctx context.Context, masters MasterKeys) error {
	keys, err := masters()
	if err != nil {
		return err
	}
	stored, err := readKeyset(ctx, db.pool)
	if errors.Is(err, pgx.ErrNoRows) {
		stored, err = db.createKeyset(ctx, keys[0])
	}
	if err != nil {
		return translate(err, "reading the data keys")
	}
	return db.keys.open(masters, keys, stored)
}

// storedKeyset is the row of the data keys.
type storedKeyset struct {
	wrapped      []byte
	masterKeyID  string
	version      int64
	updatedAt    time.Time
	reencrypting *time.Time
	// asked is when it was read, by this machine's clock that nobody sets.
	asked time.Time
}

// queryRower is what both a pool and a single connection can do.
type queryRower interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func readKeyset(ctx context.Context, from queryRower) (k storedKeyset, err error) {
	k.asked = time.Now()
	err = from.QueryRow(ctx, `SELECT wrapped, master_key_id, version, updated_at, reencrypting FROM keysets`).
		Scan(&k.wrapped, &k.masterKeyID, &k.version, &k.updatedAt, &k.reencrypting)
	return k, err
}

// createKeyset stores fresh keys. Of daemons that start together one wins, and
// all use what it stored.
func (db *DB) createKeyset(ctx context.Context, master seal.MasterKey) (storedKeyset, error) {
	fresh, err := seal.NewKeyset(master)
	if err != nil {
		return storedKeyset{}, err
	}
	_, err = db.pool.Exec(ctx, `
		INSERT INTO keysets (wrapped, master_key_id) VALUES ($1, $2)
		ON CONFLICT (id) DO NOTHING`, fresh, master.ID())
	if err != nil {
		return storedKeyset{}, err
	}
	return readKeyset(ctx, db.pool)
}

// sealText seals a short text; "" stays NULL.
func (db *DB) sealText(column string, id meshhook.ID, text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	return db.sealBytes(column, id, []byte(text))
}

// sealBytes seals what is not worth compressing.
func (db *DB) sealBytes(column string, id meshhook.ID, plain []byte) ([]byte, error) {
	box, err := db.sealer()
	if err != nil {
		return nil, err
	}
	return box.Seal(plain, seal.AD(column, id))
}

// openText is the reverse of sealText.
func (db *DB) openText(column string, id meshhook.ID, sealed []byte) (string, error) {
	if sealed == nil {
		return "", nil
	}
	text, err := db.openBytes(column, id, sealed)
	return string(text), err
}

// openBytes is the reverse of sealBytes.
func (db *DB) openBytes(column string, id meshhook.ID, sealed []byte) ([]byte, error) {
	return db.opener(sealed).Open(sealed, seal.AD(column, id))
}

// sealBody compresses and seals bytes that may be long; nil stays NULL.
func (db *DB) sealBody(column string, id meshhook.ID, body []byte) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	box, err := db.sealer()
	if err != nil {
		return nil, err
	}
	return box.SealBody(body, seal.AD(column, id))
}

// openBody is the reverse of sealBody.
func (db *DB) openBody(column string, id meshhook.ID, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	return db.opener(sealed).OpenBody(sealed, seal.AD(column, id))
}

// IsSealed tells whether the database has data keys already.
func (db *DB) IsSealed(ctx context.Context) (sealed bool, err error) {
	err = db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM keysets)`).Scan(&sealed)
	return sealed, translate(err, "reading the data keys")
}

// MasterKeyID returns the id of the master key that wraps the data keys.
func (db *DB) MasterKeyID(ctx context.Context) (id string, err error) {
	err = db.pool.QueryRow(ctx, `SELECT master_key_id FROM keysets`).Scan(&id)
	return id, translate(err, "reading the data keys")
}

// KeysInUse returns the version of the data keys that this process uses, and the id of
// the master key of this machine that opens those in the database; "" where none does.
func (db *DB) KeysInUse() (version int64, masterKeyID string) { return db.keys.standing() }
