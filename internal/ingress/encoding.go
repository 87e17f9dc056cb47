package ingress

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxEncodings is how many content encodings may lie on top of each other.
const maxEncodings = 2

// errEncoding is returned for bytes that are not what their encoding says.
var errEncoding = errors.New("the encoding is broken")

// decoders undo a content encoding, giving at most limit bytes: errTooLarge says
// that there are more.
var decoders = map[string]func(encoded []byte, limit int64, room *hold) ([]byte, error){
	"gzip": gunzip, "x-gzip": gunzip, "deflate": inflate,
}

// encodings lists what was done to a body, in the order in which it was done.
func encodings(header http.Header) (names []string) {
	for name := range strings.SplitSeq(strings.Join(header.Values("Content-Encoding"), ","), ",") {
		if name = strings.ToLower(strings.Trim(name, " \t")); name != "" && name != "identity" {
			names = append(names, name)
		}
	}
	return names
}

// decode undoes the content encodings of a body that has been read. What is wrong
// with them is a refusal for later; errTooLarge is not.
func (b *body) decode(names []string, limit int64) error {
	if len(names) > maxEncodings {
		b.refusal = unsupportedEncoding("the body has %d content encodings; send it with one, or none", len(names))
		return nil
	}
	for _, name := range names {
		if decoders[name] == nil {
			b.refusal = unsupportedEncoding("the content encoding %q is not accepted; send gzip, deflate or none", meshhook.Clip(name, 80))
			return nil
		}
	}
	decoded := b.raw
	if len(decoded) == 0 {
		return nil // there is nothing to undo
	}
	for i := len(names) - 1; i >= 0; i-- {
		var err error
		before := decoded
		decoded, err = decoders[names[i]](before, limit, &b.room)
		if i < len(names)-1 {
			b.room.give(int64(cap(before))) // it was not what came, and is not what is meant
		}
		switch {
		case errors.Is(err, errTooLarge):
			b.decoded = decoded
			return err
		case errors.Is(err, errFull), errors.Is(err, errNeverFits):
			return err
		case err != nil:
			b.refusal = refuse(meshhook.CodeMalformedPayload, "the body is not the %s that its Content-Encoding says", names[i])
			return nil
		}
	}
	b.decoded = decoded
	return nil
}

// unsupportedEncoding says what is accepted, as RFC 9110, section 15.5.16, asks.
func unsupportedEncoding(format string, args ...any) *refusal {
	r := refuse(meshhook.CodeUnsupportedMediaType, format, args...)
	r.header.Set("Accept-Encoding", "gzip, deflate, identity")
	return r
}

// gunzip reads all the members of a gzip stream (RFC 1952), and nothing else.
func gunzip(encoded []byte, limit int64, room *hold) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(encoded))
	if err != nil {
		return nil, errEncoding
	}
	return readWhole(reader, limit, room)
}

// inflate reads a deflate stream with the zlib wrapper that RFC 9110, section
// 8.4.1.2, wants, or without it, as many send it.
func inflate(encoded []byte, limit int64, room *hold) ([]byte, error) {
	source := bytes.NewReader(encoded)
	if reader, err := zlib.NewReader(source); err == nil {
		decoded, err := readWhole(reader, limit, room)
		if err == nil && source.Len() == 0 || err != nil && !errors.Is(err, errEncoding) {
			return decoded, err
		}
		room.give(int64(cap(decoded)))
	}
	source.Reset(encoded)
	decoded, err := readWhole(flate.NewReader(source), limit, room)
	if err == nil && source.Len() > 0 {
		room.give(int64(cap(decoded)))
		return nil, errEncoding // something stands behind the stream
	}
	return decoded, err
}

// readWhole reads a stream to its end, which it must have. Of a stream that is
// broken it keeps nothing.
func readWhole(stream io.Reader, limit int64, room *hold) ([]byte, error) {
	decoded, err := readUpTo(stream, limit, -1, room)
	if err == nil || errors.Is(err, errTooLarge) {
		return decoded, err
	}
	room.give(int64(cap(decoded)))
	if errors.Is(err, errFull) || errors.Is(err, errNeverFits) {
		return nil, err
	}
	return nil, errEncoding
}
