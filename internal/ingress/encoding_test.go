package ingress

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever is compressed comes back, and whatever is not gives an error, never
// more than the limit.
func FuzzDecoders(f *testing.F) {
	const limit = 1 << 12
	f.Add([]byte("hello, hello, hello"))
	f.Add([]byte("\x78\x9c\x00\x00"))
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, decode := range decoders {
			room := &hold{in: &memory{total: 1 << 20}}
			decoded, err := decode(data, limit, room)
			require.LessOrEqual(t, len(decoded), limit, name)
			require.True(t, err == nil || errors.Is(err, errTooLarge) || errors.Is(err, errEncoding), err)
			require.Equal(t, int64(cap(decoded)), room.bytes, "what is held is what there is")
		}
		if len(data) > limit {
			return
		}
		var zipped, wrapped, raw bytes.Buffer
		compressor, err := flate.NewWriter(&raw, flate.BestSpeed)
		require.NoError(t, err)
		for _, w := range []io.WriteCloser{gzip.NewWriter(&zipped), zlib.NewWriter(&wrapped), compressor} {
			_, err := w.Write(data)
			require.NoError(t, err)
			require.NoError(t, w.Close())
		}
		for _, c := range []struct {
			name    string
			encoded []byte
		}{{"gzip", zipped.Bytes()}, {"deflate", wrapped.Bytes()}, {"deflate", raw.Bytes()}} {
			decoded, err := decoders[c.name](c.encoded, limit, &hold{})
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, decoded))
			if len(data) > 0 {
				_, err = decoders[c.name](c.encoded, int64(len(data))-1, &hold{})
				require.ErrorIs(t, err, errTooLarge)
			}
		}
	})
}
