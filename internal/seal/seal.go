// Package seal is encryption at rest: it seals values into bytes that only the
// holder of the master key can open again.
//
// Two layers of keys. The data keys (AES-256-GCM, a tink keyset) seal the
// values; the keyset itself lies in the database, wrapped by the master key
// (AES-256-GCM too), which never leaves the machine. So every daemon that has
// the master key can open what any other sealed, and data keys rotate without
// anybody touching the machines.
//
// A sealed value is tink's ciphertext:
//
//	0x01 · key id (4 bytes) · nonce (12 bytes) · ciphertext · tag (16 bytes)
//
// that is, 33 bytes more than the value. Its associated data names the row and
// the column that it belongs to (see AD), so that a value copied to another
// place does not open there.
//
// Nonces are random, so one key should seal no more than 2^32 values
// (NIST SP 800-38D, section 8.3); AddKey and Promote another long before that.
package seal

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The shape of tink's ciphertexts under a key with a prefix.
const (
	prefixVersion = 0x01
	prefixSize    = 5
)

// Box seals and opens values. It is safe for concurrent use.
type Box struct {
	aead    tink.AEAD
	primary uint32
	keys    []uint32 // the primary among them, oldest first
	zip     *compressor
}

// AD names the place of a sealed value: a column such as "events.body", and the
// id of its row. The column must hold no NUL byte. Where a row holds several
// values in one column, the column's name says which: "run_steps.output/fetch".
func AD(column string, id meshhook.ID) []byte {
	ad := make([]byte, 0, len(column)+1+len(id))
	ad = append(ad, column...)
	ad = append(ad, 0)
	return append(ad, id[:]...)
}

// Seal encrypts plain under the primary key for the place ad (see AD). The same
// value sealed twice gives two different results.
func (b *Box) Seal(plain, ad []byte) ([]byte, error) {
	sealed, err := b.aead.Encrypt(plain, ad)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", place(ad), err)
	}
	return sealed, nil
}

// Open returns what Seal was given. A value that was changed, that was sealed
// for another place, or whose key is not in the keyset is an error.
func (b *Box) Open(sealed, ad []byte) ([]byte, error) {
	plain, err := b.aead.Decrypt(sealed, ad)
	if err != nil {
		// The library's own text tells nothing more, by design.
		return nil, fmt.Errorf("open %s: sealed with key %08x, it was changed, belongs to another row, or its key is gone",
			place(ad), b.KeyID(sealed))
	}
	return plain, nil
}

// KeyID returns the id of the data key that sealed the value, 0 when it is no
// sealed value. It tells what is still to be sealed anew after a rotation.
func (*Box) KeyID(sealed []byte) uint32 {
	if len(sealed) < prefixSize || sealed[0] != prefixVersion {
		return 0
	}
	return binary.BigEndian.Uint32(sealed[1:])
}

// PrimaryKeyID returns the id of the data key that seals now.
func (b *Box) PrimaryKeyID() uint32 { return b.primary }

// KeyIDs returns the ids of all data keys, oldest first.
func (b *Box) KeyIDs() []uint32 { return slices.Clone(b.keys) }

// Has tells whether the data key of that id is in the keyset.
func (b *Box) Has(id uint32) bool { return slices.Contains(b.keys, id) }

// Reseal opens a value of the place ad and seals it anew under the primary key,
// whether or not it is a body.
func (b *Box) Reseal(sealed, ad []byte) ([]byte, error) {
	plain, err := b.Open(sealed, ad)
	if err != nil {
		return nil, err
	}
	return b.Seal(plain, ad)
}

// place writes associated data made by AD for an error message.
func place(ad []byte) string {
	var id meshhook.ID
	column := len(ad) - len(id) - 1
	if column < 0 || ad[column] != 0 {
		return fmt.Sprintf("%q", ad)
	}
	copy(id[:], ad[column+1:])
	return fmt.Sprintf("%s of %s", ad[:column], id)
}
