package seal

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// smallLimit stands for MaxBody here, which takes long to fill.
const smallLimit = 1 << 20

func newSmallBox(t *testing.T) *Box {
	t.Helper()
	key, err := GenerateMasterKey()
	require.NoError(t, err)
	wrapped, err := NewKeyset(key)
	require.NoError(t, err)
	box, err := Open(key, wrapped)
	require.NoError(t, err)
	box.zip, err = newCompressor(smallLimit)
	require.NoError(t, err)
	return box
}

func TestSealBody_Limit(t *testing.T) {
	box, ad := newSmallBox(t), AD("events.body", meshhook.NewID())
	body := make([]byte, smallLimit+1)
	sealed, err := box.SealBody(body[:smallLimit], ad)
	require.NoError(t, err)
	opened, err := box.OpenBody(sealed, ad)
	require.NoError(t, err)
	require.True(t, bytes.Equal(body[:smallLimit], opened))

	_, err = box.SealBody(body, ad)
	require.EqualError(t, err, "the body has 1048577 bytes; at most 1048576 can be stored")
	require.Equal(t, meshhook.CodePayloadTooLarge, meshhook.ErrorCode(err))
}

func TestOpenBody_Refuses(t *testing.T) {
	for _, test := range []struct{ name, packed, want string }{
		{"nothing", "", "it is no sealed body"},
		{"unknown packing", "\x02body", "its body is packed in a way (2) that this version does not know"},
		{"no zstd", "\x01body", "decompress: "},
		{"a bomb that says its size", "\x01" + string(bomb(true)), "it decompresses to more than 1048576 bytes"},
		{"a bomb that does not", "\x01" + string(bomb(false)), "it decompresses to more than 1048576 bytes"},
		{"a window too wide", "\x01\x28\xb5\x2f\xfd\x00\xff", "it decompresses to more than 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			box, ad := newSmallBox(t), AD("events.body", meshhook.ID{1})
			sealed, err := box.Seal([]byte(test.packed), ad)
			require.NoError(t, err)
			_, err = box.OpenBody(sealed, ad)
			require.ErrorContains(t, err, "open events.body of 01000000-0000-0000-0000-000000000000: "+test.want)
		})
	}
}

func TestOpenBody_SmallEnoughOpens(t *testing.T) {
	// The same frame as the bombs', but within the limit: it is the size that is refused.
	box, ad := newSmallBox(t), AD("events.body", meshhook.NewID())
	for _, sized := range []bool{true, false} {
		sealed, err := box.Seal(append([]byte{bodyZstd}, runs(smallLimit/blockSize, sized)...), ad)
		require.NoError(t, err)
		opened, err := box.OpenBody(sealed, ad)
		require.NoError(t, err)
		require.True(t, bytes.Equal(bytes.Repeat([]byte("a"), smallLimit), opened))
	}
}

// bomb returns a few bytes of zstd that decompress to more than smallLimit.
func bomb(sized bool) []byte { return runs(smallLimit/blockSize+1, sized) }

// blockSize is the largest that a block of zstd may decompress to, in bytes.
const blockSize = 128 << 10

// runs returns a zstd frame (RFC 8878, section 3.1.1) of nothing but run-length
// blocks, each 4 bytes long.
func runs(blocks int, sized bool) []byte {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38} // no content size, window 128 KiB
	if sized {
		frame = []byte{0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x38} // content size in 4 bytes
		frame = binary.LittleEndian.AppendUint32(frame, uint32(blocks*blockSize))
	}
	for i := range blocks {
		header := blockSize<<3 | 1<<1 // run-length
		if i == blocks-1 {
			header |= 1 // the last one
		}
		frame = append(frame, byte(header), byte(header>>8), byte(header>>16), 'a')
	}
	return frame
}
