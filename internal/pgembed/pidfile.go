//go:build unix

package pgembed

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pidFile is what postmaster.pid tells. The server writes it line by line, so
// that any part may be missing.
type pidFile struct {
	pid       int    // 0 if there is none
	socketDir string // of the first socket
	status    string // "starting", "ready" or "stopping"
}

// readPidFile returns the zero value where there is no file.
func (c *cluster) readPidFile() pidFile {
	text, err := readSmall(filepath.Join(c.data, "postmaster.pid"))
	if err != nil {
		return pidFile{}
	}
	return parsePidFile(text)
}

// parsePidFile reads the lines of postmaster.pid (miscadmin.h of Postgres): 1 is
// the process, 5 the socket's directory, 8 the status, filled up with blanks.
func parsePidFile(text string) pidFile {
	lines := strings.Split(text, "\n")
	line := func(n int) string {
		if n > len(lines) {
			return ""
		}
		return strings.TrimSpace(lines[n-1])
	}
	f := pidFile{socketDir: line(5), status: line(8)}
	// A negative number is a stand-alone backend, which is no server to talk to.
	if pid, err := strconv.Atoi(line(1)); err == nil && pid > 1 {
		f.pid = pid
	}
	return f
}

// readSmall returns the first 4 KiB of a file.
func readSmall(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, 4<<10))
	return string(text), closing(f, err)
}
