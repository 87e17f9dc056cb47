package ingress

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

const (
	// defaultMaxBuffered is how many bytes of bodies are held at once.
	defaultMaxBuffered = 256 << 20
	// firstBuffer and secondBuffer are how much room a body gets before more of it
	// has come, in bytes; after that as much as has come. What a sender announces
	// and does not send takes no memory.
	firstBuffer, secondBuffer = 4 << 10, 64 << 10
)

var (
	// errFull is returned where there is no room for more of a body now.
	errFull = errors.New("no room for the body now")
	// errNeverFits is returned for a body for which there would not be room alone.
	errNeverFits = errors.New("no room for the body at any time")
)

// memory bounds the bytes of all bodies that are held at once: before a signature
// is looked at, anybody can have them held. Nobody waits for room in it.
type memory struct {
	mu    sync.Mutex
	total int64
	held  int64
}

// hold is one request's share of a memory. The zero hold has room without end.
type hold struct {
	in    *memory
	bytes int64
}

// take makes room for n more bytes.
func (h *hold) take(n int64) error {
	if h.in == nil {
		return nil
	}
	h.in.mu.Lock()
	defer h.in.mu.Unlock()
	switch {
	case h.bytes+n > h.in.total:
		return errNeverFits
	case h.in.held+n > h.in.total:
		return errFull
	}
	h.in.held += n
	h.bytes += n
	return nil
}

// give returns the room of n bytes that are not needed any more.
func (h *hold) give(n int64) {
	if h.in == nil {
		return
	}
	h.in.mu.Lock()
	defer h.in.mu.Unlock()
	n = min(n, h.bytes)
	h.in.held -= n
	h.bytes -= n
}

// release returns everything.
func (h *hold) release() { h.give(h.bytes) }

// longHeader is how much memory a header takes beyond what every request may, in
// bytes: it is held for as long as its body takes to come.
func longHeader(header http.Header) (size int64) {
	for name, values := range header {
		size += headerSize(name, values)
	}
	return max(0, size-firstBuffer)
}

// readUpTo reads at most limit bytes into memory that it takes step by step; length
// is the announced size, or -1. It returns what it has read with every error:
// errTooLarge says that there is more.
func readUpTo(r io.Reader, limit, length int64, room *hold) ([]byte, error) {
	if length > limit {
		beginning, err := readUpTo(r, min(limit, maxRejectedBody), -1, room)
		return beginning, errors.Join(errTooLarge, err)
	}
	buffer, probe := []byte{}, make([]byte, 1)
	for {
		full := len(buffer) == cap(buffer)
		into := probe // whether the buffer has to grow is known when one more byte comes
		if !full {
			into = buffer[len(buffer):cap(buffer)]
		}
		n, err := r.Read(into)
		switch {
		case !full:
			buffer = buffer[:len(buffer)+n]
		case n > 0 && int64(len(buffer)) >= limit:
			return buffer, errTooLarge
		case n > 0:
			size := nextSize(int64(cap(buffer)), limit, length)
			if err := room.take(size - int64(cap(buffer))); err != nil {
				return buffer, err
			}
			buffer = append(append(make([]byte, 0, size), buffer...), probe...)
		}
		if errors.Is(err, io.EOF) {
			return buffer, nil
		}
		if err != nil {
			return buffer, err
		}
	}
}

// nextSize is how large a buffer becomes that is full: never more than what has
// been announced, while that is true, or what is allowed.
func nextSize(size, limit, length int64) int64 {
	most := limit
	if length > size {
		most = length
	}
	next := 2 * size
	switch {
	case size < firstBuffer:
		next = firstBuffer
	case size < secondBuffer:
		next = secondBuffer
	}
	return min(next, most)
}
