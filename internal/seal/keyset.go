package seal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// A wrapped keyset begins with a header that says which master key wrapped it,
// so that a wrong one can be told from a damaged keyset:
//
//	0x01 · fingerprint of the master key (4 bytes) · tink's encrypted keyset
//
// The header is also the associated data of the wrapping.
const (
	wrapVersion = 0x01
	wrapHeader  = 1 + fingerprintSize
)

// NewKeyset makes a keyset of one fresh data key, wrapped by the master key. The
// caller stores it, once for the whole database.
func NewKeyset(m MasterKey) ([]byte, error) {
	manager := keyset.NewManager()
	if err := addPrimary(manager); err != nil {
		return nil, err
	}
	return wrap(m, manager)
}

// Open returns the Box of a wrapped keyset. Another master key than the one
// that wrapped it is an error with CodeInvalid that names both by fingerprint.
func Open(m MasterKey, wrapped []byte) (*Box, error) {
	handle, err := unwrap(m, wrapped)
	if err != nil {
		return nil, err
	}
	primary, noPrimary := handle.Primary()
	box, noBox := aead.New(handle)
	zip, noZip := newCompressor(MaxBody)
	if err := errors.Join(noPrimary, noBox, noZip); err != nil {
		return nil, fmt.Errorf("open the keyset: %w", err)
	}
	b := &Box{aead: box, primary: primary.KeyID(), zip: zip}
	for _, key := range handle.KeysetInfo().GetKeyInfo() {
		b.keys = append(b.keys, key.GetKeyId())
	}
	return b, nil
}

// OpenAny is Open with the first of the master keys that fits: while a master key is
// exchanged, there are two. If none fits, the error is that of the first.
func OpenAny(masters []MasterKey, wrapped []byte) (*Box, MasterKey, error) {
	var first error
	for _, m := range masters {
		box, err := Open(m, wrapped)
		if err == nil {
			return box, m, nil
		}
		first = cmp.Or(first, err)
	}
	return nil, MasterKey{}, cmp.Or(first, errors.New("no master key was loaded"))
}

// AddKey adds a fresh data key to a wrapped keyset, which nothing seals with yet, and
// returns its id. Everybody must have opened the result before Promote: who has an
// older keyset cannot open what the new key seals. A key that was added and never
// promoted, because somebody was interrupted in between, is taken up again.
func AddKey(m MasterKey, wrapped []byte) (added []byte, id uint32, err error) {
	handle, err := unwrap(m, wrapped)
	if err != nil {
		return nil, 0, err
	}
	newest, err := handle.Entry(handle.Len() - 1)
	if err == nil && !newest.IsPrimary() {
		return wrapped, newest.KeyID(), nil
	}
	manager := keyset.NewManagerFromHandle(handle)
	if err == nil {
		id, err = manager.Add(aead.AES256GCMKeyTemplate())
	}
	if err != nil {
		return nil, 0, fmt.Errorf("make a data key: %w", err)
	}
	added, err = wrap(m, manager)
	return added, id, err
}

// Promote makes the data key of that id, which AddKey added, the one that seals. The
// old keys stay, so that everything sealed before still opens.
func Promote(m MasterKey, wrapped []byte, id uint32) ([]byte, error) {
	handle, err := unwrap(m, wrapped)
	if err != nil {
		return nil, err
	}
	manager := keyset.NewManagerFromHandle(handle)
	if err := manager.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("promote data key %08x: %w", id, err)
	}
	return wrap(m, manager)
}

// Retire takes every data key but the one that seals out of a wrapped keyset. What
// they sealed cannot be opened any more, by anybody: nothing must be left of it.
func Retire(m MasterKey, wrapped []byte) ([]byte, error) {
	handle, err := unwrap(m, wrapped)
	if err != nil {
		return nil, err
	}
	primary, err := handle.Primary()
	if err != nil {
		return nil, fmt.Errorf("read the keyset: %w", err)
	}
	manager := keyset.NewManagerFromHandle(handle)
	for _, key := range handle.KeysetInfo().GetKeyInfo() {
		if id := key.GetKeyId(); id != primary.KeyID() {
			if err := manager.Delete(id); err != nil {
				return nil, fmt.Errorf("retire data key %08x: %w", id, err)
			}
		}
	}
	return wrap(m, manager)
}

// Rewrap changes the master key of a wrapped keyset from old to next. The data
// keys, and so all that is sealed, stay as they are.
func Rewrap(old, next MasterKey, wrapped []byte) ([]byte, error) {
	handle, err := unwrap(old, wrapped)
	if err != nil {
		return nil, err
	}
	return wrap(next, keyset.NewManagerFromHandle(handle))
}

// addPrimary adds a fresh data key and makes it the one that seals.
func addPrimary(manager *keyset.Manager) error {
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = manager.SetPrimary(id)
	}
	if err != nil {
		return fmt.Errorf("make a data key: %w", err)
	}
	return nil
}

func wrap(m MasterKey, manager *keyset.Manager) ([]byte, error) {
	kek, err := m.aead()
	if err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(m.header())
	handle, err := manager.Handle()
	if err == nil {
		err = handle.WriteWithAssociatedData(keyset.NewBinaryWriter(out), kek, m.header())
	}
	if err != nil {
		return nil, fmt.Errorf("wrap the keyset: %w", err)
	}
	return out.Bytes(), nil
}

func unwrap(m MasterKey, wrapped []byte) (*keyset.Handle, error) {
	kek, err := m.aead()
	if err != nil {
		return nil, err
	}
	if len(wrapped) < wrapHeader || wrapped[0] != wrapVersion {
		return nil, meshhook.Errorf(meshhook.CodeInternal,
			"the keyset in the database is damaged, or from a newer version of MeshHook; restore it from a backup")
	}
	header, body := wrapped[:wrapHeader], wrapped[wrapHeader:]
	if !bytes.Equal(header, m.header()) {
		return nil, meshhook.Errorf(meshhook.CodeInvalid,
			"the database was sealed with another master key (%s) than this one (%s); "+
				"give the right one in MESHHOOK_MASTER_KEY or in the file that master_key_file names",
			hex.EncodeToString(header[1:]), m.ID())
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(body)), kek, header)
	if err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInternal,
			"the keyset in the database is damaged; restore it from a backup (%w)", err)
	}
	return handle, nil
}

// header is the beginning of every keyset that m wraps.
func (m MasterKey) header() []byte {
	return append([]byte{wrapVersion}, m.fingerprint()...)
}

// fingerprintSize is in bytes: enough to tell the few master keys of one
// operator apart, too few to help anybody guess one.
const fingerprintSize = 4

func (m MasterKey) fingerprint() []byte {
	sum := sha256.Sum256([]byte("meshhook master key fingerprint\x00" + m.raw))
	return sum[:fingerprintSize]
}

// aead returns the key as what wraps keysets.
func (m MasterKey) aead() (tink.AEAD, error) {
	kek, err := subtle.NewAESGCM([]byte(m.raw))
	if err != nil { // A zero MasterKey: no other has a wrong length.
		return nil, fmt.Errorf("no master key was loaded: %w", err)
	}
	return kek, nil
}
