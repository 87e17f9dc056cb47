package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

// Unseal opens the database's data keys with the master key, and makes them on
// the first start. A database that was sealed with another master key is refused
// with CodeInvalid. It must be called before anything sealed is read or written.
func (db *DB) Unseal(ctx context.Context, master seal.MasterKey) error {
	wrapped, err := db.keyset(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		wrapped, err = db.createKeyset(ctx, master)
	}
	if err != nil {
		return translate(err, "reading the data keys")
	}
	db.box, err = seal.Open(master, wrapped)
	return err
}

func (db *DB) keyset(ctx context.Context) (wrapped []byte, err error) {
	err = db.pool.QueryRow(ctx, `SELECT wrapped FROM keysets`).Scan(&wrapped)
	return wrapped, err
}

// createKeyset stores fresh keys. Of daemons that start together one wins, and
// all use what it stored.
func (db *DB) createKeyset(ctx context.Context, master seal.MasterKey) ([]byte, error) {
	fresh, err := seal.NewKeyset(master)
	if err != nil {
		return nil, err
	}
	_, err = db.pool.Exec(ctx, `
		INSERT INTO keysets (wrapped, master_key_id) VALUES ($1, $2)
		ON CONFLICT (id) DO NOTHING`, fresh, master.ID())
	if err != nil {
		return nil, err
	}
	return db.keyset(ctx)
}

// sealText seals a short text; "" stays NULL.
func (db *DB) sealText(column string, id meshhook.ID, text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	return db.box.Seal([]byte(text), seal.AD(column, id))
}

// openText is the reverse of sealText.
func (db *DB) openText(column string, id meshhook.ID, sealed []byte) (string, error) {
	if sealed == nil {
		return "", nil
	}
	text, err := db.box.Open(sealed, seal.AD(column, id))
	return string(text), err
}

// sealBody compresses and seals bytes that may be long; nil stays NULL.
func (db *DB) sealBody(column string, id meshhook.ID, body []byte) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	return db.box.SealBody(body, seal.AD(column, id))
}

// openBody is the reverse of sealBody.
func (db *DB) openBody(column string, id meshhook.ID, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	return db.box.OpenBody(sealed, seal.AD(column, id))
}

// IsSealed tells whether the database has data keys already.
func (db *DB) IsSealed(ctx context.Context) (sealed bool, err error) {
	err = db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM keysets)`).Scan(&sealed)
	return sealed, translate(err, "reading the data keys")
}
