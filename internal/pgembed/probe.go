//go:build unix

package pgembed

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// probeFor bounds one probe; a server that is up answers in milliseconds.
	probeFor = 5 * time.Second
	// maxAnswer bounds what is read of the server's first message, in bytes.
	maxAnswer = 8 << 10
	// cannotConnectNow is the SQLSTATE of a server that starts or stops.
	cannotConnectNow = "57P03"
)

// answers reports whether the server at the socket in dir takes sessions. It has
// to be asked: for a moment after it was told to stop, postmaster.pid still says
// that it is ready, and to adopt it then would be to fail at the first query.
func answers(ctx context.Context, dir string) bool {
	ctx, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, ".s.PGSQL."+port))
	if err != nil {
		return errors.Is(err, syscall.EAGAIN) // it listens, but many wait already
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return false
	}
	if _, err := conn.Write(startupMessage()); err != nil {
		return false
	}
	answer, err := readMessage(conn)
	return err == nil && takesSessions(answer)
}

// startupMessage returns the first message of a client that speaks version 3.0
// of the protocol (PostgreSQL, "Message Formats": StartupMessage).
func startupMessage() []byte {
	body := binary.BigEndian.AppendUint32(nil, 3<<16)
	body = append(body, "user\x00"+Role+"\x00database\x00"+Database+"\x00\x00"...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...)
}

// readMessage reads a message of the server: its type, then its body.
func readMessage(r io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size < 4 || size > maxAnswer {
		return nil, errors.New("not a message of Postgres")
	}
	message := make([]byte, size-3)
	message[0] = head[0]
	_, err := io.ReadFull(r, message[1:])
	return message, err
}

// takesSessions judges the first message. A refusal of any other kind, such as
// too many sessions, still shows a server that works.
func takesSessions(message []byte) bool {
	kind, fields := message[0], message[1:]
	switch kind {
	case 'R': // the answer to who we are
		return true
	case 'E': // ErrorResponse: fields of one letter and a string that ends in NUL
		for field := range bytes.SplitSeq(fields, []byte{0}) {
			if string(field) == "C"+cannotConnectNow {
				return false
			}
		}
		return true
	}
	return false
}
