//go:build unix

package pgembed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParsePidFile(t *testing.T) {
	t.Parallel()
	whole := "4711\n/d/data\n1795388608\n5432\n/d/socket\n\n 1234  5\nready   \n"
	for name, test := range map[string]struct {
		text string
		want pidFile
	}{
		"whole":      {whole, pidFile{4711, "/d/socket", "ready"}},
		"starting":   {strings.Replace(whole, "ready   ", "starting", 1), pidFile{4711, "/d/socket", "starting"}},
		"half":       {"4711\n/d/data\n1795388608\n5432\n", pidFile{pid: 4711}},
		"empty":      {"", pidFile{}},
		"single":     {"-4711\n/d/data\n", pidFile{}},
		"init":       {"1\n/d/data\n", pidFile{}},
		"not a pid":  {"x\n", pidFile{}},
		"enormous":   {strings.Repeat("9", 30), pidFile{}},
		"no newline": {"4711", pidFile{pid: 4711}},
	} {
		require.Equal(t, test.want, parsePidFile(test.text), name)
	}
}

func FuzzParsePidFile(f *testing.F) {
	f.Add("4711\n/d/data\n1795388608\n5432\n/d/socket\n\n 1234  5\nready   \n")
	f.Fuzz(func(t *testing.T, text string) {
		got := parsePidFile(text)
		require.True(t, got.pid == 0 || got.pid > 1)
		require.Contains(t, text, got.socketDir)
		require.Contains(t, text, got.status)
		if got.pid != 0 {
			first, _, _ := strings.Cut(text, "\n")
			n, err := strconv.Atoi(strings.TrimSpace(first))
			require.NoError(t, err)
			require.Equal(t, n, got.pid)
		}
	})
}

func TestReadSmallReadsNoMore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "big")
	require.NoError(t, os.WriteFile(path, make([]byte, 5000), 0o600))
	text, err := readSmall(path)
	require.NoError(t, err)
	require.Len(t, text, 4096)
}

func TestParseMessage(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]message{
		`FATAL:  lock file "postmaster.pid" already exists`:       {"FATAL", `lock file "postmaster.pid" already exists`},
		"2026-11-22 22:43:28.010 UTC [14733] FATAL:  role exists": {"FATAL", "role exists"},
		"LOG:  said ERROR:  twice":                                {"LOG", "said ERROR:  twice"},
		"initdb: error: could not create directory":               {"FATAL", "could not create directory"},
		"initdb: warning: enabling trust":                         {"WARNING", "enabling trust"},
		"DEBUG1:  x":                                              {"DEBUG1", "x"},
		"\tcontinued ":                                            {"", "continued"},
		"postgres: could not find a \"postgres\" to execute":      {"", "postgres: could not find a \"postgres\" to execute"},
		"ERROR:":   {"", "ERROR:"},
		"bad \xff": {"", "bad ?"},
		"":         {},
	} {
		require.Equal(t, want, parseMessage(line), line)
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add("2026-11-22 22:43:28.010 UTC [14733] FATAL:  role exists")
	f.Add("initdb: error: x")
	f.Fuzz(func(t *testing.T, line string) {
		m := parseMessage(line)
		require.True(t, utf8.ValidString(m.text))
		require.Contains(t, strings.ToValidUTF8(line, "?"), m.text)
	})
}

func TestStderrLogsLinesByTheirSeverity(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := newStderr(t.Context(), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
	for _, piece := range []string{"LOG:  a\nWARN", "ING:  b\n\nPANIC", ":  c\n", "FATAL:  d\nHINT:  e\n", "ERROR:  f\nFATAL:  " + stopped + "\n"} {
		n, err := s.Write([]byte(piece))
		require.NoError(t, err)
		require.Equal(t, len(piece), n)
	}
	require.Equal(t, `level=DEBUG msg="postgres: a" severity=LOG
level=WARN msg="postgres: b" severity=WARNING
level=ERROR msg="postgres: c" severity=PANIC
level=WARN msg="postgres: d" severity=FATAL
level=DEBUG msg="postgres: e" severity=HINT
level=DEBUG msg="postgres: f" severity=ERROR
level=DEBUG msg="postgres: terminating connection due to administrator command" severity=FATAL
`, log.String())
}

func TestStderrKeepsLittle(t *testing.T) {
	t.Parallel()
	s := newStderr(t.Context(), slog.New(slog.DiscardHandler))
	_, err := s.Write(bytes.Repeat([]byte("x"), maxLine*3+5))
	require.NoError(t, err)
	require.Len(t, s.partial, 5)
	require.Len(t, s.kept, 3)
	require.Equal(t, strings.Repeat("x", maxLine), s.kept[2].text)
	for range 3 * keptLines {
		_, err := s.Write([]byte("y\n"))
		require.NoError(t, err)
	}
	require.Len(t, s.kept, keptLines)
	require.Empty(t, s.partial)
}

func TestEssence(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"":                                "",
		"LOG:  a\nLOG:  b\n":              "",
		"plain\nfinal":                    "final",
		"plain\nERROR:  b\nlater\n":       "b",
		"FATAL:  a\nFATAL:  b\nLOG:  c\n": "b",
		"PANIC:  a\nFATAL:  b\n":          "a",
		"FATAL:  the database system is starting up\nplain\n": "plain",
	} {
		s := newStderr(t.Context(), slog.New(slog.DiscardHandler))
		_, err := s.Write([]byte(said))
		require.NoError(t, err)
		require.Equal(t, want, s.essence(), said)
	}
}

func TestReadMessage(t *testing.T) {
	t.Parallel()
	message := func(kind byte, body string) string {
		return string(kind) + string(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))) + body
	}
	for name, test := range map[string]struct {
		wire string
		want string
		up   bool
	}{
		"authenticated": {message('R', "\x00\x00\x00\x00"), "R\x00\x00\x00\x00", true},
		"stopping":      {message('E', "SFATAL\x00C57P03\x00Mshutting down\x00\x00"), "ESFATAL\x00C57P03\x00Mshutting down\x00\x00", false},
		"too many":      {message('E', "SFATAL\x00C53300\x00M57P03\x00\x00"), "ESFATAL\x00C53300\x00M57P03\x00\x00", true},
		"another kind":  {message('Z', "I"), "ZI", false},
		"no body":       {message('N', ""), "N", false},
		"largest":       {message('E', strings.Repeat("x", maxAnswer-4)), "E" + strings.Repeat("x", maxAnswer-4), true},
		"too large":     {message('E', strings.Repeat("x", maxAnswer-3)), "", false},
		"too small":     {"E\x00\x00\x00\x03", "", false},
		"cut head":      {"E\x00", "", false},
	} {
		got, err := readMessage(strings.NewReader(test.wire))
		if test.want == "" {
			require.Error(t, err, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, test.want, string(got), name)
		require.Equal(t, test.up, takesSessions(got), name)
	}
	_, err := readMessage(strings.NewReader(message('E', "cut")[:6]))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func FuzzReadMessage(f *testing.F) {
	f.Add([]byte("R\x00\x00\x00\x08\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		message, err := readMessage(bytes.NewReader(wire))
		if err != nil {
			return
		}
		require.Equal(t, wire[0], message[0])
		require.Equal(t, wire[5:4+len(message)], message[1:])
		takesSessions(message)
	})
}

func TestWhatAnswersMustBePostgres(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.False(t, answers(t.Context(), dir), "nobody listens")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(dir, ".s.PGSQL."+port))
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = conn.Write([]byte("220 smtp ready\r\n"))
			err = errors.Join(err, conn.Close())
		}
		served <- err
	}()
	require.False(t, answers(t.Context(), dir))
	require.NoError(t, <-served)
	require.NoError(t, listener.Close())
}
