package seal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// NextKeyFile is where the master key lies that a rotation changes to: beside the one
// that is in use, until the database is wrapped by it. A rotation that is interrupted
// leaves both, and one of them fits.
func NextKeyFile(path string) string { return path + ".next" }

// OldKeyFile is where a rotation leaves the master key of that id, which opens dumps
// from before.
func OldKeyFile(path, id string) string { return path + "." + id }

// PromoteKeyFile puts the next master key in the place of the one in use, which is
// kept as OldKeyFile. At no moment is there no file at path, and doing it twice, or
// by two processes at once, is the same as once. Errors have CodeInvalid.
func PromoteKeyFile(path string) error {
	if err := promoteKeyFile(path); err != nil {
		return meshhook.Errorf(meshhook.CodeInvalid, "cannot put the new master key in its place: %w; move %s to %s by hand", cause(err), NextKeyFile(path), path)
	}
	return nil
}

func promoteKeyFile(path string) error {
	if _, err := os.Stat(NextKeyFile(path)); errors.Is(err, fs.ErrNotExist) {
		return nil // done already
	}
	old, err := LoadMasterKeyFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		if err := os.Link(path, OldKeyFile(path, old.ID())); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := os.Rename(NextKeyFile(path), path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}
