package seal

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// MaxBody is the size in bytes of the largest body that can be sealed, and what
// decompression is cut off at.
const MaxBody = 64 << 20

// What the first byte inside a sealed body says about the rest.
const (
	bodyPlain = 0 // the body as it came
	bodyZstd  = 1 // a zstd frame
)

const (
	// minCompress is the size in bytes below which compressing is not tried:
	// zstd's tables cost several times what sealing does, whatever the size, and
	// a shorter body saves less than its row's other columns take (measure with
	// BenchmarkSealBody).
	minCompress = 512
	// keepScratch is the largest buffer in bytes that is kept for the next body,
	// so that one big request does not hold its memory for ever.
	keepScratch = 256 << 10
)

// compressor holds what all bodies of a Box share. Encoder and decoder are safe
// for concurrent use through EncodeAll and DecodeAll.
type compressor struct {
	limit   int // of a body, in bytes
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	scratch sync.Pool // of *[]byte
}

func newCompressor(limit int) (*compressor, error) {
	// The body's checksum is the GCM tag's work, so zstd writes none.
	encoder, noEncoder := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithEncoderCRC(false),
		zstd.WithLowerEncoderMem(true))
	decoder, noDecoder := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithDecoderMaxMemory(uint64(limit)),
		zstd.WithDecoderLowmem(true))
	return &compressor{
		limit:   limit,
		encoder: encoder,
		decoder: decoder,
	}, errors.Join(noEncoder, noDecoder)
}

// SealBody is Seal for bodies: it compresses first, where that helps. A body
// over MaxBody is refused with CodePayloadTooLarge.
func (b *Box) SealBody(body, ad []byte) ([]byte, error) {
	if len(body) > b.zip.limit {
		return nil, meshhook.Errorf(meshhook.CodePayloadTooLarge,
			"the body has %d bytes; at most %d can be stored", len(body), b.zip.limit)
	}
	scratch, kept := b.zip.scratch.Get().(*[]byte)
	if !kept {
		scratch = new([]byte)
	}
	*scratch = b.zip.pack((*scratch)[:0], body)
	sealed, err := b.Seal(*scratch, ad)
	if cap(*scratch) <= keepScratch {
		b.zip.scratch.Put(scratch)
	}
	return sealed, err
}

// OpenBody returns what SealBody was given. What would decompress to more than
// MaxBody is an error, found before that much memory is taken.
func (b *Box) OpenBody(sealed, ad []byte) ([]byte, error) {
	packed, err := b.Open(sealed, ad)
	if err != nil {
		return nil, err
	}
	body, err := b.zip.unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", place(ad), err)
	}
	return body, nil
}

// pack appends to dst the flag byte and the body, compressed if that is shorter.
func (c *compressor) pack(dst, body []byte) []byte {
	if len(body) >= minCompress {
		packed := c.encoder.EncodeAll(body, append(dst, bodyZstd))
		if len(packed) <= len(body) {
			return packed
		}
		dst = packed[:0]
	}
	return append(append(dst, bodyPlain), body...)
}

// unpack undoes pack. Its result may share memory with packed.
func (c *compressor) unpack(packed []byte) ([]byte, error) {
	if len(packed) == 0 {
		return nil, errors.New("it is no sealed body")
	}
	switch rest := packed[1:]; packed[0] {
	case bodyPlain:
		return rest, nil
	case bodyZstd:
		body, err := c.decoder.DecodeAll(rest, nil)
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			return nil, fmt.Errorf("it decompresses to more than %d bytes", c.limit)
		}
		if err != nil {
			return nil, fmt.Errorf("decompress: %w", err)
		}
		return body, nil
	default:
		return nil, fmt.Errorf("its body is packed in a way (%d) that this version does not know", packed[0])
	}
}
