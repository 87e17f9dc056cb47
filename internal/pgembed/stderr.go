//go:build unix

package pgembed

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"strings"
	"sync"
)

const (
	maxLine   = 8 << 10 // bytes of one line; what is longer is cut in pieces
	keptLines = 40      // for the essence of a failure
)

// stderr takes what a program of Postgres prints, logs it line by line, and
// keeps the last lines.
type stderr struct {
	ctx context.Context // for the log: Write cannot be given one
	log *slog.Logger

	mu      sync.Mutex
	partial []byte
	kept    []message
}

// message is one line of Postgres.
type message struct {
	severity string // "" where the line names none
	text     string
}

func newStderr(ctx context.Context, log *slog.Logger) *stderr {
	return &stderr{ctx: context.WithoutCancel(ctx), log: log}
}

// Write takes a piece of the output. It never fails.
func (s *stderr) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partial = append(s.partial, p...)
	for {
		line, rest, whole := bytes.Cut(s.partial, []byte("\n"))
		if !whole && len(line) < maxLine {
			return len(p), nil
		}
		if len(line) > maxLine {
			line, rest = s.partial[:maxLine], s.partial[maxLine:]
		}
		s.take(parseMessage(string(line)))
		s.partial = append([]byte(nil), rest...)
	}
}

func (s *stderr) take(m message) {
	if m.text == "" {
		return
	}
	s.kept = append(s.kept, m)
	s.kept = s.kept[max(0, len(s.kept)-keptLines):]
	s.log.Log(s.ctx, level(m), "postgres: "+m.text, "severity", m.severity)
}

// stopped is what the server says of each session that a clean stop ends
// (SQLSTATE 57P01).
const stopped = "terminating connection due to administrator command"

// level is how grave a line of Postgres is to us. LOG is its everyday talk, and
// FATAL ends a session, not the server. An ERROR is the answer to a statement: who
// sent that has it, too, and may have reckoned with it.
func level(m message) slog.Level {
	switch {
	case m.severity == "PANIC":
		return slog.LevelError
	case m.severity == "FATAL" && m.text != stopped, m.severity == "WARNING":
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// messagePattern fits the lines of the server, with or without a prefix of time
// and process, and those of its tools ("initdb: error: could not …").
var messagePattern = regexp.MustCompile(
	`^(?:.*?\s)??(PANIC|FATAL|ERROR|WARNING|NOTICE|INFO|LOG|DEBUG[1-5]?|DETAIL|HINT|CONTEXT|STATEMENT|error|warning|hint):\s+(\S.*)$`)

func parseMessage(line string) message {
	line = strings.TrimSpace(strings.ToValidUTF8(line, "?"))
	if m := messagePattern.FindStringSubmatch(line); m != nil {
		severity := strings.ToUpper(m[1])
		if m[1] == "error" {
			severity = "FATAL" // a tool that prints it gives up
		}
		return message{severity: severity, text: m[2]}
	}
	return message{text: line}
}

// essence returns the line that best says why the program failed, "" if none
// does: the last of the gravest severity. What a client was told while the
// server was not ready is no reason.
func (s *stderr) essence() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.partial) > 0 {
		s.take(parseMessage(string(s.partial)))
		s.partial = nil
	}
	rank := map[string]int{"PANIC": 4, "FATAL": 3, "ERROR": 2, "": 1}
	var best message
	for _, m := range s.kept {
		if !strings.HasPrefix(m.text, "the database system is ") && rank[m.severity] > 0 &&
			(best.text == "" || rank[m.severity] >= rank[best.severity]) {
			best = m
		}
	}
	return best.text
}

// contested reports whether the server refused to start because another one may
// still hold its data.
func (s *stderr) contested() bool {
	essence := s.essence()
	return strings.Contains(essence, "already exists") || strings.Contains(essence, "still in use")
}
