package pgembed

import (
	"fmt"
	"os"
	"syscall"
)

// childAttr returns how a program is run: in a session of its own, so that no
// Ctrl-C and no closing terminal reaches it, and as the given user. The kernel
// sends it the signal ifWeDie, unless that is 0, once the thread that started it
// ends; that thread must therefore live as long as the program.
func childAttr(as *syscall.Credential, ifWeDie syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Credential: as, Pdeathsig: ifWeDie}
}

// runsAs reports whether the process belongs to the user. A number that comes
// from a file of that user's must not make root signal somebody else's process.
func runsAs(pid, uid int) bool {
	info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return err == nil && ownerOf(info) == uid
}
