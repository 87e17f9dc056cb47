package seal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxKeyFile is the size in bytes of the largest key file; a key is 44 characters.
const maxKeyFile = 4 << 10

// LoadMasterKeyFile reads the master key from a file. A file that is not there
// is an error with CodeNotFound that is fs.ErrNotExist; one that cannot be read,
// that other users of the machine may read, or that holds no key is one with
// CodeInvalid.
func LoadMasterKeyFile(path string) (MasterKey, error) {
	text, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return MasterKey{}, meshhook.Errorf(meshhook.CodeNotFound,
			"there is no master key file %s; put the key that sealed the database there: %w", path, cause(err))
	}
	if _, ours := errors.AsType[*meshhook.Error](err); ours {
		return MasterKey{}, err
	}
	if err != nil {
		return MasterKey{}, meshhook.Errorf(meshhook.CodeInvalid,
			"cannot read the master key file %s: %w", path, cause(err))
	}
	key, err := ParseMasterKey(meshhook.NewSecret(text))
	if err != nil {
		return MasterKey{}, meshhook.Errorf(meshhook.CodeInvalid,
			"the master key file %s is damaged: %w", path, err)
	}
	return key, nil
}

// CreateMasterKeyFile makes a master key and writes it to a new file of mode
// 0600, in a directory that it makes if need be. Where the file stands already,
// perhaps because another daemon was quicker by a moment, it is loaded instead:
// all callers get the same key. On return, file and name are on the disk, so
// that nothing can be sealed with a key that a crash then takes away.
func CreateMasterKeyFile(path string) (MasterKey, error) {
	key, err := GenerateMasterKey()
	if err != nil {
		return MasterKey{}, err
	}
	switch err := publish(path, key.Text().Reveal()+"\n"); {
	case err == nil:
		return key, nil
	case errors.Is(err, fs.ErrExist):
		return LoadMasterKeyFile(path)
	default:
		return MasterKey{}, meshhook.Errorf(meshhook.CodeInvalid,
			"cannot create the master key file %s: %w; make it by hand with `openssl rand -base64 32` and mode 0600, or set MESHHOOK_MASTER_KEY",
			path, cause(err))
	}
}

func readKeyFile(path string) (text string, err error) {
	// Opening a pipe would wait for its writer, for ever perhaps: look first.
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a regular file")
	}
	if err := checkMode(path, info); err != nil {
		return "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if info.Size() > maxKeyFile {
		return "", errors.New("it is too large to be a key")
	}
	read, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	return string(read), err
}

// publish writes content to a new file at path so that at no time anybody sees
// a part of it: into a temporary file, and then a link, which fails with
// fs.ErrExist where the name is taken.
func publish(path, content string) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(temp.Name())) }()
	_, noWrite := temp.WriteString(content)
	if err := errors.Join(noWrite, handOver(temp, dir), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	linked := os.Link(temp.Name(), path)
	if linked != nil && !errors.Is(linked, fs.ErrExist) {
		return linked
	}
	// Also for one who lost the race: the winner may not have come this far yet.
	if err := syncDir(dir); err != nil {
		return err
	}
	return linked
}

// cause strips the operation and the path that the os package puts in front of
// an error: our messages name the path themselves.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
