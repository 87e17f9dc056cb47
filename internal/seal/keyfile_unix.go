//go:build unix

package seal

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// checkMode refuses a key file that other users may read.
func checkMode(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	rootGives := ok && stat.Uid == 0 && os.Geteuid() != 0
	if info.Mode().Perm()&forbidden(rootGives) != 0 {
		return refuseMode(path, info.Mode())
	}
	return nil
}

// forbidden returns the permissions that a key file must not have. A file that
// the system's administrator (root) gives to a service may be readable by the
// service's group; any other is its owner's alone.
func forbidden(rootGives bool) fs.FileMode {
	if rootGives {
		return 0o037
	}
	return 0o077
}

// refuseMode says that too many may read the file at path.
func refuseMode(path string, mode fs.FileMode) error {
	return meshhook.Errorf(meshhook.CodeInvalid,
		"the master key file %s is open to other users (mode %04o); run `chmod 600 %s`, and change the key if they are not trusted",
		path, mode.Perm(), path)
}

// handOver gives a file that root makes in another user's directory to that user: the
// first command may be root's, and the service that comes after it needs the key.
func handOver(file *os.File, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return nil
	}
	return file.Chown(int(stat.Uid), int(stat.Gid))
}

// syncDir writes a directory's names to the disk.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
