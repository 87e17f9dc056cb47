package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// FileName is the name of the configuration file in the places where it is
// looked for.
const FileName = "meshhook.yaml"

// maxFile is the size in bytes of the largest configuration file.
const maxFile = 1 << 20

// document is a configuration file that was read; the zero document is none.
type document struct {
	path   string
	values layer
	mode   fs.FileMode
}

// readDocument reads the file that the user named, or the first that is found.
// One that is found but cannot be read is an error: going on to the next would
// start with other settings than the user wrote.
func readDocument(o Options, env environ) (document, error) {
	named := o.File
	if named == "" {
		named = env[envFile]
	}
	if named != "" {
		return openDocument(absolute(named, o), true)
	}
	for _, dir := range []string{o.Dir, xdgConfig(o, env), o.SystemDir} {
		if dir == "" {
			continue
		}
		if path := filepath.Join(dir, FileName); isThere(path) {
			return openDocument(path, false)
		}
	}
	return document{}, nil
}

// isThere tells whether there is a file at all. Where the directory is closed to
// us or is none (the home of many a service), there is none for us.
func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func xdgConfig(o Options, env environ) string {
	if base := xdg(env, "XDG_CONFIG_HOME", o.Home, ".config"); base != "" {
		return filepath.Join(base, "meshhook")
	}
	return ""
}

// openDocument reads and parses one file. A pipe is read only if it was named:
// `--config <(decrypt settings)` is fine, waiting on one found by chance is not.
func openDocument(path string, named bool) (document, error) {
	refuse := func(err error) (document, error) {
		if pathError, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathError.Err
		}
		if errors.Is(err, fs.ErrPermission) {
			// The file of a package may hold a password, so that not everybody reads it.
			err = fmt.Errorf("%w; become a member of its group, or name another file with --config", err)
		}
		return document{}, meshhook.Errorf(meshhook.CodeInvalid, "cannot read the configuration file %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return refuse(err)
	}
	if info.IsDir() {
		return refuse(errors.New("it is a directory"))
	}
	if !named && !info.Mode().IsRegular() {
		return refuse(errors.New("it is not a regular file"))
	}
	text, err := readCapped(path)
	if err != nil {
		return refuse(err)
	}
	values, err := parse(path, text)
	if err != nil {
		return document{}, err
	}
	return document{path: path, values: values, mode: info.Mode()}, nil
}

func readCapped(path string) (text []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var read bytes.Buffer
	n, err := io.Copy(&read, io.LimitReader(file, maxFile+1))
	if n > maxFile {
		return nil, errors.New("it is larger than 1 MiB")
	}
	return read.Bytes(), err
}

// warnings says so if everybody on the machine can read a secret in the file.
func (d document) warnings() []string {
	const others = 0o004
	if d.mode&others == 0 || runtime.GOOS == "windows" { // whose modes say nothing
		return nil
	}
	for _, key := range []string{"master_key", "master_key_next", "database_url", "metrics_token"} {
		v, set := d.values[key]
		text, _ := v.raw.(string)
		if set && maskValue(key, text) != text {
			return []string{fmt.Sprintf("everybody on this machine can read %s in the file %s; run `chmod 600 %s`", key, d.path, d.path)}
		}
	}
	return nil
}
