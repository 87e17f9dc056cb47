package ingress

import (
	"bytes"
	"errors"
	"net/http"
)

// errTooLarge is returned for a body over its limit.
var errTooLarge = errors.New("body too large")

// body is a request's body, as it came and with its Content-Encoding undone.
type body struct {
	raw     []byte
	decoded []byte
	// refusal is why decoded is not the content: an encoding that is not
	// accepted, or broken. It waits for the signature to be checked first.
	refusal *refusal
	// begun tells that reading has begun, so that the rest is another matter.
	begun bool
	// room is where the memory for both is taken.
	room hold
	// more tells that what was read of a refused request is not all.
	more bool
}

// compressed tells whether raw and decoded differ.
func (b *body) compressed() bool { return len(b.raw) > 0 && &b.raw[0] != first(b.decoded) }

func first(b []byte) *byte {
	if len(b) == 0 {
		return nil
	}
	return &b[0]
}

// read takes the body in, at most limit bytes of it before and after
// decompression; errTooLarge says that there was more, and keeps the beginning.
func (b *body) read(r *http.Request, limit int64) error {
	b.begun = true
	var err error
	b.raw, err = readUpTo(r.Body, limit, r.ContentLength, &b.room)
	b.decoded = b.raw
	if err != nil {
		return err
	}
	return b.decode(encodings(r.Header), limit)
}

// cut leaves of a body what tells its owner that it came, and gives the rest of its
// memory back.
func (b *body) cut() {
	b.begun = true
	b.raw = bytes.Clone(b.raw[:min(len(b.raw), maxPastBudget)])
	b.decoded = b.raw
	b.room.release()
}
