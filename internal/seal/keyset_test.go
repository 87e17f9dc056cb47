package seal_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

func TestNewKeyset_SharedByAllWhoHaveTheKey(t *testing.T) {
	key := newMasterKey(t)
	wrapped, err := seal.NewKeyset(key)
	require.NoError(t, err)
	one, other := openBox(t, key, wrapped), openBox(t, key, wrapped)

	ad := seal.AD("events.body", meshhook.NewID())
	sealed, err := one.Seal([]byte("value"), ad)
	require.NoError(t, err)
	opened, err := other.Open(sealed, ad)
	require.NoError(t, err)
	require.Equal(t, []byte("value"), opened)
	_, err = newBox(t).Open(sealed, ad)
	require.Error(t, err, "another keyset opens nothing")
}

func TestOpen_AnotherMasterKey(t *testing.T) {
	mine, theirs := newMasterKey(t), newMasterKey(t)
	wrapped, err := seal.NewKeyset(theirs)
	require.NoError(t, err)
	want := "the database was sealed with another master key (" + theirs.ID() + ") than this one (" + mine.ID() +
		"); give the right one in MESHHOOK_MASTER_KEY or in the file that master_key_file names"

	_, opened := seal.Open(mine, wrapped)
	_, _, added := seal.AddKey(mine, wrapped)
	_, promoted := seal.Promote(mine, wrapped, 1)
	_, retired := seal.Retire(mine, wrapped)
	_, _, opensNone := seal.OpenAny([]seal.MasterKey{mine, newMasterKey(t)}, wrapped)
	_, rewrapped := seal.Rewrap(mine, theirs, wrapped)
	for _, err := range []error{opened, added, promoted, retired, rewrapped, opensNone} {
		require.EqualError(t, err, want)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	}
}

func TestOpen_NoMasterKey(t *testing.T) {
	var none seal.MasterKey
	_, err := seal.NewKeyset(none)
	require.ErrorContains(t, err, "no master key was loaded")
	_, err = seal.Open(none, nil)
	require.ErrorContains(t, err, "no master key was loaded")
}

func TestOpen_DamagedKeyset(t *testing.T) {
	key := newMasterKey(t)
	wrapped, err := seal.NewKeyset(key)
	require.NoError(t, err)
	changed := bytes.Clone(wrapped)
	changed[len(changed)/2] ^= 1
	for name, damaged := range map[string][]byte{
		"nothing":         nil,
		"only the header": wrapped[:5],
		"half of it":      wrapped[:len(wrapped)/2],
		"changed":         changed,
		"another version": append([]byte{2}, wrapped[1:]...),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := seal.Open(key, damaged)
			require.ErrorContains(t, err, "the keyset in the database is damaged")
			require.Equal(t, meshhook.CodeInternal, meshhook.ErrorCode(err))
		})
	}
}

func TestOpenAny(t *testing.T) {
	old, next := newMasterKey(t), newMasterKey(t)
	wrapped, err := seal.NewKeyset(next)
	require.NoError(t, err)
	box, fits, err := seal.OpenAny([]seal.MasterKey{old, next}, wrapped)
	require.NoError(t, err)
	require.NotNil(t, box)
	require.Equal(t, next.ID(), fits.ID())
	_, _, err = seal.OpenAny(nil, wrapped)
	require.ErrorContains(t, err, "no master key was loaded")
}

func TestAddKey_TakesUpWhatWasNotPromoted(t *testing.T) {
	key := newMasterKey(t)
	wrapped, err := seal.NewKeyset(key)
	require.NoError(t, err)
	added, id, err := seal.AddKey(key, wrapped)
	require.NoError(t, err)
	again, same, err := seal.AddKey(key, added)
	require.NoError(t, err)
	require.Equal(t, id, same)
	require.Equal(t, added, again)
	require.NotEqual(t, id, openBox(t, key, added).PrimaryKeyID(), "nothing seals with it yet")
	_, err = seal.Promote(key, added, id+1)
	require.ErrorContains(t, err, "promote data key")
}

func TestRetire(t *testing.T) {
	key := newMasterKey(t)
	wrapped, err := seal.NewKeyset(key)
	require.NoError(t, err)
	ad := seal.AD("secrets.value", meshhook.NewID())
	old, err := openBox(t, key, wrapped).Seal([]byte("value"), ad)
	require.NoError(t, err)
	wrapped = rotate(t, key, rotate(t, key, wrapped))
	three := openBox(t, key, wrapped)
	require.Len(t, three.KeyIDs(), 3)
	moved, err := three.Reseal(old, ad)
	require.NoError(t, err)
	_, err = three.Reseal(old, seal.AD("secrets.value", meshhook.NewID()))
	require.Error(t, err)

	wrapped, err = seal.Retire(key, wrapped)
	require.NoError(t, err)
	one := openBox(t, key, wrapped)
	require.Equal(t, []uint32{three.PrimaryKeyID()}, one.KeyIDs())
	require.True(t, one.Has(three.PrimaryKeyID()))
	require.False(t, one.Has(three.KeyID(old)))
	opened, err := one.Open(moved, ad)
	require.NoError(t, err)
	require.Equal(t, []byte("value"), opened)
	_, err = one.Open(old, ad)
	require.ErrorContains(t, err, "its key is gone")
}

// rotate adds a data key and promotes it.
func rotate(t *testing.T, key seal.MasterKey, wrapped []byte) []byte {
	t.Helper()
	added, id, err := seal.AddKey(key, wrapped)
	require.NoError(t, err)
	promoted, err := seal.Promote(key, added, id)
	require.NoError(t, err)
	return promoted
}

func TestPromote_OldValuesStillOpen(t *testing.T) {
	key := newMasterKey(t)
	wrapped, err := seal.NewKeyset(key)
	require.NoError(t, err)
	before := openBox(t, key, wrapped)
	ad := seal.AD("secrets.value", meshhook.NewID())
	old, err := before.Seal([]byte("old"), ad)
	require.NoError(t, err)

	wrapped = rotate(t, key, wrapped)
	after := openBox(t, key, wrapped)
	require.NotEqual(t, before.PrimaryKeyID(), after.PrimaryKeyID())
	require.NotEqual(t, after.PrimaryKeyID(), after.KeyID(old), "what is old can be told from what is new")

	opened, err := after.Open(old, ad)
	require.NoError(t, err)
	require.Equal(t, []byte("old"), opened)
	fresh, err := after.Seal([]byte("new"), ad)
	require.NoError(t, err)
	require.Equal(t, after.PrimaryKeyID(), after.KeyID(fresh))
	_, err = before.Open(fresh, ad)
	require.Error(t, err, "a daemon with the old keyset must read the new one first")
}

func TestRewrap_ChangesTheMasterKeyOnly(t *testing.T) {
	old, next := newMasterKey(t), newMasterKey(t)
	wrapped, err := seal.NewKeyset(old)
	require.NoError(t, err)
	box, ad := openBox(t, old, wrapped), seal.AD("secrets.value", meshhook.NewID())
	sealed, err := box.Seal([]byte("value"), ad)
	require.NoError(t, err)

	rewrapped, err := seal.Rewrap(old, next, wrapped)
	require.NoError(t, err)
	opened, err := openBox(t, next, rewrapped).Open(sealed, ad)
	require.NoError(t, err)
	require.Equal(t, []byte("value"), opened)
	_, err = seal.Open(old, rewrapped)
	require.Error(t, err, "the old master key is out")
	_, err = seal.Rewrap(old, seal.MasterKey{}, wrapped)
	require.ErrorContains(t, err, "no master key was loaded")
}

func FuzzOpenKeyset(f *testing.F) {
	key := newMasterKey(f)
	wrapped, err := seal.NewKeyset(key)
	require.NoError(f, err)
	f.Add(wrapped)
	f.Add(wrapped[:9])
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		box, err := seal.Open(key, data)
		require.Equal(t, err == nil, box != nil)
	})
}
