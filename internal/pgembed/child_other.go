//go:build unix && !linux

package pgembed

import "syscall"

// childAttr returns how a program is run: in a session of its own, so that no
// Ctrl-C and no closing terminal reaches it, and as the given user. Systems other
// than Linux have no signal for the death of the parent: a server whose owner was
// killed goes on, and the next user adopts it.
func childAttr(as *syscall.Credential, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Credential: as}
}

// runsAs reports whether the process may belong to the user: there is no way to
// tell that all systems share.
func runsAs(pid, _ int) bool { return pid > 1 }
