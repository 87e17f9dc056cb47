//go:build unix

package pgembed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The lock files in the home of the cluster. They are never removed: a lock on a
// removed file and one on its successor would not exclude each other.
const (
	supervisorLock = "supervisor.lock" // exclusive: who makes, starts or stops the server
	usersLock      = "users.lock"      // shared: everybody who uses the server
	serverLock     = "server.lock"     // exclusive: the processes of the server
)

// lockPoll is how often a lock is tried for. flock(2) can wait by itself, but
// then nothing ends the wait.
const lockPoll = 5 * time.Millisecond

// openLock opens a lock file of the cluster for this process alone; the kernel
// drops its lock when the last process that inherited it has ended.
func (c *cluster) openLock(name string) (*os.File, error) {
	path := filepath.Join(c.dir, name)
	// Reading suffices for flock(2). When root made the file, the user that runs
	// Postgres must be able to open it later, whatever root's umask is; a symbolic
	// link or a second name is not followed, for that user owns the directory.
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return nil, c.fileError("open the lock file", path, err)
	}
	info, err := f.Stat()
	if err == nil && info.Mode().Perm() != 0o644 && links(info) == 1 && ownerOf(info) == os.Geteuid() {
		err = f.Chmod(0o644)
	}
	if err != nil {
		return nil, closing(f, c.fileError("open the lock file", path, err))
	}
	return f, nil
}

// tryLock locks f as how says (syscall.LOCK_SH or LOCK_EX) if it can at once.
func tryLock(f *os.File, how int) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, meshhook.Errorf(meshhook.CodeUnavailable, "lock %s: %w", f.Name(), err)
		}
	}
}

// waitLock locks f as soon as it can.
func waitLock(ctx context.Context, f *os.File, how int) error {
	for {
		ok, err := tryLock(f, how)
		if ok || err != nil {
			return err
		}
		if !pause(ctx, lockPoll) {
			return meshhook.Errorf(meshhook.CodeUnavailable,
				"another MeshHook is still starting or stopping the Postgres in %s: try again (%w)",
				filepath.Dir(f.Name()), context.Cause(ctx))
		}
	}
}

// unlock gives a lock up, closes its file, and returns err, or where that is nil
// the error of closing. To close alone is not enough: a program that another
// goroutine is just starting has a copy of the file until it runs.
func unlock(f *os.File, err error) error {
	// It cannot fail on an open file, and closing reports one that is not.
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	return closing(f, err)
}

// exclusively runs do while nobody else makes, starts or stops the server.
func (c *cluster) exclusively(ctx context.Context, do func() error) error {
	f, err := c.openLock(supervisorLock)
	if err != nil {
		return err
	}
	if err = waitLock(ctx, f, syscall.LOCK_EX); err == nil {
		err = do()
	}
	return unlock(f, err)
}
