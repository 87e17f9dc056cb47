package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// request is a signed GitHub call, ready to be written to a connection: only the
// delivery's id changes from one to the next.
type request struct {
	before, after []byte
}

func newRequest(path string, headers map[string]string, body []byte) request {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, len(body))
	for name, value := range headers {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	b.WriteString("X-GitHub-Delivery: ")
	return request{before: b.Bytes(), after: append([]byte("\r\n\r\n"), body...)}
}

// load sends the request over the connections as fast as they are answered, or,
// with a rate above 0, that often a second in all.
func load(ctx context.Context, address string, r request, connections int, length time.Duration, rate float64) (*sample, error) {
	s := &sample{begin: time.Now()}
	until := s.begin.Add(length)
	var group errgroup.Group
	for i := range connections {
		var pace time.Duration
		if rate > 0 {
			pace = time.Duration(float64(time.Second) * float64(connections) / rate)
		}
		offset := pace * time.Duration(i) / time.Duration(connections)
		group.Go(func() error {
			took, err := loadOne(ctx, address, r, s.begin.Add(offset), until, pace)
			s.add(took)
			return err
		})
	}
	err := group.Wait()
	s.end = time.Now()
	return s, err
}

// loadOne drives one connection. With a pace, a latency counts from the moment
// at which the request was due, so that a stall is not hidden by sending less.
func loadOne(ctx context.Context, address string, r request, due, until time.Time, pace time.Duration) (took []time.Duration, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	reader := bufio.NewReader(conn)
	for ctx.Err() == nil {
		if pace > 0 {
			timer := time.NewTimer(time.Until(due))
			<-timer.C
		} else {
			due = time.Now()
		}
		if !due.Before(until) {
			return took, nil
		}
		id := uuid.New()
		message := net.Buffers{r.before, []byte(id.String()), r.after}
		if _, err := message.WriteTo(conn); err != nil {
			return took, err
		}
		if err := readAck(reader); err != nil {
			return took, err
		}
		took = append(took, time.Since(due))
		due = due.Add(pace)
	}
	return took, ctx.Err()
}

var errNotAcknowledged = errors.New("a request was not acknowledged")

// readAck reads an answer, which must be a 202, by its Content-Length.
func readAck(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.Contains(line, []byte(" 202 ")) {
		return fmt.Errorf("%w: %s", errNotAcknowledged, bytes.TrimSpace(line))
	}
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		if value, is := bytes.CutPrefix(line, []byte("Content-Length: ")); is {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
	}
	_, err = io.CopyN(io.Discard, r, int64(length))
	return err
}
