package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

const (
	// maxStreams bounds the streams of one daemon, and maxOfToken those of one token, so
	// that no caller can take them all.
	maxStreams = 64
	maxOfToken = 8
	// heartbeat is how often a silent stream says that it lives, for proxies.
	heartbeat = 15 * time.Second
	// recheck is how often a stream looks whether its token still holds.
	recheck = time.Second
	// streamWrite bounds one write: a client that does not read is let go.
	streamWrite = 30 * time.Second
)

// statuses are those of events, runs, steps and deliveries, each once.
func statuses() []string {
	all := append(words(meshhook.EventStatuses()), words(meshhook.RunStatuses())...)
	for _, s := range words(meshhook.StepStatuses()) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return append(all, words(meshhook.DeliveryStatuses())...)
}

// following reads what is to be followed.
func (c *call) following() (o tail.Options, err error) {
	o.Filter = meshhook.EntryFilter{Webhook: c.query.Get("webhook"), Workflow: c.query.Get("workflow")}
	if o.Filter.Status, err = c.word("status", statuses()); err != nil {
		return o, err
	}
	if o.Filter.Since, err = c.moment("since"); err != nil {
		return o, err
	}
	if text := c.query.Get("kind"); text != "" {
		o.Filter.Kinds = strings.Split(text, ",")
		for _, kind := range o.Filter.Kinds {
			if !slices.Contains(meshhook.EntryNouns(), kind) {
				return o, malformed("kind=%s cannot be; use %s, with commas between them", clip(text), strings.Join(meshhook.EntryNouns(), ", "))
			}
		}
	}
	// Who comes back goes on where it was, and not where it began.
	if last := c.request.Header.Get("Last-Event-ID"); last != "" {
		cursor, err := meshhook.ParseCursor(last)
		if err != nil {
			return o, malformed("Last-Event-ID: %s", err.Error())
		}
		o.After, o.Filter.Since = &cursor, time.Time{}
	}
	return o, nil
}

// streamEntries follows the journal as Server-Sent Events (WHATWG HTML, section
// 9.2) until the client leaves, its token ends, or the daemon stops.
func streamEntries(ctx context.Context, c *call) (any, error) {
	o, err := c.following()
	if err != nil {
		return nil, err
	}
	if err := c.streams.enter(c.token.ID); err != nil {
		return nil, err
	}
	defer c.streams.leave(c.token.ID)
	// The place is known before the client hears that it is heard: what it causes
	// from then on, it sees.
	if o.After == nil {
		begin, err := c.project.CursorAt(ctx, o.Filter.Since)
		if err != nil {
			return nil, err
		}
		o.After = &begin
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	entries := make(chan meshhook.Entry)
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- follow(ctx, c.project, o, entries)
	}()
	defer func() {
		cancel()
		for range ended { // pump has told what there was to tell
		}
	}()

	c.answered = true
	s := &events{writer: c.writer, control: http.NewResponseController(c.writer)}
	if s.begin() == nil && c.request.Method != http.MethodHead { // or the client has left
		c.pump(ctx, s, entries, ended)
	}
	return nil, nil
}

// streams counts the streams that are open, by token.
type streams struct {
	mu   sync.Mutex
	all  int
	open map[meshhook.ID]int
}

// enter takes a place. Errors: CodeRateLimited for a token that has its own already,
// and CodeUnavailable when there is none left.
func (s *streams) enter(token meshhook.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.open[token] >= maxOfToken:
		return meshhook.Errorf(meshhook.CodeRateLimited, "%d streams of your token are open already; close one", maxOfToken)
	case s.all >= maxStreams:
		return meshhook.Errorf(meshhook.CodeUnavailable, "%d streams are open already", maxStreams)
	}
	s.all++
	s.open[token]++
	return nil
}

// leave gives a place back.
func (s *streams) leave(token meshhook.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.open[token]--; s.open[token] == 0 {
		delete(s.open, token)
	}
}

// follow hands entries over until ctx ends or the journal cannot be followed.
func follow(ctx context.Context, source tail.Source, o tail.Options, entries chan<- meshhook.Entry) error {
	for e, err := range tail.Follow(ctx, source, o) {
		if err != nil {
			return err
		}
		select {
		case entries <- e:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// pump writes what comes, and heartbeats in between.
func (c *call) pump(ctx context.Context, s *events, entries <-chan meshhook.Entry, ended <-chan error) {
	beat, check := time.NewTicker(c.Heartbeat), time.NewTicker(recheck)
	defer beat.Stop()
	defer check.Stop()
	for {
		var err error
		select {
		case e := <-entries:
			err = s.entry(e)
			beat.Reset(c.Heartbeat)
		case <-beat.C:
			err = s.comment("alive")
		case now := <-check.C:
			_, err = c.tokens.find(ctx, c.digest, now, nil)
			if meshhook.ErrorCode(err) != meshhook.CodeNotFound {
				err = nil // a database that is away takes no token back
			}
		case <-c.stopped:
			return
		case <-ctx.Done():
			return
		case err := <-ended:
			if ctx.Err() == nil { // otherwise the client has left
				c.Log.Error("a stream cannot go on", "error", err)
			}
			return
		}
		if err != nil {
			return
		}
	}
}

// events writes Server-Sent Events.
type events struct {
	writer  http.ResponseWriter
	control *http.ResponseController
}

// begin sends the headers at once, and how soon to come back when the stream breaks.
func (s *events) begin() error {
	header := s.writer.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would hold it back
	// The server's deadlines are those of a request that comes and goes.
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	s.writer.WriteHeader(http.StatusOK)
	return s.write("retry: 1000\n\n")
}

// entry sends an entry with its place in the journal as id, which the client gives
// back when it comes again.
func (s *events) entry(e meshhook.Entry) error {
	text, err := encode(e)
	if err != nil {
		return err
	}
	return s.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n", e.Cursor, e.Kind, text))
}

// comment sends what every client leaves aside.
func (s *events) comment(text string) error { return s.write(": " + text + "\n\n") }

// write sends text now. Each write has a deadline of its own: the server's would end
// the stream, and none would let a client that does not read hold it for ever.
func (s *events) write(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return err
	}
	if _, err := s.writer.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
