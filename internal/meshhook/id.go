package meshhook

import (
	"time"

	"github.com/google/uuid"
)

// ID names a row: a UUID version 7 (RFC 9562, section 5.7), written in
// lower-case text. Its first 48 bits are the milliseconds since the Unix epoch,
// so ordering by id is ordering by time and partitions can be cut by it.
type ID = uuid.UUID

// NewID returns a fresh ID. IDs made by one process only ever grow.
// It panics when the system's random source fails, as crypto/rand does.
func NewID() ID {
	return uuid.Must(uuid.NewV7())
}

// ParseID reads an ID in its canonical 36-character text. Any other spelling
// (upper case, braces, URN, no hyphens) is an error with CodeInvalid, so that an
// id has exactly one spelling in logs and URLs.
func ParseID(text string) (ID, error) {
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return ID{}, Errorf(CodeInvalid, "%q is not an id; ids look like 01890a5d-ac96-774b-bcce-b302099a8057", text)
	}
	return id, nil
}

// LooksLikeID tells whether text has the shape of an ID, so that one argument
// can take a name or an id.
func LooksLikeID(text string) bool {
	_, err := ParseID(text)
	return err == nil
}

// FirstIDAt returns the smallest ID that can have been made at the time t, to
// the millisecond. It is the bound of a time range over ids.
func FirstIDAt(t time.Time) ID {
	ms := max(t.UnixMilli(), 0)
	var id ID
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6] = 0x70 // version 7
	id[8] = 0x80 // RFC 9562 variant
	return id
}

// IDTime returns the moment an ID was made, to the millisecond, in UTC.
func IDTime(id ID) time.Time {
	var ms int64
	for i := range 6 {
		ms = ms<<8 | int64(id[i])
	}
	return time.UnixMilli(ms).UTC()
}

// Recent is a thing that has an id and no name, with what tells it from others.
type Recent struct {
	ID    ID
	About string
}
