package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holders finds the processes that listen on the port of an address, of which there are
// several where a service manager has handed the socket over: those of its own user, and
// for root all. There are none where it cannot be told.
func holders(address string) (list []process) {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil
	}
	sockets := map[string]bool{}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if table, err := os.ReadFile(file); err == nil {
			for _, inode := range listeners(table, port) {
				sockets["socket:["+inode+"]"] = true
			}
		}
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is right
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || !sockets[target] {
			continue
		}
		of := filepath.Dir(filepath.Dir(link))
		pid, _ := strconv.Atoi(filepath.Base(of)) // the pattern says that it is a number
		name, _ := os.ReadFile(filepath.Join(of, "comm"))
		list = append(list, process{pid, strings.TrimSpace(string(name))})
	}
	return list
}

// listeners finds the inodes of sockets that listen on the port, in a table like
// /proc/net/tcp (proc_net_tcp in the kernel's documentation).
func listeners(table []byte, port uint64) (inodes []string) {
	const listening = "0A"
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && fields[3] == listening && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
}
