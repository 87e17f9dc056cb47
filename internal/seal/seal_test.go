package seal_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

// overhead is what sealing adds to a value, in bytes: prefix, nonce and tag.
const overhead = 5 + 12 + 16

func newMasterKey(tb testing.TB) seal.MasterKey {
	tb.Helper()
	key, err := seal.GenerateMasterKey()
	require.NoError(tb, err)
	return key
}

func newBox(tb testing.TB) *seal.Box {
	tb.Helper()
	key := newMasterKey(tb)
	wrapped, err := seal.NewKeyset(key)
	require.NoError(tb, err)
	return openBox(tb, key, wrapped)
}

func openBox(tb testing.TB, key seal.MasterKey, wrapped []byte) *seal.Box {
	tb.Helper()
	box, err := seal.Open(key, wrapped)
	require.NoError(tb, err)
	return box
}

func TestSeal_OpensToTheSame(t *testing.T) {
	box, ad := newBox(t), seal.AD("secrets.value", meshhook.NewID())
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed, err := box.Seal(plain, ad)
		require.NoError(t, err)
		require.Len(t, sealed, len(plain)+overhead)
		opened, err := box.Open(sealed, ad)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, opened))
	})
}

func TestSeal_HidesAndNeverRepeats(t *testing.T) {
	box, ad := newBox(t), seal.AD("secrets.value", meshhook.NewID())
	one, err := box.Seal([]byte("hunter2 is the password"), ad)
	require.NoError(t, err)
	two, err := box.Seal([]byte("hunter2 is the password"), ad)
	require.NoError(t, err)
	require.NotContains(t, string(one), "hunter2")
	require.NotEqual(t, one, two)
}

func TestOpen_OnlyInItsPlace(t *testing.T) {
	box, id := newBox(t), meshhook.NewID()
	sealed, err := box.Seal([]byte("value"), seal.AD("events.body", id))
	require.NoError(t, err)
	for name, ad := range map[string][]byte{
		"another row":    seal.AD("events.body", meshhook.NewID()),
		"another column": seal.AD("events.headers", id),
		"no place":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := box.Open(sealed, ad)
			require.ErrorContains(t, err, "it was changed, belongs to another row, or its key is gone")
		})
	}
}

func TestOpen_RefusesEveryChangedByte(t *testing.T) {
	box, ad := newBox(t), seal.AD("events.body", meshhook.NewID())
	sealed, err := box.Seal([]byte("value"), ad)
	require.NoError(t, err)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, err := box.Open(changed, ad)
		require.Error(t, err, "byte %d", i)
		_, err = box.Open(sealed[:i], ad)
		require.Error(t, err, "cut at %d", i)
	}
}

func TestOpen_ErrorNamesThePlaceAndNothingElse(t *testing.T) {
	box := newBox(t)
	id, err := meshhook.ParseID("01890a5d-ac96-774b-bcce-b302099a8057")
	require.NoError(t, err)
	_, err = box.Open([]byte("\x01\x00\x00\x00\x2ahunter2"), seal.AD("secrets.value", id))
	require.EqualError(t, err, "open secrets.value of 01890a5d-ac96-774b-bcce-b302099a8057: "+
		"sealed with key 0000002a, it was changed, belongs to another row, or its key is gone")
	_, err = box.Open(nil, []byte("short"))
	require.EqualError(t, err, `open "short": `+
		"sealed with key 00000000, it was changed, belongs to another row, or its key is gone")
}

func TestAD_IsUnambiguous(t *testing.T) {
	id := meshhook.ID{0: 1, 15: 2}
	require.Equal(t, "events.body\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02",
		string(seal.AD("events.body", id)))
}

func TestKeyID(t *testing.T) {
	box, ad := newBox(t), seal.AD("events.body", meshhook.NewID())
	sealed, err := box.Seal([]byte("value"), ad)
	require.NoError(t, err)
	require.Equal(t, box.PrimaryKeyID(), box.KeyID(sealed))
	require.Equal(t, uint32(0x01020304), box.KeyID([]byte{1, 1, 2, 3, 4}))
	require.Zero(t, box.KeyID([]byte{1, 1, 2, 3}), "too short")
	require.Zero(t, box.KeyID([]byte{2, 1, 2, 3, 4}), "another version")
}

func FuzzOpen(f *testing.F) {
	box, ad := newBox(f), seal.AD("events.body", meshhook.ID{})
	sealed, err := box.SealBody(pushBody(1<<10), ad)
	require.NoError(f, err)
	f.Add(sealed)
	f.Add(sealed[:overhead])
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Equal(data, sealed) {
			return
		}
		_, err := box.Open(data, ad)
		require.Error(t, err, "nobody makes a value that opens without the key")
		_, err = box.OpenBody(data, ad)
		require.Error(t, err)
		box.KeyID(data)
	})
}
