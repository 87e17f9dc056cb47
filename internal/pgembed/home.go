//go:build unix

package pgembed

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// port names the socket file; no TCP port is ever opened.
	port = "5432"
	// maxSocketPath bounds the socket's path, in bytes. The kernel's own limits
	// (sun_path) are 108 on Linux and 104 on macOS and the BSDs.
	maxSocketPath = 99
	// runtimeRoot holds the sockets of clusters whose own path is too long. It is
	// no variable of the environment, since all users of a cluster must agree on
	// the place; Postgres itself puts its socket there by default.
	runtimeRoot = "/tmp"
)

// cluster is the place of a cluster and how its server is run.
type cluster struct {
	dir       string // absolute, without symbolic links
	data      string
	socketDir string
	account   account
	options   Options
	patience  patience
	log       *slog.Logger
}

// openCluster prepares the directories of a cluster for the user that runs
// Postgres. It does not touch its data.
func openCluster(o Options, p patience) (*cluster, error) {
	c := &cluster{options: o, patience: p, log: o.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if err := c.makeHome(); err != nil {
		return nil, err
	}
	c.data = filepath.Join(c.dir, "data")
	owner := -1
	if info, err := os.Lstat(filepath.Join(c.data, versionFile)); err == nil {
		owner = ownerOf(info)
	}
	var err error
	if c.account, err = pickAccount(os.Geteuid(), owner, directory{byName: user.Lookup, byID: user.LookupId}); err != nil {
		return nil, err
	}
	c.socketDir = c.pickSocketDir()
	return c, c.claim(c.dir)
}

// makeHome makes the home of the cluster where it is missing.
func (c *cluster) makeHome() error {
	dir, err := filepath.Abs(c.options.Dir)
	if err != nil || c.options.Dir == "" {
		return meshhook.Errorf(meshhook.CodeInvalid, "no data directory is given for Postgres: set data_dir")
	}
	// Root does not run Postgres itself, so others must be able to pass.
	above := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		above = 0o711
	}
	if err := os.MkdirAll(filepath.Dir(dir), above); err != nil {
		return c.fileError("make the directory", filepath.Dir(dir), err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return c.fileError("make the directory", dir, err)
	}
	if c.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return c.fileError("open the directory", dir, err)
	}
	return nil
}

// pickSocketDir returns the directory of the server's socket: in the home, or,
// where that gives too long a path, one named after the home below runtimeRoot.
func (c *cluster) pickSocketDir() string {
	dir := filepath.Join(c.dir, "socket")
	// A comma separates the items of a list, both for Postgres and in a DSN.
	if len(filepath.Join(dir, ".s.PGSQL."+port)) <= maxSocketPath && !strings.Contains(dir, ",") {
		return dir
	}
	return filepath.Join(runtimeRoot, fmt.Sprintf("meshhook-%x", sha256.Sum256([]byte(c.dir)))[:25])
}

// removeRuntimeDir removes the socket's directory if it stands outside the home.
func (c *cluster) removeRuntimeDir() error {
	if strings.HasPrefix(c.socketDir, c.dir) {
		return nil
	}
	if err := os.Remove(c.socketDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c.fileError("remove the directory", c.socketDir, err)
	}
	return nil
}

// claim makes dir a directory of the account's that nobody else may enter. What
// belongs to a third user is left alone: below runtimeRoot it may be a trap.
func (c *cluster) claim(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return c.fileError("make the directory", dir, err)
	}
	// All is done on the open directory, so that whoever may write above it cannot
	// make root take over something else.
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
		return meshhook.Errorf(meshhook.CodeInvalid, "%s must be a directory: move it away", dir)
	}
	if err != nil {
		return c.fileError("open the directory", dir, err)
	}
	return closing(f, c.claimOpen(f))
}

func (c *cluster) claimOpen(dir *os.File) error {
	info, err := dir.Stat()
	if err != nil {
		return c.fileError("open the directory", dir.Name(), err)
	}
	owner := ownerOf(info)
	switch {
	case owner == 0 && c.account.drop:
		err = dir.Chown(c.account.uid, c.account.gid)
	case owner != c.account.uid:
		return meshhook.Errorf(meshhook.CodeInvalid,
			"%s belongs to user %s, but Postgres runs as %s here: start MeshHook as %[2]s, or set data_dir to another directory",
			dir.Name(), userName(owner), c.account.name)
	}
	if err == nil && info.Mode().Perm() != 0o700 {
		err = dir.Chmod(0o700)
	}
	if err != nil {
		return c.fileError("take over the directory", dir.Name(), err)
	}
	return nil
}

// fileError says in one line what failed on path and what to do about it.
func (c *cluster) fileError(attempt, path string, err error) error {
	cause := err
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pathErr.Err // path stands in the message already
	}
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return meshhook.Errorf(meshhook.CodeInvalid,
			"cannot %s %s: %w: let user %s write there, or set data_dir to another directory",
			attempt, path, cause, userName(os.Geteuid()))
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return meshhook.Errorf(meshhook.CodeUnavailable, "cannot %s %s: %w: free some disk space", attempt, path, cause)
	}
	return meshhook.Errorf(meshhook.CodeUnavailable, "cannot %s %s: %w", attempt, path, cause)
}

// barrier returns the topmost directory on the way to path that the account may
// not search by its mode, "" if there is none.
func (a account) barrier(path string) string {
	for i, r := range path {
		if r != filepath.Separator {
			continue
		}
		dir := path[:max(i, 1)]
		if info, err := os.Stat(dir); err == nil && !a.maySearch(info) {
			return dir
		}
	}
	return ""
}

func (a account) maySearch(info fs.FileInfo) bool {
	mode, group := info.Mode().Perm(), groupOf(info)
	switch {
	case ownerOf(info) == a.uid:
		return mode&0o100 != 0
	case group == a.gid, slices.Contains(a.groups, uint32(group)):
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}

func userName(uid int) string {
	if u, err := user.LookupId(fmt.Sprint(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprint(uid)
}

func ownerOf(info fs.FileInfo) int { return int(stat(info).Uid) }
func groupOf(info fs.FileInfo) int { return int(stat(info).Gid) }
func links(info fs.FileInfo) int   { return int(stat(info).Nlink) }

// stat returns what only Unix knows of a file. Every FileInfo of package os has
// it; the zero value, root's, is for one that does not.
func stat(info fs.FileInfo) syscall.Stat_t {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return *s
	}
	return syscall.Stat_t{}
}
