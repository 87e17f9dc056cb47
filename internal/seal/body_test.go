package seal_test

import (
	"bytes"
	"crypto/rand"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

func TestSealBody_OpensToTheSame(t *testing.T) {
	box, ad := newBox(t), seal.AD("events.body", meshhook.NewID())
	rapid.Check(t, func(t *rapid.T) {
		// Repetition makes what compresses, in lengths on both sides of the threshold.
		body := bytes.Repeat(rapid.SliceOf(rapid.Byte()).Draw(t, "unit"), rapid.IntRange(0, 100).Draw(t, "times"))
		sealed, err := box.SealBody(body, ad)
		require.NoError(t, err)
		require.LessOrEqual(t, len(sealed), len(body)+1+overhead)
		opened, err := box.OpenBody(sealed, ad)
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, opened))
	})
}

func TestSealBody_CompressesWhereItHelps(t *testing.T) {
	random := make([]byte, 4<<10)
	_, err := rand.Read(random)
	require.NoError(t, err)
	for _, test := range []struct {
		name       string
		body       []byte
		compressed bool
	}{
		{"empty", []byte{}, false},
		{"under the threshold", bytes.Repeat([]byte("a"), 511), false},
		{"at the threshold", bytes.Repeat([]byte("a"), 512), true},
		{"a push", pushBody(2 << 10), true},
		{"noise", random, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			box, ad := newBox(t), seal.AD("events.body", meshhook.NewID())
			sealed, err := box.SealBody(test.body, ad)
			require.NoError(t, err)
			if test.compressed {
				require.Less(t, len(sealed), len(test.body))
			} else {
				require.Len(t, sealed, len(test.body)+1+overhead)
			}
			opened, err := box.OpenBody(sealed, ad)
			require.NoError(t, err)
			require.Equal(t, test.body, opened)
		})
	}
}

func TestSealBody_TooLarge(t *testing.T) {
	_, err := newBox(t).SealBody(make([]byte, seal.MaxBody+1), nil)
	require.EqualError(t, err, "the body has 67108865 bytes; at most 67108864 can be stored")
	require.Equal(t, meshhook.CodePayloadTooLarge, meshhook.ErrorCode(err))
}

func TestSealBody_Concurrently(t *testing.T) {
	box := newBox(t)
	var group sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		group.Go(func() {
			body, ad := pushBody(3<<10), seal.AD("events.body", meshhook.NewID())
			for range 5 {
				sealed, err := box.SealBody(body, ad)
				if err != nil {
					t.Error(err)
					return
				}
				opened, err := box.OpenBody(sealed, ad)
				if err != nil || !bytes.Equal(body, opened) {
					t.Errorf("opened to something else: %v", err)
					return
				}
			}
		})
	}
	group.Wait()
}

func FuzzOpenBody(f *testing.F) {
	// The holder of the keys seals what stands here, so this reaches the
	// decompressor, which FuzzOpen cannot.
	box, ad := newBox(f), seal.AD("events.body", meshhook.ID{})
	f.Add([]byte(nil))
	f.Add([]byte("\x00plain"))
	f.Add([]byte("\x01\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		sealed, err := box.Seal(packed, ad)
		require.NoError(t, err)
		body, err := box.OpenBody(sealed, ad)
		if err == nil {
			require.LessOrEqual(t, len(body), seal.MaxBody)
		}
	})
}
